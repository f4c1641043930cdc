"""Baselines, business value, calibration and slices."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mlops_desktop.evaluation.baselines import last_value_scores, previous_period_scores, prior_scores
from mlops_desktop.evaluation.business import ValueMatrix, cost_metric
from mlops_desktop.evaluation.calibration import expected_calibration_error, reliability_bins
from mlops_desktop.evaluation.paired import paired_bootstrap
from mlops_desktop.evaluation.slices import MISSING_LABEL, slices_by

WARNINGS = ValueMatrix(true_positive=1, false_positive=3, true_negative=0, false_negative=10)


def test_the_prior_is_the_training_mean():
    assert prior_scores([1, 0, 0, 1], 3).tolist() == [0.5, 0.5, 0.5]
    assert np.isnan(prior_scores([], 2)).all()


def test_persistence_of_a_rate_takes_the_latest_earlier_day_even_across_a_gap():
    found = previous_period_scores([1, 1, 3, 3], [1, 0, 1, 1], [1, 2, 3, 4, 9], fallback=-1)
    assert found.tolist() == [-1, 0.5, 0.5, 1, 1]
    assert previous_period_scores([], [], [1], fallback=0.3).tolist() == [0.3]


def test_persistence_of_a_value_is_kept_per_entity_and_never_looks_at_the_same_moment():
    found = last_value_scores([1, 2, 1], [10, 20, 5], ["a", "a", "b"], [2, 3, 1, 2, 9], ["a", "a", "b", "b", "c"])
    assert found[:2].tolist() == [10, 20]
    assert math.isnan(found[2])
    assert found[3] == 5
    assert math.isnan(found[4])


def test_the_best_threshold_of_the_warnings_is_a_quarter():
    assert WARNINGS.optimal_threshold() == pytest.approx(0.25)


def test_no_threshold_is_cheaper_than_the_best_one_for_calibrated_probabilities():
    random = np.random.default_rng(1)
    chance = random.random(200_000)
    y = (random.random(200_000) < chance).astype(float)
    costs = {cut: WARNINGS.mean_cost(y, chance >= cut).value for cut in (0.1, 0.2, 0.25, 0.3, 0.4)}
    assert min(costs, key=costs.__getitem__) == 0.25


def test_a_yes_that_never_pays_has_no_threshold():
    assert math.isnan(ValueMatrix(5, 5, 0, 0).optimal_threshold())
    assert ValueMatrix(0, -1, 0, 10).optimal_threshold() == 0


def test_costs_follow_the_matrix_and_skip_unknown_labels():
    cost = WARNINGS.cost_per_row([1, 1, 0, 0, np.nan], [1, 0, 1, 0, 1])
    assert cost[:4].tolist() == [1, 10, 3, 0]
    found = WARNINGS.mean_cost([1, 1, 0, 0, np.nan], [1, 0, 1, 0, 1])
    assert (found.value, found.n) == (3.5, 4)
    assert WARNINGS.expected_cost([0.25], [1]) == pytest.approx(WARNINGS.expected_cost([0.25], [0]))


def test_cost_is_a_metric_that_can_be_compared():
    y = np.tile([1.0, 0.0, 0.0, 0.0], 100)
    found = paired_bootstrap(y, np.zeros(400), y, cost_metric(WARNINGS), seed=1)
    assert (found.champion, found.challenger) == (2.5, 0.25)
    assert found.low > 0


def test_calibrated_scores_have_a_small_error_and_shifted_ones_a_large_one():
    random = np.random.default_rng(2)
    chance = random.random(50_000)
    y = (random.random(50_000) < chance).astype(float)
    assert expected_calibration_error(y, chance) < 0.01
    assert expected_calibration_error(y, chance * 0.5) == pytest.approx(0.25, abs=0.01)
    bins = reliability_bins(y, chance)
    assert len(bins) == 10
    assert [b.predicted for b in bins] == sorted(b.predicted for b in bins)
    assert sum(b.n for b in bins) == 50_000


def test_calibration_of_constant_scores_is_one_bin_and_of_nothing_none():
    assert [b.n for b in reliability_bins([1, 0, 0, 0], [0.25] * 4)] == [4]
    assert reliability_bins([], []) == ()
    assert math.isnan(expected_calibration_error([np.nan], [0.4]))


def test_slices_come_largest_first_and_without_the_tiny_ones():
    carrier = ["UA"] * 60 + [None] * 55 + ["HA"] * 3
    y = np.tile([1.0, 0.0], 59)
    found = slices_by("carrier", carrier, y, y, "accuracy")
    assert [(s.value, s.metric.n, s.metric.value) for s in found] == [("UA", 60, 1.0), (MISSING_LABEL, 55, 1.0)]
    assert slices_by("carrier", [], [], [], "auc") == ()
