"""What changed between two versions, ready to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_desktop.core.datasets import Column
from mlops_desktop.core.progress import Progress
from mlops_desktop.ui.queries.rows import Texts, texts
from mlops_desktop.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_desktop.data.compare.changes import CellChange, RowChanges
    from mlops_desktop.data.compare.difference import Difference

SHOWN_ROWS = 1_000


@dataclass(frozen=True, eq=False)
class SomeRows:
    """Some rows of a version as texts: their numbers from 0, and how many there are of the kind."""

    columns: tuple[Column, ...]
    texts: list[Texts]
    numbers: tuple[int, ...]
    total: int


@dataclass(frozen=True)
class ChangedRow:
    """A row with the same key and other values; `cells` are (before, after) by column."""

    before: int
    after: int
    key: tuple[str, ...]
    cells: dict[str, tuple[str | None, str | None]]


@dataclass(frozen=True, eq=False)
class ShownChanges:
    """The first changed, added and removed rows; `columns` are those in which a shown row changed."""

    key: tuple[str, ...]
    columns: tuple[str, ...]
    changed: tuple[ChangedRow, ...]
    rows_changed: int
    added: SomeRows
    removed: SomeRows


def difference(
    workspace: Workspace, before: str, after: str, key: Sequence[str] | None, progress: Progress
) -> Difference:
    """Raises `InvalidInput`, `NotFound`, `Damaged`, and `Cancelled` by the progress."""
    return workspace.data.difference(before, after, key=key, progress=progress)


def changes(
    workspace: Workspace, before: str, after: str, key: Sequence[str] | None, progress: Progress
) -> ShownChanges:
    """Raises as `difference` does."""
    datasets = workspace.registry.datasets
    found = workspace.data.changes(before, after, key=key, limit=SHOWN_ROWS, progress=progress)
    order = [column.name for column in datasets.get(after).schema.columns]
    named = {cell.column for cell in found.cells}
    return ShownChanges(
        key=found.key,
        columns=tuple(name for name in order if name in named),
        changed=_changed(found),
        rows_changed=found.rows_changed,
        added=_some(datasets.get(after).schema.columns, found.added, found.added_at, found.rows_added),
        removed=_some(datasets.get(before).schema.columns, found.removed, found.removed_at, found.rows_removed),
    )


def _some(columns: tuple[Column, ...], table: pa.Table, numbers: tuple[int, ...], total: int) -> SomeRows:
    return SomeRows(columns, [texts(table.column(column.name)) for column in columns], numbers, total)


def _changed(found: RowChanges) -> tuple[ChangedRow, ...]:
    rows: dict[int, list[CellChange]] = {}
    for cell in found.cells:
        rows.setdefault(cell.row_before, []).append(cell)
    return tuple(
        ChangedRow(
            cells[0].row_before,
            cells[0].row_after,
            tuple(_text(value) or "" for value in cells[0].key),
            {cell.column: (_text(cell.before), _text(cell.after)) for cell in cells},
        )
        for cells in rows.values()
    )


def _text(value: Any) -> str | None:
    """A Python value as `texts` would show it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value).removesuffix("+00:00")
