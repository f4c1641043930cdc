"""Rows of a table as texts: all of them at hand, or fetched in tiles as they come into view."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Protocol

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from mlops_desktop.core.datasets import Column, ColumnType
from mlops_desktop.ui.widgets.previewmodel import type_title

Index = QModelIndex | QPersistentModelIndex
Place = tuple[int, int]

CELL_ROLE = Qt.ItemDataRole.UserRole + 1
NUMERIC = (ColumnType.INTEGER, ColumnType.NUMBER)
_LONG_TEXT = 30
_MOST_TILES = 240


class _Waiting:
    """The cell of a tile that is not there yet."""


WAITING = _Waiting()
Cell = str | None | _Waiting


class Tiles(Protocol):
    """Columns of texts; `place` counts tiles of rows and of columns."""

    @property
    def place(self) -> Place: ...

    @property
    def columns(self) -> list[list[str | None]]: ...


class RowModel(QAbstractTableModel):
    """Base: columns of a schema, of which some are shown. Subclasses give `cell`, `number_of` and `total`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns: tuple[Column, ...] = ()
        self.shown: list[int] = []

    def cell(self, row: int, column: int) -> Cell:
        """The text of a cell; `column` is a number in `columns`. None where the value is missing."""
        raise NotImplementedError

    def number_of(self, row: int) -> int:
        """The row's number in its version, from 0."""
        return row

    @property
    def total(self) -> int:
        raise NotImplementedError

    def show_columns(self, names: set[str] | None) -> None:
        """Show some columns only; None shows all."""
        self.beginResetModel()
        self.shown = [at for at, column in enumerate(self.columns) if names is None or column.name in names]
        self.endResetModel()

    def column_at(self, section: int) -> Column:
        return self.columns[self.shown[section]]

    def section_of(self, name: str) -> int:
        """Where a column is shown; -1 where it is not."""
        return next((at for at, number in enumerate(self.shown) if self.columns[number].name == name), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else self.total

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return None
        found = self.cell(index.row(), self.shown[index.column()])
        text = found if isinstance(found, str) else ""
        if role == Qt.ItemDataRole.ToolTipRole:
            return text if len(text) > _LONG_TEXT else None
        if role == Qt.ItemDataRole.AccessibleTextRole and found is None:
            return self.tr("missing")
        return text

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Vertical:
            return f"{self.number_of(section) + 1:,}" if role == Qt.ItemDataRole.DisplayRole else None
        if not 0 <= section < len(self.shown):
            return None
        column = self.column_at(section)
        if role == Qt.ItemDataRole.DisplayRole:
            return column.name
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{column.name}, {type_title(column.type)} ({column.storage})"
        return None


class FixedRows(RowModel):
    """Rows that are all here."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._texts: Sequence[Sequence[str | None]] = ()
        self._numbers: Sequence[int] = ()

    def set_rows(
        self, columns: tuple[Column, ...], texts: Sequence[Sequence[str | None]], numbers: Sequence[int]
    ) -> None:
        """`texts` has one sequence per column, `numbers` the rows' numbers in their version."""
        self.beginResetModel()
        self.columns, self._texts, self._numbers = columns, texts, numbers
        self.shown = list(range(len(columns)))
        self.endResetModel()

    @property
    def total(self) -> int:
        return len(self._numbers)

    def number_of(self, row: int) -> int:
        return self._numbers[row]

    def cell(self, row: int, column: int) -> Cell:
        return self._texts[column][row]


class PagedRows(RowModel):
    """Rows that come in tiles. One request is under way at a time; what came into view meanwhile follows.

    Signals:
        wanted(list): places of tiles that are in view and not here.
    """

    wanted = Signal(list)

    def __init__(self, tile_rows: int, tile_columns: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tile = tile_rows, tile_columns
        self._rows = 0
        self._tiles: OrderedDict[Place, list[list[str | None]]] = OrderedDict()
        self._is_asking = False
        self._view: tuple[range, range] = (range(0), range(0))

    def open(
        self, columns: tuple[Column, ...], rows: int, tiles: Sequence[Tiles] = (), shown: set[str] | None = None
    ) -> None:
        """Show another version, of which some tiles are here; `shown` as in `show_columns`."""
        self.beginResetModel()
        self.columns, self._rows = columns, rows
        self.shown = [at for at, column in enumerate(columns) if shown is None or column.name in shown]
        self._tiles = OrderedDict((tile.place, tile.columns) for tile in tiles)
        self._is_asking = False
        self._view = (range(0), range(0))
        self.endResetModel()

    @property
    def total(self) -> int:
        return self._rows

    @property
    def is_waiting(self) -> bool:
        return self._is_asking

    def cell(self, row: int, column: int) -> Cell:
        rows, columns = self._tile
        tile = self._tiles.get((row // rows, column // columns))
        if tile is None:
            return WAITING
        return tile[column % columns][row % rows]

    def look_at(self, rows: range, sections: range) -> None:
        """Rows and shown columns that are in view."""
        self._view = rows, sections
        self._ask()

    def put(self, tiles: Sequence[Tiles]) -> None:
        """Tiles that were asked for are here."""
        self._is_asking = False
        for tile in tiles:
            self._tiles[tile.place] = tile.columns
        while len(self._tiles) > _MOST_TILES:
            self._tiles.popitem(last=False)
        rows, sections = self._view
        if rows and sections:
            self.dataChanged.emit(self.index(rows[0], sections[0]), self.index(rows[-1], sections[-1]))
        self._ask()

    def give_up(self) -> None:
        """What was asked for does not come."""
        self._is_asking = False

    def _ask(self) -> None:
        if self._is_asking:
            return
        missing = []
        for place in self._in_view():
            if place in self._tiles:
                self._tiles.move_to_end(place)
            else:
                missing.append(place)
        if missing:
            self._is_asking = True
            self.wanted.emit(missing)

    def _in_view(self) -> list[Place]:
        rows, sections = self._view
        if not rows or not sections:
            return []
        tile_rows, tile_columns = self._tile
        blocks = dict.fromkeys(self.shown[at] // tile_columns for at in sections if at < len(self.shown))
        return [(row, block) for row in range(rows[0] // tile_rows, rows[-1] // tile_rows + 1) for block in blocks]
