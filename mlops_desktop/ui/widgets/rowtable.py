"""A table of rows as they are stored: row numbers, types in the header, missing values as such, copied with headers."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, QSignalBlocker, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QKeySequence, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.widgets.painting import paint_box, paint_focus_ring, paint_hairline, paint_text
from mlops_desktop.ui.widgets.previewmodel import type_title
from mlops_desktop.ui.widgets.rowmodel import NUMERIC, WAITING, Index, PagedRows, RowModel

_PADDING = 10
_NARROWEST, _WIDEST = 72, 280
_LOOKED_AT = 40
_MEASURED = 64
_LETTER, _LEAST_UNMEASURED = 8, 112
_HEADER = 44


class RowTable(QTableView):
    """`RowTable(model)`. Ctrl+C copies what is selected.

    Signals:
        copyRequested: the copy key was pressed.
    """

    copyRequested = Signal()

    def __init__(self, rows: RowModel, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = rows
        self.setModel(rows)
        self.setAccessibleName(name)
        self.setItemDelegate(_Cells(rows, self))
        self.header = _Header(rows, self)
        self.setHorizontalHeader(self.header)
        self.numbers = _Numbers(rows, self)
        self.setVerticalHeader(self.numbers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ContiguousSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setCornerWidget(QWidget())
        self._metrics = QFontMetricsF(fonts.font(fonts.Type.TABLE))
        self._widths_for: tuple[str, ...] = ()
        self._look_timer = QTimer(self)
        self._look_timer.setSingleShot(True)
        self._look_timer.timeout.connect(self._look)
        for bar in (self.verticalScrollBar(), self.horizontalScrollBar()):
            bar.valueChanged.connect(self._look_soon)
        rows.modelReset.connect(self._on_reset)

    # Widths

    def _on_reset(self) -> None:
        names = tuple(self.rows.columns[at].name for at in self.rows.shown)
        self.numbers.fit()
        if names != self._widths_for:
            self._widths_for = names
            self.fit_columns()
            self.horizontalScrollBar().setValue(0)
        self._look_soon()

    def fit_columns(self) -> None:
        """Give each column the width of its name, its type and the first of its values that are here."""
        # One relayout at the end: thousands of columns would otherwise each cause one.
        with QSignalBlocker(self.header):
            for section in range(self.rows.columnCount()):
                width = self._width_of(section) if section < _MEASURED else self._width_by_name(section)
                self.header.resizeSection(section, width)
        self.updateGeometries()
        self.viewport().update()

    def _width_of(self, section: int) -> int:
        number = self.rows.shown[section]
        cells = [self.rows.cell(row, number) for row in range(min(_LOOKED_AT, self.rows.total))]
        longest = max((cell for cell in cells if isinstance(cell, str)), key=len, default="0" * 12)[:80]
        values = self._metrics.horizontalAdvance(longest) + 2 * _PADDING
        return round(min(max(values, self.header.width_for(section), _NARROWEST), _WIDEST))

    def _width_by_name(self, section: int) -> int:
        """Nearly what its name needs: with thousands of columns no more can be measured at once."""
        letters = len(self.rows.column_at(section).name)
        return min(max(letters * _LETTER + 2 * _PADDING, _LEAST_UNMEASURED), _WIDEST)

    # What is in view

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._look_soon()

    def _look_soon(self) -> None:
        if isinstance(self.rows, PagedRows) and not self._look_timer.isActive():
            self._look_timer.start(0)

    def _look(self) -> None:
        if isinstance(self.rows, PagedRows):
            self.rows.look_at(self.rows_in_view(), self._columns_in_view())

    def rows_in_view(self) -> range:
        first = self.rowAt(0)
        last = self.rowAt(self.viewport().height() - 1)
        if first < 0:
            return range(0)
        return range(first, (last if last >= 0 else self.rows.total - 1) + 1)

    def _columns_in_view(self) -> range:
        first = self.columnAt(0)
        last = self.columnAt(self.viewport().width() - 1)
        if first < 0:
            return range(0)
        return range(first, (last if last >= 0 else self.rows.columnCount() - 1) + 1)

    # Going somewhere

    def go_to_row(self, number: int) -> None:
        """Show a row by its number, from 0."""
        row = min(max(number, 0), self.rows.total - 1)
        column = max(self.currentIndex().column(), 0)
        self.setCurrentIndex(self.rows.index(row, column))
        self.scrollTo(self.rows.index(row, column), QAbstractItemView.ScrollHint.PositionAtCenter)

    def go_to_column(self, name: str) -> bool:
        """Show a column by its name; False where it is not shown."""
        section = self.rows.section_of(name)
        if section < 0:
            return False
        row = max(self.currentIndex().row(), self.rowAt(0), 0)
        self.setCurrentIndex(self.rows.index(row, section))
        self.scrollTo(self.rows.index(row, section), QAbstractItemView.ScrollHint.PositionAtCenter)
        return True

    def chosen(self) -> tuple[range, range]:
        """Rows and shown columns of the selection; what is in view where nothing is selected."""
        ranges = self.selectionModel().selection().toList()
        if not ranges:
            return self.rows_in_view(), range(self.rows.columnCount())
        first = ranges[0]
        return range(first.top(), first.bottom() + 1), range(first.left(), first.right() + 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copyRequested.emit()
        else:
            super().keyPressEvent(event)


class _Cells(QStyledItemDelegate):
    """Texts; numbers at the right; missing values as a muted word; a bar where a value is on its way."""

    def __init__(self, rows: RowModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._rows = rows
        self._font, self._small = fonts.font(fonts.Type.TABLE), fonts.font(fonts.Type.CAPTION)
        self._small.setItalic(True)
        self._missing = self.tr("missing")

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        tokens, rect = current(), QRectF(option.rect)
        number = self._rows.shown[index.column()]
        is_number = self._rows.columns[number].type in NUMERIC
        found = self._rows.cell(index.row(), number)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(tokens.info.fill))
        base = rect.bottom() - 0.5
        paint_hairline(painter, QPointF(rect.left(), base), QPointF(rect.right(), base), tokens)
        inner = rect.adjusted(_PADDING, 0, -_PADDING, 0)
        side = Qt.AlignmentFlag.AlignRight if is_number else Qt.AlignmentFlag.AlignLeft
        if isinstance(found, str):
            shown = found.replace("\n", "⏎") if "\n" in found else found
            paint_text(painter, inner, shown, tokens.text, self._font, side)
        elif found is WAITING:
            width = min(inner.width(), 48)
            left = inner.right() - width if is_number else inner.left()
            paint_box(painter, QRectF(left, rect.center().y() - 4, width, 8), tokens.neutral.fill, radius=4)
        else:
            paint_text(painter, inner, self._missing, tokens.secondary, self._small, side)
        if option.state & QStyle.StateFlag.State_HasFocus:
            paint_focus_ring(painter, rect, tokens, 2)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002
        return QSize(_NARROWEST, t.ROW_COMPACT)


class _Header(QHeaderView):
    """Each column's name over its type."""

    def __init__(self, rows: RowModel, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._rows = rows
        self._name_font = fonts.font(fonts.Type.TABLE, fonts.MEDIUM)
        self._type_font = fonts.font(fonts.Type.CAPTION)
        self._name_metrics, self._type_metrics = QFontMetricsF(self._name_font), QFontMetricsF(self._type_font)
        self.setFixedHeight(_HEADER)
        self.setMinimumSectionSize(48)
        self.setSectionsClickable(True)
        self.setHighlightSections(False)
        self.setAccessibleName(self.tr("Columns"))

    def width_for(self, section: int) -> float:
        """The width that shows a column's name and type as a whole."""
        column = self._rows.column_at(section)
        name = self._name_metrics.horizontalAdvance(column.name)
        return max(name, self._type_metrics.horizontalAdvance(type_title(column.type))) + 2 * _PADDING + 2

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        if section >= self._rows.columnCount():
            return
        tokens, column, area = current(), self._rows.column_at(section), QRectF(rect)
        painter.save()
        painter.fillRect(rect, QColor(tokens.surface))
        side = Qt.AlignmentFlag.AlignRight if column.type in NUMERIC else Qt.AlignmentFlag.AlignLeft
        room = QRectF(area.left() + _PADDING, 5, area.width() - 2 * _PADDING, 18)
        paint_text(painter, room, column.name, tokens.text, self._name_font, side)
        below = room.translated(0, 17)
        paint_text(painter, below, type_title(column.type), tokens.secondary, self._type_font, side)
        base = area.bottom() - 0.5
        paint_hairline(painter, QPointF(area.left(), base), QPointF(area.right(), base), tokens)
        painter.restore()

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), _HEADER)


class _Numbers(QHeaderView):
    """The rows' numbers, from 1."""

    def __init__(self, rows: RowModel, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Vertical, parent)
        self._rows = rows
        self._font = fonts.font(fonts.Type.CAPTION)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setDefaultSectionSize(t.ROW_COMPACT)
        self.setSectionsClickable(True)
        self.setHighlightSections(False)
        self.setAccessibleName(self.tr("Row numbers"))
        self.fit()

    def fit(self) -> None:
        """As wide as the largest number."""
        last = self._rows.number_of(self._rows.total - 1) + 1 if self._rows.total else 1
        width = QFontMetricsF(self._font).horizontalAdvance(f"{last:,}")
        self.setFixedWidth(round(max(width, 24) + 2 * _PADDING))

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        tokens, area = current(), QRectF(rect)
        painter.save()
        painter.fillRect(rect, QColor(tokens.background))
        inner = area.adjusted(0, 0, -_PADDING, 0)
        text = f"{self._rows.number_of(section) + 1:,}"
        paint_text(painter, inner, text, tokens.secondary, self._font, Qt.AlignmentFlag.AlignRight)
        base = area.bottom() - 0.5
        paint_hairline(painter, QPointF(area.left(), base), QPointF(area.right(), base), tokens)
        painter.restore()
