"""Axes and pens of the charts that pyqtgraph draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme.tokens import Tokens
from mlops_desktop.ui.widgets.figures import compact

LEFT_WIDTH = 56
RIGHT_WIDTH = 104
_LABEL_HEIGHT = 15.0
LABEL_ROOM = 22.0


def pen(colour: str, width: float = 1.5, dashed: bool = False, alpha: int = 255) -> QPen:
    """A pen whose width does not grow with the zoom."""
    result = QPen(ink(colour, alpha), width)
    result.setCosmetic(True)
    result.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    if dashed:
        result.setDashPattern([4, 3])
    return result


def ink(colour: str, alpha: int = 255) -> QColor:
    """A token's colour, see-through where `alpha` is below 255."""
    result = QColor(colour)
    result.setAlpha(alpha)
    return result


def brush(colour: str, alpha: int = 255) -> QBrush:
    return QBrush(ink(colour, alpha))


class ValueAxis(pg.AxisItem):  # type: ignore[misc]
    """The value axis at the left: figures with prefixes, horizontal grid lines."""

    def __init__(self, text_of: Callable[[float], str] = compact) -> None:
        super().__init__("left")
        self._text_of = text_of
        self.enableAutoSIPrefix(False)
        self.setWidth(LEFT_WIDTH)

    def tickSpacing(self, low: float, high: float, size: float) -> list[tuple[float, float]]:
        """One level of round steps, as many as keep their labels apart on `size` pixels."""
        return [(round_step(abs(high - low) * LABEL_ROOM / max(size, 1.0)), 0.0)]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:  # noqa: ARG002
        # Rounding hides the noise of sums such as 0.1 + 0.2.
        return [self._text_of(round(value, 10)) for value in values]


def round_step(least: float) -> float:
    """The smallest of 1, 2, 5 × a power of ten that is not below `least`."""
    if not (math.isfinite(least) and least > 0):
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= least * (1 - 1e-9))


class NumberAxis(pg.AxisItem):  # type: ignore[misc]
    """A bottom axis of plain numbers."""

    def __init__(self) -> None:
        super().__init__("bottom")
        self.enableAutoSIPrefix(False)

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:  # noqa: ARG002
        return [compact(round(value, 10)) for value in values]


@dataclass(frozen=True)
class EndLabel:
    """A name at the height of a line's last value."""

    value: float
    text: str
    colour: str
    dashed: bool = False


class EndLabels(pg.AxisItem):  # type: ignore[misc]
    """Takes the place of the right axis and names each line where it ends, kept apart where lines meet."""

    def __init__(self) -> None:
        super().__init__("right")
        self._labels: tuple[EndLabel, ...] = ()
        self._text_colour = ""
        self._label_font = fonts.font(fonts.Type.CAPTION, fonts.MEDIUM)
        self.setWidth(RIGHT_WIDTH)

    def set_labels(self, labels: Sequence[EndLabel], text_colour: str) -> None:
        self._labels = tuple(labels)
        self._text_colour = text_colour
        self.update()

    def paint(self, painter: QPainter, *_args: Any) -> None:
        view = self.linkedView()
        if view is None or not self._labels:
            return
        top, bottom = 0.0, self.size().height()
        placed = sorted((view.mapFromViewToItem(self, QPointF(0, e.value)).y(), i) for i, e in enumerate(self._labels))
        heights = spread([min(max(y, top + 7), bottom - 7) for y, _i in placed], _LABEL_HEIGHT, bottom - 7)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._label_font)
        metrics = QFontMetricsF(self._label_font)
        for y, (_y, index) in zip(heights, placed, strict=True):
            entry = self._labels[index]
            painter.setPen(pen(entry.colour, 2, entry.dashed))
            painter.drawLine(QPointF(6, y), QPointF(18, y))
            painter.setPen(QColor(self._text_colour))
            text = metrics.elidedText(entry.text, Qt.TextElideMode.ElideRight, RIGHT_WIDTH - 26)
            area = QRectF(23, y - 8, RIGHT_WIDTH - 23, 16)
            painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)


def spread(positions: Sequence[float], gap: float, limit: float) -> list[float]:
    """Ascending positions moved so that neighbours are `gap` apart and the last is at most at `limit`."""
    result: list[float] = []
    for position in positions:
        result.append(max(position, result[-1] + gap) if result else position)
    ceiling = limit
    for i in range(len(result) - 1, -1, -1):
        result[i] = min(result[i], ceiling)
        ceiling = result[i] - gap
    return result


def style_axis(axis: Any, tokens: Tokens, *, grid: bool = False, line: bool = True) -> None:
    """Colours and font of an axis; `grid` draws hairlines across the plot."""
    axis.setPen(pen(tokens.hairline, 1) if line else QPen(Qt.PenStyle.NoPen))
    axis.setTickPen(pen(tokens.hairline, 1))
    axis.setTextPen(QColor(tokens.secondary))
    axis.setTickFont(fonts.font(fonts.Type.CAPTION))
    # Labels may reach over the ends of the axis by this many pixels; else pyqtgraph drops the first and the last.
    tolerance = 8 if grid else 40
    axis.setStyle(tickTextOffset=6, maxTickLevel=0, maxTextLevel=0, hideOverlappingLabels=tolerance)
    if grid:
        axis.setStyle(tickLength=0)
    axis.setGrid(255 if grid else False)
    axis.setZValue(-10)
