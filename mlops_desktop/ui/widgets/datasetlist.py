"""Datasets by name with their newest version, and the list view that painted rows are shown in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from mlops_desktop.core.datasets import VersionLine
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.icons import paint_icon
from mlops_desktop.ui.widgets.figures import compact
from mlops_desktop.ui.widgets.painting import paint_box, paint_focus_ring, paint_text

Index = QModelIndex | QPersistentModelIndex

_TEXT = 36.0
_DATASET_ROW = 44


class DatasetsModel(QAbstractListModel):
    """Datasets by name, or those whose name holds a text. Those that are wholly archived have no line."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._all: list[tuple[str, VersionLine | None]] = []
        self._listed: list[tuple[str, VersionLine | None]] = []
        self.filter = ""

    def set_datasets(self, datasets: Sequence[tuple[str, VersionLine | None]]) -> None:
        self.beginResetModel()
        self._all = sorted(datasets)
        self._listed = self._matching()
        self.endResetModel()

    def set_filter(self, text: str) -> None:
        self.filter = text
        self.beginResetModel()
        self._listed = self._matching()
        self.endResetModel()

    def _matching(self) -> list[tuple[str, VersionLine | None]]:
        needle = self.filter.strip().lower()
        return [each for each in self._all if needle in each[0].lower()]

    @property
    def total(self) -> int:
        return len(self._all)

    def name(self, row: int) -> str:
        return self._listed[row][0]

    def line(self, row: int) -> VersionLine | None:
        return self._listed[row][1]

    def row_of(self, name: str) -> int:
        return next((row for row, (each, _line) in enumerate(self._listed) if each == name), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._listed)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return self.name(index.row())
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self.name(index.row())}, {self.note(index.row())}"
        return None

    def note(self, row: int) -> str:
        line = self.line(row)
        if line is None:
            return self.tr("all versions archived")
        text = self.tr("@{number} · {rows} rows · {day}")
        return text.format(number=line.number, rows=compact(line.rows), day=f"{line.created:%Y-%m-%d}")


class DatasetDelegate(QStyledItemDelegate):
    """A dataset's name over its newest version."""

    def __init__(self, datasets: DatasetsModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._datasets = datasets
        self._strong, self._small = fonts.font(fonts.Type.BODY, fonts.MEDIUM), fonts.font(fonts.Type.CAPTION)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002
        return QSize(200, _DATASET_ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        tokens, rect, state = current(), QRectF(option.rect), option.state
        name = self._datasets.name(index.row())
        painter.save()
        if state & QStyle.StateFlag.State_Selected:
            paint_box(painter, rect.adjusted(0, 1, -2, -1), tokens.info.fill, radius=6)
        elif state & QStyle.StateFlag.State_MouseOver:
            paint_box(painter, rect.adjusted(0, 1, -2, -1), tokens.hover, radius=6)
        is_aside, is_gone = name.endswith(".quarantine"), self._datasets.line(index.row()) is None
        icon = "archive" if is_gone else "warning" if is_aside else "data"
        colour = tokens.secondary if is_gone else tokens.warning.text if is_aside else tokens.accent
        paint_icon(painter, icon, QRectF(rect.left() + 12, rect.top() + 14, 16, 16), colour)
        area = rect.adjusted(_TEXT, 5, -12, -5)
        half = area.height() / 2
        paint_text(painter, QRectF(area.left(), area.top(), area.width(), half), name, tokens.text, self._strong)
        below = QRectF(area.left(), area.top() + half, area.width(), half)
        paint_text(painter, below, self._datasets.note(index.row()), tokens.secondary, self._small)
        if state & QStyle.StateFlag.State_HasFocus:
            paint_focus_ring(painter, rect.adjusted(0, 1, -2, -1), tokens, 6)
        painter.restore()


def painted_list(name: str, model: QAbstractListModel, parent: QWidget | None = None) -> QListView:
    """A list view for rows that a delegate paints, all of one height."""
    view = QListView(parent)
    view.setUniformItemSizes(True)
    view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    view.setMouseTracking(True)
    view.setProperty("bare", True)
    view.setAccessibleName(name)
    view.setModel(model)
    return view
