"""Pipelines: runs with their steps, schedules with their next times, and what can be started by hand."""

from __future__ import annotations

from typing import Any

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QCheckBox, QDialog, QHBoxLayout, QScrollArea, QSplitter, QVBoxLayout, QWidget

from mlops_desktop.core.clock import SystemClock
from mlops_desktop.core.errors import AppError
from mlops_desktop.core.pipelines import MissedRunPolicy, PipelineRun, Schedule
from mlops_desktop.ui.bridge import Query
from mlops_desktop.ui.pages.base import NeverSetUp, Page, at_left, with_inspector
from mlops_desktop.ui.pages.columns import FittingColumns
from mlops_desktop.ui.pages.gantt import Gantt
from mlops_desktop.ui.queries import pipelines as queries
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.card import Card
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.forms import button_row, choice_field, text_field
from mlops_desktop.ui.widgets.inspector import FactList, InspectorPanel
from mlops_desktop.ui.widgets.labels import ElidedLabel, Label, caption, section
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind


class PipelinesPage(Page):
    """Runs at the top, schedules beneath."""

    key = "pipelines"
    listens_to = ("pipeline.", "schedule.", "engine.", "clock.")
    reload_ms = 700

    def query(self) -> Query:
        return queries.pipeline_list

    def never_set_up(self, model: queries.PipelineList) -> NeverSetUp | None:
        if model.runs or model.schedules:
            return None
        text = self.tr(
            "Ingestion, training and monitoring run as pipelines, by hand or by schedule. Add data to begin."
        )
        return NeverSetUp(self.tr("No pipeline has run"), text, self.tr("Open data"), "pipelines", self._open_data)

    def _open_data(self) -> None:
        self.openRequested.emit("data")

    def actions_of_page(self) -> list[tuple[QAction, str, str]]:
        self._retrain = self.action(self.tr("Retrain now"), self._on_retrain)
        return [
            (self.action(self.tr("New schedule…"), lambda: self.edit_schedule(None)), "calendar", ""),
            (self._retrain, "retrain", "primary"),
        ]

    def build(self) -> None:
        self.chosen = ""
        self.table = DataTable(
            [
                ColumnSpec("pipeline", self.tr("Pipeline"), width=120),
                ColumnSpec("state", self.tr("State"), Kind.CHIP, width=116),
                ColumnSpec("trigger", self.tr("Asked for by"), width=112),
                ColumnSpec("steps", self.tr("Steps done"), width=100),
                ColumnSpec("queued", self.tr("Queued"), Kind.TIME, width=136),
                ColumnSpec("reason", self.tr("Outcome"), width=180),
            ],
            name=self.tr("pipeline runs"),
        )
        FittingColumns(self.table, "reason", ("steps", "trigger", "queued"))
        title = self.tr("No run yet")
        self.table.set_never_set_up(title, self.tr("Runs appear here as soon as they are queued."), "", "pipelines")
        self.table.selectionChanged.connect(self._on_select)
        self.schedules = Card(self.tr("Schedules"), self.tr("times are the workspace's, in UTC"))
        holder = QWidget()
        self._list = QVBoxLayout(holder)
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(t.SPACE_2)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(holder)
        area.viewport().setAutoFillBackground(False)
        holder.setAutoFillBackground(False)
        self.schedules.add(area, 1)
        splitter = QSplitter(Qt.Orientation.Vertical)
        top = QWidget()
        column = QVBoxLayout(top)
        column.setContentsMargins(0, 0, 0, t.SPACE_3)
        column.addWidget(self.table)
        bottom = QWidget()
        column = QVBoxLayout(bottom)
        column.setContentsMargins(0, t.SPACE_3, 0, 0)
        column.addWidget(self.schedules)
        splitter.addWidget(top)
        splitter.addWidget(bottom)
        splitter.setSizes([500, 280])
        splitter.setStretchFactor(0, 1)
        splitter.setChildrenCollapsible(False)
        self.inspector = InspectorPanel()
        self.inspector.setFixedWidth(400)
        self.inspector.closed.connect(self._on_closed)
        with_inspector(self.content, splitter, self.inspector)

    # Showing

    def show_model(self, model: queries.PipelineList) -> None:
        chosen = self.chosen
        runs = model.runs
        self.table.set_rows(
            {
                "pipeline": [run.pipeline.capitalize() for run in runs],
                "state": [run.state.value for run in runs],
                "trigger": [_asker(run.trigger) for run in runs],
                "steps": [f"{sum(s.state.value == 'succeeded' for s in run.steps)} / {len(run.steps)}" for run in runs],
                "queued": [run.queued for run in runs],
                "reason": [run.reason for run in runs],
            }
        )
        self._show_schedules(model.schedules)
        if chosen:
            self._choose(chosen)

    def _show_schedules(self, rows: tuple[queries.ScheduleRow, ...]) -> None:
        while (item := self._list.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for row in rows:
            self._list.addWidget(self._schedule(row))
        if not rows:
            self._list.addWidget(
                caption(self.tr("No schedule. New schedule… runs a pipeline at times of your choice."))
            )
        self._list.addStretch(1)

    def _schedule(self, row: queries.ScheduleRow) -> QWidget:
        schedule = row.schedule
        holder = QWidget()
        line = QHBoxLayout(holder)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(t.SPACE_3)
        on = QCheckBox()
        on.setChecked(schedule.enabled)
        on.setAccessibleName(self.tr("{name} is on").format(name=schedule.name))
        on.toggled.connect(lambda enabled: self._switch(schedule, enabled))
        line.addWidget(on)
        holder_of_names = QWidget()
        holder_of_names.setFixedWidth(200)
        names = QVBoxLayout(holder_of_names)
        names.setContentsMargins(0, 0, 0, 0)
        names.setSpacing(0)
        name = ElidedLabel(schedule.name, weight=fonts.MEDIUM)
        names.addWidget(name)
        names.addWidget(
            caption(
                self.tr("{pipeline}, missed times: {policy}").format(
                    pipeline=schedule.pipeline, policy=schedule.missed.value
                )
            )
        )
        line.addWidget(holder_of_names)
        cron = Label(schedule.cron)
        cron.setFont(fonts.mono())
        cron.setFixedWidth(120)
        line.addWidget(cron)
        times = "   ".join(f"{moment:%a %d %b %H:%M}" for moment in row.next_times[:5])
        line.addWidget(ElidedLabel(times or self.tr("off"), fonts.Type.TABLE, secondary=True), 5)
        line.addWidget(button(self.tr("Edit…"), "edit", "quiet", lambda: self.edit_schedule(schedule)))
        return holder

    def open_target(self, target: str) -> None:
        self.chosen = target
        if self.is_built:
            self._choose(target)

    def _choose(self, run_id: str) -> None:
        ids = [run.id for run in self.model.runs]
        if run_id in ids:
            self.table.select_row(ids.index(run_id))

    def _on_closed(self) -> None:
        self.chosen = ""

    def _on_select(self, rows: list[int]) -> None:
        if rows:
            run = self.model.runs[rows[0]]
            self.chosen = run.id
            self._show_run(run)

    def _show_run(self, run: PipelineRun) -> None:
        panel = self.inspector
        panel.clear()
        panel.set_title(run.pipeline.capitalize(), run.state.value)
        if run.reason:
            panel.add(Label(run.reason, wrap=True))
        gantt = Gantt()
        gantt.set_run(run)
        panel.add(section(self.tr("Steps")))
        panel.add(gantt)
        for step in run.steps:
            if step.reason:
                panel.add(caption(f"{step.name}: {step.reason}", wrap=True))
        panel.add(section(self.tr("Facts")))
        facts = [(self.tr("Asked for by"), run.trigger), (self.tr("Queued"), f"{run.queued:%Y-%m-%d %H:%M:%S}")]
        facts += [(name.replace("_", " ").capitalize(), str(value)) for name, value in run.parameters.items()]
        if run.attempt > 1:
            facts.append((self.tr("Attempts"), str(run.attempt)))
        facts.append((self.tr("Id"), run.id))
        panel.add(FactList(facts))
        if not run.state.is_final:
            panel.add(at_left(button(self.tr("Cancel this run"), "stop", "danger", lambda: self._cancel(run))))
        panel.show()

    # Doing

    def _cancel(self, run: PipelineRun) -> None:
        done = self.tr("{pipeline} is being cancelled").format(pipeline=run.pipeline.capitalize())
        self.bridge.do(lambda workspace: workspace.cancel(run.id), done)

    def _on_retrain(self) -> None:
        names = self.model.endpoints if self.model is not None else ()
        if not names:
            self.bridge.problem.emit(
                AppError(self.tr("There is no endpoint to retrain."), hint=self.tr("Serve a model first."))
            )
            return
        done = self.tr("Retraining of {name} queued").format(name=names[0])
        self.bridge.do(lambda workspace: workspace.retrain(names[0]), done)

    def _switch(self, schedule: Schedule, enabled: bool) -> None:
        changed = msgspec.structs.replace(schedule, enabled=enabled)
        done = self.tr("Schedule {} is on") if enabled else self.tr("Schedule {} is off")
        self.bridge.do(lambda workspace: workspace.schedule(changed), done)

    def edit_schedule(self, schedule: Schedule | None) -> ScheduleSheet:
        """Edit a schedule, or make a new one."""
        endpoints = self.model.endpoints if self.model is not None else ()
        sheet = ScheduleSheet(schedule, endpoints, self.window())

        def accepted() -> None:
            wanted = sheet.schedule()
            self.bridge.do(lambda workspace: workspace.schedule(wanted), self.tr("Schedule {} saved"))

        sheet.accepted.connect(accepted)
        sheet.finished.connect(lambda _result: sheet.deleteLater())
        sheet.open()
        return sheet


def _asker(trigger: str) -> str:
    """`schedule` for `schedule monitor late-arrival`: a pipeline's name stands beside it."""
    return "schedule" if trigger.startswith("schedule ") else trigger


class ScheduleSheet(QDialog):
    """Name, pipeline, cron expression with its next five times, and what happens to missed ones."""

    def __init__(self, schedule: Schedule | None, endpoints: tuple[str, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._before = schedule
        self.setMinimumWidth(480)
        title = self.tr("Edit schedule") if schedule else self.tr("New schedule")
        self.setWindowTitle(title)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(t.SPACE_6, t.SPACE_6, t.SPACE_6, t.SPACE_4)
        layout.setSpacing(t.SPACE_3)
        layout.addWidget(Label(title, fonts.Type.PAGE, fonts.SEMIBOLD))
        name_field, self.name = text_field(self.tr("Name"), schedule.name if schedule else "")
        self.name.setReadOnly(schedule is not None)
        kinds = [(name, name.capitalize()) for name in ("retrain", "monitor")]
        if schedule and schedule.pipeline not in dict(kinds):
            kinds.append((schedule.pipeline, schedule.pipeline.capitalize()))
        pipeline_field, self.pipeline = choice_field(self.tr("Pipeline"), kinds, schedule.pipeline if schedule else "")
        options = [(name, name) for name in endpoints] or [("", self.tr("none"))]
        before: dict[str, Any] = schedule.parameters if schedule else {}
        endpoint_field, self.endpoint = choice_field(self.tr("Endpoint"), options, str(before.get("endpoint", "")))
        hint = self.tr("Minute, hour, day, month, weekday: 0 6 * * mon is Mondays at 06:00 UTC")
        self.cron_field, self.cron = text_field(self.tr("When"), schedule.cron if schedule else "0 6 * * mon", hint)
        policies = [(policy.value, policy.value.capitalize()) for policy in MissedRunPolicy]
        missed_field, self.missed = choice_field(
            self.tr("Times missed while the program was closed"), policies, schedule.missed.value if schedule else ""
        )
        self.times = caption("", wrap=True)
        for widget in (name_field, pipeline_field, endpoint_field, self.cron_field, self.times, missed_field):
            layout.addWidget(widget)
        self.save = button(self.tr("Save"), kind="primary", on_click=self.accept)
        layout.addLayout(button_row(button(self.tr("Cancel"), on_click=self.reject), self.save))
        self.cron.textChanged.connect(lambda _text: self._check())
        self.name.textChanged.connect(lambda _text: self._check())
        self._check()

    def schedule(self) -> Schedule:
        """What was entered."""
        endpoint = self.endpoint.currentData()
        parameters: dict[str, Any] = dict(self._before.parameters) if self._before else {}
        if endpoint:
            parameters["endpoint"] = endpoint
        return Schedule(
            name=self.name.text().strip(),
            pipeline=str(self.pipeline.currentData()),
            cron=self.cron.text().strip(),
            parameters=parameters,
            next_at=None,
            enabled=self._before.enabled if self._before else True,
            missed=MissedRunPolicy(self.missed.currentData()),
        )

    def _check(self) -> None:
        try:
            times = queries.next_times_of(self.cron.text(), SystemClock().now())
        except AppError as error:
            self.cron_field.set_error(error.message)
            self.times.setText("")
            self.save.setEnabled(False)
            return
        self.cron_field.set_error("")
        said = ", ".join(f"{moment:%a %d %b %H:%M}" for moment in times)
        self.times.setText(self.tr("Next: {times}").format(times=said or self.tr("never")))
        self.save.setEnabled(bool(self.name.text().strip()))
