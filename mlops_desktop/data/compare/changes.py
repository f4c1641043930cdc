"""The rows and cells that changed from one dataset version to another, to be shown or exported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from msgspec import Struct

from mlops_desktop.core.datasets import DatasetVersion
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.data.compare.comparable import Types, as_comparable
from mlops_desktop.data.compare.difference import Pair, matched_rows, opened_pair
from mlops_desktop.data.compare.pairing import Matched
from mlops_desktop.data.compare.sharing import Positions, Rows
from mlops_desktop.data.hashing import Words, value_words
from mlops_desktop.data.schema import to_arrow
from mlops_desktop.data.versions.somerows import indices
from mlops_desktop.registry import Registry

LIMIT = 1_000


class CellChange(Struct, frozen=True):
    """A cell with another value. Row numbers are from 0; the key's values are those after.

    Values are Python's, None for a null; times in nanoseconds are ISO texts, as Python has no such times.
    """

    row_before: int
    row_after: int
    key: tuple[Any, ...]
    column: str
    before: Any
    after: Any


class RowChanges(Struct, frozen=True):
    """Changed cells, added rows and removed rows, as many as asked for.

    Attributes:
        key: the columns by which rows were paired; empty where rows were compared by content, so that none changed.
        rows_changed, rows_added, rows_removed: how many there are, shown or not.
        cells: the changed cells of the first changed rows, row by row in the order of the columns.
        added, removed: the first such rows, with all columns of the version that they are in.
        added_at, removed_at: their row numbers in that version, from 0.
    """

    before: str
    after: str
    key: tuple[str, ...]
    rows_changed: int
    rows_added: int
    rows_removed: int
    cells: tuple[CellChange, ...]
    added: pa.Table
    added_at: tuple[int, ...]
    removed: pa.Table
    removed_at: tuple[int, ...]

    @property
    def is_complete(self) -> bool:
        """Whether nothing was left out."""
        shown = len({cell.row_before for cell in self.cells}), len(self.added_at), len(self.removed_at)
        return shown == (self.rows_changed, self.rows_added, self.rows_removed)


def changes(
    registry: Registry,
    before: DatasetVersion | str,
    after: DatasetVersion | str,
    *,
    key: Sequence[str] | None = None,
    limit: int = LIMIT,
    progress: Progress = no_progress,
) -> RowChanges:
    """The first `limit` changed, added and removed rows; `key` as in `difference`, which names the errors, too."""
    pair = opened_pair(registry, before, after, key)
    matched = matched_rows(registry, pair, limit, progress)
    return RowChanges(
        before=pair.before.reference,
        after=pair.after.reference,
        key=pair.key,
        rows_changed=matched.changed.rows,
        rows_added=matched.added.rows,
        rows_removed=matched.removed.rows,
        cells=_cells(pair, matched),
        added=_rows(pair.after, pair.rows[1], matched.added.at),
        added_at=tuple(matched.added.at.tolist()),
        removed=_rows(pair.before, pair.rows[0], matched.removed.at),
        removed_at=tuple(matched.removed.at.tolist()),
    )


def _rows(version: DatasetVersion, rows: Rows, positions: Positions) -> pa.Table:
    return rows.at(positions) if len(positions) else pa.Table.from_batches([], to_arrow(version.schema))


def _cells(pair: Pair, matched: Matched) -> tuple[CellChange, ...]:
    if not len(matched.changed.at):
        return ()
    old, new = pair.rows[0].at(matched.changed.at), pair.rows[1].at(matched.changed_after)
    keys = list(zip(*(_values(new.column(name)) for name in pair.key), strict=True))
    found = []
    for name in pair.layout.others:
        one, other = old.column(name), new.column(name)
        types = pair.layout.others
        rows = np.flatnonzero(_words(one, name, types) != _words(other, name, types))
        olds, news = (_values(column.take(indices(rows))) for column in (one, other))
        found += [(row, name, before, after) for row, before, after in zip(rows.tolist(), olds, news, strict=True)]
    at = list(zip(matched.changed.at.tolist(), matched.changed_after.tolist(), strict=True))
    return tuple(
        CellChange(*at[row], keys[row], name, before, after)
        for row, name, before, after in sorted(found, key=lambda item: item[0])
    )


def _words(column: pa.ChunkedArray, name: str, types: Types) -> Words:
    return np.concatenate([value_words(as_comparable(chunk, types[name])) for chunk in column.chunks])


def _values(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.string())
    found: list[Any] = column.to_pylist()
    return found
