"""The drawer of jobs: what runs, how far it is, and a way to stop it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QProgressBar, QScrollArea, QVBoxLayout, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.widgets.buttons import button, icon_button
from mlops_desktop.ui.widgets.card import SectionHeader
from mlops_desktop.ui.widgets.chips import StatusChip
from mlops_desktop.ui.widgets.emptystate import EmptyState
from mlops_desktop.ui.widgets.figures import duration
from mlops_desktop.ui.widgets.labels import ElidedLabel, Label, caption
from mlops_desktop.ui.widgets.painting import paint_hairline


@dataclass(frozen=True)
class Job:
    """A job as it stands. `state` is a value of `RunState`; `fraction` in [0, 1] or None; times in seconds."""

    id: str
    title: str
    state: str
    stage: str = ""
    fraction: float | None = None
    elapsed: float = 0.0
    remaining: float | None = None

    @property
    def is_over(self) -> bool:
        return self.state not in ("queued", "running")


class _Row(QWidget):
    cancelled = Signal()
    opened = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.title = ElidedLabel(weight=fonts.MEDIUM)
        self.stage = ElidedLabel(size=fonts.Type.CAPTION, secondary=True)
        self.chip = StatusChip()
        self.percent = Label(size=fonts.Type.TABLE)
        self.percent.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.percent.setFixedWidth(44)
        self.times = caption()
        self.times.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.times.setFixedWidth(148)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.cancel = button(self.tr("Cancel"), on_click=self._on_cancel)
        for each in (self.bar, self.cancel):  # rows stay in line when a job is over
            policy = each.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            each.setSizePolicy(policy)
        self.log = button(self.tr("Log"), kind="quiet", on_click=self.opened.emit)
        grid = QGridLayout(self)
        grid.setContentsMargins(t.SPACE_4, t.SPACE_2, t.SPACE_4, t.SPACE_2)
        grid.setHorizontalSpacing(t.SPACE_3)
        grid.setVerticalSpacing(2)
        grid.addWidget(self.title, 0, 0)
        grid.addWidget(self.stage, 1, 0)
        chip_cell = QHBoxLayout()
        chip_cell.addWidget(self.chip)
        chip_cell.addStretch(1)
        grid.addLayout(chip_cell, 0, 1, 2, 1)
        grid.addWidget(self.bar, 0, 2, 2, 1)
        for column, widget in enumerate((self.percent, self.times, self.log, self.cancel), start=3):
            grid.addWidget(widget, 0, column, 2, 1)
        grid.setColumnStretch(0, 5)
        grid.setColumnMinimumWidth(1, 96)
        grid.setColumnStretch(2, 4)

    def show_job(self, job: Job) -> None:
        self.title.setText(job.title)
        self.stage.setText(job.stage)
        self.chip.set_status(job.state)
        known = job.fraction is not None
        is_busy = not known and job.state == "running"
        self.bar.setRange(0, 0 if is_busy else 1000)
        if not is_busy:
            self.bar.setValue(round((job.fraction or 0.0) * 1000))
        self.bar.setAccessibleName(job.title)
        self.percent.setText(f"{round((job.fraction or 0) * 100)}\N{NO-BREAK SPACE}%" if known else "")
        times = duration(job.elapsed) if job.state != "queued" else ""
        if job.remaining is not None and not job.is_over:
            times = self.tr("{elapsed}, {remaining} left").format(elapsed=times, remaining=duration(job.remaining))
        self.times.setText(times)
        self.cancel.setVisible(not job.is_over)
        self.bar.setVisible(not job.is_over)

    def _on_cancel(self) -> None:
        # Acknowledged at once; the state changes when the process has gone.
        self.cancel.setEnabled(False)
        self.cancel.setText(self.tr("Stopping…"))
        self.cancelled.emit()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        bottom = self.height() - 0.5
        paint_hairline(QPainter(self), QPointF(16, bottom), QPointF(self.width() - 16, bottom), current())


class JobsDrawer(QWidget):
    """All jobs, newest first. Call `set_jobs` with the whole list whenever something changed.

    Signals:
        cancelRequested(str): the id of a job to stop.
        logRequested(str): the id of a job whose log is wanted.
        closed: the cross was pressed.
    """

    cancelRequested = Signal(str)
    logRequested = Signal(str)
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.header = SectionHeader(self.tr("Jobs"))
        self.header.add_action(icon_button("close", self.tr("Close"), self.closed.emit))
        self._rows: dict[str, _Row] = {}
        inner = QWidget()
        self._list = QVBoxLayout(inner)
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(0)
        self._list.addStretch(1)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setWidget(inner)
        self._area.viewport().setAutoFillBackground(False)
        inner.setAutoFillBackground(False)
        self.empty = EmptyState()
        self.empty.show_never_set_up(self.tr("No jobs"), self.tr("What takes over a second shows here."), "", "jobs")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, t.SPACE_2, 0, 0)
        layout.setSpacing(t.SPACE_1)
        head = QHBoxLayout()
        head.setContentsMargins(t.SPACE_4, 0, t.SPACE_2, 0)
        head.addWidget(self.header)
        layout.addLayout(head)
        layout.addWidget(self._area, 1)
        layout.addWidget(self.empty, 1)
        self.set_jobs(())

    def set_jobs(self, jobs: Sequence[Job]) -> None:
        """Shows these jobs in this order; rows keep their widgets, so that a click is never lost."""
        for gone in self._rows.keys() - {job.id for job in jobs}:
            row = self._rows.pop(gone)
            self._list.removeWidget(row)
            row.deleteLater()
        for position, job in enumerate(jobs):
            if job.id not in self._rows:
                self._rows[job.id] = self._make_row(job.id)
            row = self._rows[job.id]
            if self._list.indexOf(row) != position:
                self._list.insertWidget(position, row)
            row.show_job(job)
        counts = {state: sum(job.state == state for job in jobs) for state in ("running", "queued")}
        said = [self.tr("{n} running").format(n=counts["running"])] if counts["running"] else []
        said += [self.tr("{n} queued").format(n=counts["queued"])] if counts["queued"] else []
        self.header.set_note(", ".join(said))
        self._area.setVisible(bool(jobs))
        self.empty.setVisible(not jobs)

    def _make_row(self, job_id: str) -> _Row:
        row = _Row()
        row.cancelled.connect(lambda: self.cancelRequested.emit(job_id))
        row.opened.connect(lambda: self.logRequested.emit(job_id))
        return row

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        painter.fillRect(self.rect(), tokens.surface)
        paint_hairline(painter, QPointF(0, 0.5), QPointF(self.width(), 0.5), tokens)
