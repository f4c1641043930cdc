"""Follows a queued pipeline run from where it was asked for: progress, cancel, and how it ended."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from mlops_desktop.core.errors import AppError
from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.core.runs import RunState
from mlops_desktop.ui.bridge import Bridge
from mlops_desktop.ui.queries import upkeep as queries
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.labels import ElidedLabel

_LOOK_MS = 250


class RunWatch(QObject):
    """Queues one run and looks at it until it is over. The run does not need its watch.

    Signals:
        changed(RunView): how it stands.
        ended(RunView): it is over, whatever came of it.
        refused(AppError): it could not be queued.
    """

    changed = Signal(object)
    ended = Signal(object)
    refused = Signal(object)

    def __init__(self, bridge: Bridge, pipeline: str, parameters: dict[str, Any], parent: QObject) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._key = f"run {id(self)}"
        self.run = ""
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self.look)
        bridge.do(queries.queued(pipeline, parameters), done=self._on_queued, failed=self.refused.emit)

    def stop(self) -> None:
        """Ask the run to end."""
        run = self.run
        self._bridge.do(lambda workspace: workspace.cancel(run))

    def look(self) -> None:
        """Ask how it stands."""
        if self._bridge.is_closed:
            self._timer.stop()
        else:
            self._bridge.ask(self._key, partial(queries.run_view, run=self.run), self._show)

    def _on_queued(self, run: PipelineRun) -> None:
        self.run = run.id
        self._timer.start()
        self.look()

    def _show(self, view: queries.RunView) -> None:
        if view.is_over:
            self._timer.stop()
            self.ended.emit(view)
        else:
            self.changed.emit(view)


class JobBar(QWidget):
    """A bar with what a run does at the moment, and Cancel. Hidden unless a run is followed.

    Signals:
        ended(RunView): the run is over.
        refused(AppError): it could not be queued.
    """

    ended = Signal(object)
    refused = Signal(object)

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._watch: RunWatch | None = None
        self.stage = ElidedLabel("", secondary=True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress"))
        self.cancel = button(self.tr("Cancel"), kind="quiet", on_click=self._on_cancel)
        self.cancel.setAutoDefault(False)
        self.cancel.setAccessibleName(self.tr("Cancel the job"))
        lines = QVBoxLayout()
        lines.setSpacing(t.SPACE_1)
        lines.addWidget(self.stage)
        lines.addWidget(self.bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(t.SPACE_3)
        row.addLayout(lines, 1)
        row.addWidget(self.cancel)
        self.hide()

    @property
    def is_busy(self) -> bool:
        return self._watch is not None

    def start(self, pipeline: str, parameters: dict[str, Any]) -> None:
        """Queue a run and follow it, in place of an earlier one, which goes on."""
        if (earlier := self.give_away()) is not None:
            earlier.deleteLater()
        watch = self._watch = RunWatch(self._bridge, pipeline, parameters, self)
        watch.changed.connect(self._show)
        watch.ended.connect(self._on_ended)
        watch.refused.connect(self._on_refused)
        self.stage.setText(self.tr("Waiting to begin…"))
        self.bar.setRange(0, 0)
        self.cancel.setEnabled(False)
        self.cancel.setText(self.tr("Cancel"))
        self.show()

    def give_away(self) -> RunWatch | None:
        """The watch of the run that is followed, which is shown here no more; None where there is none."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.disconnect(self)
        self.hide()
        return watch

    def _on_cancel(self) -> None:
        # Acknowledged at once; the run ends when its process has gone.
        self.cancel.setEnabled(False)
        self.cancel.setText(self.tr("Stopping…"))
        if self._watch is not None:
            self._watch.stop()

    def _on_ended(self, view: queries.RunView) -> None:
        self._let_go()
        self.ended.emit(view)

    def _on_refused(self, error: AppError) -> None:
        self._let_go()
        self.refused.emit(error)

    def _let_go(self) -> None:
        if (watch := self.give_away()) is not None:
            watch.deleteLater()

    def _show(self, view: queries.RunView) -> None:
        is_first = not self.cancel.isEnabled() and self.cancel.text() == self.tr("Cancel")
        if is_first:
            self.cancel.setEnabled(True)
        self.stage.setText(self._said(view))
        self.bar.setRange(0, 0 if view.fraction is None else 1000)
        if view.fraction is not None:
            self.bar.setValue(round(view.fraction * 1000))

    def _said(self, view: queries.RunView) -> str:
        if view.run.state is RunState.RUNNING:
            return self.tr("Starting…") if view.stage in ("", view.run.pipeline) else view.stage
        if view.is_waiting_for_engine:
            return self.tr("Waiting: no engine runs in this workspace.")
        if view.ahead:
            return self.tr("Waiting for another job to end: {pipeline}").format(pipeline=view.ahead)
        return self.tr("Waiting to begin…")


def tell_end(watch: RunWatch, parent: QObject, bridge: Bridge) -> None:
    """Tell by a toast how a run ended that nobody looks at any more."""
    watch.setParent(parent)

    def tell(view: queries.RunView) -> None:
        if view.run.state is RunState.SUCCEEDED:
            bridge.succeeded.emit(view.reason)
        elif view.run.state is RunState.FAILED:
            bridge.problem.emit(AppError(view.reason))
        watch.deleteLater()

    watch.ended.connect(tell)
    watch.refused.connect(bridge.problem.emit)
