"""The charts, on the offscreen platform."""

from __future__ import annotations

import csv
import gc
import os
import re
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPointF, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from mlops_desktop.ui.charts.axes import spread
from mlops_desktop.ui.charts.distribution import DistributionChart, finite_edges, shares
from mlops_desktop.ui.charts.drift import DriftChart
from mlops_desktop.ui.charts.events import EventLane
from mlops_desktop.ui.charts.frame import Chart
from mlops_desktop.ui.charts.heatmap import DriftHeatmap, cell_colour
from mlops_desktop.ui.charts.linking import TimeLink
from mlops_desktop.ui.charts.metric import MetricChart
from mlops_desktop.ui.charts.plotchart import area_path
from mlops_desktop.ui.charts.reliability import ReliabilityChart
from mlops_desktop.ui.charts.requests import RequestsChart
from mlops_desktop.ui.charts.sparkline import MiniHistogram, Sparkline
from mlops_desktop.ui.charts.timeaxis import time_text, time_ticks
from mlops_desktop.ui.charts.timechart import TimeChart, value_at
from mlops_desktop.ui.charts.values import (
    Band,
    Distribution,
    DriftGrid,
    EventKind,
    EventMark,
    Interval,
    Reliability,
    Role,
    Series,
    Span,
    as_seconds,
)
from mlops_desktop.ui.theme.apply import Theme, apply_theme
from mlops_desktop.ui.theme.tokens import DARK, LIGHT, Tone

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

DAY = 86_400.0
START = 1_356_998_400.0  # 2013-01-01
DAYS = START + np.arange(30) * DAY
WAVE = np.sin(np.arange(30) / 4) + 1.5


@pytest.fixture(autouse=True)
def light(qapp: QApplication) -> Iterator[None]:
    apply_theme(qapp, Theme.LIGHT)
    yield
    apply_theme(qapp, Theme.LIGHT)


def shown(qtbot: QtBot, chart: Chart, width: int = 600, height: int = 240) -> None:
    qtbot.addWidget(chart)
    chart.resize(width, height)
    chart.show()
    qtbot.waitExposed(chart)


def has_colour(image: QImage, colour: str) -> bool:
    """Whether some pixel has exactly this colour."""
    pixels = np.frombuffer(image.convertToFormat(QImage.Format.Format_RGB32).constBits(), np.uint32)
    return bool((pixels == np.uint32(QColor(colour).rgb())).any())


def filled(kind: type[Chart]) -> Chart:
    """A chart of a kind, with plausible data."""
    if kind is RequestsChart:
        requests = RequestsChart("Requests")
        requests.set_counts(DAYS, {"v3": WAVE * 100, "v4": WAVE * 40}, {"v3": Role.BASELINE})
        return requests
    if kind is EventLane:
        lane = EventLane("Events")
        lane.set_events([EventMark(START + DAY, EventKind.DEPLOY, "v3", "deploy:1")])
        return lane
    if kind is DriftHeatmap:
        heat = DriftHeatmap("Drift")
        heat.set_grid(DriftGrid(("a", "b"), DAYS[:3], np.array([[0.5, 2.0, np.nan], [0.1, 0.2, 9.0]])))
        return heat
    if kind is DistributionChart:
        shape = DistributionChart("x")
        shape.set_distribution(Distribution("x", np.array([5.0, 5]), np.array([1.0, 3]), np.array([0.0, 1, 2])))
        return shape
    if kind is ReliabilityChart:
        calibration = ReliabilityChart("Calibration")
        x = np.linspace(0.1, 0.9, 5)
        calibration.set_curves([Reliability("v3", x, x * 0.9, np.full(5, 100), x * 0.8, x)])
        return calibration
    if kind is MetricChart:
        metric = MetricChart("AUC")
        metric.set_metrics([Series("auc", DAYS, WAVE)], [Interval("auc", DAYS, WAVE - 0.1, WAVE + 0.1)])
        return metric
    chart = kind("Chart")
    assert isinstance(chart, TimeChart)
    chart.set_series([Series("one", DAYS, WAVE)])
    return chart


KINDS = [
    TimeChart,
    RequestsChart,
    DriftChart,
    MetricChart,
    EventLane,
    DriftHeatmap,
    DistributionChart,
    ReliabilityChart,
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_without_data_says_so(kind: type[Chart], qtbot: QtBot) -> None:
    chart = kind("Chart")
    shown(qtbot, chart)
    assert chart.is_empty
    assert chart.empty_text
    chart.set_empty("Labels arrive in May.")
    assert chart.empty_text == "Labels arrive in May."


@pytest.mark.parametrize("kind", KINDS)
def test_exports_are_in_the_light_theme_whatever_the_window_shows(
    kind: type[Chart], qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    apply_theme(qapp, Theme.DARK)
    chart = filled(kind)
    shown(qtbot, chart, 420, 200)
    chart.export(tmp_path / "c.png")
    chart.export(tmp_path / "c.svg")
    chart.export(tmp_path / "c.csv")
    image = QImage(str(tmp_path / "c.png"))
    assert image.size() == chart.size() * 2
    assert QColor(image.pixel(1, image.height() - 2)) == QColor(LIGHT.surface)
    assert not has_colour(image, DARK.surface)
    svg = (tmp_path / "c.svg").read_text(encoding="utf-8")
    assert svg.count("<path") + svg.count("<polyline") + svg.count("<rect") > 3
    inks = {colour.lower() for colour in re.findall(r'<text fill="([^"]+)"', svg)}
    assert inks
    assert not inks & {DARK.text.lower(), DARK.secondary.lower()}
    with (tmp_path / "c.csv").open(encoding="utf-8") as file:
        assert len(list(csv.reader(file))) > 1
    assert chart.tokens is DARK
    assert chart.menu_button.isVisible()


@pytest.mark.parametrize("kind", KINDS)
def test_charts_recolour_with_the_theme(kind: type[Chart], qtbot: QtBot, qapp: QApplication) -> None:
    chart = filled(kind)
    shown(qtbot, chart)
    before = chart.canvas.grab().toImage()
    apply_theme(qapp, Theme.DARK)
    assert chart.tokens is DARK
    assert chart.canvas.grab().toImage() != before


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_that_was_deleted_is_freed(kind: type[Chart], qapp: QApplication) -> None:
    chart = filled(kind)
    chart.grab()
    remembered = weakref.ref(chart)
    chart.deleteLater()
    del chart
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    assert remembered() is None


def test_times_of_any_kind_become_seconds() -> None:
    moment = datetime(2013, 1, 1, tzinfo=UTC)
    assert as_seconds([moment])[0] == START
    assert as_seconds(np.array(["2013-01-01"], "datetime64[D]"))[0] == START
    assert as_seconds([START])[0] == START
    assert len(as_seconds([])) == 0


# --- lines over time


def test_a_million_points_are_thinned_out_and_counted(qtbot: QtBot) -> None:
    n = 1_000_000
    values = np.random.default_rng(0).random(n)
    values[123_456] = 50.0
    chart = TimeChart("Latency")
    shown(qtbot, chart)
    chart.set_series([Series("all", START + np.arange(n, dtype=np.float64), values)])
    chart.grab()
    drawn, total = chart.points()
    assert total == n
    assert 100 < drawn < 20_000
    assert f"of {n:,} points shown" in chart.caption.text()
    _x, y = chart._lines[0].getData()
    assert np.nanmax(y) == 50.0


def test_the_caption_follows_the_zoom(qtbot: QtBot) -> None:
    n = 200_000
    chart = TimeChart("Latency")
    shown(qtbot, chart)
    chart.set_series([Series("all", START + np.arange(n, dtype=np.float64), np.zeros(n))])
    chart.show_range(START + 1000, START + 1100, 0.0)
    qtbot.waitUntil(lambda: chart.points()[0] < 400)
    qtbot.waitUntil(lambda: chart.caption.text().startswith(f"{chart.points()[0]:,} of"))


def test_gaps_single_points_and_missing_values_are_drawn(qtbot: QtBot) -> None:
    chart = TimeChart("x")
    shown(qtbot, chart)
    for values in ([np.nan] * 3, [1.0, np.nan, 2.0], [5.0, 5.0, 5.0]):
        chart.set_series([Series("a", DAYS[:3], np.array(values))])
        assert not chart.grab().isNull()
    chart.set_series([Series("a", DAYS[:1], np.array([1.0]))])
    start, end = chart.visible_range()
    assert start < START < end
    chart.set_series([])
    assert chart.is_empty


def test_what_is_read_under_the_crosshair_is_the_nearest_value() -> None:
    series = Series("a", np.array([0.0, 10, 20]), np.array([1.0, np.nan, 3.0]))
    assert value_at(series, 2) == 1.0
    assert value_at(series, 19) == 3.0
    assert value_at(series, 12) == 3.0
    assert value_at(series, 15, latest=True) == 1.0
    assert value_at(series, -1, latest=True) is None
    assert value_at(Series("b", np.empty(0), np.empty(0)), 0) is None


def test_linked_charts_share_range_crosshair_and_fit(qtbot: QtBot) -> None:
    first, second, lane, link = TimeChart("a"), TimeChart("b"), EventLane(), TimeLink()
    for chart in (first, second, lane):
        shown(qtbot, chart)
        link.add(chart)
    first.set_series([Series("a", DAYS[:10], WAVE[:10])])
    second.set_series([Series("b", DAYS[20:], WAVE[20:])])
    lane.set_events([EventMark(START + 5 * DAY, EventKind.ALERT, "x")])
    assert first.visible_range() == pytest.approx(second.visible_range())
    start, end = first.visible_range()
    assert start < DAYS[0] < DAYS[-1] < end
    second.show_range(DAYS[3], DAYS[6], 0.0)
    assert lane.visible_range() == pytest.approx((DAYS[3], DAYS[6]))
    first.hovered.emit(DAYS[4])
    assert second.crosshair.isVisible()
    assert second.crosshair.value() == DAYS[4]
    first.hovered.emit(None)
    assert not second.crosshair.isVisible()
    first.fit()
    assert second.visible_range() == pytest.approx((start, end))


def test_new_data_do_not_move_a_view_that_a_person_moved(qtbot: QtBot) -> None:
    chart = TimeChart("a")
    shown(qtbot, chart)
    chart.set_series([Series("a", DAYS, WAVE)])
    chart.is_zoomed = True
    chart.show_range(DAYS[3], DAYS[6], 0.0)
    chart.set_series([Series("a", DAYS, WAVE * 2)])
    assert chart.visible_range() == pytest.approx((DAYS[3], DAYS[6]))
    chart.fit()
    assert chart.visible_range()[1] > DAYS[-1]


def test_thresholds_and_incomplete_windows_are_shown(qtbot: QtBot) -> None:
    chart = TimeChart("AUC")
    shown(qtbot, chart)
    chart.set_series([Series("a", DAYS, WAVE)])
    chart.set_bands([Band(4.0, None, Tone.CRITICAL, "limit")])
    assert chart.value_bounds()[1] == 4.0
    assert has_colour(chart.grab().toImage(), LIGHT.critical.text)
    chart.set_spans([Span(DAYS[25], DAYS[29], "labels pending")])
    assert "labels pending" in chart.caption.text()


def test_the_limit_of_drift_is_always_in_sight(qtbot: QtBot) -> None:
    chart = DriftChart("Drift")
    shown(qtbot, chart)
    chart.set_series([Series("max", DAYS, np.full(30, 0.1))])
    low, high = chart.plot.getViewBox().viewRange()[1]
    assert low <= 0.0 and high > 1.0


def test_stacked_bars_reach_the_sum(qtbot: QtBot) -> None:
    chart = RequestsChart("Requests")
    shown(qtbot, chart)
    chart.set_counts(DAYS, {"v3": np.full(30, 70), "v4": np.full(30, 30)})
    assert chart.draws_bars
    assert chart.value_bounds() == (0.0, 100.0)
    assert chart.bounds() == (DAYS[0], DAYS[-1] + DAY)
    many = START + np.arange(5000) * 60
    chart.set_counts(many, {"v3": np.ones(5000)})
    assert not chart.draws_bars


def test_end_labels_keep_apart_and_inside() -> None:
    assert spread([10, 12, 80], 15, 100) == [10, 25, 80]
    assert spread([95, 96, 99], 15, 100) == [70, 85, 100]
    assert spread([], 15, 100) == []


def test_the_area_of_an_interval_has_gaps() -> None:
    x = np.arange(6.0)
    low = np.array([0, 0, np.nan, 0, 0, 0.0])
    path = area_path(x, low, low + 1)
    assert path.contains(QPointF(0.5, 0.5))
    assert not path.contains(QPointF(2.0, 0.5))
    assert path.contains(QPointF(4.0, 0.5))


# --- the time axis


@pytest.mark.parametrize("days", [0.001, 0.02, 0.3, 1, 3, 10, 30, 90, 400, 3000, 30_000])
def test_ticks_keep_their_labels_apart_at_every_zoom(days: float) -> None:
    start, end, pixels = START + 12_345, START + 12_345 + days * DAY, 600.0
    step, ticks = time_ticks(start, end, pixels)
    assert 1 <= len(ticks) <= 10
    assert all(start <= tick <= end for tick in ticks)
    gaps = np.diff(ticks)
    assert (gaps * pixels / (end - start) > 60).all()
    texts = [time_text(tick, step, i == 0) for i, tick in enumerate(ticks)]
    assert all(one != other for one, other in pairwise(texts))


def test_labels_tell_hours_days_months_and_years() -> None:
    assert time_text(START + 3600, 3600, False) == "01:00"
    assert time_text(START, 3600, False) == "1 Jan"
    assert time_text(START + DAY, DAY, True) == "2 Jan 2013"
    assert time_text(START, 30.44 * DAY, False) == "Jan 2013"
    assert time_text(START, 366 * DAY, False) == "2013"


# --- events


def test_events_open_their_record_by_keyboard(qtbot: QtBot) -> None:
    lane = EventLane()
    shown(qtbot, lane, 600, 80)
    marks = [EventMark(START + i * DAY, kind, kind.value, f"event:{i}") for i, kind in enumerate(EventKind)]
    lane.set_events(list(reversed(marks)))
    assert [event.time for event in lane.events] == sorted(event.time for event in marks)
    lane._choose(0)
    qtbot.keyClick(lane, Qt.Key.Key_Right)
    with qtbot.waitSignal(lane.eventClicked) as signal:
        qtbot.keyClick(lane, Qt.Key.Key_Return)
    assert signal.args == ["event:1"]
    assert "Retrained" in lane.accessibleDescription()


def test_events_open_their_record_by_click(qtbot: QtBot) -> None:
    lane = EventLane()
    shown(qtbot, lane, 600, 80)
    lane.set_events(
        [EventMark(START, EventKind.ALERT, "a", "alert:1"), EventMark(START + DAY, EventKind.DEPLOY, "b", "d:1")]
    )
    lane.grab()
    box = lane.plot.getViewBox()
    scene = box.mapViewToScene(QPointF(START, lane._row_of(0)))
    point = lane.view.mapFromScene(scene)
    with qtbot.waitSignal(lane.eventClicked) as signal:
        qtbot.mouseClick(lane.view.viewport(), Qt.MouseButton.LeftButton, pos=point)
    assert signal.args == ["alert:1"]


def test_events_at_the_same_time_do_not_cover_each_other(qtbot: QtBot) -> None:
    lane = EventLane()
    shown(qtbot, lane, 600, 80)
    close = [EventMark(START + i, EventKind.ALERT, str(i)) for i in range(3)]
    lane.set_events([*close, EventMark(START + 20 * DAY, EventKind.DEPLOY, "far")])
    assert sorted(lane._rows[:3]) == [0, 1, 2]
    assert lane._rows[3] == 0


# --- heatmap and distributions


def test_cells_below_their_threshold_are_neutral() -> None:
    assert cell_colour(0.99, False, LIGHT) == LIGHT.neutral.fill
    assert cell_colour(1.0, True, LIGHT) == LIGHT.heat[0]
    assert cell_colour(2.5, True, LIGHT) == LIGHT.heat[3]
    assert cell_colour(99.0, True, DARK) == DARK.heat[-1]
    assert cell_colour(0.5, True, LIGHT) == LIGHT.heat[0]


def test_a_click_on_a_cell_tells_feature_and_window(qtbot: QtBot) -> None:
    chart = filled(DriftHeatmap)
    assert isinstance(chart, DriftHeatmap)
    shown(qtbot, chart)
    target = chart.cells.cell_rect(1, 2).center().toPoint()
    with qtbot.waitSignal(chart.cellClicked) as signal:
        qtbot.mouseClick(chart.cells, Qt.MouseButton.LeftButton, pos=target)
    assert signal.args == ["b", 2]
    assert chart.describe(0, 2) == "a, 2013-01-03 00:00: missing"
    assert chart.describe(1, 2) == "b, 2013-01-03 00:00: 9.00 × threshold, drifting"
    assert chart.cells.cell_at(QPointF(-5, 5)) is None
    assert has_colour(chart.grab().toImage(), LIGHT.heat[-1])


def test_the_heatmap_is_walked_by_arrows(qtbot: QtBot) -> None:
    chart = filled(DriftHeatmap)
    assert isinstance(chart, DriftHeatmap)
    shown(qtbot, chart)
    qtbot.keyClick(chart.cells, Qt.Key.Key_Down)
    assert chart.cells.chosen == (1, 2)
    with qtbot.waitSignal(chart.cellClicked) as signal:
        qtbot.keyClick(chart.cells, Qt.Key.Key_Return)
    assert signal.args == ["b", 2]


def test_a_heatmap_refuses_ratios_of_another_shape(qtbot: QtBot) -> None:
    chart = DriftHeatmap()
    qtbot.addWidget(chart)
    with pytest.raises(ValueError, match="shape"):
        chart.set_grid(DriftGrid(("a",), DAYS, np.zeros((2, 30))))
    chart.set_grid(DriftGrid((), DAYS, np.zeros((0, 30))))
    assert chart.is_empty


def test_infinite_bins_are_drawn_as_one_more_bin() -> None:
    edges = finite_edges(np.array([-np.inf, 0.0, 1.0, 2.0, np.inf]))
    assert edges.tolist() == [-1.0, 0.0, 1.0, 2.0, 3.0]
    assert shares(np.zeros(3)).tolist() == [0.0, 0.0, 0.0]
    assert shares(np.array([1.0, 3.0])).tolist() == [0.25, 0.75]


def test_a_distribution_tells_statistic_threshold_and_n(qtbot: QtBot) -> None:
    chart = DistributionChart("carrier")
    shown(qtbot, chart)
    known, now = np.array([90.0, 10.0]), np.array([5.0, 5.0])
    chart.set_distribution(Distribution("c", known, now, categories=("UA", "AA"), score=0.31, threshold=0.25))
    assert chart.caption.text() == "PSI 0.310 > 0.250 · n 100 / 10"
    with pytest.raises(ValueError, match="differ in length"):
        chart.set_distribution(Distribution("c", known, now, categories=("UA",)))
    chart.set_distribution(Distribution("c", known * 0, now * 0, categories=("UA", "AA")))
    assert chart.is_empty


def test_a_chart_from_zero_without_data_still_has_bounds(qtbot: QtBot) -> None:
    chart = TimeChart("requests", from_zero=True)
    qtbot.addWidget(chart)
    assert chart.value_bounds() == (0.0, 1.0)


# --- word-sized


@pytest.mark.parametrize("values", [[], [1.0], [np.nan, np.nan], [2.0, 2.0], [1.0, np.nan, 3.0], list(range(5000))])
def test_sparklines_and_histograms_take_anything(values: list[float], qtbot: QtBot) -> None:
    for widget in (Sparkline(values), MiniHistogram(values)):
        qtbot.addWidget(widget)
        assert not widget.grab().isNull()


def test_a_sparkline_is_drawn_in_the_colour_of_its_series(qtbot: QtBot) -> None:
    line = Sparkline([1.0, 3.0, 2.0])
    qtbot.addWidget(line)
    line.resize(96, 28)
    assert has_colour(line.grab().toImage(), LIGHT.series[0])
