"""Metrics against scikit-learn, and on data that has no answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from mlops_desktop.core.errors import Conflict, NotFound
from mlops_desktop.core.models import Task
from mlops_desktop.evaluation.metrics import Metric, auc, evaluate, get_metric, metrics_for, register_metric


@pytest.fixture
def labelled() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    y = (random.random(500) < 0.3).astype(float)
    return y, np.round(np.clip(random.random(500) * 0.7 + 0.3 * y, 0, 1), 2)


def test_classification_metrics_equal_those_of_scikit_learn(labelled):
    y, score = labelled
    found = evaluate(Task.CLASSIFICATION, y, score, threshold=0.4)
    decision = score >= 0.4
    assert found["auc"] == pytest.approx(reference.roc_auc_score(y, score))
    assert found["log_loss"] == pytest.approx(reference.log_loss(y, score))
    assert found["brier"] == pytest.approx(reference.brier_score_loss(y, score))
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(y, decision))
    assert found["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(y, decision))
    assert found["f1"] == pytest.approx(reference.f1_score(y, decision))


def test_regression_metrics_equal_those_of_scikit_learn_far_from_zero():
    random = np.random.default_rng(4)
    y = 1e7 + random.normal(size=300)
    guess = y + random.normal(scale=0.3, size=300)
    found = evaluate(Task.REGRESSION, y, guess)
    assert found["mae"] == pytest.approx(reference.mean_absolute_error(y, guess))
    assert found["rmse"] == pytest.approx(reference.root_mean_squared_error(y, guess))
    assert found["r2"] == pytest.approx(reference.r2_score(y, guess), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_auc_with_ties_is_the_share_of_pairs_in_the_right_order(rows):
    y = np.array([row[0] for row in rows], dtype=float)
    score = np.array([row[1] for row in rows], dtype=float)
    pairs = [(a > b) + (a == b) / 2 for a in score[y == 1] for b in score[y == 0]]
    expected = np.mean(pairs) if pairs else math.nan
    assert auc(y, score) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("y", "score"),
    [([], []), ([1], [np.nan]), ([np.nan, 1, 0], [0.1, 0.2, 0.3]), ([1, 0], [0.5])],
    ids=["empty", "nan score", "nan label", "different lengths"],
)
@pytest.mark.parametrize("task", list(Task))
def test_data_without_an_answer_gives_nan_for_every_metric(task, y, score):
    found = evaluate(task, y, score)
    assert found
    assert all(math.isnan(value) for value in found.values())


def test_one_class_leaves_only_the_metrics_that_one_class_can_have():
    found = evaluate(Task.CLASSIFICATION, [1, 1, 1], [0.9, 0.6, 0.2])
    assert math.isnan(found["auc"])
    assert math.isnan(found["balanced_accuracy"])
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert math.isnan(evaluate(Task.CLASSIFICATION, [0, 0], [0.1, 0.2])["f1"])
    assert math.isnan(evaluate(Task.REGRESSION, [2, 2], [1, 2])["r2"])


def test_a_certain_mistake_has_a_finite_log_loss():
    assert math.isfinite(evaluate(Task.CLASSIFICATION, [1, 0], [0.0, 1.0])["log_loss"])


def test_a_registered_metric_is_found_and_its_name_is_taken():
    metric = Metric(
        "share_above_half", Task.CLASSIFICATION, True, lambda _y, score, _t=0.5: float((score > 0.5).mean())
    )
    register_metric(metric)
    try:
        assert get_metric("share_above_half") in metrics_for(Task.CLASSIFICATION)
        assert evaluate(Task.CLASSIFICATION, [1, 0], [0.9, 0.1])["share_above_half"] == 0.5
        with pytest.raises(Conflict, match="already registered"):
            register_metric(metric)
    finally:
        from mlops_desktop.evaluation import metrics

        del metrics._METRICS["share_above_half"]


def test_an_unknown_metric_names_the_known_ones():
    with pytest.raises(NotFound, match=r"auc.*brier"):
        get_metric("acu")
