"""Model versions with their aliases, and one version against the champion."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_desktop.core.models import Alias, ModelVersion
from mlops_desktop.ui.queries.decisions import Decision, decision_of
from mlops_desktop.ui.queries.happenings import Happening, happening
from mlops_desktop.workspace import Workspace

_ALIAS_ORDER = ("production", "canary", "previous")


@dataclass(frozen=True)
class ModelRow:
    version: ModelVersion
    aliases: tuple[str, ...]


@dataclass(frozen=True)
class ModelList:
    """Versions of every model, newest first; `production` maps a model to the version that is in production."""

    rows: tuple[ModelRow, ...]
    production: dict[str, ModelVersion]


@dataclass(frozen=True)
class ModelDetail:
    """`gate` is the gate's verdict on the run that became this version, None where no gate looked at it."""

    row: ModelRow
    champion: ModelVersion | None
    gate: Decision | None
    history: tuple[Happening, ...]


def model_list(workspace: Workspace) -> ModelList:
    rows: list[ModelRow] = []
    production: dict[str, ModelVersion] = {}
    for model in workspace.registry.models.names():
        aliases = workspace.registry.models.aliases(model)
        versions = workspace.registry.models.versions(model)
        rows += [ModelRow(version, _aliases_of(version, aliases)) for version in versions]
        current = next((alias.number for alias in aliases if alias.name == "production"), None)
        found = next((version for version in versions if version.number == current), None)
        if found is not None:
            production[model] = found
    return ModelList(tuple(rows), production)


def model_detail(workspace: Workspace, reference: str) -> ModelDetail:
    registry = workspace.registry
    version = registry.models.get(reference)
    aliases = registry.models.aliases(version.model)
    current = next((alias.number for alias in aliases if alias.name == "production"), None)
    champion = registry.models.get(f"{version.model}@{current}") if current is not None else None
    events = registry.journal.newest(60, subject=version.reference)
    gate = decision_of(workspace, version)
    return ModelDetail(
        ModelRow(version, _aliases_of(version, aliases)), champion, gate, tuple(happening(event) for event in events)
    )


def _aliases_of(version: ModelVersion, aliases: list[Alias]) -> tuple[str, ...]:
    own = [alias.name for alias in aliases if alias.number == version.number]
    return tuple(sorted(own, key=lambda name: (_ALIAS_ORDER.index(name) if name in _ALIAS_ORDER else 9, name)))
