"""Estimated performance: near the truth under covariate shift, withheld where the past says it is not."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from mlops_desktop.evaluation.business import ValueMatrix
from mlops_desktop.evaluation.metrics import auc, get_metric
from mlops_desktop.monitoring import isotonic
from mlops_desktop.monitoring.estimate import Estimator, binned_auc, expected_auc, fit_estimator
from mlops_desktop.monitoring.isotonic import fit_isotonic, pooled
from mlops_desktop.monitoring.spec import MonitoringSpec

COSTS = ValueMatrix(true_positive=0, false_positive=1, true_negative=0, false_negative=4)


def _rows(random: np.random.Generator, rows: int, centre: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Scores of an overconfident model, and labels; `centre` shifts the covariate."""
    x = random.normal(centre, 1, rows)
    labels = (random.random(rows) < 1 / (1 + np.exp(-x))).astype(float)
    return 1 / (1 + np.exp(-2 * x)), labels


@pytest.fixture(scope="module")
def estimator() -> Estimator:
    scores, labels = _rows(np.random.default_rng(21), 20_000)
    found = fit_estimator(scores, labels, 0.5, COSTS, MonitoringSpec())
    assert found is not None
    return found


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0.1, 3)), min_size=1, max_size=60))
def test_pooling_gives_the_isotonic_regression(rows: list[tuple[float, float]]) -> None:
    values, weights = np.array(rows).T
    expected = IsotonicRegression().fit_transform(np.arange(len(values)), values, sample_weight=weights)
    assert pooled(values, weights) == pytest.approx(expected, abs=1e-9)


def test_calibration_undoes_overconfidence_and_its_example_runs() -> None:
    assert doctest.testmod(isotonic).failed == 0
    scores, labels = _rows(np.random.default_rng(22), 50_000)
    calibration = fit_isotonic(scores, labels)
    true = 1 / (1 + np.exp(-np.log(scores / (1 - scores)) / 2))
    assert np.abs(calibration(scores) - true).mean() < 0.02
    assert calibration(np.array([-1.0, 2.0])) == pytest.approx([calibration.shares[0], calibration.shares[-1]])


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.3001, 0.8]), st.booleans()), min_size=2, max_size=40))
def test_the_expected_auc_of_certain_labels_is_the_auc(rows: list[tuple[float, bool]]) -> None:
    scores, labels = np.array([score for score, _ in rows]), np.array([float(label) for _, label in rows])
    assert expected_auc(scores, labels) == pytest.approx(auc(labels, scores), nan_ok=True)


def test_auc_of_binned_counts_is_that_of_the_rows() -> None:
    positive, negative = np.array([1, 4, 7]), np.array([6, 3, 2])
    scores = np.repeat([0, 1, 2, 0, 1, 2], [1, 4, 7, 6, 3, 2])
    assert float(binned_auc(positive, negative)) == pytest.approx(auc(np.repeat([1, 0], [12, 11]), scores))


@pytest.mark.parametrize("centre", [-1.0, -0.5, 0.0, 0.8])
def test_estimates_follow_the_truth_under_covariate_shift(estimator: Estimator, centre: float) -> None:
    scores, labels = _rows(np.random.default_rng(23), 20_000, centre)
    found = estimator(scores, 0.5, COSTS)
    assert estimator.withheld == {}
    assert found["auc"] == pytest.approx(auc(labels, scores), abs=0.015)
    for name in ("log_loss", "brier"):
        assert found[name] == pytest.approx(get_metric(name)(labels, scores), rel=0.05)
    assert found["cost"] == pytest.approx(COSTS.mean_cost(labels, scores >= 0.5).value, rel=0.05)


def test_the_back_test_is_published_and_small_where_the_past_was_stable(estimator: Estimator) -> None:
    assert set(estimator.back_tests) == {"auc", "log_loss", "brier", "cost"}
    assert estimator.back_tests["auc"].windows == 10
    assert estimator.back_tests["auc"].excess < 0.02


def test_estimates_are_withheld_where_the_concept_changed_within_the_reference() -> None:
    scores, labels = _rows(np.random.default_rng(24), 8_000)
    labels[4_000:] = 1 - labels[4_000:]
    found = fit_estimator(scores, labels, 0.5, None, MonitoringSpec())
    assert found is not None
    assert set(found.withheld) == {"auc", "log_loss", "brier"}
    assert "tolerable" in found.withheld["auc"]
    assert found(scores, 0.5, None) == {}


@pytest.mark.parametrize("labels", [np.zeros(1_000), np.tile([0.0, 1.0], 50)])
def test_there_is_no_estimator_for_one_class_or_few_rows(labels: np.ndarray) -> None:
    assert fit_estimator(np.linspace(0, 1, len(labels)), labels, 0.5, None, MonitoringSpec()) is None
