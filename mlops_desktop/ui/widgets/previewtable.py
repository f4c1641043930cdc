"""The first rows of a source, under a header in which columns are renamed, retyped and left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.widgets.painting import paint_focus_ring, paint_hairline, paint_text
from mlops_desktop.ui.widgets.previewheader import PreviewHeader
from mlops_desktop.ui.widgets.previewmodel import Index, PreviewModel, ShownColumn, type_title

_NUMERIC = (ColumnType.INTEGER, ColumnType.NUMBER)
_LOOKED_AT = 30
_NARROWEST, _WIDEST = 96, 260
_PADDING = 10


class _Cells(QStyledItemDelegate):
    """Texts, numbers at the right; a missing value is a muted word, a column that is left out is muted as a whole."""

    def __init__(self, model: PreviewModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._model = model
        self._font, self._small = fonts.font(fonts.Type.TABLE), fonts.font(fonts.Type.CAPTION)
        self._small.setItalic(True)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        tokens, rect = current(), QRectF(option.rect)
        column = self._model.columns[index.column()]
        text = self._model.text(index.row(), index.column())
        painter.save()
        if not column.is_read:
            painter.fillRect(rect, tokens.background)
        elif option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, tokens.info.fill)
        base = rect.bottom() - 0.5
        paint_hairline(painter, QPointF(rect.left(), base), QPointF(rect.right(), base), tokens)
        inner = rect.adjusted(_PADDING, 0, -_PADDING, 0)
        side = Qt.AlignmentFlag.AlignRight if column.type in _NUMERIC else Qt.AlignmentFlag.AlignLeft
        if text is None:
            paint_text(painter, inner, self.tr("missing"), tokens.secondary, self._small, side)
        else:
            colour = tokens.text if column.is_read else tokens.secondary
            paint_text(painter, inner, text.replace("\n", "⏎"), colour, self._font, side)
        if option.state & QStyle.StateFlag.State_HasFocus:
            paint_focus_ring(painter, rect, tokens, 2)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002
        return QSize(_NARROWEST, t.ROW_COMPACT)


class PreviewTable(QTableView):
    """The preview. F2 renames the current column, Space leaves it out or takes it in, Alt+Down chooses its type.

    Signals:
        typeChosen(str, str): a column by its name as it comes, and the type it is to have; empty for the one found.
        columnsChanged: a column was renamed, left out or taken in.
    """

    typeChosen = Signal(str, str)
    columnsChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.columns = PreviewModel(self)
        self._metrics = QFontMetricsF(fonts.font(fonts.Type.TABLE))
        self.setModel(self.columns)
        self.setItemDelegate(_Cells(self.columns, self))
        self.header = PreviewHeader(self.columns, self)
        self.setHorizontalHeader(self.header)
        self.selectionModel().currentColumnChanged.connect(lambda *_: self.header.viewport().update())
        self.header.renamed.connect(self.rename)
        self.header.toggled.connect(self.toggle)
        self.header.typeRequested.connect(self.choose_type)
        self.setAccessibleName(self.tr("First rows"))
        self.setAccessibleDescription(
            self.tr("F2 renames the current column, Space leaves it out, Alt and arrow down chooses its type.")
        )
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setCornerWidget(QWidget())
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(t.ROW_COMPACT)

    # What is shown

    def show_preview(self, columns: Sequence[ShownColumn], cells: Sequence[Sequence[str | None]]) -> None:
        """Show other rows; widths and the current column stay while the columns are the same."""
        same = [column.source for column in columns] == [column.source for column in self.columns.columns]
        at, scrolled = self.currentIndex().column(), self.horizontalScrollBar().value()
        self.header.close_editor()
        self.columns.set_preview(columns, cells)
        if not same:
            self._fit_widths()
        elif at >= 0 and cells:
            self.setCurrentIndex(self.columns.index(0, at))
            self.horizontalScrollBar().setValue(scrolled)

    def _fit_widths(self) -> None:
        # One relayout at the end: thousands of columns would otherwise each cause one.
        with QSignalBlocker(self.header):
            for number in range(self.columns.columnCount()):
                self.header.resizeSection(number, self._width_of(number))
        self.updateGeometries()

    def _width_of(self, number: int) -> int:
        texts = (self.columns.text(row, number) or "" for row in range(min(_LOOKED_AT, len(self.columns.cells))))
        longest = max(texts, key=len, default="")[:_WIDEST]
        cells = self._metrics.horizontalAdvance(longest) + 2 * _PADDING
        widest = max(cells, self.header.width_for(self.columns.columns[number]), _NARROWEST)
        return round(min(widest, _WIDEST))

    @property
    def names(self) -> dict[str, str]:
        """By name as it comes, the name that each column gets."""
        return {column.source: column.name for column in self.columns.columns}

    @property
    def left_out(self) -> frozenset[str]:
        """Names, as they come, of the columns that are not read."""
        return frozenset(column.source for column in self.columns.columns if not column.is_read)

    def kept(self) -> dict[str, ColumnType]:
        """Names and types of the columns that are read, in order."""
        return {column.name: column.type for column in self.columns.columns if column.is_read}

    def clashes(self) -> list[str]:
        """Names that more than one of the columns to read would have."""
        counts = Counter(column.name for column in self.columns.columns if column.is_read)
        return sorted(name for name, count in counts.items() if count > 1)

    # What a person does

    def rename(self, number: int, name: str) -> None:
        """Give a column another name; an empty one gives back the name it came with."""
        self.columns.set_column(number, name=name.strip() or self.columns.columns[number].source)
        self.columnsChanged.emit()

    def toggle(self, number: int) -> None:
        """Leave a column out, or take it in again."""
        self.columns.set_column(number, is_read=not self.columns.columns[number].is_read)
        self.columnsChanged.emit()

    def choose_type(self, number: int) -> QMenu:
        """Offer the types for a column."""
        column = self.columns.columns[number]
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        choices = [("", self.tr("As found"))] if column.is_chosen else []
        for value, title in choices + [(each.value, type_title(each)) for each in ColumnType]:
            action = menu.addAction(title)
            action.setCheckable(True)
            action.setChecked(value == column.type.value)
            action.triggered.connect(lambda _on, v=value: self.typeChosen.emit(column.source, v))
        menu.popup(self.header.mapToGlobal(self.header.type_rect(number).bottomLeft().toPoint()))
        return menu

    def keyPressEvent(self, event: QKeyEvent) -> None:
        number = self.currentIndex().column()
        if number < 0:
            super().keyPressEvent(event)
        elif event.key() == Qt.Key.Key_F2:
            self.header.edit_name(number)
        elif event.key() == Qt.Key.Key_Space:
            self.toggle(number)
        elif event.key() == Qt.Key.Key_Down and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self.choose_type(number)
        else:
            super().keyPressEvent(event)
