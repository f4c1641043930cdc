"""Delete versions for good, after showing what that means."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from mlops_desktop.core.datasets import DatasetVersion, Tombstone
from mlops_desktop.core.deployments import EndpointState
from mlops_desktop.core.errors import Conflict, Damaged, NotFound
from mlops_desktop.core.models import ModelVersion
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.data.upkeep.collection import objects_of
from mlops_desktop.data.upkeep.verify import all_versions, packed_versions
from mlops_desktop.registry import Registry


class ModelUse(Struct, frozen=True):
    """A model version that learned from a version or from one derived of it, and how it is used.

    `endpoints` serve it now, as the primary or as a canary; `windows` counts its monitored windows.
    """

    reference: str
    aliases: tuple[str, ...]
    endpoints: tuple[str, ...]
    windows: int

    @property
    def is_needed(self) -> bool:
        return bool(self.aliases or self.endpoints)


class Consequences(Struct, frozen=True):
    """What deleting a version, or moving its rows out of the workspace, would mean.

    Attributes:
        aliases: the dataset's own names that point at it, `latest` aside.
        tags: those that it carries.
        derived: versions that came of it, directly or through others.
        runs: training runs that learned from it or from `derived`, `models` likewise.
        freed: bytes that a collection would free afterwards.
        refusal: why it is not possible; empty where it is.
    """

    reference: str
    rows: int
    aliases: tuple[str, ...]
    tags: tuple[str, ...]
    derived: tuple[str, ...]
    runs: tuple[str, ...]
    models: tuple[ModelUse, ...]
    freed: int
    refusal: str


def consequences(registry: Registry, reference: str, *, progress: Progress = no_progress) -> Consequences:
    """Who uses a version and what would become free. Raises as `datasets.get` does."""
    with registry.as_one():
        version = registry.datasets.get(reference)
        versions = all_versions(registry)
        derived = _derived(version, versions)
        data = (version.reference, *derived)
        aliases = _own_aliases(registry, version)
        models = tuple(_use(registry, model) for name in data for model in registry.models.of_data(name))
        return Consequences(
            reference=version.reference,
            rows=version.rows,
            aliases=aliases,
            tags=registry.datasets.marks(version.reference).tags,
            derived=derived,
            runs=tuple(run.id for name in data for run in registry.runs.of_data(name)),
            models=models,
            freed=_freed(registry, version, versions, progress),
            refusal=_refusal(version, aliases, models),
        )


def delete(registry: Registry, reference: str, reason: str) -> Tombstone:
    """Remove a version for good; a later collection frees its objects.

    Runs that learned from it keep its reference as a name. Raises `Conflict` where an alias or a model that is deployed
    or has an alias reaches it, `InvalidInput` without a reason.
    """
    with registry.transaction():
        version = check_unneeded(registry, reference)
        return registry.datasets.delete(version.reference, reason)


def check_unneeded(registry: Registry, reference: str) -> DatasetVersion:
    """The version, if its rows may leave the workspace; else `Conflict` with the reason."""
    version = registry.datasets.get(reference)
    derived = _derived(version, all_versions(registry))
    models = [
        _use(registry, model) for name in (version.reference, *derived) for model in registry.models.of_data(name)
    ]
    if refusal := _refusal(version, _own_aliases(registry, version), models):
        raise Conflict(refusal, hint="Point the alias at another version, or roll the model back, first.")
    return version


def _refusal(version: DatasetVersion, aliases: Iterable[str], models: Iterable[ModelUse]) -> str:
    names = ", ".join(aliases)
    if names:
        return f"{version.reference} is {names} of {version.dataset}."
    for model in models:
        if model.is_needed:
            ways = [*model.aliases, *(f"served by {endpoint}" for endpoint in model.endpoints)]
            return f"{model.reference} learned from {version.reference}, and it is {', '.join(ways)}."
    return ""


def _own_aliases(registry: Registry, version: DatasetVersion) -> tuple[str, ...]:
    found = registry.datasets.aliases(version.dataset)
    return tuple(name for name, number in found.items() if number == version.number)


def _derived(version: DatasetVersion, versions: Iterable[DatasetVersion]) -> tuple[str, ...]:
    """References of all versions that came of `version`, nearest first."""
    children: dict[str, list[str]] = {}
    for other in versions:
        for parent in other.origin.parents:
            children.setdefault(parent, []).append(other.reference)
    found: dict[str, None] = {}
    waiting = [version.reference]
    while waiting:
        for child in children.get(waiting.pop(0), []):
            if child not in found and child != version.reference:
                found[child] = None
                waiting.append(child)
    return tuple(found)


def _use(registry: Registry, model: ModelVersion) -> ModelUse:
    aliases = tuple(found.name for found in registry.models.aliases(model.model) if found.number == model.number)
    _, windows = registry.windows.of_model(model.reference, limit=1)
    return ModelUse(model.reference, aliases, _served_by(registry, model), windows)


def _served_by(registry: Registry, model: ModelVersion) -> tuple[str, ...]:
    found = []
    production = registry.models.alias(model.model, "production")
    for endpoint in registry.endpoints.all():
        rollout = registry.rollouts.running(endpoint.name)
        in_rollout = rollout is not None and rollout.model == model.model
        numbers = {rollout.canary, rollout.primary} if rollout is not None and in_rollout else set[int]()
        is_up = endpoint.state in (EndpointState.STARTING, EndpointState.SERVING) and endpoint.model == model.model
        if is_up and production is not None:
            numbers.add(production.number)
        if model.number in numbers:
            found.append(endpoint.name)
    return tuple(found)


def _freed(registry: Registry, version: DatasetVersion, versions: Iterable[DatasetVersion], progress: Progress) -> int:
    """Bytes of the objects that this version alone needs."""
    packed = packed_versions(registry)
    try:
        own = objects_of(registry, version, is_packed=version.reference in packed)
    except (NotFound, Damaged):
        return 0
    for done, other in enumerate(versions, 1):
        progress(None, f"{done:,} versions compared")
        if other.id == version.id:
            continue
        try:
            own -= objects_of(registry, other, is_packed=other.reference in packed)
        except (NotFound, Damaged):
            continue
        if not own:
            break
    own -= {holding.sha256 for holding in registry.holdings.all() if holding.owner != version.reference}
    paths = (registry.objects.path(name) for name in own)
    return sum(path.stat().st_size for path in paths if path.is_file())
