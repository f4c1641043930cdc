"""Training runs, and what differs between two of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mlops_desktop.core.runs import Run
from mlops_desktop.ui.queries.decisions import Decision, decisions
from mlops_desktop.workspace import Workspace


@dataclass(frozen=True)
class RunList:
    """Newest first. `metric_names` are those of any run; `versions` maps a run to the model version made of it,
    `gates` to the newest verdict on it.
    """

    runs: tuple[Run, ...]
    metric_names: tuple[str, ...]
    versions: dict[str, str]
    gates: dict[str, Decision] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """A parameter, metric or fact in which two runs differ. `group` is `data`, `parameter` or `metric`."""

    group: str
    name: str
    first: Any
    second: Any


def run_list(workspace: Workspace) -> RunList:
    registry = workspace.registry
    runs = tuple(registry.runs.all(limit=5_000))
    names = dict.fromkeys(name for run in runs for name in run.metrics)
    versions = {
        version.run: version.reference
        for model in registry.models.names()
        for version in registry.models.versions(model)
    }
    gates = {found.run: found for found in reversed(decisions(workspace))}
    return RunList(runs, tuple(names), versions, gates)


def differences(first: Run, second: Run) -> list[Difference]:
    """What is not the same in two runs; metrics always, since they are what is compared."""
    found = []
    facts = (
        ("data", "dataset version", first.dataset_version, second.dataset_version),
        ("data", "spec", first.spec, second.spec),
    )
    found += [Difference(group, name, a, b) for group, name, a, b in facts if a != b]
    for name in sorted(first.parameters.keys() | second.parameters.keys()):
        a, b = first.parameters.get(name), second.parameters.get(name)
        if a != b:
            found.append(Difference("parameter", name, a, b))
    for name in dict.fromkeys([*first.metrics, *second.metrics]):
        found.append(Difference("metric", name, first.metrics.get(name), second.metrics.get(name)))
    return found
