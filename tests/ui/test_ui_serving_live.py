"""Live figures of the Serving page: from counts to points, from points to lines."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot
from ui_kit import shown

from mlops_desktop.serving.gateway.meters import Meters
from mlops_desktop.ui.charts.livechart import LiveChart
from mlops_desktop.ui.charts.values import Series
from mlops_desktop.ui.pages.serving_feed import COURSE_SECONDS, Course, Track
from mlops_desktop.ui.queries.serving_live import Recent
from mlops_desktop.ui.queries.serving_metrics import Counted, Look, parse_metrics, percentiles, version_order
from mlops_desktop.ui.shots_traffic import made_points


def test_the_gateways_own_exposition_is_understood() -> None:
    meters = Meters()
    for micros in (900, 1_000, 1_100, 40_000):
        meters.of("late", 5, "primary").add(1, micros, is_cold=False, is_error=False)
    meters.of("late", 5, "pinned").add(1, 1_000, is_cold=False, is_error=True)
    meters.of("late", 6, "shadow").add(1, 2_000, is_cold=False, is_error=False)
    meters.of("other", 1, "primary").add(1, 1_000, is_cold=False, is_error=False)
    look = parse_metrics(meters.prometheus([]), "late", 7.0)
    assert sorted(look.versions) == ["v5", "v6 shadow"]
    counted = look.versions["v5"]
    assert (counted.requests, counted.errors, counted.below[-1]) == (5, 1, 5)
    p50, _p95, p99 = percentiles(counted.bounds, counted.below)
    assert 0.7 < p50 < 1.4
    assert 30 < p99 < 54


@settings(max_examples=60)
@given(st.lists(st.integers(50, 50_000_000), min_size=1, max_size=60))
def test_percentiles_are_in_order_and_within_a_bucket_of_the_truth(micros: list[int]) -> None:
    meters = Meters()
    for each in micros:
        meters.of("m", 1, "primary").add(1, each, is_cold=False, is_error=False)
    counted = parse_metrics(meters.prometheus([]), "m", 0.0).versions["v1"]
    found = percentiles(counted.bounds, counted.below)
    assert list(found) == sorted(found)
    for share, value in zip((0.5, 0.95, 0.99), found, strict=True):
        truth = sorted(micros)[math.ceil(share * len(micros)) - 1] / 1e3
        assert truth / 1.33 <= value <= truth * 1.33 or value <= 0.05


def _look(at: float, requests: int, errors: int = 0) -> Look:
    return Look(at, {"v1": Counted(requests, errors, [0.001, math.inf], [requests, requests])}, queued=2)


def test_rates_are_of_the_last_second() -> None:
    recent = Recent()
    assert recent.point(_look(10.0, 100)) is None
    recent.point(_look(11.0, 110))
    point = recent.point(_look(12.0, 160, 5))
    assert point is not None
    assert (point.requests, point.errors, point.queued) == ({"v1": 50.0}, {"v1": 5.0}, 2)


def test_a_gateway_that_began_anew_makes_no_negative_rates() -> None:
    recent = Recent()
    recent.point(_look(10.0, 100))
    assert recent.point(_look(11.0, 3)) is None
    point = recent.point(_look(12.0, 9))
    assert point is not None
    assert point.requests == {"v1": 6.0}


def test_a_clock_that_was_set_back_makes_no_spikes_and_no_lines_backwards() -> None:
    recent, course = Recent(), Course()
    for at, requests in ((1_000.0, 100), (1_001.0, 110), (400.0, 120), (401.0, 130), (402.0, 140)):
        if (point := recent.point(_look(at, requests))) is not None:
            course.add(point)
            assert point.requests == {"v1": 10.0}
    assert list(course.tracks("requests")["v1"].times) == [401.0, 402.0]


def test_versions_are_in_the_order_of_their_numbers() -> None:
    assert sorted(["v10 shadow", "v9", "v10", "v2"], key=version_order) == ["v2", "v9", "v10", "v10 shadow"]


@settings(max_examples=20)
@given(st.integers(1, 9_000), st.floats(0.02, 0.5))
def test_a_track_keeps_the_newest_values_in_order(count: int, step: float) -> None:
    track = Track()
    for index in range(count):
        track.add(index * step, float(index))
        track.forget_before(index * step - 20.0)
    assert track.values[-1] == count - 1
    assert (np.diff(track.values) == 1).all()
    kept = int(20.0 / step)
    assert len(track.values) >= min(count, kept, 1_500)


def test_the_course_forgets_what_is_older_than_two_minutes() -> None:
    course = Course()
    for point in made_points(1e9):
        course.add(point)
    for point in made_points(1e9 + 60):
        course.add(point)
    times = course.tracks("requests")["v5"].times
    assert times[0] >= 1e9 + 60 - COURSE_SECONDS
    assert times[-1] == pytest.approx(1e9 + 60)


def test_lines_move_in_place_under_a_round_ceiling(qtbot: QtBot) -> None:
    chart = LiveChart("Requests", "1/s")
    shown(qtbot, chart)
    times = 1e9 + np.arange(40.0)
    chart.show_moment([Series("v5", times, np.full(40, 37.0))], 1e9 + 39)
    line = chart._lines[0]
    assert chart.value_bounds() == (0.0, 40.0)
    chart.show_moment([Series("v5", times + 1, np.full(40, 39.0))], 1e9 + 40)
    assert chart._lines[0] is line
    assert line.getData()[0][-1] == 0.0
    assert "40 of 40 points shown" in chart.caption.text()
    chart.show_moment([Series("v5", times + 1, np.full(40, 170.0))], 1e9 + 40)
    assert chart.value_bounds() == (0.0, 200.0)
    chart.show_moment([Series("v5", times + 1, np.full(40, 1.0))], 1e9 + 40)
    assert chart.value_bounds() == (0.0, 1.0)


def test_a_chart_of_the_last_minutes_is_exported_with_true_times(qtbot: QtBot, tmp_path: Path) -> None:
    chart = LiveChart("Requests")
    shown(qtbot, chart)
    chart.show_moment([Series("v5", np.array([1e9, 1e9 + 1]), np.array([1.0, 2.0]))], 1e9 + 1)
    chart.export_csv(tmp_path / "requests.csv")
    assert float((tmp_path / "requests.csv").read_text().splitlines()[1].split(",")[0]) == 1e9
