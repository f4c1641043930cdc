"""The Control Room: the whole cycle of one endpoint on one screen, live."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import numpy as np
from msgspec import structs
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from mlops_desktop.ui.bridge import Query
from mlops_desktop.ui.charts.drift import DriftChart
from mlops_desktop.ui.charts.events import EventLane
from mlops_desktop.ui.charts.heatmap import DriftHeatmap
from mlops_desktop.ui.charts.linking import TimeLink
from mlops_desktop.ui.charts.metric import MetricChart
from mlops_desktop.ui.charts.requests import RequestsChart
from mlops_desktop.ui.charts.values import Role
from mlops_desktop.ui.pages.base import NeverSetUp, Page
from mlops_desktop.ui.pages.champion import ChampionFacts, DecisionList
from mlops_desktop.ui.pages.marks import (
    drift_grid,
    event_marks,
    judged_drift,
    log_line,
    show_judged_metric,
    without_times,
)
from mlops_desktop.ui.pages.promotion import ask_promotion, ask_rollback, compared_metrics, comparison_note
from mlops_desktop.ui.player_link import PlayerLink, PlayerReport
from mlops_desktop.ui.queries import control_room as queries
from mlops_desktop.ui.queries.series import WindowSeries, business_name, metric_label, performance_name
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.card import Card
from mlops_desktop.ui.widgets.chips import StatusChip
from mlops_desktop.ui.widgets.labels import caption
from mlops_desktop.ui.widgets.lifecycle import LifecycleStrip, StepState
from mlops_desktop.ui.widgets.monthscores import MonthScores, Policy
from mlops_desktop.ui.widgets.plainlog import PlainLog
from mlops_desktop.ui.widgets.player import PlayerControls
from mlops_desktop.ui.widgets.rollout import GuardrailList, ModelCompare, SplitSlider
from mlops_desktop.ui.widgets.tabs import PageTabs

SPEEDS = (1.0, 7.0, 30.0)
_FEATURES = 8
_STEP_PAGES = {
    "data": "data", "train": "experiments", "deploy": "serving", "traffic": "serving", "drift": "monitoring",
    "retrain": "pipelines", "canary": "serving", "promote": "models",
}  # fmt: skip


class ControlRoomPage(Page):
    """Lifecycle strip on top; charts and the rollout in the middle; heatmap and the log beneath.

    Signals:
        playRequested(bool), speedRequested(float): what the player is to do.
    """

    key = "control-room"
    listens_to = (
        "window.", "alias.", "rollout.", "alert.", "model.", "gate.", "run.", "pipeline.run", "endpoint.", "dataset.",
        "clock.", "score.", "schedule.fired", "engine.",
    )  # fmt: skip
    reload_ms = 600

    playRequested = Signal(bool)
    speedRequested = Signal(float)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.player: PlayerLink | None = None
        self.endpoint = ""
        self._shown_series: tuple[Any, ...] = ()
        self._shown_lane = -1
        self._last_line = 0
        self._shown_months = 0

    def query(self) -> Query:
        endpoint = self.endpoint
        return lambda workspace: queries.control_room(workspace, endpoint)

    def never_set_up(self, model: queries.ControlRoom) -> NeverSetUp | None:
        if model.has_data or model.active or model.endpoint:
            return None
        text = self.tr("This is where you watch a model live: traffic, drift, retraining, canary. It begins with data.")
        return NeverSetUp(
            self.tr("This workspace is empty"), text, self.tr("Add data…"), "control-room", self._add_data
        )

    def _add_data(self) -> None:
        self.openRequested.emit("data/+")

    def set_player(self, player: PlayerLink) -> None:
        """The replay that the strip's controls steer."""
        self.player = player
        player.reported.connect(self._on_player)

    # Building

    def build_parts(self) -> Sequence[Callable[[], object]]:
        return (
            self._make_traffic_charts,
            self._make_metric_charts,
            self._make_lane,
            self._make_rollout_widgets,
            self._make_heatmap,
            self.build,
        )

    def build(self) -> None:
        inner = QWidget()
        inner.setAutoFillBackground(False)
        column = QVBoxLayout(inner)
        column.setContentsMargins(t.SPACE_6, t.SPACE_4, t.SPACE_6, t.SPACE_4)
        column.setSpacing(t.SPACE_3)
        column.addWidget(self._make_strip())
        middle = QHBoxLayout()
        middle.setSpacing(t.SPACE_3)
        middle.addWidget(self._make_charts(), 1)
        middle.addWidget(self._make_rollout())
        column.addLayout(middle, 10)
        bottom = QHBoxLayout()
        bottom.setSpacing(t.SPACE_3)
        heat = Card()
        heat.add(self.heatmap, 1)
        heat.setMinimumHeight(234)
        bottom.addWidget(heat, 1)
        bottom.addWidget(self._make_log(), 1)
        column.addLayout(bottom, 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inner)
        area.viewport().setAutoFillBackground(False)
        inner.setAutoFillBackground(False)
        outer = QVBoxLayout(self.content)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)

    def _make_strip(self) -> Card:
        card = Card()
        layout = card.layout()
        assert layout is not None  # noqa: S101 - a card has one
        layout.setContentsMargins(t.SPACE_2, t.SPACE_1, t.SPACE_4, t.SPACE_1)
        row = QHBoxLayout()
        row.setSpacing(t.SPACE_4)
        self.strip = LifecycleStrip(short=True)
        self.strip.stepClicked.connect(lambda step: self.openRequested.emit(_STEP_PAGES.get(step, "journal")))
        self.controls = PlayerControls(SPEEDS)
        self.controls.step_button.hide()
        self.controls.set_speed(SPEEDS[1])
        self.controls.playToggled.connect(self._on_play)
        self.controls.speedChanged.connect(self._on_speed)
        self.controls.setFixedWidth(376)
        row.addWidget(self.strip, 1)
        row.addWidget(self.controls, 0, Qt.AlignmentFlag.AlignVCenter)
        card.body.addLayout(row)
        card.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        return card

    def _make_traffic_charts(self) -> None:
        self.requests = RequestsChart(self.tr("Requests"), self.tr("per window, by version"))
        self.drift = DriftChart(self.tr("Drift"), self.tr("worst feature, × threshold"))

    def _make_metric_charts(self) -> None:
        self.performance = MetricChart(self.tr("Performance"))
        self.business = MetricChart(self.tr("Business"))

    def _make_lane(self) -> None:
        self.lane = EventLane()
        self.lane.eventClicked.connect(self.openRequested.emit)

    def _make_charts(self) -> Card:
        card = Card()
        card.body.setSpacing(2)
        self.link = TimeLink(self)
        for chart in (self.requests, self.drift, self.performance, self.business):
            chart.caption.hide()
            chart.setMinimumHeight(88)
            # Else a text that wraps beside them would have the page ask for all the height they would like.
            chart.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
            without_times(chart)
            chart.set_empty(self.tr("Comes with the first traffic"))
            card.add(chart, 1)
            self.link.add(chart)
        card.add(self.lane)
        self.link.add(self.lane)
        return card

    def _make_rollout_widgets(self) -> None:
        self.compare = ModelCompare()
        self.champion = ChampionFacts()
        self.decisions = DecisionList()
        self.split = SplitSlider()
        self.split.applied.connect(self._on_split)
        self.guardrails = GuardrailList()
        self.note = caption("", wrap=True)
        self.promote = button(self.tr("Promote…"), "promote", "primary", self._on_promote)
        self.roll_back = button(self.tr("Roll back…"), "rollback", "danger", self._on_roll_back)

    def _make_rollout(self) -> Card:
        card = Card(self.tr("Champion and challenger"))
        card.setFixedWidth(424)
        self.rollout_chip = StatusChip()
        assert card.header is not None  # noqa: S101 - it has a title
        card.header.add_action(self.rollout_chip)
        for widget in (self.champion, self.compare, self.split, self.guardrails, self.note, self.decisions):
            card.add(widget)
        card.body.addStretch(1)
        row = QHBoxLayout()
        row.setSpacing(t.SPACE_2)
        row.addWidget(self.promote, 1)
        row.addWidget(self.roll_back, 1)
        card.body.addLayout(row)
        return card

    def _make_heatmap(self) -> None:
        self.heatmap = DriftHeatmap(self.tr("Drift by feature"), self.tr("about a week a column"))
        self.heatmap.caption.hide()
        self.heatmap.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.heatmap.set_empty(self.tr("Comes with the first judged window"))
        self.heatmap.cellClicked.connect(lambda feature, _window: self.openRequested.emit(f"monitoring/{feature}"))

    def _make_log(self) -> Card:
        card = Card()
        self.log = PlainLog()
        self.log.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.log.lineActivated.connect(lambda seq: self.openRequested.emit(f"journal/{seq}"))
        self.scores = MonthScores()
        self.tabs = PageTabs([self.tr("What happened"), self.tr("AUC by month")])
        self.tabs.setAccessibleName(self.tr("What happened, or the AUC by month"))
        self.tabs.setTabVisible(1, False)
        stack = QStackedWidget()
        stack.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        stack.addWidget(self.log)
        stack.addWidget(self.scores)
        self.tabs.currentChanged.connect(stack.setCurrentIndex)
        card.add(self.tabs)
        card.add(stack, 1)
        return card

    # Showing

    def show_model(self, model: queries.ControlRoom) -> None:
        self.endpoint = model.endpoint
        self._show_strip(model)
        self._show_charts(model)
        self._show_rollout(model)
        self._show_log(model)
        self._show_scores(model)

    def _show_scores(self, model: queries.ControlRoom) -> None:
        scores = model.scores
        if len(scores) == self._shown_months:
            return
        self._shown_months = len(scores)
        months = [f"{date.fromisoformat(f'{each.month}-01'):%b}" for each in scores]
        policies = [
            Policy(self.tr("Never retrained"), tuple(each.never for each in scores)),
            Policy(self.tr("Always retrained"), tuple(each.always for each in scores)),
            Policy(self.tr("This loop"), tuple(each.loop for each in scores), main=True),
        ]
        self.scores.set_policies(months, policies)
        self.tabs.setTabVisible(1, bool(scores))

    def _show_strip(self, model: queries.ControlRoom) -> None:
        cycle = model.lifecycle
        states = dict.fromkeys(cycle.done, StepState.DONE) | dict.fromkeys(cycle.failed, StepState.FAILED)
        states[cycle.current] = StepState.CURRENT
        self.strip.set_states(states, cycle.details)
        self.controls.setVisible(model.is_replay and self.player is not None)
        if self.player is None or not self.player.report.day:
            self.controls.set_date(f"{model.now:%d %b %Y}", 0.0)

    def _show_charts(self, model: queries.ControlRoom) -> None:
        series = model.series
        if not len(series):
            return
        state = (
            model.endpoint,
            len(series),
            len(model.verdicts),
            float(series.times[-1]),
            sum(len(m.times) for m in series.metrics.values()),
        )
        if state != self._shown_series:
            self._shown_series = state
            names = tuple(series.metrics)
            drift = judged_drift(model.verdicts, series, self.tr("Drift"))
            main, business = performance_name(names), business_name(names)
            put = self.stagger.put
            put("requests", lambda: self._show_requests(model, series))
            put("drift", lambda: self.drift.set_series(drift))
            put("performance", lambda: self._show_metric(self.performance, model, main))
            put("business", lambda: self._show_metric(self.business, model, business))
            put("heatmap", lambda: self.heatmap.set_grid(drift_grid(model.heat, _FEATURES)))
        if model.lane and model.lane[-1].seq != self._shown_lane:
            self._shown_lane = model.lane[-1].seq
            self.stagger.put("lane", lambda: self.lane.set_events(event_marks(model.lane)))

    def _show_requests(self, model: queries.ControlRoom, series: WindowSeries) -> None:
        roles: dict[str, Role] = {}
        if model.rollout is not None:
            roles = {f"v{model.rollout.primary}": Role.BASELINE, f"v{model.rollout.canary}": Role.QUESTIONED}
        counts: dict[str, Any] = {f"v{name.rpartition('@')[2]}": rows for name, rows in series.requests.items()}
        if len(counts) > 4:
            # Four hues at most: versions that are gone are one series.
            recent = list(counts)[-3:]
            older = np.sum([rows for name, rows in counts.items() if name not in recent], axis=0)
            counts = {self.tr("older"): older} | {name: counts[name] for name in recent}
        self.requests.set_counts(series.starts, counts, roles)

    def _show_metric(self, chart: MetricChart, model: queries.ControlRoom, name: str) -> None:
        pending = self.tr("Labels pending")
        show_judged_metric(chart, name, model.verdicts.metrics, model.series.metrics, pending)

    def _show_rollout(self, model: queries.ControlRoom) -> None:
        champion, challenger, rollout = model.champion, model.challenger, model.rollout
        name, other = (f"v{each.number}" if each else "–" for each in (champion, challenger))
        # One screen: the more guardrails, the fewer metrics.
        most = max(1, 5 - len(rollout.guardrails)) if rollout is not None else 5
        metrics = compared_metrics(champion, challenger, most) if champion else []
        self.compare.set_models(name, other, metrics)
        self.compare.setVisible(bool(metrics) and challenger is not None)
        self.compare.setToolTip(comparison_note(champion, challenger) if champion and challenger else "")
        self.champion.setVisible(champion is not None and challenger is None)
        if champion is not None and challenger is None:
            self.champion.set_champion(champion, model.production)
        self.decisions.setVisible(rollout is None and bool(model.decisions))
        self.decisions.set_decisions(model.decisions if challenger is None else model.decisions[:2])
        self.split.setVisible(rollout is not None)
        self.guardrails.setVisible(rollout is not None)
        if rollout is not None:
            if not self.split.slider.isSliderDown() and not self.split.spin.hasFocus():
                self.split.set_split(f"v{rollout.primary}", f"v{rollout.canary}", rollout.weight)
            self.guardrails.set_guardrails([structs.replace(g, name=metric_label(g.name)) for g in rollout.guardrails])
            self.rollout_chip.set_status("canary", self.tr("Canary {share}").format(share=f"{rollout.weight:.0%}"))
        elif champion is not None:
            self.rollout_chip.set_status("production", self.tr("{name} in production").format(name=name))
        else:
            self.rollout_chip.set_status("unknown", self.tr("No model yet"))
        self.note.setText(self._note(model))
        self.note.setVisible(bool(self.note.text()))
        self.promote.setEnabled(challenger is not None)
        self.promote.setText(self.tr("Promote {name}…").format(name=other) if challenger else self.tr("Promote…"))
        self.roll_back.setEnabled(rollout is not None or model.previous is not None)
        ending = self.tr("End canary {name}…").format(name=other)
        self.roll_back.setText(ending if rollout is not None else self.tr("Roll back…"))

    def _note(self, model: queries.ControlRoom) -> str:
        if model.rollout is not None:
            return ""  # every pixel is taken; what the columns are of is the comparison's tool tip
        if model.champion is None:
            training = next((run for run in model.active), None)
            if training is None:
                return self.tr("Train a model to see it here.")
            return self.tr("{pipeline} is {state}; the first model comes with it. Ctrl+J shows how far it is.").format(
                pipeline=training.pipeline.capitalize(), state=training.state.value
            )
        if model.challenger is None:
            text = self.tr("No challenger. The next one comes from a schedule, or from an alert.")
        else:
            text = self.tr("v{n} is not in production. Start a canary, or promote it.").format(
                n=model.challenger.number
            )
        last = model.last_rollout
        if last is not None:
            said = self.tr("Last canary: v{n} {outcome}, {reason}.")
            text += "\n" + said.format(n=last.canary, outcome=last.state.value, reason=last.reason)
        return text

    def _show_log(self, model: queries.ControlRoom) -> None:
        fresh = [each for each in reversed(model.log) if each.seq > self._last_line]
        if not fresh:
            return
        lines = [log_line(each) for each in fresh]
        if self._last_line:
            self.log.append(lines)
        else:
            self.log.set_lines(lines)
            # Once it is laid out: a list without a height has no end to scroll to.
            self.stagger.put("log", self.log.view.scrollToBottom)
        self._last_line = fresh[-1].seq

    # Doing

    def _on_play(self, on: bool) -> None:
        self.playRequested.emit(on)
        if self.player is not None:
            self.player.play(on)

    def _on_speed(self, speed: float) -> None:
        self.speedRequested.emit(speed)
        if self.player is not None:
            self.player.set_speed(speed)

    def _on_player(self, report: PlayerReport) -> None:
        if not self.is_built:
            return
        self.controls.set_playing(report.state in ("playing", "waiting"))
        words = {
            "waiting": self.tr("waiting for the engine"),
            "finished": self.tr("the year is over"),
            "failed": report.message or self.tr("the replay failed"),
        }
        note = words.get(report.state, "")
        day = f"{date.fromisoformat(report.day):%d %b %Y}" if report.day else self.controls.date.text()
        self.controls.set_date(day, report.fraction, note)
        self.controls.play_button.setEnabled(report.state != "finished")
        if report.message:
            self.controls.note.setToolTip(report.message)

    def _on_split(self, share: float) -> None:
        endpoint = self.endpoint
        done = self.tr("The canary gets {share} of the requests").format(share=f"{share:.0%}".replace("%", " %"))
        self.bridge.do(lambda workspace: workspace.set_canary_weight(endpoint, share), done)

    def _on_promote(self) -> None:
        if self.model is not None and self.model.challenger is not None:
            self.sheet = ask_promotion(self, self.model.challenger, self.model.champion)

    def _on_roll_back(self) -> None:
        model: queries.ControlRoom | None = self.model
        if model is not None:
            current = model.champion.number if model.champion else None
            self.sheet = ask_rollback(self, model.endpoint, model.rollout, current, model.previous)
