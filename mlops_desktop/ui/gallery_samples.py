"""What the gallery shows: each chart and widget once, with figures like those of the sample project."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from PySide6.QtWidgets import (
    QHBoxLayout,
    QWidget,
)

from mlops_desktop.core.deployments import Guardrail
from mlops_desktop.ui.charts.distribution import DistributionChart
from mlops_desktop.ui.charts.drift import DriftChart
from mlops_desktop.ui.charts.events import EventLane
from mlops_desktop.ui.charts.heatmap import DriftHeatmap
from mlops_desktop.ui.charts.metric import MetricChart
from mlops_desktop.ui.charts.reliability import ReliabilityChart
from mlops_desktop.ui.charts.requests import RequestsChart
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
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.card import Card
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.keyfigure import KeyFigure
from mlops_desktop.ui.widgets.lifecycle import LifecycleStrip
from mlops_desktop.ui.widgets.plainlog import LogLine, PlainLog
from mlops_desktop.ui.widgets.player import PlayerControls
from mlops_desktop.ui.widgets.rollout import ComparedMetric, GuardrailList, ModelCompare, SplitSlider
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind

DAY = 86_400.0
START = datetime(2013, 1, 1, tzinfo=UTC).timestamp()


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
