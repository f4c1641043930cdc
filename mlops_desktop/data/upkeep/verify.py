"""Check everything in the content store against the hashes it is named by."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

from msgspec import Struct

from mlops_desktop.core.datasets import DatasetVersion
from mlops_desktop.core.errors import AppError, Damaged, NotFound
from mlops_desktop.core.progress import Progress, no_progress, part_of
from mlops_desktop.data.hashing import content_hash
from mlops_desktop.data.schema import to_arrow
from mlops_desktop.data.versions.chunks import read_chunk
from mlops_desktop.data.versions.manifests import read_manifest
from mlops_desktop.data.versions.pieces import PlacedChunk, placed
from mlops_desktop.data.versions.store import version_content_id
from mlops_desktop.registry import Registry

THREADS = 2
UNUSED = "unused"
_AT_ONCE = 64


class DamagedObject(Struct, frozen=True):
    """An object that is missing or altered.

    Attributes:
        role: what it is to those who need it: `manifest`, `profile`, `rows`, a model's artifact such as `onnx`,
            `counts` of a monitored window, `chunk` or `version` (a content id that the rows do not have), or `unused`.
        problem: `missing`, `damaged`, or why it cannot be read.
        versions: whom it touches: dataset and model versions, runs and windows.
    """

    sha256: str
    role: str
    problem: str
    versions: tuple[str, ...]


class Verification(Struct, frozen=True):
    """What was read, and what is wrong with it; nothing damaged means that every byte is as it was stored.

    `size` is in bytes; `chunks` were rebuilt, 0 unless that was asked for.
    """

    versions: int
    objects: int
    damaged: tuple[DamagedObject, ...]
    size: int = 0
    chunks: int = 0
    seconds: float = 0.0

    @property
    def is_sound(self) -> bool:
        return not self.damaged


def verify(
    registry: Registry,
    versions: Sequence[DatasetVersion] | None = None,
    *,
    deep: bool = False,
    progress: Progress = no_progress,
) -> Verification:
    """Read each object of some versions once and compare its hash to its name; with None, of the whole store: models,
    runs and monitoring too, and what nothing uses.

    `deep` also reads the rows of each chunk and compares their content id, which finds what was stored wrongly.
    """
    started = time.monotonic()
    needed = _Needed.of(registry, versions)
    problems, size = _hashed(registry, needed.users, part_of(progress, 0.0, 0.5 if deep else 1.0))
    wrong, chunks = list[DamagedObject](), 0
    if deep:
        wrong, chunks = _rebuilt(registry, needed.rows, set(problems), part_of(progress, 0.5, 1.0))
    damaged = _still_damaged(registry, versions, problems, wrong) if problems or wrong else ()
    seconds = round(time.monotonic() - started, 3)
    return Verification(needed.versions, len(needed.users), damaged, size, chunks, seconds)


def all_versions(registry: Registry) -> list[DatasetVersion]:
    """Every version of every dataset, archived ones too."""
    datasets = registry.datasets
    names = datasets.names(include_archived=True)
    return [version for name in names for version in datasets.versions(name, include_archived=True)]


def packed_versions(registry: Registry) -> set[str]:
    """References of the versions whose rows are in an archive's file."""
    return {line.reference for line in registry.datasets.lines(include_archived=True) if line.packed}


class _Needed:
    """Who needs which object as what: `users[sha256][role]`. `versions` were looked at; `rows` are those of them whose
    rows are in the store."""

    def __init__(self, registry: Registry, versions: Iterable[DatasetVersion]) -> None:
        self.users: dict[str, dict[str, list[str]]] = {}
        self.rows: list[DatasetVersion] = []
        self.versions = 0
        packed = packed_versions(registry)
        for version in versions:
            self.versions += 1
            self._add(version.manifest, "manifest", version.reference)
            self._add(version.profile, "profile", version.reference)
            if version.reference in packed:
                continue
            with suppress(NotFound, Damaged):  # which is found again when the manifest is hashed
                for stored in read_manifest(registry, version).objects:
                    self._add(stored.sha256, "rows", version.reference)
                self.rows.append(version)

    @classmethod
    def of(cls, registry: Registry, chosen: Sequence[DatasetVersion] | None) -> _Needed:
        """What some versions need, those of them that are still there; with None, what the whole workspace does."""
        with registry.as_one():
            if chosen is not None:
                there = {line.reference for line in registry.datasets.lines(include_archived=True)}
                return cls(registry, [version for version in chosen if version.reference in there])
            needed = cls(registry, all_versions(registry))
            needed.add_all(registry)
            return needed

    def add_all(self, registry: Registry) -> None:
        for holding in registry.holdings.all():
            self._add(holding.sha256, holding.role, holding.owner)
        for name in registry.objects.names():
            if name not in self.users:
                self.users[name] = {UNUSED: []}

    def _add(self, sha256: str, role: str, owner: str) -> None:
        self.users.setdefault(sha256, {}).setdefault(role, []).append(owner)


def _hashed(registry: Registry, names: Iterable[str], progress: Progress) -> tuple[dict[str, str], int]:
    """What is wrong with which of these objects, and the bytes that were read."""
    wanted, problems, size = list(names), dict[str, str](), 0
    started = time.monotonic()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="verify") as pool:
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            for done, (name, (problem, read)) in enumerate(
                zip(some, pool.map(lambda name: _problem(registry, name), some), strict=True), start + 1
            ):
                size += read
                if problem:
                    problems[name] = problem
                rate = size / 1e6 / max(time.monotonic() - started, 1e-6)
                progress(done / len(wanted), f"{done:,} of {len(wanted):,} objects checked, {rate:,.0f} MB/s")
    return problems, size


def _still_damaged(
    registry: Registry,
    chosen: Sequence[DatasetVersion] | None,
    problems: dict[str, str],
    wrong: Iterable[DamagedObject],
) -> tuple[DamagedObject, ...]:
    """What is wrong with what is still needed: versions may have been deleted, and their objects collected."""
    with registry.objects.in_use():
        needed = _Needed.of(registry, chosen)
        damaged = [
            DamagedObject(sha256, role, problem, tuple(dict.fromkeys(names)))
            for sha256 in problems
            for role, names in needed.users.get(sha256, {}).items()
            if (problem := _problem(registry, sha256)[0])
        ]
    there = {version.reference for version in needed.rows}
    return (*damaged, *(item for item in wrong if not there.isdisjoint(item.versions)))


def _problem(registry: Registry, sha256: str) -> tuple[str, int]:
    """What is wrong with an object, empty for nothing, and its size in bytes."""
    try:
        with registry.objects.path(sha256).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return ("" if digest == sha256 else "damaged"), file.tell()
    except FileNotFoundError:
        return "missing", 0
    except OSError as error:
        return f"unreadable ({error.strerror})", 0


class _Check(NamedTuple):
    """A chunk to be rebuilt from its slices, and the first version that it was found in."""

    version: DatasetVersion
    chunk: PlacedChunk


def _rebuilt(
    registry: Registry, versions: Sequence[DatasetVersion], bad: set[str], progress: Progress
) -> tuple[list[DamagedObject], int]:
    """Content ids that are not those of the rows; chunks in objects already known to be bad are left out."""
    users: dict[PlacedChunk, list[DatasetVersion]] = {}
    damaged: list[DamagedObject] = []
    for version in versions:
        try:
            chunks = placed(read_manifest(registry, version))
        except (NotFound, Damaged):  # damaged as an object, or deleted meanwhile
            continue
        if version_content_id(to_arrow(version.schema), [chunk.content_id for chunk in chunks]) != version.content_id:
            damaged.append(DamagedObject(version.content_id, "version", "damaged", (version.reference,)))
        for chunk in chunks:
            users.setdefault(chunk, []).append(version)
    sound = [chunk for chunk in users if not any(part.object.sha256 in bad for part in chunk.slices)]
    checks = (_Check(users[chunk][0], chunk) for chunk in sound)
    rows = 0
    with ThreadPoolExecutor(THREADS, thread_name_prefix="verify") as pool:
        results = _few_at_a_time(pool, lambda check: _content_problem(registry, check), checks)
        for done, (chunk, problem) in enumerate(zip(sound, results, strict=True), 1):
            rows += chunk.rows
            progress(done / len(sound), f"{done:,} of {len(sound):,} chunks rebuilt, {rows:,} rows")
            if problem:
                names = tuple(dict.fromkeys(version.reference for version in users[chunk]))
                damaged.append(DamagedObject(chunk.content_id, "chunk", problem, names))
    return damaged, len(sound)


def _few_at_a_time(pool: ThreadPoolExecutor, work: Callable[[_Check], str], checks: Iterable[_Check]) -> Iterator[str]:
    """Like `pool.map`, with no more chunks in memory than there are threads."""
    waiting: list[_Check] = []
    for check in checks:
        waiting.append(check)
        if len(waiting) == THREADS:
            yield from pool.map(work, waiting)
            waiting = []
    yield from pool.map(work, waiting)


def _content_problem(registry: Registry, check: _Check) -> str:
    try:
        table = read_chunk(registry, check.chunk)
    except AppError as error:
        return error.message
    is_same = content_hash(table.schema, table.to_batches()) == check.chunk.content_id
    return "" if is_same and table.num_rows == check.chunk.rows else "damaged"
