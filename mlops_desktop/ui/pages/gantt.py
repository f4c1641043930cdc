"""The steps of a pipeline run as bars on one time axis."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlops_desktop.core.pipelines import PipelineRun, StepRun
from mlops_desktop.core.runs import RunState
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.shapes import paint_shape
from mlops_desktop.ui.theme.status import status_style
from mlops_desktop.ui.theme.tokens import Tokens
from mlops_desktop.ui.widgets.figures import duration
from mlops_desktop.ui.widgets.painting import paint_box, paint_text

_ROW = 30.0
_NAME = 132.0
_TIME = 64.0


class Gantt(QWidget):
    """One row per step: its state as a shape, its name, its bar, how long it took."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.steps: tuple[StepRun, ...] = ()
        self._start: datetime | None = None
        self._seconds = 1.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Steps"))

    def set_run(self, run: PipelineRun) -> None:
        self.steps = run.steps
        times = [moment for step in run.steps for moment in (step.started, step.finished) if moment is not None]
        self._start = min(times) if times else None
        self._seconds = max((max(times) - min(times)).total_seconds(), 1.0) if times else 1.0
        self.setAccessibleDescription("; ".join(f"{s.name} {status_style(s.state.value).word}" for s in run.steps))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(320, round(_ROW * max(1, len(self.steps))))

    def minimumSizeHint(self) -> QSize:
        return QSize(260, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self.steps:
            text = self.tr("No step has started yet.")
            paint_text(painter, QRectF(self.rect()), text, tokens.secondary, fonts.font(fonts.Type.TABLE))
        for index, step in enumerate(self.steps):
            self._paint_step(painter, tokens, step, index * _ROW)

    def _paint_step(self, painter: QPainter, tokens: Tokens, step: StepRun, top: float) -> None:
        style = status_style(step.state.value)
        colours = tokens.tone(style.tone)
        font = fonts.font(fonts.Type.TABLE)
        paint_shape(painter, style.shape, QRectF(0, top + _ROW / 2 - 5.5, 11, 11), colours.text)
        paint_text(painter, QRectF(18, top, _NAME - 22, _ROW), step.name, tokens.text, font)
        lane = QRectF(_NAME, top + 7, self.width() - _NAME - _TIME, _ROW - 14)
        painter.fillRect(QRectF(lane.left(), top + _ROW - 0.5, lane.width(), 1), tokens.hairline)
        seconds: float | None = None
        if step.started is not None and self._start is not None:
            begin = (step.started - self._start).total_seconds() / self._seconds
            seconds = (step.finished - step.started).total_seconds() if step.finished else None
            length = seconds / self._seconds if seconds is not None else 1 - begin
            width = max(length * lane.width(), 4.0)
            left = min(lane.left() + begin * lane.width(), lane.right() - width)
            bar = QRectF(left, lane.top(), width, lane.height())
            paint_box(painter, bar, colours.fill, colours.text, 3)
        note = style.word if step.state in (RunState.SKIPPED, RunState.RUNNING) else duration(seconds)
        right = Qt.AlignmentFlag.AlignRight
        paint_text(painter, QRectF(self.width() - _TIME, top, _TIME, _ROW), note, tokens.secondary, font, right)
