"""A small table of figures for inspectors: few rows, no scrolling, no selection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.shapes import Shape, paint_shape
from mlops_desktop.ui.widgets.painting import paint_text, text_width

_ROW, _HEAD, _GAP, _MARK = 24.0, 20.0, 12.0, 16.0


@dataclass(frozen=True)
class FigureRow:
    """A name and its figures, as they are to be read; `breached` marks it with a triangle and the word."""

    name: str
    figures: tuple[str, ...]
    breached: bool = False


class FigureTable(QWidget):
    """`heads` name the columns of figures. Figures stand right-aligned; the name takes what is left, elided."""

    def __init__(self, title: str, heads: Sequence[str], rows: Sequence[FigureRow], breach: str) -> None:
        super().__init__()
        self.rows, self._title, self._heads = tuple(rows), title, tuple(heads)
        self._font, self._strong = fonts.font(fonts.Type.TABLE), fonts.font(fonts.Type.TABLE, fonts.SEMIBOLD)
        self._small = fonts.font(fonts.Type.CAPTION)
        self._widths = [
            max([text_width(head, self._small), *(text_width(row.figures[i], self._strong) for row in self.rows)])
            for i, head in enumerate(self._heads)
        ]
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(title)
        self.setAccessibleDescription(
            "; ".join(f"{row.name} {' '.join(row.figures)}{f' {breach}' if row.breached else ''}" for row in self.rows)
        )
        self.setToolTip(f"▲ {breach}" if any(row.breached for row in self.rows) else "")

    def sizeHint(self) -> QSize:
        return QSize(300, round(_HEAD + _ROW * len(self.rows)))

    def minimumSizeHint(self) -> QSize:
        return QSize(200, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        right = Qt.AlignmentFlag.AlignRight
        lefts: list[float] = []
        edge = float(self.width())
        for width in reversed(self._widths):
            edge -= width
            lefts.insert(0, edge)
            edge -= _GAP
        paint_text(painter, QRectF(0, 0, max(edge, 0), _HEAD), self._title, tokens.secondary, self._small)
        for left, width, head in zip(lefts, self._widths, self._heads, strict=True):
            paint_text(painter, QRectF(left, 0, width, _HEAD), head, tokens.secondary, self._small, right)
        for index, row in enumerate(self.rows):
            top = _HEAD + index * _ROW
            painter.fillRect(QRectF(0, top, self.width(), 1), QColor(tokens.hairline))
            if row.breached:
                paint_shape(painter, Shape.TRIANGLE, QRectF(0, top + 7, 10, 10), tokens.critical.text)
            font = self._strong if row.breached else self._font
            name = QRectF(_MARK, top, max(edge - _MARK, 0), _ROW)
            paint_text(painter, name, row.name, tokens.text, font)
            for column, (left, width) in enumerate(zip(lefts, self._widths, strict=True)):
                cell = QRectF(left, top, width, _ROW)
                colour = tokens.text if column == 0 else tokens.secondary
                paint_text(painter, cell, row.figures[column], colour, font if column == 0 else self._font, right)
        painter.end()
