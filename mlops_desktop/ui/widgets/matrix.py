"""How strongly columns go together, as a grid of colours: blue for -1, orange for +1."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.tokens import Tokens, readable_on
from mlops_desktop.ui.widgets.figures import MINUS
from mlops_desktop.ui.widgets.painting import paint_focus_ring, paint_text, text_width

_LEAST, _MOST = 18.0, 46.0
_WITH_FIGURE = 34.0
_LABEL_MOST = 160.0

Values = Sequence[Sequence[float | None]]


def mixed(one: str, other: str, share: float) -> str:
    """A colour between two, 0 for the first."""
    first, second = QColor(one), QColor(other)
    parts = [
        round(a + (b - a) * share)
        for a, b in ((first.red(), second.red()), (first.green(), second.green()), (first.blue(), second.blue()))
    ]
    return QColor(*parts).name()


class Matrix(QWidget):
    """`set_values(names, values)`. Arrow keys move, the mouse points.

    Signals:
        pointed(int, int): row and column under the mouse or the keyboard; -1 for none.
    """

    pointed = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: tuple[str, ...] = ()
        self._values: Values = ()
        self._chosen = (-1, -1)
        self._small = fonts.font(fonts.Type.CAPTION)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Correlation of the columns"))

    def set_values(self, names: Sequence[str], values: Values) -> None:
        self._names, self._values, self._chosen = tuple(names), values, (-1, -1)
        side = round(self._label() + _LEAST * len(names)) + 8
        self.setMinimumSize(QSize(side, side))
        self.update()

    def _label(self) -> float:
        widest = max((text_width(name, self._small) for name in self._names), default=0.0)
        return min(widest + 12, _LABEL_MOST)

    def _cell(self) -> float:
        room = min(self.width(), self.height()) - self._label() - 8
        return min(max(room / max(len(self._names), 1), _LEAST), _MOST)

    def _rect(self, row: int, column: int) -> QRectF:
        left, size = self._label(), self._cell()
        return QRectF(left + column * size, left + row * size, size - 1, size - 1)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens, size, left = QPainter(self), current(), self._cell(), self._label()
        right = Qt.AlignmentFlag.AlignRight
        for at, name in enumerate(self._names):
            row = QRectF(0, left + at * size, left - 8, size)
            paint_text(painter, row, name, tokens.text, self._small, right)
            painter.save()
            painter.translate(left + at * size + size / 2 + 7, left - 6)
            painter.rotate(-90)
            paint_text(painter, QRectF(0, -14, left - 8, 14), name, tokens.text, self._small)
            painter.restore()
        for row_, values in enumerate(self._values):
            for column, value in enumerate(values):
                self._paint_cell(painter, self._rect(row_, column), value, size, tokens)
        if self._chosen[0] >= 0:
            rect = self._rect(*self._chosen)
            if self.hasFocus():
                paint_focus_ring(painter, rect.adjusted(-2, -2, 2, 2), tokens, 3)
            painter.setPen(QPen(QColor(tokens.text), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(rect)

    def _paint_cell(self, painter: QPainter, rect: QRectF, value: float | None, size: float, tokens: Tokens) -> None:
        if value is None:
            painter.fillRect(rect, QColor(tokens.neutral.fill))
            painter.setPen(QPen(QColor(tokens.control_border), 1))
            painter.drawLine(QPointF(rect.left(), rect.bottom()), QPointF(rect.right(), rect.top()))
            return
        hue = tokens.questioned if value > 0 else tokens.series[0]
        fill = mixed(tokens.surface, hue, min(abs(value), 1.0))
        painter.fillRect(rect, QColor(fill))
        if size >= _WITH_FIGURE:
            text = f"{value:.2f}".replace("-", MINUS)
            paint_text(painter, rect, text, readable_on(fill), self._small, Qt.AlignmentFlag.AlignHCenter)

    def _point(self, row: int, column: int) -> None:
        number = len(self._names)
        inside = 0 <= row < number and 0 <= column < number
        self._chosen = (row, column) if inside else (-1, -1)
        self.pointed.emit(*self._chosen)
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        left, size = self._label(), self._cell()
        place = event.position()
        self._point(int((place.y() - left) // size), int((place.x() - left) // size))

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._point(-1, -1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0),
        }  # fmt: skip
        step = steps.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
            return
        last = len(self._names) - 1
        row, column = (max(at, 0) + by for at, by in zip(self._chosen, step, strict=True))
        self._point(min(max(row, 0), last), min(max(column, 0), last))
