"""Write dataset versions: rows are cut into chunks, each chunk is stored once, the registry's row comes last.

Whatever happens before the last step, no version exists: objects without a manifest are merely unused.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import Protocol

import pyarrow as pa
from msgspec import Struct, structs

from mlops_desktop.core.datasets import DatasetVersion, Origin, Schema
from mlops_desktop.core.errors import InvalidInput, NotFound
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.data.chunking import chunks_of
from mlops_desktop.data.chunks import StoredChunk, known_summary, read_chunk, store_chunk
from mlops_desktop.data.manifests import put_struct, read_manifest, read_profile
from mlops_desktop.data.pieces import PlacedChunk, placed, to_manifest
from mlops_desktop.data.profile import check_time_column, profile_of
from mlops_desktop.data.schema import aligned, as_plain, fingerprint, plain_schema, to_arrow, to_core
from mlops_desktop.registry import Registry

THREADS = 2
_IN_FLIGHT = 4


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
    """`write_version` up to the registry's row, so that several versions can be recorded in one transaction."""
    started = time.monotonic()
    schema = plain_schema(rows.schema)
    check_time_column(schema, time_column)
    parent = latest(registry, dataset)
    known = {chunk.content_id: chunk for chunk in placed(read_manifest(registry, parent))} if parent else {}
    batches: Iterable[pa.RecordBatch] = rows
    if isinstance(rows, pa.Table):
        total, batches = rows.num_rows, rows.to_batches()
    plain = (as_plain(batch, schema) for batch in batches)
    stored = _store_chunks(registry, plain, schema, known, progress, total)
    return _staged(registry, dataset, schema, stored, origin, time_column, started)


def record_version(registry: Registry, staged: Staged) -> DatasetVersion:
    """Make staged rows the next version of their dataset, or record that they repeat its latest one."""
    return registry.datasets.add_version(**structs.asdict(staged))


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
    while True:
        started = time.monotonic()
        parent = latest(registry, dataset)
        if parent is None:
            return write_version(registry, dataset, table, origin, time_column=time_column, progress=progress)
        schema = to_arrow(parent.schema)
        added = aligned(table, schema)
        time_column = time_column or read_profile(registry, parent).time_column
        check_time_column(schema, time_column)
        chunks = placed(read_manifest(registry, parent))
        kept = [StoredChunk(chunk, known_summary(registry, chunk), 0, is_new=False) for chunk in chunks[:-1]]
        last = read_chunk(registry, chunks[-1]).to_batches() if chunks else []
        batches = chain(last, added.to_batches())
        known = {chunk.content_id: chunk for chunk in chunks}
        cut = _store_chunks(registry, batches, schema, known, progress, added.num_rows)
        with registry.transaction():
            if latest(registry, dataset) == parent:
                staged = _staged(registry, dataset, schema, [*kept, *cut], origin, time_column, started)
                return record_version(registry, staged)


def latest(registry: Registry, dataset: str) -> DatasetVersion | None:
    """The newest version, or None where there is none yet."""
    check_dataset_name(dataset)
    try:
        return registry.datasets.get(f"{dataset}@latest")
    except NotFound:
        return None


def check_dataset_name(name: str) -> None:
    """Raise `InvalidInput` unless `name` can stand in a reference such as `flights@3`."""
    if not name.strip() or name != name.strip() or "@" in name or not name.isprintable():
        raise InvalidInput(
            f"{name!r} cannot be the name of a dataset.",
            hint="Use letters, digits, dashes and dots, such as `flights`.",
        )


def _store_chunks(
    registry: Registry,
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    known: dict[str, PlacedChunk],
    progress: Progress,
    total: int | None,
) -> list[StoredChunk]:
    """Cut in this thread, hash, summarise and encode in others; few chunks are in memory at a time."""
    stored: list[StoredChunk] = []
    done = 0
    for result in _in_order(registry, chunks_of(batches, schema), known):
        stored.append(result)
        done += result.chunk.rows
        progress(min(done / total, 1.0) if total else None, f"{done:,} rows stored")
    return stored


def _in_order(registry: Registry, tables: Iterator[pa.Table], known: dict[str, PlacedChunk]) -> Iterator[StoredChunk]:
    waiting: deque[Future[StoredChunk]] = deque()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="chunks") as pool:
        try:
            for table in tables:
                waiting.append(pool.submit(store_chunk, registry, table, known))
                if len(waiting) >= _IN_FLIGHT:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _staged(
    registry: Registry,
    dataset: str,
    schema: pa.Schema,
    stored: Sequence[StoredChunk],
    origin: Origin,
    time_column: str,
    started: float,
) -> Staged:
    manifest = to_manifest(to_core(schema), [item.chunk for item in stored])
    profile = profile_of(schema, [item.summary for item in stored], time_column=time_column)
    return Staged(
        dataset=dataset,
        content_id=version_content_id(schema, [chunk.content_id for chunk in manifest.chunks]),
        manifest=put_struct(registry, manifest),
        profile=put_struct(registry, profile),
        rows=manifest.rows,
        size=manifest.size,
        schema=manifest.schema,
        origin=origin,
        chunks=len(stored),
        new_chunks=sum(item.is_new for item in stored),
        added_bytes=sum(item.added for item in stored),
        seconds=time.monotonic() - started,
    )


def version_content_id(schema: pa.Schema, content_ids: Sequence[str]) -> str:
    """SHA-256 over the schema and the content ids of the chunks: the same rows in the same order have the same id."""
    digest = hashlib.sha256(fingerprint(schema))
    for content_id in content_ids:
        digest.update(bytes.fromhex(content_id))
    return digest.hexdigest()
