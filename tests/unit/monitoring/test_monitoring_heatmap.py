"""The matrix behind the heatmap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mlops_desktop.core.monitoring import FeatureDrift, Window, WindowKind
from mlops_desktop.monitoring.heatmap import Heatmap, drift_heatmap

START = datetime(2024, 1, 1, tzinfo=UTC)


def _window(day: int, **scores: float) -> Window:
    features = tuple(FeatureDrift(name, "KS", score, 0.2, 0.01, score > 0.2) for name, score in scores.items())
    start = START + timedelta(days=day)
    return Window(f"w{day}", "e", "m@1", WindowKind.DAY, start, start + timedelta(days=1), 10, 0, features, ())


def test_features_are_rows_windows_columns_in_order_and_gaps_are_empty() -> None:
    found = drift_heatmap([_window(2, calm=0.02, wild=0.6), _window(0, calm=0.04), _window(1, wild=0.4)])
    assert found.features == ("wild", "calm")
    assert found.starts == tuple(START + timedelta(days=day) for day in range(3))
    assert found.ratios[0][0] is None
    assert found.ratios[0][1:] == pytest.approx((2.0, 3.0))
    assert found.ratios[1] == (pytest.approx(0.2), None, pytest.approx(0.1))
    assert found.drifting == ((False, True, True), (False, False, False))


def test_only_the_most_drifting_features_are_kept() -> None:
    windows = [_window(0, **{f"f{n}": n / 100 for n in range(60)})]
    assert drift_heatmap(windows, most_features=2).features == ("f59", "f58")


def test_no_windows_and_no_features_make_an_empty_matrix() -> None:
    assert drift_heatmap([]) == Heatmap((), (), (), ())
    assert drift_heatmap([_window(0)]).features == ()
