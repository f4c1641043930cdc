"""View models as the values that charts and logs take."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from PySide6.QtCore import QCoreApplication

from mlops_desktop.ui.charts.metric import MetricChart
from mlops_desktop.ui.charts.timechart import TimeChart
from mlops_desktop.ui.charts.values import DriftGrid, EventKind, EventMark, Interval, Role, Series
from mlops_desktop.ui.queries.happenings import Happening
from mlops_desktop.ui.queries.series import HeatRows, MetricSeries, WindowSeries, metric_label
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.plainlog import LogLine

translate = QCoreApplication.translate
_LONG_RUN = re.compile(r"\brun:[0-9A-Z]{20}([0-9A-Z]{6})\b")


def event_marks(lane: Iterable[Happening]) -> list[EventMark]:
    """Events for a lane; a click opens an event's record in the journal."""
    return [
        EventMark(each.time.timestamp(), EventKind(each.mark), f"{each.time:%d %b}: {each.text}", f"journal/{each.seq}")
        for each in lane
    ]


def plain(text: str) -> str:
    """A sentence of the journal without marks of code, and with runs by the end of their id, as pages name them."""
    return _LONG_RUN.sub("run \\1", text.replace("`", ""))


def log_line(each: Happening) -> LogLine:
    tone = Tone(each.tone) if each.tone != "neutral" else None
    return LogLine(each.seq, f"{each.time:%d %b %H:%M}", plain(each.text), each.kind, tone)


def metric_series(metric: MetricSeries, role: Role = Role.PLAIN) -> tuple[list[Series], list[Interval]]:
    """The metric, its interval, and its baseline as a dashed line."""
    series = [Series(metric.label, metric.times, metric.values, role)]
    if metric.baseline is not None and len(metric.times):
        ends = metric.times[[0, -1]]
        series.append(Series("at registration", ends, np.full(2, metric.baseline), Role.BASELINE, dashed=True))
    return series, [Interval(metric.label, metric.times, metric.low, metric.high)]


def show_judged_metric(
    chart: MetricChart, name: str, verdicts: dict[str, MetricSeries], days: dict[str, MetricSeries], pending: str
) -> None:
    """Show a metric: its judged windows as the line, single days pale behind it; days alone where none is judged.

    `pending` is what an empty chart says.
    """
    series, intervals = judged_metric(verdicts.get(name), days.get(name), translate("marks", "day"))
    if not series:
        chart.set_empty(pending)
        return
    unit = (
        translate("marks", "judged windows with 95 % interval; days pale, cut at the edge")
        if name in verdicts
        else translate("marks", "95 % interval")
    )
    chart.set_title(metric_label(name), unit)
    chart.set_metrics(series, intervals)


def judged_metric(
    verdicts: MetricSeries | None, days: MetricSeries | None, daily: str
) -> tuple[list[Series], list[Interval]]:
    """The judged windows, and days (named `daily`) pale behind them."""
    if verdicts is None or not len(verdicts.times):
        return metric_series(days) if days is not None else ([], [])
    series, intervals = metric_series(verdicts)
    if days is not None and len(days.times) > len(verdicts.times):
        series.insert(0, Series(daily, days.times, days.values, faint=True))
    return series, intervals


def judged_drift(verdicts: WindowSeries, days: WindowSeries, name: str) -> list[Series]:
    """Drift of the judged windows, of days where none is judged."""
    source = verdicts if len(verdicts) else days
    return [Series(name, source.times, source.drift)]


def drift_grid(heat: HeatRows, most: int = 40) -> DriftGrid:
    """The first `most` features."""
    return DriftGrid(heat.features[:most], np.array(heat.starts), heat.ratios[:most], heat.drifting[:most])


def without_times(chart: TimeChart) -> None:
    """Leave the times to the chart beneath, which shares the axis."""
    axis = chart.plot.getAxis("bottom")
    axis.setStyle(showValues=False)
    axis.setHeight(4)
