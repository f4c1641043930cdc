"""Renders every widget and chart in both themes: `python -m mlops_desktop.ui.gallery OUTDIR` writes PNGs.

Also the shortest example of how each of them is used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QRadioButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from mlops_desktop.core.deployments import Guardrail
from mlops_desktop.ui.charts.distribution import DistributionChart
from mlops_desktop.ui.charts.drift import DriftChart
from mlops_desktop.ui.charts.events import EventLane
from mlops_desktop.ui.charts.heatmap import DriftHeatmap
from mlops_desktop.ui.charts.linking import TimeLink
from mlops_desktop.ui.charts.metric import MetricChart
from mlops_desktop.ui.charts.reliability import ReliabilityChart
from mlops_desktop.ui.charts.requests import RequestsChart
from mlops_desktop.ui.charts.sparkline import MiniHistogram
from mlops_desktop.ui.charts.timechart import TimeChart
from mlops_desktop.ui.charts.values import (
    Distribution,
    DriftGrid,
    EventKind,
    EventMark,
    Floats,
    Interval,
    Reliability,
    Role,
    Series,
    Span,
)
from mlops_desktop.ui.theme import icons
from mlops_desktop.ui.theme.apply import Theme, apply_theme, current
from mlops_desktop.ui.theme.status import known_statuses
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.banner import Banner
from mlops_desktop.ui.widgets.buttons import button, icon_button
from mlops_desktop.ui.widgets.card import Card, SectionHeader
from mlops_desktop.ui.widgets.chips import StatusChip
from mlops_desktop.ui.widgets.commandbar import CommandBar
from mlops_desktop.ui.widgets.confirm import Change, Confirmation, ConfirmSheet
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.emptystate import EmptyState
from mlops_desktop.ui.widgets.forms import choice_field, text_field
from mlops_desktop.ui.widgets.inspector import FactList, InspectorPanel
from mlops_desktop.ui.widgets.jobs import Job, JobsDrawer
from mlops_desktop.ui.widgets.keyfigure import KeyFigure
from mlops_desktop.ui.widgets.labels import body, caption, page_title
from mlops_desktop.ui.widgets.lifecycle import LifecycleStrip
from mlops_desktop.ui.widgets.navigation import NavigationRail, RailItem
from mlops_desktop.ui.widgets.notifications import Level, NoticeLog
from mlops_desktop.ui.widgets.palette import Command, CommandPalette
from mlops_desktop.ui.widgets.plainlog import LogLine, PlainLog
from mlops_desktop.ui.widgets.player import PlayerControls
from mlops_desktop.ui.widgets.rollout import ComparedMetric, GuardrailList, ModelCompare, SplitSlider
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind
from mlops_desktop.ui.widgets.tabs import PageTabs
from mlops_desktop.ui.widgets.toasts import Toasts

DAY = 86_400.0
START = datetime(2013, 1, 1, tzinfo=UTC).timestamp()
PAGES = (
    RailItem("control", "Control Room", "control-room", "Ctrl+1"),
    RailItem("data", "Data", "data", "Ctrl+2"),
    RailItem("experiments", "Experiments", "experiments", "Ctrl+3"),
    RailItem("models", "Models", "models", "Ctrl+4"),
    RailItem("pipelines", "Pipelines", "pipelines", "Ctrl+5"),
    RailItem("serving", "Serving", "serving", "Ctrl+6"),
    RailItem("monitoring", "Monitoring", "monitoring", "Ctrl+7"),
    RailItem("alerts", "Alerts", "alerts", "Ctrl+8"),
    RailItem("lineage", "Lineage", "lineage", "Ctrl+9"),
    RailItem("audit", "Audit", "audit"),
)


def _days(n: int) -> Floats:
    return START + np.arange(n, dtype=np.float64) * DAY


def _rng() -> np.random.Generator:
    return np.random.default_rng(7)


# --- the pieces, each with plausible content


def requests_chart() -> RequestsChart:
    chart = RequestsChart("Requests by version", "per day")
    n, rng = 90, _rng()
    total = 820 + rng.normal(0, 60, n)
    share = np.clip((np.arange(n) - 70) / 12, 0, 0.5)
    counts = {"v3": total * (1 - share), "v4 canary": total * share}
    chart.set_counts(_days(n), counts, {"v3": Role.BASELINE, "v4 canary": Role.QUESTIONED})
    return chart


def drift_chart() -> DriftChart:
    chart = DriftChart("Drift score", "× threshold")
    n, rng = 90, _rng()
    score = 0.45 + rng.normal(0, 0.08, n)
    score[52:68] += np.linspace(0, 1.5, 16)
    concept = 0.3 + rng.normal(0, 0.05, n)
    days = _days(n) + DAY / 2
    chart.set_series([Series("largest feature", days, score), Series("predictions", days, concept, dashed=True)])
    return chart


def metric_chart() -> MetricChart:
    chart = MetricChart("AUC", "95 % interval", text_of=lambda value: f"{value:.2f}")
    n, rng = 90, _rng()
    days = _days(n) + DAY / 2
    auc = 0.81 - np.clip((np.arange(n) - 50) / 40, 0, 1) * 0.08 + rng.normal(0, 0.006, n)
    auc[84:] = np.nan
    estimated = auc.copy()
    estimated[84:] = 0.742 + rng.normal(0, 0.004, 6)
    chart.set_metrics(
        [
            Series("realised", days, auc),
            Series("estimated", days, estimated + 0.004, Role.BASELINE, dashed=True),
        ],
        [Interval("realised", days, auc - 0.02, auc + 0.02)],
    )
    chart.set_spans([Span(START + 84 * DAY, START + 90 * DAY, "labels pending")])
    return chart


def event_lane() -> EventLane:
    lane = EventLane()
    marks = [
        (2, EventKind.DEPLOY, "v3 to production"),
        (57, EventKind.ALERT, "data drift, dep_delay"),
        (60, EventKind.ALERT, "performance"),
        (61, EventKind.RETRAIN, "on 120,400 rows"),
        (70, EventKind.CANARY, "v4 gets 5 %"),
        (80, EventKind.ROLLBACK, "v4: latency"),
        (86, EventKind.PROMOTE, "v5"),
    ]
    lane.set_events([EventMark(START + d * DAY, kind, text, f"event:{d}") for d, kind, text in marks])
    return lane


def heatmap(rows: int = 12) -> DriftHeatmap:
    chart = DriftHeatmap("Feature drift", "score / threshold per week")
    names = ("dep_delay", "distance", "carrier", "origin", "hour", "air_time", "temp", "wind_speed", "visib", "dest")
    n, rng = 46, _rng()
    features = (names + tuple(f"feature_{i}" for i in range(20)))[:rows]
    ratios = np.abs(rng.normal(0.4, 0.2, (rows, n)))
    ratios[0, 22:34] += np.linspace(0.4, 4, 12)
    ratios[2, 25:31] += 1.2
    ratios[4, 20:40] += np.linspace(0, 9, 20)
    ratios[5, 5:9] = np.nan
    chart.set_grid(DriftGrid(features, _days(n * 7)[::7], ratios))
    return chart


def distribution_chart() -> DistributionChart:
    chart = DistributionChart("dep_delay", "share of rows per bin")
    edges = np.concatenate([[-np.inf], np.linspace(-20, 80, 19), [np.inf]])
    middle = np.arange(20)
    reference = np.round(20_000 * np.exp(-((middle - 5) ** 2) / 14)) + 40
    now = np.round(3_000 * np.exp(-((middle - 9) ** 2) / 22)) + 9
    chart.set_distribution(Distribution("dep_delay", reference, now, edges=edges, score=0.312, threshold=0.25))
    return chart


def category_chart() -> DistributionChart:
    chart = DistributionChart("carrier", "share of rows per category")
    names = ("UA", "B6", "EV", "DL", "AA", "MQ", "US", "Other carriers")
    reference = np.array([58, 54, 54, 48, 32, 26, 20, 44]) * 100.0
    now = np.array([44, 70, 39, 47, 35, 20, 22, 40]) * 20.0
    chart.set_distribution(Distribution("carrier", reference, now, categories=names, score=0.08, threshold=0.12))
    return chart


def reliability_chart() -> ReliabilityChart:
    chart = ReliabilityChart("Calibration", "observed rate over prediction")
    x = np.linspace(0.05, 0.95, 10)
    counts = np.linspace(900, 120, 10).astype(np.int64)
    curves = []
    for name, role, bend in (("v3", Role.BASELINE, 0.1), ("v4", Role.QUESTIONED, -0.03)):
        y = np.clip(x - bend * np.sin(np.pi * x), 0, 1)
        half = 1.96 * np.sqrt(y * (1 - y) / counts)
        curves.append(Reliability(name, x, y, counts, y - half, y + half, role))
    chart.set_curves(curves)
    return chart


def long_chart(n: int = 1_000_000) -> TimeChart:
    chart = TimeChart("Latency of every request", "ms")
    rng = _rng()
    times = START + np.linspace(0, 30 * DAY, n)
    series = [Series("p50 worker", times, rng.gamma(3, 4, n)), Series("gateway", times, rng.gamma(2, 1.2, n))]
    chart.set_series(series)
    return chart


def runs_table() -> DataTable:
    specs = [
        ColumnSpec("name", "Run", width=170),
        ColumnSpec("state", "State", Kind.CHIP, width=124),
        ColumnSpec("id", "Id", Kind.MONO, width=110),
        ColumnSpec("auc", "AUC", Kind.NUMBER, width=80),
        ColumnSpec("rows", "Rows", Kind.INTEGER, width=96),
        ColumnSpec("time", "Duration", Kind.DURATION, width=110),
        ColumnSpec("share", "Missing", Kind.PERCENT, width=90, decimals=1),
        ColumnSpec("size", "Size", Kind.COMPACT, unit="B", width=96),
        ColumnSpec("course", "Course", Kind.SPARKLINE, width=120),
        ColumnSpec("shape", "Errors", Kind.HISTOGRAM, width=110),
        ColumnSpec("started", "Started", Kind.TIME, width=140),
    ]
    rng, n = _rng(), 40
    states = ["succeeded", "running", "failed", "queued", "cancelled"]
    table = DataTable(specs, name="runs")
    table.set_rows(
        {
            "name": [f"weekly retrain {i:02d}" for i in range(n)],
            "state": [states[i % 5] for i in range(n)],
            "id": [f"01hx{i:02d}9fz3k" for i in range(n)],
            "auc": np.where(np.arange(n) % 5 == 2, np.nan, 0.7 + rng.random(n) * 0.2),
            "rows": rng.integers(1000, 400_000, n),
            "time": rng.gamma(2, 90, n),
            "share": rng.random(n) * 0.2,
            "size": rng.gamma(2, 4e6, n),
            "course": [rng.normal(0, 1, 24).cumsum() for _ in range(n)],
            "shape": [np.exp(-((np.arange(16) - 8) ** 2) / (8 + i)) for i in range(n)],
            "started": np.datetime64("2013-01-01T08:30") + np.arange(n) * np.timedelta64(11, "h"),
        }
    )
    table.view.selectRow(1)
    return table


def compare() -> ModelCompare:
    result = ModelCompare()
    metrics = [
        ComparedMetric("AUC", 0.7713, 0.8042, low=0.021, high=0.046),
        ComparedMetric("Log loss", 0.4811, 0.4502, higher_is_better=False, low=-0.05, high=-0.01),
        ComparedMetric("Latency p95", 8.1, 11.9, higher_is_better=False, unit="ms", decimals=1),
        ComparedMetric("Cost", 1.92, 1.9, higher_is_better=False, unit="€/flight", decimals=2, low=-0.1, high=0.07),
    ]
    result.set_models("delay v3", "delay v4", metrics)
    return result


def guardrails() -> GuardrailList:
    result = GuardrailList()
    result.set_guardrails(
        [
            Guardrail("Error rate", 0.0012, 0.0013, 0.0001, -0.0009, 0.0011, 18_200, 2_041, "pass"),
            Guardrail("Latency p95", 8.1, 11.9, 3.8, 2.1, 5.5, 18_200, 2_041, "fail", "ms"),
            Guardrail("Log loss", 0.481, 0.452, -0.029, -0.066, 0.008, 9_100, 1_007, "undecided"),
        ]
    )
    return result


def log() -> PlainLog:
    result = PlainLog()
    texts = [
        ("clock.advanced", "Replay reached 2013-02-28"),
        ("dataset.version.created", "flights@9: 24,951 rows from day 59, 1 of 14 chunks new"),
        ("window.monitored", "delay 2013-02-22 to 2013-02-28: 1 of 12 features drift"),
        ("alert.raised", "PSI of dep_delay 0.31 > 0.25 → alert 12 → retraining started"),
        ("pipeline.run.started", "Pipeline retrain started, attempt 1"),
        ("run.finished", "Training run of delay finished: AUC 0.804"),
        ("gate.decided", "Gate passed delay@4 against delay@3: better by 0.033 (0.021 to 0.046)"),
        ("rollout.started", "Canary v4 gets 5 % of the traffic of delay, v3 the rest"),
        ("alias.moved", "production of delay moved from 3 to 4: all guardrails passed"),
    ]
    result.set_lines([LogLine(i, f"10:{40 + i}", text, kind) for i, (kind, text) in enumerate(texts)])
    return result


def lifecycle() -> LifecycleStrip:
    strip = LifecycleStrip()
    details = {"data": "flights@9", "train": "AUC 0.804", "deploy": "v3", "traffic": "824 / day", "drift": "1 of 12"}
    strip.set_current("canary", details | {"retrain": "alert 12", "canary": "v4 at 20 %"})
    return strip


def split() -> SplitSlider:
    result = SplitSlider()
    result.set_split("v3", "v4", 0.2)
    result.spin.setValue(35)
    return result


def player() -> PlayerControls:
    result = PlayerControls()
    result.set_date("28 February 2013", 59 / 365, "day 59 of 365")
    result.set_playing(True)
    return result


def key_figures() -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(16)
    rng = _rng()
    figures = [
        ("Requests, last hour", "1,204", "/h", "+8 % against the hour before", Tone.NEUTRAL),
        ("AUC, last 30 days", "0.804", "", "+0.033 against v3", Tone.OK),
        ("Latency p95", "11.9", "ms", "+3.8 ms against v3", Tone.CRITICAL),
        ("Cost per flight", "1.92", "€", "\N{MINUS SIGN}0.02 € this week", Tone.OK),
    ]
    for title, value, unit, delta, tone in figures:
        card = Card()
        figure = KeyFigure(title)
        figure.set_value(value, unit, delta, tone)
        figure.set_course(rng.normal(0, 1, 30).cumsum().tolist())
        card.add(figure)
        row.addWidget(card)
    return holder


# --- the sheets


def _column(*widgets: QWidget, margin: int = 24) -> QWidget:
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.setContentsMargins(margin, margin, margin, margin)
    layout.setSpacing(16)
    for widget in widgets:
        layout.addWidget(widget)
    return page


def _row(*widgets: QWidget, spacing: int = 8, stretch: bool = True) -> QWidget:
    holder = QWidget()
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    for widget in widgets:
        layout.addWidget(widget)
    if stretch:
        layout.addStretch(1)
    return holder


def _card(title: str, *widgets: QWidget, note: str = "") -> Card:
    card = Card(title, note)
    for widget in widgets:
        card.add(widget)
    return card


def control_room() -> QWidget:
    page = QWidget()
    page.resize(1440, 900)
    rail = NavigationRail(PAGES, [RailItem("settings", "Settings", "settings")], product="MLOps Desktop")
    rail.set_badge("alerts", 3)
    bar = CommandBar("Control Room")
    bar.add_action(QAction("Open report", bar), "file")
    content = QWidget()
    grid = QGridLayout(content)
    grid.setContentsMargins(24, 16, 24, 16)
    grid.setSpacing(12)
    top = _card("", lifecycle(), player())
    charts = Card()
    link = TimeLink(page)
    for index, chart in enumerate((requests_chart(), drift_chart(), metric_chart(), event_lane())):
        if index < 3:
            chart.caption.hide()
            chart.set_time_axis_visible(False)
        link.add(chart)
        charts.add(chart, 0 if index == 3 else 1)
    actions = _row(button("Promote", "promote", "primary"), button("Roll back", "rollback", "danger"))
    side = _card("Canary", compare(), split(), guardrails(), actions, note="v4 against v3, day 9")
    side.body.addStretch(1)
    grid.addWidget(top, 0, 0, 1, 2)
    grid.addWidget(charts, 1, 0)
    grid.addWidget(side, 1, 1)
    heat = Card()
    heat.add(heatmap(7))
    grid.addWidget(heat, 2, 0)
    grid.addWidget(_card("Journal", log()), 2, 1)
    grid.setColumnStretch(0, 7)
    grid.setColumnStretch(1, 4)
    grid.setRowStretch(1, 5)
    grid.setRowStretch(2, 2)
    right = QVBoxLayout()
    right.setSpacing(0)
    right.addWidget(bar)
    right.addWidget(content, 1)
    layout = QHBoxLayout(page)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    layout.addWidget(rail)
    layout.addLayout(right, 1)
    return page


def controls() -> QWidget:
    name, _editor = text_field("Name", "weekly retrain", "Letters, digits and spaces")
    wrong, _wrong = text_field("Port", "80a")
    wrong.set_error("A port is a number from 1024 to 65535.")
    choice, _combo = choice_field("Model", [("a", "delay"), ("b", "cancellation")], "b")
    spin = QDoubleSpinBox()
    spin.setValue(0.25)
    check, radio, off = QCheckBox("Retrain on alert"), QRadioButton("Run once"), QCheckBox("Skip missed runs")
    check.setChecked(True)
    radio.setChecked(True)
    disabled = button("Disabled")
    disabled.setEnabled(False)
    bar = QProgressBar()
    bar.setTextVisible(False)
    bar.setValue(60)
    tabs = PageTabs(["Overview", "Data drift", "Concept", "Business"])
    chips = QWidget()
    grid = QGridLayout(chips)
    grid.setContentsMargins(0, 0, 0, 0)
    for i, status in enumerate(known_statuses()):
        grid.addWidget(StatusChip(status), i // 10, i % 10)
    glyphs = QWidget()
    marks = QGridLayout(glyphs)
    marks.setContentsMargins(0, 0, 0, 0)
    for i, icon in enumerate(icons.names()):
        label = QLabel()
        label.setPixmap(icons.pixmap(icon, current().text, 24))
        label.setToolTip(icon)
        marks.addWidget(label, i // 30, i % 30)
    kinds = ("primary", "", "danger", "quiet")
    buttons = [button(kind.capitalize() or "Default", "check", kind) for kind in kinds]
    page = _column(
        page_title("Controls"),
        _row(*buttons, disabled, icon_button("refresh", "Refresh"), icon_button("more", "More")),
        _row(name, wrong, choice, spin, check, off, radio, spacing=16),
        tabs,
        bar,
        chips,
        glyphs,
        Banner(Tone.INFO, "The sample project replays a year of recorded flights.", "Play"),
        Banner(Tone.WARNING, "dep_delay drifts: PSI 0.31 over its threshold of 0.25.", "Open alert 12"),
        Banner(Tone.CRITICAL, "The gateway stopped: port 8080 is in use by another program.", "Choose a port"),
        key_figures(),
        player(),
    )
    page.resize(1280, 900)
    return page


def tables() -> QWidget:
    states = [EmptyState() for _ in range(4)]
    states[1].show_never_set_up(
        "No datasets yet", "Drop a CSV or Parquet file here, or choose one.", "Add data", "data"
    )
    states[2].show_nothing_matches()
    states[3].show_error("The file could not be read.", "Check that it is a CSV with a header line.")
    jobs = JobsDrawer()
    jobs.set_jobs(
        [
            Job("1", "Retrain delay on flights@9", "running", "fit, fold 3 of 5", 0.42, 75, 104),
            Job("2", "Ingest flights-2013.csv", "running", "counting rows", None, 3.2),
            Job("3", "Backfill January", "queued"),
            Job("4", "Retrain delay on flights@8", "failed", "column dep_delay is empty", 0.2, 12),
        ]
    )
    jobs.setMinimumHeight(270)
    cards = []
    for state in states:
        card = Card()
        card.add(state)
        cards.append(card)
    page = _column(SectionHeader("Runs", "40 of 40"), runs_table(), _row(*cards, stretch=False), jobs)
    page.resize(1360, 1180)
    return page


def charts() -> QWidget:
    page = QWidget()
    page.resize(1360, 1240)
    grid = QGridLayout(page)
    grid.setContentsMargins(24, 24, 24, 24)
    grid.setSpacing(16)
    empty = TimeChart("Business value", "€")
    empty.set_empty("Labels arrive after 14 days; the first are due on 15 January.")
    pieces = [requests_chart(), drift_chart(), metric_chart(), long_chart(), distribution_chart(), category_chart()]
    for i, chart in enumerate([*pieces, reliability_chart(), empty]):
        card = Card()
        card.add(chart)
        chart.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        grid.addWidget(card, i // 3, i % 3)
    lane = Card()
    lane.add(event_lane())
    lane.add(MiniHistogram(np.exp(-((np.arange(40) - 20) ** 2) / 90).tolist()))
    grid.addWidget(lane, 2, 2)
    heat = Card()
    heat.add(heatmap(14))
    grid.addWidget(heat, 3, 0, 1, 3)
    return page


def overlays() -> QWidget:
    page = QWidget()
    page.resize(1360, 900)
    sheet = ConfirmSheet(
        Confirmation(
            "Roll back delay to v3?",
            "All traffic of the endpoint delay goes to v3 at once. The canary v4 gets none.",
            "Roll back",
            (
                Change("Primary", "v4", "v3"),
                Change("Canary share", "20 %", "0 %"),
                Change("Alias production", "v4", "v3"),
            ),
            dangerous=True,
        )
    )
    sheet.setWindowFlags(sheet.windowFlags() & ~sheet.windowType())
    sheet.setParent(page)
    sheet.setGeometry(40, 40, 560, sheet.sizeHint().height())
    palette = CommandPalette()
    palette.set_commands([Command(i.title, lambda: None, "Page", i.icon, i.shortcut) for i in PAGES])
    palette.setParent(page)
    palette.move(40, 470)
    panel = InspectorPanel()
    panel.set_title("Alert 12", "open")
    facts = [
        ("Cause", "data drift"),
        ("Endpoint", "delay"),
        ("Raised", "28 February 2013 10:42"),
        ("Action", "retrain"),
    ]
    panel.add(FactList(facts))
    panel.add(SectionHeader("Evidence"))
    panel.add(distribution_chart())
    panel.add(body("PSI of dep_delay is 0.31, over its threshold of 0.25, in two windows in a row."))
    panel.add(caption("Threshold calibrated on 200 resamples of the reference."))
    panel.setParent(page)
    panel.setGeometry(1000, 0, 360, 560)
    notices = NoticeLog()
    toasts = Toasts(notices, page)
    notices.post(Level.SUCCESS, "delay@4 registered", detail="AUC 0.804 on 48,211 held-out rows")
    notices.post(Level.WARNING, "Alert 12 was raised", action="Open", target="alert:12")
    notices.post(Level.ERROR, "The gateway could not start", detail="Port 8080 is in use. Choose another in Serving.")
    rail = NavigationRail(PAGES)
    rail.set_collapsed(True)
    rail.set_badge("alerts", 3)
    rail.setParent(page)
    rail.setGeometry(630, 40, 56, 520)
    bar = CommandBar()
    bar.set_path(["Monitoring", "Data drift", "dep_delay"])
    bar.setParent(page)
    bar.setGeometry(0, 0, 1000, 48)
    sheet.move(40, 64)
    rail.move(630, 64)
    for widget in (sheet, palette, panel, rail, bar, toasts):
        widget.show()
    return page


SHEETS: dict[str, Callable[[], QWidget]] = {
    "control-room": control_room,
    "controls": controls,
    "tables": tables,
    "charts": charts,
    "overlays": overlays,
}


def render(folder: Path, app: QApplication) -> list[Path]:
    """Writes each sheet in each theme as PNG and returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for theme in (Theme.LIGHT, Theme.DARK):
        apply_theme(app, theme)
        for name, make in SHEETS.items():
            sheet = make()
            sheet.show()
            end = datetime.now(UTC) + timedelta(milliseconds=400)
            while datetime.now(UTC) < end:
                app.processEvents()
            path = folder / f"{name}-{theme.value}.png"
            sheet.grab().save(str(path))
            written.append(path)
            sheet.close()
            sheet.deleteLater()
    return written


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m mlops_desktop.ui.gallery OUTDIR\n")
        return 2
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)  # noqa: S101
    for path in render(Path(arguments[0]), app):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
