"""One column's distribution, large: a histogram with its quartiles, gaps in time, or its most frequent values."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlops_desktop.core.datasets import ColumnProfile, ColumnType
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.tokens import Tokens
from mlops_desktop.ui.widgets.figures import MINUS, NO_VALUE, percent
from mlops_desktop.ui.widgets.painting import paint_text, text_width

_AXIS, _HEAD = 20.0, 20.0
_BAR = 22.0
_QUARTILES = (2, 3, 4)


def figure(value: float | str | None, digits: int = 5) -> str:
    """A number as short as it can be told: `0.0312`, `1.2e+09`, `12,480`."""
    if value is None or isinstance(value, str):
        return value or NO_VALUE
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}".replace("-", MINUS)
    return f"{value:,.{digits}g}".replace("-", MINUS)


def moment(seconds: float) -> str:
    """Seconds since 1970 as a time."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
    except (OverflowError, OSError, ValueError):
        return figure(seconds)


@dataclass(frozen=True)
class Stretch:
    """A span of the axis to be marked, in its unit."""

    start: float
    end: float


class ColumnChart(QWidget):
    """Painted; a bar under the mouse tells its span and count."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column: ColumnProfile | None = None
        self._edges: tuple[float, ...] = ()
        self._is_time = False
        self._gaps: tuple[Stretch, ...] = ()
        self._hovered = -1
        self._small, self._font = fonts.font(fonts.Type.CAPTION), fonts.font(fonts.Type.TABLE)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_column(self, column: ColumnProfile | None, gaps: Sequence[Stretch] = ()) -> None:
        self._column, self._gaps, self._hovered = column, tuple(gaps), -1
        self._edges = column.edges if column else ()
        self._is_time = column is not None and column.type is ColumnType.TIME
        self.setAccessibleName(self.tr("Distribution of {name}").format(name=column.name if column else ""))
        self.setAccessibleDescription("; ".join(f"{v}: {n:,}" for v, n in column.top) if column else "")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, 200)

    @property
    def _is_listed(self) -> bool:
        """Whether the values are names rather than points on an axis."""
        return self._column is not None and (self._column.type in (ColumnType.TEXT, ColumnType.BOOLEAN))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens, column = QPainter(self), current(), self._column
        if column is None:
            return
        if not column.count:
            self._paint_nothing(painter, self.tr("All values are missing"), tokens)
        elif self._is_listed:
            self._paint_values(painter, column, tokens)
        elif column.counts:
            self._paint_histogram(painter, column, tokens)
        else:
            self._paint_nothing(painter, self.tr("No finite values"), tokens)

    def _paint_nothing(self, painter: QPainter, text: str, tokens: Tokens) -> None:
        paint_text(painter, QRectF(self.rect()), text, tokens.secondary, self._font, Qt.AlignmentFlag.AlignHCenter)

    # Histogram

    def _area(self) -> QRectF:
        return QRectF(4, _HEAD, max(self.width() - 8, 10), max(self.height() - _HEAD - _AXIS, 10))

    def _x(self, value: float) -> float:
        edges, area = self._edges, self._area()
        # Halved, as the span of two finite doubles need not be finite.
        return area.left() + area.width() * (value / 2 - edges[0] / 2) / ((edges[-1] / 2 - edges[0] / 2) or 1.0)

    def _paint_histogram(self, painter: QPainter, column: ColumnProfile, tokens: Tokens) -> None:
        area, most = self._area(), max(column.counts)
        for gap in self._gaps:
            left, right = self._x(gap.start), self._x(gap.end)
            span = QRectF(left, area.top(), max(right - left, 2), area.height())
            painter.fillRect(span, QColor(tokens.warning.fill))
        for at, count in enumerate(column.counts):
            left, right = self._x(column.edges[at]), self._x(column.edges[at + 1])
            height = max(area.height() * count / most, 1.0 if count else 0.0)
            width = max(right - left - (1 if right - left > 3 else 0), 1.0)
            colour = tokens.accent if at == self._hovered else tokens.series[0] if count else tokens.hairline
            painter.fillRect(QRectF(left, area.bottom() - height, width, height), QColor(colour))
        painter.setPen(QPen(QColor(tokens.control_border), 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        self._paint_quartiles(painter, column, area, tokens)
        self._paint_axis(painter, column, area, tokens)
        self._paint_readout(painter, column, tokens)

    def _paint_quartiles(self, painter: QPainter, column: ColumnProfile, area: QRectF, tokens: Tokens) -> None:
        if len(column.quantiles) <= _QUARTILES[-1]:
            return
        for number in _QUARTILES:
            x = self._x(column.quantiles[number])
            painter.setPen(QPen(QColor(tokens.text), 2 if number == _QUARTILES[1] else 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))

    def _told(self, value: float) -> str:
        return moment(value) if self._is_time else figure(value, 4)

    def _paint_axis(self, painter: QPainter, column: ColumnProfile, area: QRectF, tokens: Tokens) -> None:
        first, last = column.edges[0], column.edges[-1]
        row = QRectF(area.left(), area.bottom() + 3, area.width(), _AXIS - 3)
        sides = (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignRight)
        for value, side in zip((first, first / 2 + last / 2, last), sides, strict=True):
            paint_text(painter, row, self._told(value), tokens.secondary, self._small, side)

    def _paint_readout(self, painter: QPainter, column: ColumnProfile, tokens: Tokens) -> None:
        head = QRectF(4, 0, self.width() - 8, _HEAD - 2)
        if 0 <= self._hovered < len(column.counts):
            first, last = column.edges[self._hovered], column.edges[self._hovered + 1]
            count = column.counts[self._hovered]
            share = percent(count / max(sum(column.counts), 1), 1)
            text = f"{self._told(first)} – {self._told(last)}: {count:,} ({share})"
            paint_text(painter, head, text, tokens.text, self._small)
            return
        text = self.tr("{n} bins; dashed: quartiles, the median bold").format(n=len(column.counts))
        if self._gaps:
            text += self.tr("; shaded: gaps")
        paint_text(painter, head, text, tokens.secondary, self._small)

    # Most frequent values

    def _paint_values(self, painter: QPainter, column: ColumnProfile, tokens: Tokens) -> None:
        fitting = max(int((self.height() - _HEAD) // _BAR), 1)
        shown = column.top[:fitting]
        told = self.tr("{n} of {total} values shown").format(n=len(shown), total=f"{column.distinct:,}")
        paint_text(painter, QRectF(4, 0, self.width() - 8, _HEAD - 2), told, tokens.secondary, self._small)
        names = min(max((text_width(value, self._font) for value, _ in shown), default=0) + 12, self.width() * 0.4)
        numbers = max((text_width(f"{count:,}  100.0 %", self._small) for _, count in shown), default=0) + 12
        bars = max(self.width() - names - numbers - 8, 20)
        most = shown[0][1] if shown else 1
        for row, (value, count) in enumerate(shown):
            top = _HEAD + row * _BAR
            label = (value.replace("\n", "⏎") if value.strip() else repr(value))[:200]
            paint_text(painter, QRectF(4, top, names - 10, _BAR), label, tokens.text, self._font)
            bar = QRectF(4 + names, top + 4, max(bars * count / most, 1), _BAR - 8)
            painter.fillRect(bar, QColor(tokens.series[0]))
            text = f"{count:,}  {percent(count / column.count, 1)}"
            side = QRectF(bar.right() + 6, top, self.width() - bar.right() - 6, _BAR)
            paint_text(painter, side, text, tokens.secondary, self._small)

    # The mouse

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        column, area = self._column, self._area()
        if column is None or self._is_listed or not column.counts:
            return
        edges = column.edges
        share = min(max((event.position().x() - area.left()) / area.width(), 0.0), 1.0)
        value = (edges[0] / 2 + (edges[-1] / 2 - edges[0] / 2) * share) * 2
        self._hovered = min(max(bisect_right(edges, value) - 1, 0), len(column.counts) - 1)
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hovered = -1
        self.update()
