"""The life of a model as a strip of clickable steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.icons import paint_icon
from mlops_desktop.ui.theme.shapes import Shape, paint_shape
from mlops_desktop.ui.theme.tokens import Tokens
from mlops_desktop.ui.widgets.painting import paint_box, paint_focus_ring, paint_text

_DISC = 32.0
_TOP = 8.0


class StepState(StrEnum):
    """Where a step of the cycle stands."""

    AHEAD = "ahead"
    CURRENT = "current"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class LifecycleStep:
    """A step: its key, its name in the person's language, its icon."""

    key: str
    title: str
    icon: str


class _Step(QAbstractButton):
    def __init__(self, step: LifecycleStep, first: bool, last: bool) -> None:
        super().__init__()
        self.step, self._first, self._last = step, first, last
        self.state, self.detail, self.next_is_reached = StepState.AHEAD, "", False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(step.title)

    def sizeHint(self) -> QSize:
        return QSize(104, 84)

    def minimumSizeHint(self) -> QSize:
        return QSize(72, 84)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.focusNextPrevChild(event.key() == Qt.Key.Key_Right)
        else:
            super().keyPressEvent(event)

    def _colours(self, tokens: Tokens) -> tuple[str, str, str]:
        """Fill, border and icon of the disc."""
        if self.state is StepState.CURRENT:
            return tokens.accent, tokens.accent, tokens.on_accent
        if self.state is StepState.DONE:
            return tokens.ok.fill, tokens.ok.text, tokens.ok.text
        if self.state is StepState.FAILED:
            return tokens.critical.fill, tokens.critical.text, tokens.critical.text
        return tokens.surface, tokens.control_border, tokens.secondary

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = self.width() / 2
        disc = QRectF(middle - _DISC / 2, _TOP, _DISC, _DISC)
        self._paint_connectors(painter, tokens, disc)
        fill, border, ink = self._colours(tokens)
        if self.underMouse() and self.state is StepState.AHEAD:
            fill = tokens.hover
        paint_box(painter, disc, fill, border, _DISC / 2)
        paint_icon(painter, self.step.icon, disc.adjusted(7, 7, -7, -7), ink)
        if self.state in (StepState.DONE, StepState.FAILED):
            mark = QRectF(disc.right() - 9, disc.top() - 4, 14, 14)
            paint_box(painter, mark, border, tokens.surface, 7)
            shape = Shape.CHECK if self.state is StepState.DONE else Shape.CROSS
            paint_shape(painter, shape, mark.adjusted(3.5, 3.5, -3.5, -3.5), tokens.surface)
        is_current = self.state is StepState.CURRENT
        font = fonts.font(fonts.Type.TABLE, fonts.SEMIBOLD if is_current else fonts.MEDIUM)
        colour = tokens.secondary if self.state is StepState.AHEAD else tokens.text
        if is_current:
            colour = tokens.accent
        centre = Qt.AlignmentFlag.AlignHCenter
        paint_text(painter, QRectF(2, 44, self.width() - 4, 18), self.step.title, colour, font, centre)
        small = fonts.font(fonts.Type.CAPTION)
        paint_text(painter, QRectF(2, 62, self.width() - 4, 16), self.detail, tokens.secondary, small, centre)
        if self.hasFocus():
            paint_focus_ring(painter, disc.adjusted(-4, -4, 4, 4), tokens, _DISC / 2 + 3)

    def _paint_connectors(self, painter: QPainter, tokens: Tokens, disc: QRectF) -> None:
        reached = self.state is not StepState.AHEAD
        y = disc.center().y()
        if not self._first:
            painter.setPen(QPen(QColor(tokens.ok.text if reached else tokens.hairline), 2))
            painter.drawLine(QPointF(0, y), QPointF(disc.left() - 6, y))
        if not self._last:
            painter.setPen(QPen(QColor(tokens.ok.text if self.next_is_reached else tokens.hairline), 2))
            painter.drawLine(QPointF(disc.right() + 6, y), QPointF(self.width(), y))


class LifecycleStrip(QWidget):
    """Data → Train → Deploy → Traffic → Drift → Retrain → Canary → Promote/Roll back.

    `default_steps()` has these eight; `set_states` says where the cycle stands.

    Signals:
        stepClicked(str): the key of the step.
    """

    stepClicked = Signal(str)

    def __init__(
        self, steps: Sequence[LifecycleStep] = (), parent: QWidget | None = None, *, short: bool = False
    ) -> None:
        """Other `steps` than the eight may be given; `short` shortens the last name, for a strip with neighbours."""
        super().__init__(parent)
        steps = steps or self.default_steps(short=short)
        self._steps: dict[str, _Step] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for index, step in enumerate(steps):
            widget = _Step(step, index == 0, index == len(steps) - 1)
            widget.clicked.connect(lambda _checked=False, key=step.key: self.stepClicked.emit(key))
            row.addWidget(widget, 1)
            self._steps[step.key] = widget
        self.setAccessibleName(self.tr("Life of the model"))

    def default_steps(self, *, short: bool = False) -> tuple[LifecycleStep, ...]:
        """The eight steps, with keys data, train, deploy, traffic, drift, retrain, canary, promote."""
        return (
            LifecycleStep("data", self.tr("Data"), "data"),
            LifecycleStep("train", self.tr("Train"), "experiments"),
            LifecycleStep("deploy", self.tr("Deploy"), "deploy"),
            LifecycleStep("traffic", self.tr("Traffic"), "serving"),
            LifecycleStep("drift", self.tr("Drift"), "monitoring"),
            LifecycleStep("retrain", self.tr("Retrain"), "retrain"),
            LifecycleStep("canary", self.tr("Canary"), "canary"),
            LifecycleStep("promote", self.tr("Promote") if short else self.tr("Promote / Roll back"), "promote"),
        )

    def set_states(self, states: Mapping[str, StepState], details: Mapping[str, str] | None = None) -> None:
        """Sets the state of each step by key (steps not named lie ahead) and a line of detail under its name."""
        widgets = list(self._steps.values())
        for widget in widgets:
            key = widget.step.key
            widget.state = states.get(key, StepState.AHEAD)
            widget.detail = (details or {}).get(key, "")
            widget.setAccessibleDescription(f"{widget.state.value} {widget.detail}".strip())
            widget.setToolTip(widget.detail)
        for widget, following in pairwise(widgets):
            widget.next_is_reached = following.state is not StepState.AHEAD
        self.update()
        for widget in widgets:
            widget.update()

    def set_current(self, key: str, details: Mapping[str, str] | None = None) -> None:
        """Lights one step; those before it are done, those after it ahead."""
        keys = list(self._steps)
        position = keys.index(key)
        states = dict.fromkeys(keys[:position], StepState.DONE) | {key: StepState.CURRENT}
        self.set_states(states, details)

    def state_of(self, key: str) -> StepState:
        return self._steps[key].state
