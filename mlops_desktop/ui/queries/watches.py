"""Watched folders and how they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from mlops_desktop.core.datasets import Watch
from mlops_desktop.workspace import Workspace

if TYPE_CHECKING:
    from mlops_desktop.pipelines.watching import WatchState


def watch_states(workspace: Workspace) -> list[WatchState]:
    return workspace.data.poll_watches()


def save_watch(workspace: Workspace, watch: Watch) -> Watch:
    """Raises `InvalidInput` for a folder or pattern that could never find a file."""
    return workspace.data.watch(watch)


def set_paused(workspace: Workspace, watch: Watch, is_paused: bool) -> Watch:
    return workspace.data.watch(structs.replace(watch, is_paused=is_paused))


def remove_watch(workspace: Workspace, name: str) -> None:
    workspace.data.unwatch(name)
