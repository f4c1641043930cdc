"""From a model version back to its data, and forward to what it did."""

from __future__ import annotations

from msgspec import Struct

from mlops_desktop.core.datasets import DatasetVersion
from mlops_desktop.core.models import ModelVersion
from mlops_desktop.core.runs import Run, SpecVersion
from mlops_desktop.registry import Registry


class Ancestry(Struct, frozen=True):
    """What a model version came from. `data` starts with the version it was trained on, followed by its ancestors."""

    model_version: ModelVersion
    run: Run
    spec: SpecVersion
    data: tuple[DatasetVersion, ...]


def ancestry(registry: Registry, model_reference: str) -> Ancestry:
    """Trace `late-arrival@3` (or an alias of it) back to the files its rows came from."""
    version = registry.models.get(model_reference)
    run = registry.runs.get(version.run)
    return Ancestry(
        model_version=version,
        run=run,
        spec=registry.specs.get(run.spec),
        data=tuple(_with_ancestors(registry, version.dataset_version)),
    )


def _with_ancestors(registry: Registry, reference: str) -> list[DatasetVersion]:
    found: list[DatasetVersion] = []
    waiting, seen = [reference], set[str]()
    while waiting:
        current = waiting.pop(0)
        if current in seen:
            continue
        seen.add(current)
        version = registry.datasets.get(current)
        found.append(version)
        waiting.extend(version.origin.parents)
    return found
