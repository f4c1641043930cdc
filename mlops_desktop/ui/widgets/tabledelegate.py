"""Paints the cells of a table: text, chips, sparklines, histograms."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from mlops_desktop.ui.charts.sparkline import paint_histogram, paint_sparkline
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.status import status_style
from mlops_desktop.ui.theme.tokens import Tokens
from mlops_desktop.ui.widgets.painting import (
    CHIP_HEIGHT,
    chip_width,
    paint_chip,
    paint_focus_ring,
    paint_hairline,
    paint_share,
    paint_text,
)
from mlops_desktop.ui.widgets.tablemodel import SPEC_ROLE, VALUE_ROLE, ColumnSpec, Kind

_PADDING = 12


class CellDelegate(QStyledItemDelegate):
    """Paints by the `ColumnSpec` of the cell's column."""

    def __init__(self, row_height: int = t.ROW_COMFORTABLE, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._row_height = row_height
        self._font = fonts.font(fonts.Type.TABLE)
        self._mono = fonts.mono(fonts.Type.CAPTION)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: ARG002
        return QSize(80, self._row_height)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        tokens = current()
        rect = QRectF(option.rect)
        state = option.state
        painter.save()
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, tokens.info.fill)
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, tokens.hover)
        base = rect.bottom() - 0.5
        paint_hairline(painter, QPointF(rect.left(), base), QPointF(rect.right(), base), tokens)
        spec = index.data(SPEC_ROLE)
        if isinstance(spec, ColumnSpec):
            self._paint_cell(painter, rect.adjusted(_PADDING, 0, -_PADDING, 0), spec, index, tokens)
        if state & QStyle.StateFlag.State_HasFocus:
            paint_focus_ring(painter, rect, tokens, 2)
        painter.restore()

    def _paint_cell(
        self,
        painter: QPainter,
        rect: QRectF,
        spec: ColumnSpec,
        index: QModelIndex | QPersistentModelIndex,
        tokens: Tokens,
    ) -> None:
        value = index.data(VALUE_ROLE)
        if spec.kind is Kind.CHIP and value:
            style = status_style(str(value))
            text = spec.format(value) if spec.format else style.word
            width = min(chip_width(text), rect.width())
            top = rect.center().y() - CHIP_HEIGHT / 2
            paint_chip(painter, QRectF(rect.left(), top, width, CHIP_HEIGHT), style, text, tokens)
        elif spec.kind is Kind.SPARKLINE:
            paint_sparkline(painter, rect.adjusted(0, 4, 0, -4), value, tokens)
        elif spec.kind is Kind.BAR:
            paint_share(painter, rect, value, spec.text(value), tokens)
        elif spec.kind is Kind.HISTOGRAM:
            paint_histogram(painter, rect.adjusted(0, 6, 0, -6), value, tokens)
        else:
            side = Qt.AlignmentFlag.AlignRight if spec.is_numeric else Qt.AlignmentFlag.AlignLeft
            font = self._mono if spec.kind is Kind.MONO else self._font
            paint_text(painter, rect, spec.text(value), tokens.text, font, side)
