"""What changed from one dataset version to another.

Rows that both versions take from the same place are equal and are not read, so the cost is that of what changed.
Values are compared as `data.hashing` says: NaN is NaN, -0.0 is 0.0, a null is neither NaN nor the empty text.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from msgspec import Struct

from mlops_desktop.core.datasets import DatasetVersion, Schema
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.data.compare.comparable import common_types
from mlops_desktop.data.compare.pairing import Matched, match, unmatched
from mlops_desktop.data.compare.records import Layout
from mlops_desktop.data.compare.sharing import Overlap, Rows, shared
from mlops_desktop.data.compare.shift import ColumnShift, shifts
from mlops_desktop.data.read import resolve
from mlops_desktop.data.schema import to_arrow
from mlops_desktop.data.versions.manifests import read_manifest, read_profile
from mlops_desktop.data.versions.pieces import placed
from mlops_desktop.registry import Registry


class RetypedColumn(Struct, frozen=True):
    """A column whose storage type changed."""

    name: str
    before: str
    after: str


class ChangedCells(Struct, frozen=True):
    """How many of the changed rows have another value in a column."""

    column: str
    rows: int


class Difference(Struct, frozen=True):
    """What changed from version `before` to version `after`.

    Rows are compared in the columns that both versions have.

    Attributes:
        key: the columns by which rows were paired. If empty, rows were paired by content: one that was edited counts as
            one removed and one added, and `rows_changed` is 0.
        columns_moved: columns whose place among the common ones changed; the fewest that explain the new order.
        rows_changed: rows with the same key and other values; rows that share a key are paired in their order.
        cells: by column, how many of those have another value in it; only columns with any.
        rows_read: how many rows of both versions had to be read to find this out.
        is_reordered: whether rows that are in both come in another order; None where that was not found out.
        shifts: how the columns' distributions moved, the farthest moved first.
    """

    before: str
    after: str
    key: tuple[str, ...]
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    columns_retyped: tuple[RetypedColumn, ...]
    columns_moved: tuple[str, ...]
    rows_before: int
    rows_after: int
    rows_added: int
    rows_removed: int
    rows_changed: int
    cells: tuple[ChangedCells, ...]
    rows_read: int
    is_reordered: bool | None
    shifts: tuple[ColumnShift, ...]

    @property
    def is_schema_changed(self) -> bool:
        return bool(self.columns_added or self.columns_removed or self.columns_retyped or self.columns_moved)

    @property
    def is_changed(self) -> bool:
        """Whether anything but the order of the rows changed."""
        return self.is_schema_changed or bool(self.rows_added or self.rows_removed or self.rows_changed)


class Pair(Struct, frozen=True):
    """Two versions on the way to be compared: what they share, and the rows of either that must be read."""

    before: DatasetVersion
    after: DatasetVersion
    layout: Layout
    key: tuple[str, ...]
    overlaps: list[Overlap]
    rows: tuple[Rows, Rows]


def difference(
    registry: Registry,
    before: DatasetVersion | str,
    after: DatasetVersion | str,
    *,
    key: Sequence[str] | None = None,
    progress: Progress = no_progress,
) -> Difference:
    """Compare two versions of one dataset, or of two.

    `key` names the columns that tell which row is which; None takes those of the contract, an empty sequence compares
    by content. Raises `InvalidInput` for a key that is not in both versions, `NotFound`, `Damaged`.
    """
    pair = opened_pair(registry, before, after, key)
    matched = matched_rows(registry, pair, 0, progress)
    old, new = pair.before, pair.after
    return Difference(
        before=old.reference,
        after=new.reference,
        key=pair.key,
        columns_added=tuple(name for name in new.schema.names if name not in old.schema.names),
        columns_removed=tuple(name for name in old.schema.names if name not in new.schema.names),
        columns_retyped=_retyped(old.schema, new.schema),
        columns_moved=_moved(old.schema, new.schema),
        rows_before=old.rows,
        rows_after=new.rows,
        rows_added=matched.added.rows,
        rows_removed=matched.removed.rows,
        rows_changed=matched.changed.rows,
        cells=tuple(
            ChangedCells(column, rows) for column, rows in zip(pair.layout.others, matched.cells, strict=True) if rows
        ),
        rows_read=sum(rows.number for rows in pair.rows),
        is_reordered=matched.is_reordered,
        shifts=shifts(read_profile(registry, old), read_profile(registry, new)),
    )


def opened_pair(
    registry: Registry, before: DatasetVersion | str, after: DatasetVersion | str, key: Sequence[str] | None
) -> Pair:
    """Resolve two versions and see what they have in common without reading rows."""
    old, new = resolve(registry, before), resolve(registry, after)
    types = common_types(to_arrow(old.schema), to_arrow(new.schema))
    names = _key(registry, old, new, list(types)) if key is None else _given(old, new, tuple(key))
    others = {name: kind for name, kind in types.items() if name not in names}
    layout = Layout({name: types[name] for name in names}, others) if names else Layout(types, {})
    chunks = [placed(read_manifest(registry, version)) for version in (old, new)]
    left = shared(chunks[0], chunks[1])
    rows = (
        Rows(registry, left.before, list(old.schema.names), layout.columns),
        Rows(registry, left.after, list(new.schema.names), layout.columns),
    )
    return Pair(old, new, layout, names, left.overlaps, rows)


def matched_rows(registry: Registry, pair: Pair, limit: int, progress: Progress) -> Matched:
    """Pair the rows of two versions; `limit` positions of each kind are kept."""
    if not pair.layout.columns:
        return unmatched(pair.before.rows, pair.after.rows, limit)
    return match(registry.folder, pair.rows, pair.overlaps, pair.layout, limit, progress)


def _given(old: DatasetVersion, new: DatasetVersion, key: tuple[str, ...]) -> tuple[str, ...]:
    for version in (old, new):
        missing = [name for name in key if name not in version.schema.names]
        if missing:
            raise InvalidInput(
                f"{version.reference} has no column {', '.join(map(repr, missing))}, so rows cannot be paired by it.",
                hint=f"Its columns: {', '.join(version.schema.names)}.",
            )
    return key


def _key(registry: Registry, old: DatasetVersion, new: DatasetVersion, common: list[str]) -> tuple[str, ...]:
    """The key that a contract declares, if both versions have its columns."""
    for dataset in dict.fromkeys((new.dataset, old.dataset)):
        found = registry.contracts.newest(dataset)
        if found and found.contract.key and set(found.contract.key) <= set(common):
            return found.contract.key
    return ()


def _retyped(before: Schema, after: Schema) -> tuple[RetypedColumn, ...]:
    later = {column.name: column.storage for column in after.columns}
    return tuple(
        RetypedColumn(column.name, column.storage, later[column.name])
        for column in before.columns
        if later.get(column.name, column.storage) != column.storage
    )


def _moved(before: Schema, after: Schema) -> tuple[str, ...]:
    """All common columns but those of a longest run that kept its order (Schensted, 1961)."""
    places = {name: place for place, name in enumerate(before.names)}
    common = [name for name in after.names if name in places]
    ends: list[int] = []
    lengths = []
    for name in common:
        at = bisect_left(ends, places[name])
        ends[at : at + 1] = [places[name]]
        lengths.append(at)
    kept: set[str] = set()
    wanted, last = len(ends) - 1, len(places)
    for name, length in zip(reversed(common), reversed(lengths), strict=True):
        if length == wanted and places[name] < last:
            kept.add(name)
            last, wanted = places[name], wanted - 1
    return tuple(name for name in common if name not in kept)
