"""Write dataset versions: rows are cut into chunks, each chunk is stored once, the registry's row comes last.

Whatever happens before the last step, no version exists: objects without a manifest are merely unused.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import Protocol

import pyarrow as pa
from msgspec import Struct, structs

from mlops_desktop.core.datasets import DatasetVersion, Manifest, Origin, Schema
from mlops_desktop.core.errors import AppError, Damaged, InvalidInput, NotFound
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.data.profiles.profile import check_time_column, profile_of
from mlops_desktop.data.schema import aligned, as_plain, fingerprint, plain_schema, to_arrow, to_core
from mlops_desktop.data.versions.chunks import read_chunk
from mlops_desktop.data.versions.manifests import put_struct, read_manifest, read_profile
from mlops_desktop.data.versions.pieces import PlacedChunk, placed
from mlops_desktop.data.versions.summaries import Summaries
from mlops_desktop.data.versions.trail import Trail
from mlops_desktop.data.versions.versionwriter import VersionWriter
from mlops_desktop.registry import Registry

_LOOKED_BACK = 4


class Rows(Protocol):
    """Rows to be read once, in order. A `pyarrow.Table` does as well."""

    @property
    def schema(self) -> pa.Schema: ...

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...


class Staged(Struct, frozen=True):
    """Rows that are in the content store but are no version yet, and all that is to be recorded of them."""

    dataset: str
    content_id: str
    manifest: str
    profile: str
    rows: int
    size: int
    schema: Schema
    origin: Origin
    chunks: int
    new_chunks: int
    added_bytes: int
    seconds: float


def write_version(
    registry: Registry,
    dataset: str,
    rows: pa.Table | Rows,
    origin: Origin,
    *,
    time_column: str = "",
    total: int | None = None,
    progress: Progress = no_progress,
) -> DatasetVersion:
    """Store rows as the next version of `dataset`; chunks that its latest version has are not encoded again.

    `rows` are read once, in order; memory holds a few chunks of them. `total` is how many they are, about, for showing
    progress. If the rows are those of the latest version, that is returned
    and the repeat is on record. Raises `InvalidInput` for a table that a dataset cannot hold.
    """
    with registry.objects.in_use():
        staged = stage_version(registry, dataset, rows, origin, time_column=time_column, total=total, progress=progress)
        return record_version(registry, staged)


def stage_version(
    registry: Registry,
    dataset: str,
    rows: pa.Table | Rows,
    origin: Origin,
    *,
    time_column: str = "",
    total: int | None = None,
    progress: Progress = no_progress,
) -> Staged:
    """`write_version` up to the registry's row, so that several versions can be recorded in one transaction.

    Hold `registry.objects.in_use()` from before this until they are recorded, so that no collection comes between.
    """
    started = time.monotonic()
    schema = plain_schema(rows.schema)
    check_time_column(schema, time_column)
    parent = latest(registry, dataset)
    batches: Iterable[pa.RecordBatch] = rows
    if isinstance(rows, pa.Table):
        total, batches = rows.num_rows, rows.to_batches()
    plain = (as_plain(batch, schema) for batch in batches)
    with Summaries() as summaries:
        known = {chunk.content_id: chunk for chunk in _earlier_chunks(registry, parent)}
        trail = Trail(_chunks_to_share(registry, parent, to_core(schema)))
        writer = VersionWriter(registry, schema, summaries, known, trail)
        writer.write(plain, progress, total)
        return _staged(registry, dataset, schema, writer, origin, time_column, started)


def record_version(
    registry: Registry, staged: Staged, *, contract: str = "", note: str = "", tags: Sequence[str] = ()
) -> DatasetVersion:
    """Make staged rows the next version of their dataset, or record that they repeat its latest one.

    Rows that repeat a version whose objects are damaged become a version, as they are stored anew.
    """
    fields = structs.asdict(staged)
    return registry.datasets.add_version(**fields, contract=contract, note=note, tags=tuple(tags))


def append_version(
    registry: Registry,
    dataset: str,
    table: pa.Table,
    origin: Origin,
    *,
    time_column: str = "",
    progress: Progress = no_progress,
) -> DatasetVersion:
    """The latest version's rows plus those of `table` as the next version; only its last chunk is cut anew.

    The result is the same as writing all rows at once. Columns may come in any order and, where that loses nothing, in
    other types; otherwise `InvalidInput`. Where there is no version yet, this is the first. If somebody else adds a
    version meanwhile, the rows are appended to that one.
    """
    with registry.objects.in_use():
        while True:
            started = time.monotonic()
            parent = latest(registry, dataset)
            if parent is None:
                return write_version(registry, dataset, table, origin, time_column=time_column, progress=progress)
            schema = to_arrow(parent.schema)
            added = aligned(table, schema)
            time_column = time_column or time_column_of(registry, parent)
            check_time_column(schema, time_column)
            chunks = _chunks(registry, parent)
            last = read_chunk(registry, chunks[-1]).to_batches() if chunks else []
            known = {chunk.content_id: chunk for chunk in chunks}
            with Summaries() as summaries:
                writer = VersionWriter(registry, schema, summaries, known, Trail(chunks[-1:]))
                for chunk in chunks[:-1]:
                    writer.keep(chunk)
                writer.write(chain(last, added.to_batches()), progress, added.num_rows)
                staged = _staged(registry, dataset, schema, writer, origin, time_column, started)
            with registry.transaction():
                if latest(registry, dataset) == parent:
                    return record_version(registry, staged)


def latest(registry: Registry, dataset: str) -> DatasetVersion | None:
    """The newest version, or None where there is none yet."""
    check_dataset_name(dataset)
    try:
        return registry.datasets.get(f"{dataset}@latest")
    except NotFound:
        return None


def time_column_of(registry: Registry, version: DatasetVersion | None) -> str:
    """The column of times that a version was stored with; none where its profile is lost, which a new version mends."""
    try:
        return read_profile(registry, version).time_column if version else ""
    except (NotFound, Damaged):
        return ""


def check_dataset_name(name: str) -> None:
    """Raise `InvalidInput` unless `name` can stand in a reference such as `flights@3`."""
    if not name.strip() or name != name.strip() or "@" in name or not name.isprintable():
        raise InvalidInput(
            f"{name!r} cannot be the name of a dataset.",
            hint="Use letters, digits, dashes and dots, such as `flights`.",
        )


def _chunks(registry: Registry, version: DatasetVersion) -> list[PlacedChunk]:
    return placed(read_manifest(registry, version))


def _chunks_to_share(registry: Registry, parent: DatasetVersion | None, schema: Schema) -> list[PlacedChunk]:
    """The parent's chunks, where its columns are these; none where its manifest is gone, which a new version mends."""
    if parent is None or parent.schema != schema:
        return []
    try:
        return _chunks(registry, parent)
    except (NotFound, Damaged):
        return []


def _earlier_chunks(registry: Registry, parent: DatasetVersion | None) -> Iterator[PlacedChunk]:
    """Chunks of the few newest versions, the newest last: what a dataset goes back to is not stored again."""
    if parent is None:
        return
    for number in range(max(parent.number - _LOOKED_BACK, 1), parent.number + 1):
        with suppress(AppError):  # deleted, packed or damaged
            yield from _chunks(registry, registry.datasets.get(f"{parent.dataset}@{number}"))


def _staged(
    registry: Registry,
    dataset: str,
    schema: pa.Schema,
    writer: VersionWriter,
    origin: Origin,
    time_column: str,
    started: float,
) -> Staged:
    content_id = version_content_id(schema, writer.content_ids)
    before = _same_before(registry, dataset, content_id)
    manifest = before[1] if before else writer.manifest()
    return Staged(
        dataset=dataset,
        content_id=content_id,
        manifest=before[0].manifest if before else put_struct(registry, manifest),
        profile=put_struct(registry, profile_of(schema, writer.summaries, time_column=time_column)),
        rows=manifest.rows,
        size=manifest.size,
        schema=manifest.schema,
        origin=origin,
        chunks=len(manifest.chunks),
        new_chunks=writer.new_chunks,
        added_bytes=writer.added,
        seconds=time.monotonic() - started,
    )


def version_content_id(schema: pa.Schema, content_ids: Sequence[str]) -> str:
    """SHA-256 over the schema and the content ids of the chunks: the same rows in the same order have the same id."""
    digest = hashlib.sha256(fingerprint(schema))
    for content_id in content_ids:
        digest.update(bytes.fromhex(content_id))
    return digest.hexdigest()


def _same_before(registry: Registry, dataset: str, content_id: str) -> tuple[DatasetVersion, Manifest] | None:
    """An earlier version with the same content, if all its objects are as they should be, and its manifest."""
    try:
        version = registry.datasets.get(f"{dataset}@sha:{content_id}")
        found = read_manifest(registry, version)
    except AppError:
        return None
    is_sound = all(registry.objects.size(stored.sha256) == stored.size for stored in found.objects)
    return (version, found) if is_sound else None
