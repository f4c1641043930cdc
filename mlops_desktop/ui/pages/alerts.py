"""The inbox of alerts: what was seen, what was done about it, and what a person says to it."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QWidget

from mlops_desktop.core.monitoring import Action, Alert, AlertState
from mlops_desktop.ui.bridge import Query
from mlops_desktop.ui.pages.base import NeverSetUp, Page, at_left, with_inspector
from mlops_desktop.ui.pages.columns import FittingColumns
from mlops_desktop.ui.pages.evidence import evidence_widgets
from mlops_desktop.ui.queries import alerts as queries
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.confirm import Confirmation
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.inspector import FactList, InspectorPanel
from mlops_desktop.ui.widgets.labels import Label, caption, section
from mlops_desktop.ui.widgets.player import Segmented
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind

_STATES: tuple[AlertState | None, ...] = (None, AlertState.OPEN, AlertState.ACKNOWLEDGED, AlertState.RESOLVED)


class AlertsPage(Page):
    """One row per incident; later windows with the same cause add to it."""

    key = "alerts"
    listens_to = ("alert.", "pipeline.run.", "endpoint.")

    def query(self) -> Query:
        return queries.alert_list

    def never_set_up(self, model: queries.AlertList) -> NeverSetUp | None:
        if model.alerts:
            return None
        if model.has_endpoints:
            text = self.tr("The endpoint is watched. Drift, falling performance and bad data will show here.")
            return NeverSetUp(self.tr("No alert so far"), text, self.tr("Open monitoring"), "monitoring", self._monitor)
        text = self.tr("Alerts come from the monitoring of an endpoint. Serve a model first.")
        return NeverSetUp(self.tr("Nothing is watched yet"), text, self.tr("Open serving"), "serving", self._serve)

    def _monitor(self) -> None:
        self.openRequested.emit("monitoring")

    def _serve(self) -> None:
        self.openRequested.emit("serving")

    def build(self) -> None:
        self.table = DataTable(
            [
                ColumnSpec("number", self.tr("No."), Kind.INTEGER, width=56),
                ColumnSpec("state", self.tr("State"), Kind.CHIP, width=130),
                ColumnSpec("severity", self.tr("Severity"), Kind.CHIP, width=104),
                ColumnSpec("cause", self.tr("Cause"), width=124),
                ColumnSpec("title", self.tr("What was seen"), width=250),
                ColumnSpec("action", self.tr("Asks for"), width=128),
                ColumnSpec("occurrences", self.tr("Seen"), Kind.INTEGER, unit="×", width=72),
                ColumnSpec("raised", self.tr("Raised"), Kind.TIME, width=136),
            ],
            name=self.tr("alerts"),
        )
        FittingColumns(self.table, "title", ("raised", "occurrences", "cause", "action"))
        self.table.selectionChanged.connect(self._on_select)
        names = (self.tr("All"), self.tr("Open"), self.tr("Acknowledged"), self.tr("Resolved"))
        self.states = Segmented(names)
        self.states.setAccessibleName(self.tr("State"))
        self.states.chosen.connect(lambda _index: self.show_model(self.model))
        bar = self.table.toolbar.layout()
        assert isinstance(bar, QHBoxLayout)  # noqa: S101 - the table makes it so
        bar.insertWidget(0, self.states)
        self.inspector = InspectorPanel()
        self.inspector.setFixedWidth(420)
        self.inspector.closed.connect(self._on_closed)
        self.chosen: int | None = None
        with_inspector(self.content, self.table, self.inspector)

    def show_model(self, model: queries.AlertList) -> None:
        state = _STATES[self.states.current]
        self.shown = [alert for alert in model.alerts if state is None or alert.state is state]
        chosen = self.chosen
        self.table.set_rows(
            {
                "number": [alert.number for alert in self.shown],
                "state": [alert.state.value for alert in self.shown],
                "severity": [alert.severity.value for alert in self.shown],
                "cause": [alert.cause.value.capitalize() for alert in self.shown],
                "title": [alert.title.replace("`", "") for alert in self.shown],
                "action": [alert.action.value.capitalize() for alert in self.shown],
                "occurrences": [alert.occurrences for alert in self.shown],
                "raised": [alert.raised for alert in self.shown],
            }
        )
        title = self.tr("Nothing in this state")
        self.table.set_never_set_up(title, self.tr("Choose All to see every alert."), "", "alerts")
        if chosen is not None:
            self._choose(chosen)

    def open_target(self, target: str) -> None:
        if target.isdecimal():
            self.chosen = int(target)
            if self.is_built:
                self._choose(self.chosen)

    def _choose(self, number: int) -> None:
        position = next((i for i, alert in enumerate(self.shown) if alert.number == number), None)
        if position is not None:
            self.table.select_row(position)

    def _on_closed(self) -> None:
        self.chosen = None

    def _on_select(self, rows: list[int]) -> None:
        if rows and rows[0] < len(self.shown):
            self.chosen = self.shown[rows[0]].number
            number = self.chosen
            self.bridge.ask("alert", lambda w: queries.alert_detail(w, number), self._show_detail)

    def _show_detail(self, detail: queries.AlertDetail) -> None:
        alert, panel = detail.alert, self.inspector
        panel.clear()
        panel.set_title(self.tr("Alert {n}").format(n=alert.number), alert.state.value)
        panel.add(Label(alert.title.replace("`", ""), wrap=True))
        panel.add(self._buttons(alert))
        for widget in evidence_widgets(alert.evidence):
            panel.add(widget)
        panel.add(section(self.tr("What was done")))
        facts = [
            (self.tr("Endpoint"), alert.endpoint),
            (self.tr("Version"), alert.model_version),
            (self.tr("Asks for"), alert.action.value.capitalize()),
            (
                self.tr("Seen"),
                self.tr("{n} times, last {when}").format(n=alert.occurrences, when=f"{alert.updated:%d %b %Y %H:%M}"),
            ),
        ]
        if detail.window is not None:
            facts.append(
                (
                    self.tr("Window"),
                    f"{detail.window.start:%d %b} – {detail.window.end:%d %b %Y}, {detail.window.rows:,} rows",
                )
            )
        panel.add(FactList(facts))
        monitoring = button(self.tr("Show its features"), "monitoring", "quiet")
        worst = _first_feature(alert)
        monitoring.clicked.connect(lambda: self.openRequested.emit(f"monitoring/{worst}" if worst else "monitoring"))
        panel.add(at_left(monitoring))
        if detail.run is not None:
            run = detail.run.id
            text = self.tr("Pipeline {name}, {state}").format(name=detail.run.pipeline, state=detail.run.state.value)
            panel.add(at_left(button(text, "pipelines", "quiet", lambda: self.openRequested.emit(f"pipelines/{run}"))))
        panel.add(section(self.tr("History")))
        for line in detail.history:
            panel.add(caption(f"{line.time:%d %b %H:%M}  {line.text}".replace("`", ""), wrap=True))
        if not detail.history:
            panel.add(caption(self.tr("Nothing is recorded after it was raised.")))
        panel.show()

    def _buttons(self, alert: Alert) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        self.acknowledge = button(self.tr("Acknowledge"), "eye", on_click=lambda: self._acknowledge(alert))
        self.resolve = button(self.tr("Resolve…"), "check", on_click=lambda: self._resolve(alert))
        self.acknowledge.setEnabled(alert.state is AlertState.OPEN)
        self.resolve.setEnabled(alert.state is not AlertState.RESOLVED)
        row.addWidget(self.acknowledge)
        row.addWidget(self.resolve)
        row.addStretch(1)
        return holder

    def _acknowledge(self, alert: Alert) -> None:
        done = self.tr("Alert {n} acknowledged").format(n=alert.number)
        self.bridge.do(lambda workspace: workspace.acknowledge(alert.number), done)

    def _resolve(self, alert: Alert) -> None:
        text = self.tr("A new finding with the same cause will raise a new alert.")
        if alert.action is Action.BLOCK_RETRAINING:
            text += " " + self.tr("Retraining is allowed again.")
        sheet = Confirmation(self.tr("Resolve alert {n}").format(n=alert.number), text, self.tr("Resolve"))

        def resolve(reason: str) -> None:
            done = self.tr("Alert {n} resolved").format(n=alert.number)
            self.bridge.do(lambda workspace: workspace.resolve(alert.number, reason=reason), done)

        self.confirm(sheet, resolve)


def _first_feature(alert: Alert) -> str:
    """The feature that the evidence names first, empty where it names none."""
    features = alert.evidence.get("features")
    first = features[0] if isinstance(features, list) and features else {}
    return str(first.get("feature", "")) if isinstance(first, dict) else ""
