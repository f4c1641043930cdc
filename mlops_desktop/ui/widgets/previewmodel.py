"""What the preview of a source holds: its columns as they would be read, and the texts of its first rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QCoreApplication, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QWidget

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.ui.theme.status import QT_TRANSLATE_NOOP

Index = QModelIndex | QPersistentModelIndex

LONG_TEXT = 30
_TYPES = {
    ColumnType.BOOLEAN: QT_TRANSLATE_NOOP("Types", "boolean"),
    ColumnType.INTEGER: QT_TRANSLATE_NOOP("Types", "integer"),
    ColumnType.NUMBER: QT_TRANSLATE_NOOP("Types", "number"),
    ColumnType.TEXT: QT_TRANSLATE_NOOP("Types", "text"),
    ColumnType.TIME: QT_TRANSLATE_NOOP("Types", "time"),
}


def type_title(kind: ColumnType) -> str:
    """A type's name in the person's language."""
    return QCoreApplication.translate("Types", _TYPES[kind])


@dataclass(frozen=True)
class ShownColumn:
    """A column of the preview. `source` is its name as it comes, `name` the one it gets."""

    source: str
    name: str
    type: ColumnType
    is_chosen: bool = False
    is_read: bool = True
    note: str = ""


class PreviewModel(QAbstractTableModel):
    """Columns and cells; cells are texts, None where a value is missing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.columns: list[ShownColumn] = []
        self.cells: Sequence[Sequence[str | None]] = ()

    def set_preview(self, columns: Sequence[ShownColumn], cells: Sequence[Sequence[str | None]]) -> None:
        self.beginResetModel()
        self.columns, self.cells = list(columns), cells
        self.endResetModel()

    def set_column(self, number: int, **changes: Any) -> None:
        self.columns[number] = replace(self.columns[number], **changes)
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, number, number)
        if self.cells:
            self.dataChanged.emit(self.index(0, number), self.index(len(self.cells) - 1, number))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.cells)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.columns)

    def text(self, row: int, column: int) -> str | None:
        cells = self.cells[row]
        text = cells[column] if column < len(cells) else None
        if text is not None and self.columns[column].type is ColumnType.TIME:
            return text.removesuffix(".000000")
        return text

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        text = self.text(index.row(), index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return text
        if role == Qt.ItemDataRole.ToolTipRole:
            return text if text is not None and len(text) > LONG_TEXT else None
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self.tr("missing") if text is None else text
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.name
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return self.described(column)
        return None

    def described(self, column: ShownColumn) -> str:
        """All there is to say of a column, for the tool tip and for assistive technology."""
        lines = [f"{column.name}, {type_title(column.type)}"]
        if column.name != column.source:
            lines.append(self.tr("comes as {name}").format(name=column.source))
        if not column.is_read:
            lines.append(self.tr("left out"))
        if column.note:
            lines.append(column.note)
        return "\n".join(lines)
