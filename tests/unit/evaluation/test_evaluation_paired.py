"""The paired bootstrap against a loop that takes its definition literally."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.models import Task
from mlops_desktop.evaluation.metrics import Metric, get_metric
from mlops_desktop.evaluation.paired import _statistic, mcnemar, paired_bootstrap


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Labels, a worse and a better model, and days."""
    random = np.random.default_rng(8)
    y = (random.random(600) < 0.3).astype(float)
    worse = np.round(np.clip(random.random(600) * 0.8 + 0.15 * y, 0, 1), 2)
    better = np.round(np.clip(random.random(600) * 0.6 + 0.35 * y, 0, 1), 2)
    return y, worse, better, np.repeat(np.arange(20), 30)


@pytest.mark.parametrize("metric", ["auc", "log_loss", "brier", "accuracy", "balanced_accuracy", "f1"])
@pytest.mark.parametrize("per_row", [True, False])
def test_a_weighted_statistic_equals_the_metric_of_the_repeated_rows(rows, metric, per_row):
    y, score, _, days = rows
    block_of, blocks = (np.arange(600), 600) if per_row else (days, 20)
    counts = np.stack(
        [np.bincount(np.random.default_rng(i).integers(0, blocks, blocks), minlength=blocks) for i in (1, 2)]
    )
    found = _statistic(get_metric(metric), y, score, 0.4, block_of, blocks)(counts.astype(np.int32))
    for value, weights in zip(found, counts, strict=True):
        picked = np.repeat(np.arange(600), weights[block_of])
        assert value == pytest.approx(get_metric(metric)(y[picked], score[picked], 0.4))


@pytest.mark.parametrize("metric", ["mae", "rmse", "r2"])
def test_regression_metrics_are_resampled_alike(metric):
    random = np.random.default_rng(9)
    y = random.normal(50, 5, 200)
    guess, weights = y + random.normal(size=200), random.integers(0, 3, 200)
    found = _statistic(get_metric(metric), y, guess, 0.5, np.arange(200), 200)(weights[None].astype(np.int32))
    picked = np.repeat(np.arange(200), weights)
    assert found[0] == pytest.approx(get_metric(metric)(y[picked], guess[picked]))


def test_the_better_model_gains_whatever_the_direction_of_the_metric(rows):
    y, worse, better, days = rows
    for metric in ("auc", "brier", "log_loss", "f1"):
        found = paired_bootstrap(y, worse, better, metric, blocks=days, seed=1)
        assert found.low > 0, metric
        assert found.low < found.gain < found.high
        assert (found.n, found.blocks, found.metric) == (600, 20, metric)
        assert paired_bootstrap(y, better, worse, metric, blocks=days, seed=1).high < 0


def test_the_same_seed_gives_the_same_interval_and_another_seed_another(rows):
    y, worse, better, _ = rows
    first = paired_bootstrap(y, worse, better, "auc", repetitions=200, seed=1)
    assert first == paired_bootstrap(y, worse, better, "auc", repetitions=200, seed=1)
    assert first.low != paired_bootstrap(y, worse, better, "auc", repetitions=200, seed=2).low


def test_a_model_does_not_differ_from_itself(rows):
    y, worse, _, _ = rows
    found = paired_bootstrap(y, worse, worse, "auc", repetitions=100, seed=1)
    assert (found.gain, found.low, found.high) == (0, 0, 0)


def test_blocks_that_hang_together_widen_the_interval():
    random = np.random.default_rng(10)
    days = np.repeat(np.arange(15), 100)
    favour = np.repeat(random.normal(0, 0.2, 15), 100)
    y = random.normal(size=1500)
    champion, challenger = y + 1, y + 1 + favour
    by_row = paired_bootstrap(y, champion, challenger, "mae", seed=1)
    by_day = paired_bootstrap(y, champion, challenger, "mae", blocks=days.astype("datetime64[D]"), seed=1)
    assert by_day.high - by_day.low > 3 * (by_row.high - by_row.low)


def test_one_block_one_class_or_no_rows_leave_the_interval_unknown(rows):
    y, worse, better, _ = rows
    for found in (
        paired_bootstrap(y, worse, better, "auc", blocks=np.zeros(600), seed=1),
        paired_bootstrap(np.ones(600), worse, better, "auc", seed=1),
        paired_bootstrap([], [], [], "auc", seed=1),
        paired_bootstrap([1, 0], [0.1, np.nan], [0.2, 0.3], "auc", seed=1),
    ):
        assert math.isnan(found.low)
        assert math.isnan(found.high)


def test_each_model_is_judged_at_its_own_threshold(rows):
    y, worse, _, _ = rows
    found = paired_bootstrap(y, worse, worse * 0.5, "f1", thresholds=(0.5, 0.25), repetitions=50, seed=1)
    assert found.gain == 0


def test_a_metric_without_sums_is_recomputed_on_each_resample(rows):
    y, worse, better, days = rows
    metric = Metric(
        "mean_gap", Task.CLASSIFICATION, True, lambda y, s, _t=0.5: float(s[y == 1].mean() - s[y == 0].mean())
    )
    found = paired_bootstrap(y, worse, better, metric, blocks=days, repetitions=100, seed=1)
    assert found.low > 0


def test_scores_of_other_rows_are_refused(rows):
    y, worse, better, _ = rows
    with pytest.raises(InvalidInput, match="differ in length"):
        paired_bootstrap(y, worse, better[:-1], "auc", seed=1)


def test_the_gain_is_covered_about_as_often_as_promised():
    random = np.random.default_rng(12)
    inside = 0
    for _ in range(200):
        y = random.normal(size=300)
        champion, challenger = y + random.normal(size=300), y + random.normal(size=300)
        found = paired_bootstrap(y, champion, challenger, "mae", repetitions=300, seed=1)
        inside += found.low <= 0 <= found.high
    assert 0.89 <= inside / 200 <= 0.985


def test_mcnemar_is_the_exact_binomial_test_of_the_disagreements():
    y = np.ones(60)
    champion = np.r_[np.ones(10), np.zeros(25), np.ones(25)]
    challenger = np.r_[np.zeros(10), np.ones(25), np.ones(25)]
    found = mcnemar(y, champion, challenger)
    assert (found.only_champion, found.only_challenger) == (10, 25)
    assert found.p_value == pytest.approx(stats.binomtest(10, 35).pvalue)
    assert mcnemar([], [], []).p_value == 1


def test_mcnemar_of_many_disagreements_is_close_to_the_exact_test():
    y = np.ones(3000)
    champion = np.r_[np.ones(1450), np.zeros(1550)]
    found = mcnemar(y, champion, 1 - champion)
    assert found.p_value == pytest.approx(stats.binomtest(1450, 3000).pvalue, abs=2e-3)
