"""Check stored datasets against the hashes they are named by."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from mlops_desktop.core.datasets import DatasetVersion
from mlops_desktop.core.errors import Damaged, NotFound
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.data.manifests import read_manifest
from mlops_desktop.registry import Registry


class DamagedObject(Struct, frozen=True):
    """An object that is missing or altered. `role` is `manifest`, `profile` or `rows`, `versions` what it touches."""

    sha256: str
    role: str
    problem: str
    versions: tuple[str, ...]


class Verification(Struct, frozen=True):
    """What was read, and what is wrong with it; nothing damaged means that every byte is as it was stored."""

    versions: int
    objects: int
    damaged: tuple[DamagedObject, ...]

    @property
    def is_sound(self) -> bool:
        return not self.damaged


def verify(
    registry: Registry, versions: Sequence[DatasetVersion] | None = None, *, progress: Progress = no_progress
) -> Verification:
    """Read each object of some versions (of all, if None) once and compare its hash to its name."""
    if versions is None:
        versions = [version for name in registry.datasets.names() for version in registry.datasets.versions(name)]
    users: dict[tuple[str, str], list[str]] = {}
    problems: dict[str, str] = {}
    for version in versions:
        for role, sha256 in _objects(registry, version):
            users.setdefault((sha256, role), []).append(version.reference)
    for done, (sha256, _) in enumerate(users, 1):
        progress(done / len(users), f"{done} of {len(users)} objects checked")
        if problem := _problem(registry, sha256):
            problems[sha256] = problem
    found = tuple(
        DamagedObject(sha256, role, problems[sha256], tuple(dict.fromkeys(names)))
        for (sha256, role), names in users.items()
        if sha256 in problems
    )
    return Verification(len(versions), len({sha256 for sha256, _ in users}), found)


def _objects(registry: Registry, version: DatasetVersion) -> list[tuple[str, str]]:
    listed = [("manifest", version.manifest), ("profile", version.profile)]
    if not _problem(registry, version.manifest):
        listed += [("rows", stored.sha256) for stored in read_manifest(registry, version).objects]
    return listed


def _problem(registry: Registry, sha256: str) -> str:
    try:
        registry.objects.read_bytes(sha256)
    except NotFound:
        return "missing"
    except Damaged:
        return "damaged"
    except OSError as error:
        return f"unreadable ({error.strerror})"
    return ""
