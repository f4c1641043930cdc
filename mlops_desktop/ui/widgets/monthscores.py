"""Policies of a replay month by month: a line each, and the figures beneath their points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.tokens import Tokens
from mlops_desktop.ui.widgets.figures import NO_VALUE, fixed
from mlops_desktop.ui.widgets.painting import paint_text, text_width

_ROW, _HEAD = 20.0, 18.0
_RIGHT, _CENTRE = Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignHCenter
_DECIMALS = 3


@dataclass(frozen=True)
class Policy:
    """A row: its name and a score for each month, NaN where there is none. `main` is the one that the page is about."""

    name: str
    scores: tuple[float, ...]
    main: bool = False

    @property
    def mean(self) -> float:
        known = [score for score in self.scores if math.isfinite(score)]
        return fmean(known) if known else math.nan


class MonthScores(QWidget):
    """`set_policies(months, policies)`; the best score of each month is bold. Older months give way to the width."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.months: tuple[str, ...] = ()
        self.policies: tuple[Policy, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def set_policies(self, months: Sequence[str], policies: Sequence[Policy]) -> None:
        self.months, self.policies = tuple(months), tuple(policies)
        self.setAccessibleName(self.tr("Score by month"))
        self.setAccessibleDescription("; ".join(f"{p.name}: {fixed(p.mean, _DECIMALS)}" for p in self.policies))
        self.update()

    def minimumSizeHint(self) -> QSize:
        return QSize(320, round(_HEAD + _ROW * max(len(self.policies), 1) + 60))

    # --- geometry

    def _name_width(self) -> float:
        font = fonts.font(fonts.Type.TABLE, fonts.MEDIUM)
        return max((text_width(each.name, font) for each in self.policies), default=0.0) + 30

    def _columns(self) -> tuple[int, list[float], float]:
        """First month shown, the centres of the months, and the width of a column; the mean is one column more."""
        left = self._name_width()
        least = text_width("0.000", fonts.font(fonts.Type.TABLE)) + 8
        room = self.width() - left
        shown = max(min(len(self.months), int(room / least) - 1), 1)
        width = room / (shown + 1)
        return len(self.months) - shown, [left + (i + 0.5) * width for i in range(shown + 1)], width

    # --- drawing

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        if not self.months or not self.policies:
            return
        painter, tokens = QPainter(self), current()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        first, centres, width = self._columns()
        top = self.height() - _HEAD - _ROW * len(self.policies)
        self._paint_lines(painter, tokens, first, centres, QRectF(0, 4, self.width(), top - 12))
        self._paint_heads(painter, tokens, first, centres, width, top)
        for row, policy in enumerate(self.policies):
            y = top + _HEAD + row * _ROW
            painter.fillRect(QRectF(0, y, self.width(), 1), QColor(tokens.hairline))
            self._paint_row(painter, tokens, policy, first, centres, width, y)
        painter.end()

    def _colour(self, tokens: Tokens, index: int) -> str:
        if self.policies[index].main:
            return tokens.series[0]
        return (tokens.baseline, tokens.questioned)[index % 2]

    def _paint_heads(
        self, painter: QPainter, tokens: Tokens, first: int, centres: list[float], width: float, top: float
    ) -> None:
        font = fonts.font(fonts.Type.CAPTION)
        for centre, text in zip(centres, [*self.months[first:], self.tr("Mean")], strict=True):
            area = QRectF(centre - width / 2, top, width, _HEAD)
            paint_text(painter, area, text, tokens.secondary, font, _CENTRE)

    def _paint_row(
        self,
        painter: QPainter,
        tokens: Tokens,
        policy: Policy,
        first: int,
        centres: list[float],
        width: float,
        top: float,
    ) -> None:
        index = self.policies.index(policy)
        plain, strong = fonts.font(fonts.Type.TABLE), fonts.font(fonts.Type.TABLE, fonts.SEMIBOLD)
        painter.setPen(self._pen(tokens, index))
        painter.drawLine(QPointF(0, top + _ROW / 2), QPointF(14, top + _ROW / 2))
        name = QRectF(20, top, self._name_width() - 20, _ROW)
        paint_text(painter, name, policy.name, tokens.text, strong if policy.main else plain)
        for column, centre in enumerate(centres):
            month = first + column
            is_mean = column == len(centres) - 1
            score = policy.mean if is_mean else policy.scores[month]
            rivals = [each.mean if is_mean else each.scores[month] for each in self.policies]
            is_best = math.isfinite(score) and score >= max(r for r in rivals if math.isfinite(r))
            text = fixed(score, _DECIMALS) if math.isfinite(score) else NO_VALUE
            area = QRectF(centre - width / 2, top, width, _ROW)
            paint_text(painter, area, text, tokens.text, strong if is_best else plain, _CENTRE)

    def _pen(self, tokens: Tokens, index: int) -> QPen:
        pen = QPen(QColor(self._colour(tokens, index)), 2.25 if self.policies[index].main else 1.75)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        if not self.policies[index].main:
            pen.setDashPattern([4, 2] if index % 2 else [1.5, 1.5])
        return pen

    def _paint_lines(self, painter: QPainter, tokens: Tokens, first: int, centres: list[float], area: QRectF) -> None:
        known = [s for policy in self.policies for s in policy.scores[first:] if math.isfinite(s)]
        if area.height() < 40 or not known:
            return
        low, high = min(known), max(known)
        span = (high - low) or 0.01
        font = fonts.font(fonts.Type.CAPTION)
        right = self._name_width()
        for value, y in ((high, area.top() + 6), (low, area.bottom() - 6)):
            painter.fillRect(QRectF(right, y, self.width() - right - 4, 1), QColor(tokens.hairline))
            label = QRectF(right - 54, y - 8, 48, 16)
            paint_text(painter, label, fixed(value, 2), tokens.secondary, font, _RIGHT)

        def place(score: float) -> float:
            return area.bottom() - 6 - (score - low) / span * (area.height() - 12)

        painter.setBrush(Qt.BrushStyle.NoBrush)
        for index, policy in enumerate(self.policies):
            painter.setPen(self._pen(tokens, index))
            points = [(x, place(s)) for x, s in zip(centres, policy.scores[first:], strict=False) if math.isfinite(s)]
            for (x0, y0), (x1, y1) in pairwise(points):
                painter.drawLine(QPointF(x0, y0), QPointF(x1, y1))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(self._colour(tokens, index)))
            for x, y in points:
                painter.drawEllipse(QPointF(x, y), 2.5, 2.5)
            painter.setBrush(Qt.BrushStyle.NoBrush)
