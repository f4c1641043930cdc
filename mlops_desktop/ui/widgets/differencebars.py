"""How far values moved: a histogram around no difference; bins of a single value still show."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.widgets.figures import percent, signed
from mlops_desktop.ui.widgets.painting import paint_text

_HEAD, _AXIS = 20.0, 18.0


class DifferenceBars(QWidget):
    """`set_counts(edges, counts)`, with one edge more than counts; the bin under the mouse tells its span and count."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._edges: tuple[float, ...] = ()
        self._counts: tuple[int, ...] = ()
        self._hovered = -1
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_counts(self, edges: Sequence[float], counts: Sequence[int]) -> None:
        self._edges, self._counts, self._hovered = tuple(edges), tuple(counts), -1
        middle = len(counts) // 2
        below, above = sum(counts[:middle]), sum(counts[middle + 1 :])
        text = self.tr("{below} lower, {same} about the same, {above} higher")
        same = counts[middle] if counts else 0
        self._told = text.format(below=f"{below:,}", same=f"{same:,}", above=f"{above:,}")
        self.setAccessibleName(self._told)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(320, 104)

    def _area(self) -> QRectF:
        return QRectF(2, _HEAD, max(self.width() - 4, 10), max(self.height() - _HEAD - _AXIS, 10))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        if not self._counts:
            return
        painter, tokens, area = QPainter(self), current(), self._area()
        small = fonts.font(fonts.Type.CAPTION)
        wide, most, middle = area.width() / len(self._counts), max(self._counts), len(self._counts) // 2
        for place, count in enumerate(self._counts):
            height = max(area.height() * count / most, 2.0 if count else 0.0)
            colour = tokens.baseline if place == middle else tokens.questioned
            if place == self._hovered:
                colour = tokens.accent
            bar = QRectF(area.left() + place * wide, area.bottom() - height, max(wide - 1, 1), height)
            painter.fillRect(bar, QColor(colour))
        painter.setPen(QPen(QColor(tokens.control_border), 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        centre = area.center().x()
        painter.drawLine(QPointF(centre, area.bottom()), QPointF(centre, area.bottom() + 4))
        axis = QRectF(area.left(), area.bottom() + 3, area.width(), _AXIS - 3)
        sides = (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignRight)
        for text, side in zip((self._edge(0), "0", self._edge(-1)), sides, strict=True):
            paint_text(painter, axis, text, tokens.secondary, small, side)
        paint_text(painter, QRectF(2, 0, self.width() - 4, _HEAD - 4), self._said(), tokens.secondary, small)

    def _edge(self, place: int) -> str:
        return signed(self._edges[place], 3)

    def _said(self) -> str:
        if not 0 <= self._hovered < len(self._counts):
            return self._told
        at, count = self._hovered, self._counts[self._hovered]
        return f"{self._edge(at)} … {self._edge(at + 1)}: {count:,} ({percent(count / max(sum(self._counts), 1))})"

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._counts:
            area = self._area()
            share = (event.position().x() - area.left()) / area.width()
            self._hovered = min(max(int(share * len(self._counts)), 0), len(self._counts) - 1)
            self.update()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hovered = -1
        self.update()
