"""Word-sized charts, painted without pyqtgraph: a course of values, and a histogram."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.tokens import Tokens

_MOST_POINTS = 400


def _finite(values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if len(array) > _MOST_POINTS:
        array = array[np.linspace(0, len(array) - 1, _MOST_POINTS).astype(int)]
    return array


def paint_sparkline(
    painter: QPainter, rect: QRectF, values: Sequence[float] | NDArray[np.float64], tokens: Tokens, colour: str = ""
) -> None:
    """Draws the course of `values` into `rect`, with a dot on the last one; gaps where values are not finite."""
    array = _finite(values)
    good = np.isfinite(array)
    if good.sum() < 2:
        return
    low, high = float(array[good].min()), float(array[good].max())
    span = (high - low) or 1.0
    area = rect.adjusted(2, 3, -4, -3)
    x = area.left() + np.arange(len(array)) * (area.width() / max(len(array) - 1, 1))
    y = area.bottom() - (array - low) / span * area.height() if high > low else np.full(len(array), area.center().y())
    line = QPainterPath()
    pen_down = False
    for px, py, ok in zip(x.tolist(), y.tolist(), good.tolist(), strict=True):
        if ok and pen_down:
            line.lineTo(px, py)
        elif ok:
            line.moveTo(px, py)
        pen_down = ok
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    ink = QColor(colour or tokens.series[0])
    painter.setPen(QPen(ink, 1.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(line)
    last = int(np.flatnonzero(good)[-1])
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ink)
    painter.drawEllipse(QPointF(float(x[last]), float(y[last])), 2.5, 2.5)
    painter.restore()


def paint_histogram(
    painter: QPainter, rect: QRectF, counts: Sequence[float] | NDArray[np.float64], tokens: Tokens, colour: str = ""
) -> None:
    """Draws bars of `counts` into `rect`, the largest as high as it."""
    array = np.nan_to_num(np.asarray(counts, dtype=np.float64))
    if not len(array) or array.max() <= 0:
        return
    step = rect.width() / len(array)
    gap = 1.0 if step >= 4 else 0.0
    ink = QColor(colour or tokens.baseline)
    for i, share in enumerate((array / array.max()).tolist()):
        height = max(share * rect.height(), 1.0 if share > 0 else 0.0)
        painter.fillRect(QRectF(rect.left() + i * step, rect.bottom() - height, step - gap, height), ink)


class Sparkline(QWidget):
    """The recent course of a value. `colour` is a `#RRGGBB`; empty takes the first series colour of the theme."""

    def __init__(self, values: Sequence[float] = (), colour: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.colour = colour
        self.set_values(values)

    def set_values(self, values: Sequence[float] | NDArray[np.float64]) -> None:
        self.values = np.asarray(values, dtype=np.float64)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(96, 28)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        paint_sparkline(QPainter(self), QRectF(self.rect()), self.values, current(), self.colour)


class MiniHistogram(QWidget):
    """The shape of a distribution in a row of a table or a profile."""

    def __init__(self, counts: Sequence[float] = (), colour: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.colour = colour
        self.set_counts(counts)

    def set_counts(self, counts: Sequence[float] | NDArray[np.float64]) -> None:
        self.counts = np.asarray(counts, dtype=np.float64)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, 28)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        paint_histogram(QPainter(self), QRectF(self.rect()), self.counts, current(), self.colour)
