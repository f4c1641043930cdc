"""Intervals: against published values, and whether they cover as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mlops_desktop.core.models import Task
from mlops_desktop.evaluation.delong import delong_test, placements
from mlops_desktop.evaluation.intervals import auc_interval, mean_interval, metric_interval, proportion_interval
from mlops_desktop.evaluation.metrics import Metric, auc


def _sample(random: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    y = (random.random(rows) < 0.3).astype(float)
    return y, random.normal(size=rows) + y


def test_wilson_equals_scipy():
    found = proportion_interval("share", 7, 50)
    expected = stats.binomtest(7, 50).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert (found.value, found.n) == (0.14, 50)


def test_shares_of_nothing_and_of_everything_stay_within_zero_and_one():
    assert math.isnan(proportion_interval("share", 0, 0).value)
    nothing, everything = proportion_interval("share", 0, 10), proportion_interval("share", 10, 10)
    assert nothing.low == 0
    assert 0.2 < nothing.high < 0.35
    assert everything.high == 1
    assert 0.65 < everything.low < 0.8


def test_a_mean_leaves_unknown_values_out():
    found = mean_interval("delay", [1.0, np.nan, 3.0])
    assert (found.value, found.n) == (2.0, 2)
    assert found.low < 2 < found.high
    assert mean_interval("delay", [np.nan]).n == 0
    assert math.isnan(mean_interval("delay", [4.0]).low)


@pytest.mark.parametrize("metric", ["auc", "brier", "f1", "balanced_accuracy", "accuracy"])
def test_intervals_cover_the_truth_about_as_often_as_they_promise(metric):
    random = np.random.default_rng(11)
    y, raw = _sample(random, 200_000)
    score = 1 / (1 + np.exp(0.5 - raw))
    truth = metric_interval(metric, y, score, 0.5).value
    inside = 0
    for start in range(0, 200_000, 500):
        found = metric_interval(metric, y[start : start + 500], score[start : start + 500], 0.5)
        inside += found.low <= truth <= found.high
    assert 0.91 <= inside / 400 <= 0.985


def test_placements_average_to_the_auc_also_with_ties():
    random = np.random.default_rng(2)
    y, score = _sample(random, 300)
    score = np.round(score, 1)
    of_positives, of_negatives = placements(y, score)
    assert of_positives.mean() == pytest.approx(auc(y, score))
    assert of_negatives.mean() == pytest.approx(auc(y, score))


def test_an_auc_that_cannot_be_known_has_no_bounds():
    assert math.isnan(auc_interval([1, 1], [0.1, 0.2]).value)
    lonely = auc_interval([1, 0, 0], [0.9, 0.1, 0.2])
    assert lonely.value == 1
    assert math.isnan(lonely.low)
    assert auc_interval([], []).n == 0


def test_a_metric_without_sums_has_a_value_but_no_bounds():
    metric = Metric("median_score", Task.CLASSIFICATION, True, lambda _y, score, _t=0.5: float(np.median(score)))
    found = metric_interval(metric, [1, 0, 1], [0.2, 0.4, 0.9])
    assert found.value == 0.4
    assert math.isnan(found.low)


def test_delong_agrees_with_the_interval_of_a_permuted_copy():
    random = np.random.default_rng(5)
    y, score = _sample(random, 4000)
    same = delong_test(y, score, score)
    assert (same.gain, same.p_value) == (0.0, 1.0)
    noisy = delong_test(y, score + random.normal(size=y.size) * 3, score)
    assert noisy.low > 0
    assert noisy.p_value < 1e-6
    assert noisy.challenger == pytest.approx(auc(y, score))


def test_delong_p_values_are_uniform_when_models_are_equally_good():
    random = np.random.default_rng(6)
    small = 0
    for _ in range(300):
        y, signal = _sample(random, 300)
        first, second = signal + random.normal(size=300), signal + random.normal(size=300)
        small += delong_test(y, first, second).p_value < 0.05
    assert 0.02 <= small / 300 <= 0.09
