"""What changed from one dataset version to another.

Chunks that both versions have are not read, so the cost is that of what changed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct

from mlops_desktop.core.datasets import ColumnProfile, DatasetVersion, Profile, Schema
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.data.chunks import read_chunk
from mlops_desktop.data.hashing import Words, row_hashes
from mlops_desktop.data.pieces import PlacedChunk, placed
from mlops_desktop.data.read import resolve
from mlops_desktop.data.store import read_manifest, read_profile
from mlops_desktop.registry import Registry


class RetypedColumn(Struct, frozen=True):
    """A column whose storage type changed."""

    name: str
    before: str
    after: str


class ColumnShift(Struct, frozen=True):
    """How a column's summary moved.

    `shift` is in [0, 1] for texts: the total variation distance of the listed frequent values; for numbers it is the
    difference of the means in pooled standard deviations. None where there is nothing to tell.
    """

    name: str
    missing_before: float
    missing_after: float
    distinct_before: int
    distinct_after: int
    mean_before: float | None
    mean_after: float | None
    shift: float | None


class Difference(Struct, frozen=True):
    """`rows_added` and `rows_removed` compare rows by content in the columns that both versions have.

    A row that was edited counts as one removed and one added; a row that merely moved counts as neither.
    """

    before: str
    after: str
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    columns_retyped: tuple[RetypedColumn, ...]
    rows_before: int
    rows_after: int
    rows_added: int
    rows_removed: int
    chunks_shared: int
    chunks_read: int
    shifts: tuple[ColumnShift, ...]

    @property
    def is_schema_changed(self) -> bool:
        return bool(self.columns_added or self.columns_removed or self.columns_retyped)


def difference(
    registry: Registry, before: DatasetVersion | str, after: DatasetVersion | str, *, progress: Progress = no_progress
) -> Difference:
    """Compare two versions of one dataset, or of two. Raises `NotFound`, `Damaged`."""
    old, new = resolve(registry, before), resolve(registry, after)
    common = [name for name in old.schema.names if name in new.schema.names]
    old_chunks, new_chunks = placed(read_manifest(registry, old)), placed(read_manifest(registry, new))
    shared = Counter[str]()
    if old.schema == new.schema:
        shared = Counter(chunk.content_id for chunk in old_chunks) & Counter(chunk.content_id for chunk in new_chunks)
    old_changed, new_changed = _without(old_chunks, shared), _without(new_chunks, shared)
    removed, added = old.rows, new.rows
    if common:
        reading = _Reading(registry, common, len(old_changed) + len(new_changed), progress)
        removed, added = _unmatched(reading.hashes(old_changed), reading.hashes(new_changed))
    return Difference(
        before=old.reference,
        after=new.reference,
        columns_added=tuple(name for name in new.schema.names if name not in common),
        columns_removed=tuple(name for name in old.schema.names if name not in common),
        columns_retyped=_retyped(old.schema, new.schema),
        rows_before=old.rows,
        rows_after=new.rows,
        rows_added=added,
        rows_removed=removed,
        chunks_shared=shared.total(),
        chunks_read=len(old_changed) + len(new_changed),
        shifts=shifts(read_profile(registry, old), read_profile(registry, new)),
    )


def shifts(before: Profile, after: Profile) -> tuple[ColumnShift, ...]:
    """How the columns that both profiles have moved, in the order of the first."""
    later = {column.name: column for column in after.columns}
    return tuple(_shift(column, later[column.name]) for column in before.columns if column.name in later)


class _Reading:
    """Reads chunks and reports how far it is."""

    def __init__(self, registry: Registry, columns: list[str], total: int, progress: Progress) -> None:
        self._registry = registry
        self._columns = columns
        self._total = total
        self._done = 0
        self._progress = progress

    def hashes(self, chunks: Iterable[PlacedChunk]) -> Words:
        found = [np.empty(0, dtype=np.uint64)]
        for chunk in chunks:
            self._progress(self._done / self._total, "Comparing rows")
            table = read_chunk(self._registry, chunk, self._columns)
            found += [row_hashes(batch) for batch in table.to_batches()]
            self._done += 1
        return np.concatenate(found)


def _without(chunks: Sequence[PlacedChunk], shared: Counter[str]) -> list[PlacedChunk]:
    left = shared.copy()
    rest = []
    for chunk in chunks:
        if left[chunk.content_id] > 0:
            left[chunk.content_id] -= 1
        else:
            rest.append(chunk)
    return rest


def _unmatched(before: Words, after: Words) -> tuple[int, int]:
    """How many rows are on one side only, repeated rows counted as often as they occur."""
    values, inverse = np.unique(np.concatenate([before, after]), return_inverse=True)
    surplus = np.bincount(inverse[len(before) :], minlength=len(values)).astype(np.int64)
    surplus -= np.bincount(inverse[: len(before)], minlength=len(values))
    return int(-surplus[surplus < 0].sum()), int(surplus[surplus > 0].sum())


def _retyped(before: Schema, after: Schema) -> tuple[RetypedColumn, ...]:
    later = {column.name: column.storage for column in after.columns}
    return tuple(
        RetypedColumn(column.name, column.storage, later[column.name])
        for column in before.columns
        if later.get(column.name, column.storage) != column.storage
    )


def _shift(before: ColumnProfile, after: ColumnProfile) -> ColumnShift:
    return ColumnShift(
        name=before.name,
        missing_before=_missing(before),
        missing_after=_missing(after),
        distinct_before=before.distinct,
        distinct_after=after.distinct,
        mean_before=before.mean,
        mean_after=after.mean,
        shift=_size(before, after),
    )


def _missing(column: ColumnProfile) -> float:
    rows = column.count + column.nulls
    return column.nulls / rows if rows else 0.0


def _size(before: ColumnProfile, after: ColumnProfile) -> float | None:
    if not before.count or not after.count:
        return None
    if before.mean is not None and after.mean is not None:
        pooled = math.hypot(before.std or 0.0, after.std or 0.0) / math.sqrt(2)
        if not pooled:
            return 0.0 if after.mean == before.mean else None
        return abs(after.mean - before.mean) / pooled
    if not before.top or not after.top:
        return None
    old, new = dict(before.top), dict(after.top)
    return sum(abs(new.get(v, 0) / after.count - old.get(v, 0) / before.count) for v in old | new) / 2
