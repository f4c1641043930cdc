"""Free the objects that nothing needs any more.

Why a collection never breaks somebody who stores at the same time, in this process or in another:

- What is needed is what the registry's rows name, and a row comes after its objects. Until then, whoever stores holds
  `ObjectStore.in_use`, a lock that the operating system shares between writers and takes from a killed one. A
  collection works out what is needed and removes the rest while it holds the other side of that lock (`in_no_use`), so
  nobody is between storing, or finding stored, and recording. A plan is only a proposal: all is looked at again then.
- A version whose manifest cannot be read stops a collection, as what it needs is not known.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from mlops_desktop.core.datasets import DatasetVersion
from mlops_desktop.core.errors import Conflict, Damaged, NotFound
from mlops_desktop.core.events import StoreCollected
from mlops_desktop.core.progress import Progress, no_progress, part_of
from mlops_desktop.data.upkeep.verify import all_versions, packed_versions
from mlops_desktop.data.versions.manifests import read_manifest
from mlops_desktop.registry import Registry
from mlops_desktop.registry.objects import StoredFile

_WAIT_SECONDS = 10.0
_KEEPERS = {
    "dataset_version": "dataset versions",
    "model_version": "models",
    "run": "runs",
    "monitoring_window": "monitored windows",
    "contract_report": "contract reports",
}


class CollectionPlan(Struct, frozen=True):
    """What a collection would free and keep. Sizes are in bytes.

    Attributes:
        unused: names of objects that nothing needs.
        temporary: files that a killed process left half-written, or somebody is writing now; those stay.
        kept_by: how many objects are kept by what; one that several need counts for each.
    """

    unused: tuple[str, ...]
    size: int
    temporary: int
    temporary_size: int
    kept: int
    kept_size: int
    kept_by: dict[str, int]

    @property
    def objects(self) -> int:
        return len(self.unused)


class Collected(Struct, frozen=True):
    """What a collection freed: objects with their bytes, and half-written files."""

    objects: int
    size: int
    temporary: int


def plan_collection(registry: Registry, *, progress: Progress = no_progress) -> CollectionPlan:
    """What could go now; nothing is changed. Raises `Conflict` where a version's manifest cannot be read."""
    with registry.objects.in_use():  # so that no other collection removes what is looked at
        needed = _needed(registry, progress)
        everything = set().union(*needed.values())
        sorted_out = _Files(registry.objects.files(), everything)
    return CollectionPlan(
        unused=tuple(file.name for file in sorted_out.unused),
        size=_size(sorted_out.unused),
        temporary=len(sorted_out.temporary),
        temporary_size=_size(sorted_out.temporary),
        kept=len(sorted_out.kept),
        kept_size=_size(sorted_out.kept),
        kept_by=_counted(needed, {file.name for file in sorted_out.kept}),
    )


def collect(registry: Registry, plan: CollectionPlan, *, progress: Progress = no_progress) -> Collected:
    """Remove what the plan names and still nothing needs, and files left half-written.

    Raises `Conflict` while somebody stores data. What was removed is recorded, also if this is cancelled on the way.
    """
    removed: list[StoredFile] = []
    kept = 0
    try:
        with registry.objects.in_no_use(wait=_WAIT_SECONDS):
            needed = set().union(*_needed(registry, part_of(progress, 0.0, 0.5)).values())
            found = _Files(registry.objects.files(), needed)
            kept = len(found.kept)
            planned = set(plan.unused)
            going = [file for file in found.unused if file.name in planned] + found.temporary
            for done, file in enumerate(going, 1):
                part_of(progress, 0.5, 1.0)(done / len(going), f"{done:,} of {len(going):,} files removed")
                registry.objects.remove(file)
                removed.append(file)
    finally:
        # Not while the lock is held: whoever writes to the registry may be waiting for the store.
        objects = [file for file in removed if file.name]
        collected = Collected(len(objects), _size(objects), len(removed) - len(objects))
        if removed:
            event = StoreCollected(collected.objects, collected.size, collected.temporary, kept)
            registry.record(event, registry.name)
    return collected


def objects_of(registry: Registry, version: DatasetVersion, *, is_packed: bool) -> set[str]:
    """Names of the objects that a version needs. One whose rows were packed keeps its manifest and its profile, so that
    it can still be looked at, compared and restored."""
    own = {version.manifest, version.profile}
    return own if is_packed else own | {stored.sha256 for stored in read_manifest(registry, version).objects}


def _needed(registry: Registry, progress: Progress) -> dict[str, set[str]]:
    """What keeps which objects."""
    with registry.as_one():
        mentioned = registry.holdings.mentioned()
        versions, packed = all_versions(registry), packed_versions(registry)
        needed: dict[str, set[str]] = {}
        for table, names in mentioned.items():
            needed.setdefault(_KEEPERS.get(table, "other records"), set()).update(names)
        rows = needed.setdefault(_KEEPERS["dataset_version"], set())
        for done, version in enumerate(versions, 1):
            progress(done / len(versions), f"{done:,} of {len(versions):,} versions looked at")
            try:
                rows |= objects_of(registry, version, is_packed=version.reference in packed)
            except (NotFound, Damaged) as error:
                raise Conflict(
                    f"What {version.reference} needs is not known, so nothing can be removed: {error.message}",
                    hint="Restore the workspace's `objects` folder from a copy, or delete that version.",
                ) from error
    return needed


class _Files:
    """The files of the store by what becomes of them."""

    def __init__(self, files: Iterable[StoredFile], needed: set[str]) -> None:
        self.kept: list[StoredFile] = []
        self.unused: list[StoredFile] = []
        self.temporary: list[StoredFile] = []
        for file in files:
            if not file.name:
                self.temporary.append(file)
            else:
                (self.kept if file.name in needed else self.unused).append(file)


def _size(files: Iterable[StoredFile]) -> int:
    return sum(file.size for file in files)


def _counted(needed: dict[str, set[str]], kept: set[str]) -> dict[str, int]:
    counts = {keeper: len(names & kept) for keeper, names in needed.items()}
    return {keeper: count for keeper, count in counts.items() if count}
