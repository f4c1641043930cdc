"""The steps of a rollout on one line: what is behind, where it stands, what is to come."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.shapes import Shape, paint_shape
from mlops_desktop.ui.widgets.painting import paint_text

_RADIUS = 8.0
_HEIGHT = 56


class StepPlan(QWidget):
    """`set_steps(["5 %", "20 %", "Promote"], 1, note)`: the second is current; `note` stands under it."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.steps: tuple[str, ...] = ()
        self.step = 0
        self.note = ""
        self._name = name
        self.setFixedHeight(_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_steps(self, steps: Sequence[str], step: int, note: str = "") -> None:
        self.steps, self.step, self.note = tuple(steps), step, note
        self.setAccessibleName(self._name)
        current_step = self.steps[step] if step < len(self.steps) else ""
        self.setAccessibleDescription(f"{', '.join(self.steps)}: {current_step} {note}".strip())
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(360, _HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        if not self.steps:
            return
        painter, tokens = QPainter(self), current()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        slot = self.width() / len(self.steps)
        middle = 12.0
        font, strong = fonts.font(fonts.Type.TABLE), fonts.font(fonts.Type.TABLE, fonts.SEMIBOLD)
        small = fonts.font(fonts.Type.CAPTION)
        centre = Qt.AlignmentFlag.AlignHCenter
        for index, text in enumerate(self.steps):
            x = slot * (index + 0.5)
            if index + 1 < len(self.steps):
                colour = tokens.accent if index < self.step else tokens.hairline
                painter.fillRect(QRectF(x + _RADIUS + 4, middle - 1, slot - 2 * _RADIUS - 8, 2), QColor(colour))
            is_done, is_current = index < self.step, index == self.step
            painter.setPen(QColor(tokens.accent if is_done or is_current else tokens.control_border))
            painter.setBrush(QColor(tokens.accent if is_done else tokens.surface))
            painter.drawEllipse(QPointF(x, middle), _RADIUS, _RADIUS)
            mark = QRectF(x - 5, middle - 5, 10, 10)
            if is_done:
                paint_shape(painter, Shape.CHECK, mark, tokens.on_accent)
            elif is_current:
                paint_shape(painter, Shape.DISC, mark, tokens.accent)
            colour = tokens.text if is_current else tokens.secondary
            words = QRectF(x - slot / 2, 24, slot, 16)
            paint_text(painter, words, text, colour, strong if is_current else font, centre)
            if is_current and self.note:
                left = min(max(0.0, x - 130), max(0.0, self.width() - 260.0))
                paint_text(painter, QRectF(left, 40, 260, 15), self.note, tokens.secondary, small, centre)
