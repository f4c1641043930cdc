"""Monitoring: which features drift when, how one of them went, and what it did to performance and business."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QTabWidget, QVBoxLayout, QWidget

from mlops_desktop.ui.bridge import Query
from mlops_desktop.ui.charts.drift import DriftChart
from mlops_desktop.ui.charts.events import EventLane
from mlops_desktop.ui.charts.heatmap import DriftHeatmap
from mlops_desktop.ui.charts.linking import TimeLink
from mlops_desktop.ui.charts.metric import MetricChart
from mlops_desktop.ui.charts.timechart import TimeChart
from mlops_desktop.ui.charts.values import Role, Series
from mlops_desktop.ui.pages.base import NeverSetUp, Page, page_column
from mlops_desktop.ui.pages.columns import FittingColumns
from mlops_desktop.ui.pages.marks import drift_grid, event_marks, judged_drift, show_judged_metric
from mlops_desktop.ui.queries import monitoring as queries
from mlops_desktop.ui.queries.series import business_name, performance_name
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.card import Card
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.figures import fixed, percent
from mlops_desktop.ui.widgets.labels import caption
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind

_METHODS = {"psi": "PSI", "jensen_shannon": "Jensen-Shannon", "ks": "KS", "chi2": "Chi²"}


class MonitoringPage(Page):
    """Data drift, and performance with business; both on the windows of one endpoint."""

    key = "monitoring"
    listens_to = ("window.", "alert.", "endpoint.", "alias.")
    reload_ms = 800
    _wanted = ""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.endpoint = ""

    def query(self) -> Query:
        endpoint = self.endpoint
        return lambda workspace: queries.monitoring(workspace, endpoint)

    def never_set_up(self, model: queries.Monitoring) -> NeverSetUp | None:
        if len(model.days) or model.windows:
            return None
        if model.endpoints:
            text = self.tr("The first window is judged when enough requests have come in. Send some from Serving.")
            return NeverSetUp(self.tr("No window yet"), text, self.tr("Open serving"), "monitoring", self._serving)
        text = self.tr("Monitoring compares what an endpoint is asked with what its model was trained on.")
        return NeverSetUp(self.tr("Nothing is served yet"), text, self.tr("Open serving"), "monitoring", self._serving)

    def _serving(self) -> None:
        self.openRequested.emit("serving")

    def build_parts(self) -> Sequence[Callable[[], object]]:
        return (
            self._make_feature_charts,
            self._make_heatmap,
            self._make_features,
            self._make_metric_charts,
            self._make_share_and_lane,
            self.build,
        )

    def build(self) -> None:
        self.feature = self._wanted
        column = page_column(self.content)
        bar = QHBoxLayout()
        bar.setSpacing(t.SPACE_3)
        self.endpoints = QComboBox()
        self.endpoints.setAccessibleName(self.tr("Endpoint"))
        self.endpoints.setMinimumWidth(160)
        self.endpoints.activated.connect(lambda _index: self._on_endpoint())
        self.note = caption()
        bar.addWidget(self.endpoints)
        bar.addWidget(self.note, 1)
        column.addLayout(bar)
        tabs = QTabWidget()
        tabs.setDocumentMode(True)
        tabs.addTab(self._make_drift(), self.tr("Data drift"))
        tabs.addTab(self._make_performance(), self.tr("Performance and business"))
        column.addWidget(tabs, 1)

    def _make_feature_charts(self) -> None:
        self.course = TimeChart(self.tr("Feature"), from_zero=True)
        self.missing = TimeChart(self.tr("Missing and unseen"), self.tr("share of rows, %"), from_zero=True)

    def _make_heatmap(self) -> None:
        self.heatmap = DriftHeatmap(self.tr("Drift by feature"), self.tr("most important first"))
        self.heatmap.cellClicked.connect(lambda feature, _window: self.show_feature(feature))
        self.heatmap.caption.hide()

    def _make_features(self) -> None:
        self.features = DataTable(
            [
                ColumnSpec("feature", self.tr("Feature"), width=116),
                ColumnSpec("state", self.tr("State"), Kind.CHIP, width=96),
                ColumnSpec("score", self.tr("Score"), Kind.NUMBER, width=66),
                ColumnSpec("threshold", self.tr("Limit"), Kind.NUMBER, width=66),
                ColumnSpec("p", self.tr("p, adjusted"), Kind.NUMBER, width=100),
                ColumnSpec("method", self.tr("Method"), width=132),
            ],
            compact=True,
            toolbar=False,
            name=self.tr("features"),
        )
        self.features.selectionChanged.connect(self._on_feature_row)
        FittingColumns(self.features, "feature", ("p",))

    def _make_metric_charts(self) -> None:
        self.performance = MetricChart(self.tr("Performance"))
        self.business = MetricChart(self.tr("Business"))

    def _make_share_and_lane(self) -> None:
        self.share = DriftChart(self.tr("Drift"), self.tr("worst feature, × threshold"))
        self.lane = EventLane(self.tr("Events"))
        self.lane.eventClicked.connect(self.openRequested.emit)

    def _make_drift(self) -> QWidget:
        page = QWidget()
        row = QHBoxLayout(page)
        row.setContentsMargins(0, t.SPACE_4, 0, 0)
        row.setSpacing(t.SPACE_4)
        left = Card()
        left.add(self.heatmap, 1)
        column = QVBoxLayout()
        column.setSpacing(t.SPACE_4)
        column.addWidget(left, 5)
        row.addLayout(column, 3)
        card = Card()
        link = TimeLink(self)
        for chart in (self.course, self.missing):
            card.add(chart, 1)
            link.add(chart)
        row.addWidget(card, 2)
        latest = Card(self.tr("Newest window"))
        self.latest_note = latest.header
        latest.add(self.features, 1)
        column.addWidget(latest, 3)
        return page

    def _make_performance(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, t.SPACE_4, 0, 0)
        card = Card()
        link = TimeLink(self)
        for chart in (self.performance, self.business, self.share):
            card.add(chart, 1)
            link.add(chart)
        card.add(self.lane)
        link.add(self.lane)
        column.addWidget(card)
        return page

    # Showing

    def show_model(self, model: queries.Monitoring) -> None:
        self.endpoint = model.endpoint
        if [self.endpoints.itemText(i) for i in range(self.endpoints.count())] != list(model.endpoints):
            self.endpoints.clear()
            self.endpoints.addItems(list(model.endpoints))
        self.endpoints.setCurrentText(model.endpoint)
        self.stagger.put("heatmap", lambda: self.heatmap.set_grid(drift_grid(model.heat)))
        if self.feature not in model.heat.features:
            self.feature = _worst(model)
        self._show_latest(model)
        days = model.days
        names = tuple(days.metrics)
        drift = judged_drift(model.verdicts, days, self.tr("Drift"))
        main, business = performance_name(names), business_name(names)
        put = self.stagger.put
        put("feature", lambda: self.show_feature(self.feature))
        put("performance", lambda: self._show_metric(self.performance, model, main))
        put("business", lambda: self._show_metric(self.business, model, business))
        put("share", lambda: self.share.set_series(drift))
        put("lane", lambda: self.lane.set_events(event_marks(model.lane)))

    def _show_metric(self, chart: MetricChart, model: queries.Monitoring, name: str) -> None:
        pending = self.tr("Labels pending: metrics come when the labels arrive")
        show_judged_metric(chart, name, model.verdicts.metrics, model.days.metrics, pending)

    def _show_latest(self, model: queries.Monitoring) -> None:
        if not model.windows:
            return
        newest = model.windows[-1]
        text = self.tr("{n} windows judged; the newest: {start} to {end}, {rows} rows, {share} of features drift")
        self.note.setText(
            text.format(
                n=len(model.windows),
                start=f"{newest.start:%d %b}",
                end=f"{newest.end:%d %b %Y}",
                rows=f"{newest.rows:,}",
                share=percent(newest.drift_share, 0),
            )
        )
        shown = sorted(newest.features, key=lambda each: -(each.score / each.threshold if each.threshold else 0))
        self.features.set_rows(
            {
                "feature": [each.feature for each in shown],
                "state": ["drifting" if each.drifting else "healthy" for each in shown],
                "score": [each.score for each in shown],
                "threshold": [each.threshold for each in shown],
                "p": [each.p_value for each in shown],
                "method": [_METHODS.get(each.method, each.method) for each in shown],
            }
        )
        self._listed = [each.feature for each in shown]

    _listed: list[str] = []  # noqa: RUF012 - replaced as a whole

    def show_feature(self, feature: str) -> None:
        """One feature's score against its limit over the windows."""
        if not feature or self.model is None:
            return
        self.feature = feature
        course = queries.feature_course(self.model.windows, feature)
        method = _METHODS.get(course.latest.method, course.latest.method) if course.latest else ""
        self.course.set_title(feature, f"{method}, {self.tr('score and limit')}" if method else "")
        if not len(course.times):
            self.course.set_empty(self.tr("This feature was not judged"))
            return
        self.course.set_series(
            [
                Series(self.tr("score"), course.times, course.scores, Role.QUESTIONED),
                Series(self.tr("limit"), course.times, course.thresholds, Role.BASELINE, dashed=True),
            ]
        )
        if course.latest is not None:
            words = self.tr("importance {i}, newest score {s} against a limit of {t}")
            score, limit = fixed(course.latest.score, 3), fixed(course.latest.threshold, 3)
            self.course.set_caption(words.format(i=percent(course.latest.importance, 0), s=score, t=limit))
        self.missing.set_series(
            [
                Series(self.tr("missing"), course.times, course.missing * 100),
                Series(self.tr("unseen"), course.times, course.unseen * 100, dashed=True),
            ]
        )

    def open_target(self, target: str) -> None:
        self._wanted = target
        if self.is_built:
            self.show_feature(target)

    def _on_feature_row(self, rows: list[int]) -> None:
        if rows and rows[0] < len(self._listed):
            self.show_feature(self._listed[rows[0]])

    def _on_endpoint(self) -> None:
        self.endpoint = self.endpoints.currentText()
        self.reload()


def _worst(model: queries.Monitoring) -> str:
    """The feature that drifts most in the newest window, else the most important one."""
    if not model.windows or not model.windows[-1].features:
        return next(iter(model.heat.features), "")
    return max(model.windows[-1].features, key=lambda f: f.score / f.threshold if f.threshold else 0.0).feature
