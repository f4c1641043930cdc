"""What each guardrail of a rollout says: both versions, the interval of the difference, what is still needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.status import status_style
from mlops_desktop.ui.theme.tokens import Tokens, Tone
from mlops_desktop.ui.widgets.painting import CHIP_HEIGHT, chip_width, paint_box, paint_chip, paint_text

_ROW = 66.0
_PLOT = 132.0


@dataclass(frozen=True)
class EvidenceRow:
    """One guardrail in words, and its interval to be drawn: `limit` is the difference that is just tolerated.

    `progress` is the share in [0, 1] of what is needed for a decision.
    """

    title: str
    figures: str
    waiting: str
    verdict: str
    progress: float
    difference: float | None = None
    low: float = 0.0
    high: float = 0.0
    limit: float | None = None


class EvidenceList(QWidget):
    """`set_rows(rows)`, one under the other. In the drawing the dashed line is what is tolerated, the full one 0."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[EvidenceRow, ...] = ()
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_rows(self, rows: Sequence[EvidenceRow]) -> None:
        self.rows = tuple(rows)
        told = [f"{row.title}: {status_style(row.verdict).word}, {row.figures} {row.waiting}" for row in rows]
        self.setAccessibleDescription("; ".join(told))
        self.setFixedHeight(round(_ROW * max(1, len(self.rows))))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, round(_ROW * max(1, len(self.rows))))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        for index, row in enumerate(self.rows):
            top = _ROW * index
            if index:
                painter.fillRect(QRectF(0, top, self.width(), 1), QColor(tokens.hairline))
            self._paint_row(painter, tokens, row, top)

    def _paint_row(self, painter: QPainter, tokens: Tokens, row: EvidenceRow, top: float) -> None:
        strong, small = fonts.font(fonts.Type.TABLE, fonts.MEDIUM), fonts.font(fonts.Type.CAPTION)
        style = status_style(row.verdict)
        width = chip_width(style.word)
        paint_chip(painter, QRectF(self.width() - width, top + 8, width, CHIP_HEIGHT), style, style.word, tokens)
        room = self.width() - _PLOT - 16
        paint_text(painter, QRectF(0, top + 7, self.width() - width - 12, 18), row.title, tokens.text, strong)
        paint_text(painter, QRectF(0, top + 26, self.width(), 16), row.figures, tokens.secondary, small)
        bar = QRectF(0, top + 51, 56, 4)
        paint_box(painter, bar, tokens.neutral.fill, radius=2)
        if row.progress > 0:
            done = QRectF(bar.left(), bar.top(), max(4.0, bar.width() * min(1.0, row.progress)), bar.height())
            paint_box(painter, done, tokens.accent, radius=2)
        paint_text(painter, QRectF(64, top + 44, room - 64, 16), row.waiting, tokens.secondary, small)
        if row.difference is not None:
            self._paint_interval(painter, tokens, row, QRectF(self.width() - _PLOT, top + 44, _PLOT, 17))

    def _paint_interval(self, painter: QPainter, tokens: Tokens, row: EvidenceRow, area: QRectF) -> None:
        difference = row.difference if row.difference is not None else 0.0
        limit = row.limit if row.limit is not None else 0.0
        values = [row.low, row.high, 0.0, limit, difference]
        low, high = min(values), max(values)
        span = (high - low) or 1.0

        def x(value: float) -> float:
            return area.left() + 4 + (value - low) / span * (area.width() - 8)

        middle = area.center().y()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(tokens.control_border), 1))
        painter.drawLine(QPointF(x(0), area.top()), QPointF(x(0), area.bottom()))
        if row.limit is not None:
            painter.setPen(QPen(QColor(tokens.tone(Tone.WARNING).text), 1.25, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(x(limit), area.top()), QPointF(x(limit), area.bottom()))
        colour = {"pass": tokens.ok.text, "fail": tokens.critical.text}.get(row.verdict, tokens.secondary)
        painter.setPen(QPen(QColor(colour), 2))
        painter.drawLine(QPointF(x(row.low), middle), QPointF(x(row.high), middle))
        for end in (row.low, row.high):
            painter.drawLine(QPointF(x(end), middle - 4), QPointF(x(end), middle + 4))
        painter.setBrush(QColor(colour))
        painter.drawEllipse(QPointF(x(difference), middle), 3.5, 3.5)
        painter.restore()
