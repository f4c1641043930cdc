"""Notes, tags and aliases of dataset versions: deeds, and what takes them back."""

from __future__ import annotations

from mlops_desktop.core.datasets import Marks
from mlops_desktop.workspace import Workspace

_BY_HAND = "set in the window"


def set_note(workspace: Workspace, reference: str, text: str) -> Marks:
    return workspace.data.note(reference, text)


def tag(workspace: Workspace, reference: str, tag: str) -> Marks:
    """Raises `InvalidInput` for what cannot be a tag."""
    return workspace.data.tag(reference, tag)


def untag(workspace: Workspace, reference: str, tag: str) -> Marks:
    return workspace.data.untag(reference, tag)


def set_alias(workspace: Workspace, reference: str, alias: str) -> str:
    """Point an alias at a version; returns what it pointed at before, empty for nothing. Raises `InvalidInput`."""
    dataset = reference.partition("@")[0]
    before = workspace.data.aliases(dataset).get(alias)
    workspace.data.set_alias(reference, alias, _BY_HAND)
    return f"{dataset}@{before}" if before else ""


def restore_alias(workspace: Workspace, dataset: str, alias: str, before: str) -> str:
    """Point an alias at what it pointed at before; drop it where that was nothing."""
    if before:
        return set_alias(workspace, before, alias)
    workspace.data.drop_alias(dataset, alias, _BY_HAND)
    return ""
