"""From rows to a manifest: cut in this thread, hashed, summarised and stored in others, few chunks at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import pyarrow as pa

from mlops_desktop.core.datasets import Manifest
from mlops_desktop.core.progress import Progress
from mlops_desktop.data.profiles.summary import Summary
from mlops_desktop.data.schema import to_core
from mlops_desktop.data.versions.chunking import chunks_of, cutting_of
from mlops_desktop.data.versions.chunks import known_summary
from mlops_desktop.data.versions.chunkwriter import ChunkWriter, Draft, Fresh
from mlops_desktop.data.versions.loose import LooseRows, Pending
from mlops_desktop.data.versions.pieces import PlacedChunk, Slice, to_manifest
from mlops_desktop.data.versions.summaries import Summaries
from mlops_desktop.data.versions.trail import Trail
from mlops_desktop.registry import Registry

THREADS = 3  # one more than work on two cores: each waits for the disk now and then
_IN_FLIGHT = 4
_IN_FLIGHT_BYTES = 48 << 20


class _Chunk(NamedTuple):
    """A chunk of the version, some of whose slices may still be to be written."""

    content_id: str
    rows: int
    last: int
    parts: tuple[Slice | Pending, ...]

    @property
    def placed(self) -> PlacedChunk:
        slices = tuple(part.slice if isinstance(part, Pending) else part for part in self.parts)
        return PlacedChunk(self.content_id, self.rows, self.last, slices)


class _Closing(NamedTuple):
    """The last chunk so far, where it ends with new rows: its summary goes with them once it is known to be closed."""

    pending: Pending
    content_id: str
    summary: Summary


class VersionWriter:
    """Stores the chunks of one version in order.

    `known` are chunks of earlier versions by content id; `trail` leads to those that the next ones may share rows with.
    Attributes: `summaries`, one per chunk; `new_chunks`, how many were not known; `added`, bytes added to the store.
    """

    def __init__(
        self,
        registry: Registry,
        schema: pa.Schema,
        summaries: Summaries,
        known: Mapping[str, PlacedChunk],
        trail: Trail,
    ) -> None:
        self.summaries = summaries
        self.new_chunks = 0
        self._registry = registry
        self._schema = schema
        self._trail = trail
        self._writer = ChunkWriter(registry, known)
        self._loose = {False: LooseRows(registry), True: LooseRows(registry)}
        self._chunks: list[_Chunk] = []
        self._closing: _Closing | None = None
        self._added = 0

    @property
    def added(self) -> int:
        return self._added + sum(loose.added for loose in self._loose.values())

    @property
    def content_ids(self) -> list[str]:
        return [chunk.content_id for chunk in self._chunks]

    def keep(self, chunk: PlacedChunk) -> None:
        """Take over a stored chunk as it is."""
        self._chunks.append(_Chunk(chunk.content_id, chunk.rows, chunk.last, chunk.slices))
        self.summaries.add(known_summary(self._registry, chunk))

    def write(self, batches: Iterable[pa.RecordBatch], progress: Progress, total: int | None) -> None:
        """Cut and store rows in plain storage types; `total` is how many they are, about."""
        done = 0
        for draft in self._drafts(batches):
            self._add(draft)
            done += draft.rows
            progress(min(done / total, 1.0) if total else None, f"{done:,} rows stored")

    def manifest(self) -> Manifest:
        """Write what is still to be written; what the version consists of."""
        for loose in self._loose.values():
            loose.flush()
        return to_manifest(to_core(self._schema), [chunk.placed for chunk in self._chunks])

    def _drafts(self, batches: Iterable[pa.RecordBatch]) -> Iterator[Draft]:
        waiting: deque[tuple[Future[Draft], int]] = deque()
        with ThreadPoolExecutor(THREADS, thread_name_prefix="chunks") as pool:
            try:
                for cut in chunks_of(batches, self._schema, cutting_of(self._schema)):
                    candidates = self._trail.candidates(cut.table.num_rows, int(cut.hashes[-1]))
                    waiting.append((pool.submit(self._writer.write, cut, candidates), cut.table.nbytes))
                    while len(waiting) >= _IN_FLIGHT or sum(size for _, size in waiting) > _IN_FLIGHT_BYTES:
                        yield waiting.popleft()[0].result()
                while waiting:
                    yield waiting.popleft()[0].result()
            finally:
                for future, _ in waiting:
                    future.cancel()

    def _add(self, draft: Draft) -> None:
        if self._closing is not None:
            self._closing.pending.describe(self._closing.content_id, self._closing.summary)
        parts = self._gathered(draft)
        self._chunks.append(_Chunk(draft.content_id, draft.rows, draft.last, parts))
        end = parts[-1]
        self._closing = _Closing(end, draft.content_id, draft.summary) if isinstance(end, Pending) else None
        self.summaries.add(draft.summary)
        self.new_chunks += draft.is_new
        self._added += draft.added

    def _gathered(self, draft: Draft) -> tuple[Slice | Pending, ...]:
        tables = {False: draft.short, True: draft.long}
        taken = {is_long: self._loose[is_long].add(table) for is_long, table in tables.items() if table is not None}
        return tuple(_placed(part, taken) for part in draft.parts)


def _placed(part: Slice | Fresh, taken: Mapping[bool, Pending]) -> Slice | Pending:
    if isinstance(part, Slice):
        return part
    start = taken[part.is_long]
    return Pending(start.batch, start.start + part.start, part.rows)
