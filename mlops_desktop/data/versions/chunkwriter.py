"""Store chunks: as they are known, as slices of what an earlier version has plus what is new, or whole."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_desktop.core.errors import Damaged, NotFound
from mlops_desktop.data.hashing import Words, content_hash, row_hashes
from mlops_desktop.data.profiles.summary import Summary, summary_of
from mlops_desktop.data.versions.chunking import BATCH_ROWS, Cut
from mlops_desktop.data.versions.chunks import ObjectReader, stored_summary
from mlops_desktop.data.versions.encoding import chunk_file, with_dictionaries
from mlops_desktop.data.versions.loose import put_rows
from mlops_desktop.data.versions.pieces import PlacedChunk, Slice
from mlops_desktop.data.versions.rowmatching import Positions, Run, is_scattered, match, run_starts, runs_of
from mlops_desktop.registry import Registry

# What a chunk made of slices may cost to read: their number, and the rows of their objects per row of it.
MOST_SLICES = 256
_MOST_READ = 4
# Fewer stored rows than this share of a chunk are rather written again than referred to.
_LEAST_KEPT = 1 / 16
# New rows in longer runs are kept apart from single ones, which are read for the sake of many chunks.
_LONG_RUN = 1_024

_CACHE_BYTES = 32 << 20
_KNOWN_CHUNKS = 16


class Fresh(NamedTuple):
    """Rows of a draft that are not stored yet: rows `start` on of its long or short runs."""

    is_long: bool
    start: int
    rows: int


class Draft(NamedTuple):
    """A chunk whose new rows, `short` and `long` runs of them, are still to be written. `added` is in bytes."""

    content_id: str
    rows: int
    last: int
    parts: tuple[Slice | Fresh, ...]
    summary: Summary
    added: int = 0
    is_new: bool = True
    short: pa.Table | None = None
    long: pa.Table | None = None


class ChunkWriter:
    """Writes the chunks of one version; its `write` may run in several threads.

    `known` are chunks of earlier versions by content id.
    """

    def __init__(self, registry: Registry, known: Mapping[str, PlacedChunk]) -> None:
        self._registry = registry
        self._known = known
        self._reader = ObjectReader(registry, limit=_CACHE_BYTES)
        self._hashes = _ChunkHashes(self._reader)
        self._sound: dict[str, bool] = {}

    def write(self, cut: Cut, candidates: Sequence[PlacedChunk]) -> Draft:
        """Store a chunk, where `candidates` are earlier chunks that it may share rows with."""
        table, last = cut.table.combine_chunks(), int(cut.hashes[-1])
        content_id = content_hash(table.schema, table.to_batches())
        before = self._known.get(content_id)
        if before is not None and self.is_sound(before):
            summary = stored_summary(self._registry, before) or summary_of(table)
            return Draft(content_id, before.rows, last, before.slices, summary, is_new=False)
        encoded = with_dictionaries(table)
        summary = summary_of(encoded)
        pieced = self._pieced(cut, content_id, candidates)
        if pieced is not None:
            parts, short, long = pieced
            return Draft(content_id, table.num_rows, last, parts, summary, short=short, long=long)
        stored, added = put_rows(self._registry, chunk_file(table, encoded, summary), table.num_rows)
        whole = Slice(stored, 0, table.num_rows)
        return Draft(content_id, table.num_rows, last, (whole,), summary, added, is_new=added > 0)

    def is_sound(self, chunk: PlacedChunk) -> bool:
        """Whether all objects of a chunk are there, with the size that they should have."""
        return all(self._is_sound(part) for part in chunk.slices)

    def _is_sound(self, part: Slice) -> bool:
        name = part.object.sha256
        if name not in self._sound:
            self._sound[name] = self._registry.objects.size(name) == part.object.size
        return self._sound[name]

    def _pieced(
        self, cut: Cut, content_id: str, candidates: Sequence[PlacedChunk]
    ) -> tuple[tuple[Slice | Fresh, ...], pa.Table | None, pa.Table | None] | None:
        """The chunk as slices and new rows, or None where that does not pay or the hashes misled."""
        sound = [chunk for chunk in candidates if chunk.slices and self.is_sound(chunk)]
        try:
            hashes = [self._hashes.of(chunk) for chunk in sound]
            if not sound or is_scattered(cut.hashes, [each.ascending for each in hashes]):
                return None
            earlier = _Earlier.read(self._reader, sound, np.concatenate([each.by_row for each in hashes]))
        except (NotFound, Damaged):
            return None
        source = match(cut.hashes, earlier.hashes)
        kept = source >= 0
        if np.count_nonzero(kept) < _LEAST_KEPT * len(source) or len(run_starts(source)) > MOST_SLICES:
            return None
        runs = runs_of(source)
        parts, is_long = _parts(runs, earlier)
        if not _is_readable(parts, len(source)) or not _is_same(cut.table, content_id, runs, earlier.table):
            return None
        return parts, _taken(cut.table, ~kept & ~is_long), _taken(cut.table, ~kept & is_long)


class _RowHashes(NamedTuple):
    """The hashes of the rows of a chunk, in the order of the rows and in ascending order."""

    by_row: Words
    ascending: Words


class _ChunkHashes:
    """Row hashes of earlier chunks. Several new chunks in a row are compared with the same ones."""

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader
        self._known: dict[str, _RowHashes] = {}
        self._lock = threading.Lock()

    def of(self, chunk: PlacedChunk) -> _RowHashes:
        """Safe under threads, of which two may compute the same. Raises `NotFound` or `Damaged`."""
        known = self._known.get(chunk.content_id)
        if known is None:
            batches = self._reader.chunk(chunk).to_batches(BATCH_ROWS)
            by_row = np.concatenate([row_hashes(batch) for batch in batches])
            known = _RowHashes(by_row, np.sort(by_row))
            with self._lock:
                self._known[chunk.content_id] = known
                while len(self._known) > _KNOWN_CHUNKS:
                    del self._known[next(iter(self._known))]
        return known


class _Earlier(NamedTuple):
    """Consecutive rows of earlier chunks. `ends` are where each of their slices ends among them."""

    table: pa.Table
    hashes: Words
    slices: list[Slice]
    ends: NDArray[np.int64]

    @classmethod
    def read(cls, reader: ObjectReader, chunks: Sequence[PlacedChunk], hashes: Words) -> _Earlier:
        """Raises `NotFound` or `Damaged`."""
        slices = [part for chunk in chunks for part in chunk.slices]
        ends = np.array(list(accumulate(part.rows for part in slices)), dtype=np.int64)
        return cls(reader.slices(slices), hashes, slices, ends)

    def slices_of(self, start: int, rows: int) -> list[Slice]:
        """Where rows `start` to `start + rows` are stored."""
        found = []
        position = int(np.searchsorted(self.ends, start, side="right"))
        while rows:
            part = self.slices[position]
            skipped = start - int(self.ends[position]) + part.rows
            taken = min(part.rows - skipped, rows)
            found.append(Slice(part.object, part.start + skipped, taken))
            start, rows, position = start + taken, rows - taken, position + 1
        return found


def _parts(runs: Sequence[Run], earlier: _Earlier) -> tuple[tuple[Slice | Fresh, ...], NDArray[np.bool_]]:
    """Slices and new rows in order; and for each row of the chunk whether it is in a long run."""
    parts: list[Slice | Fresh] = []
    is_long = np.zeros(sum(run.rows for run in runs), dtype=np.bool_)
    taken = {True: 0, False: 0}
    for run in runs:
        if run.source >= 0:
            for part in earlier.slices_of(run.source, run.rows):
                _join(parts, part)
            continue
        long = run.rows >= _LONG_RUN
        is_long[run.start : run.start + run.rows] = long
        parts.append(Fresh(long, taken[long], run.rows))
        taken[long] += run.rows
    return tuple(parts), is_long


def _join(parts: list[Slice | Fresh], part: Slice) -> None:
    """Append a slice, or lengthen the last one where it goes on from there."""
    last = parts[-1] if parts else None
    if isinstance(last, Slice) and last.object == part.object and last.start + last.rows == part.start:
        parts[-1] = Slice(part.object, last.start, last.rows + part.rows)
    else:
        parts.append(part)


def _is_readable(parts: Sequence[Slice | Fresh], rows: int) -> bool:
    """Whether reading the parts costs no more than a few times what reading the chunk whole would."""
    objects = {part.object for part in parts if isinstance(part, Slice)}
    return len(parts) <= MOST_SLICES and sum(stored.rows for stored in objects) <= _MOST_READ * rows + _LONG_RUN


def _is_same(table: pa.Table, content_id: str, runs: Sequence[Run], earlier: pa.Table) -> bool:
    """Whether the runs put together are the chunk: a hash of 64 bits alone proves nothing."""
    pieces = [
        earlier.slice(run.source, run.rows) if run.source >= 0 else table.slice(run.start, run.rows) for run in runs
    ]
    rebuilt = pa.concat_tables(pieces).combine_chunks()
    return content_hash(table.schema, rebuilt.to_batches()) == content_id


def _taken(table: pa.Table, mask: NDArray[np.bool_]) -> pa.Table | None:
    """A copy of the rows where the mask holds; a slice would keep the whole table in memory."""
    positions: Positions = np.flatnonzero(mask)
    if not len(positions):
        return None
    return table.take(pa.Array.from_buffers(pa.int64(), len(positions), [None, pa.py_buffer(positions)]))
