"""Changed rows with their cells as `before → after`; what did not change is left blank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from mlops_desktop.ui.queries.differences import ChangedRow, ShownChanges
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.icons import paint_icon
from mlops_desktop.ui.widgets.painting import paint_box, paint_focus_ring, paint_hairline, paint_text, text_width

Index = QModelIndex | QPersistentModelIndex
Change = tuple[str | None, str | None]

CHANGE_ROLE = Qt.ItemDataRole.UserRole + 1
_PADDING, _ARROW = 10, 22
_NARROWEST, _WIDEST = 84, 300
_LOOKED_AT = 60


class ChangesModel(QAbstractTableModel):
    """A row's number and key, then the columns in which any shown row changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.key: tuple[str, ...] = ()
        self.names: tuple[str, ...] = ()
        self.changed: Sequence[ChangedRow] = ()

    def set_changes(self, found: ShownChanges) -> None:
        self.beginResetModel()
        self.key, self.names, self.changed = found.key, found.columns, found.changed
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.changed)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.key) + len(self.names)

    def change(self, row: int, column: int) -> Change | None:
        """Before and after of a cell; None for the key and for what did not change."""
        at = column - len(self.key)
        return self.changed[row].cells.get(self.names[at]) if at >= 0 else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        if role == CHANGE_ROLE:
            return self.change(index.row(), index.column())
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        if index.column() < len(self.key):
            return self.changed[index.row()].key[index.column()]
        found = self.change(index.row(), index.column())
        return "" if found is None else f"{self.worded(found[0])} → {self.worded(found[1])}"

    def worded(self, value: str | None) -> str:
        return self.tr("missing") if value is None else value

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if orientation is Qt.Orientation.Vertical:
            return f"{self.changed[section].after + 1:,}"
        return (*self.key, *self.names)[section]


class ChangesTable(QTableView):
    """`ChangesTable(model)`."""

    def __init__(self, changes: ChangesModel, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.changes = changes
        self.setModel(changes)
        self.setAccessibleName(name)
        self.setItemDelegate(_Cells(changes, self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        header, numbers = self.horizontalHeader(), self.verticalHeader()
        header.setFont(fonts.font(fonts.Type.CAPTION, fonts.MEDIUM))
        header.setFixedHeight(32)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        numbers.setFont(fonts.font(fonts.Type.CAPTION))
        numbers.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        numbers.setDefaultSectionSize(t.ROW_COMPACT)
        numbers.setHighlightSections(False)
        changes.modelReset.connect(self._fit)

    def _fit(self) -> None:
        metrics = QFontMetricsF(fonts.font(fonts.Type.TABLE))
        rows = range(min(_LOOKED_AT, self.changes.rowCount()))
        for column in range(self.changes.columnCount()):
            texts = (str(self.changes.data(self.changes.index(row, column))) for row in rows)
            longest = max(texts, key=len, default="")[:80]
            title = str(self.changes.headerData(column, Qt.Orientation.Horizontal))
            width = max(metrics.horizontalAdvance(longest) + _ARROW, metrics.horizontalAdvance(title) + 8)
            self.setColumnWidth(column, round(min(max(width + 2 * _PADDING, _NARROWEST), _WIDEST)))


class _Cells(QStyledItemDelegate):
    def __init__(self, changes: ChangesModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._changes = changes
        self._font, self._strong = fonts.font(fonts.Type.TABLE), fonts.font(fonts.Type.TABLE, fonts.MEDIUM)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002
        return QSize(_NARROWEST, t.ROW_COMPACT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        tokens, rect = current(), QRectF(option.rect)
        painter.save()
        base = rect.bottom() - 0.5
        paint_hairline(painter, QPointF(rect.left(), base), QPointF(rect.right(), base), tokens)
        inner = rect.adjusted(_PADDING, 0, -_PADDING, 0)
        if index.column() < len(self._changes.key):
            paint_text(painter, inner, str(index.data()), tokens.text, self._strong)
        elif (change := self._changes.change(index.row(), index.column())) is not None:
            self._paint_change(painter, rect, inner, change)
        if option.state & QStyle.StateFlag.State_HasFocus:
            paint_focus_ring(painter, rect, tokens, 2)
        painter.restore()

    def _paint_change(self, painter: QPainter, rect: QRectF, inner: QRectF, change: Change) -> None:
        tokens = current()
        before, after = (self._changes.worded(value) for value in change)
        paint_box(painter, rect.adjusted(2, 2, -2, -3), tokens.warning.fill, radius=4)
        room = max(inner.width() - _ARROW, 20)
        width = min(text_width(before, self._font) + 2, room / 2)
        paint_text(
            painter, QRectF(inner.left(), inner.top(), width, inner.height()), before, tokens.secondary, self._font
        )
        arrow = QRectF(inner.left() + width + 4, inner.center().y() - 6, 12, 12)
        paint_icon(painter, "arrow-right", arrow, tokens.warning.text)
        rest = QRectF(arrow.right() + 6, inner.top(), inner.right() - arrow.right() - 6, inner.height())
        paint_text(painter, rest, after, tokens.text, self._strong)
