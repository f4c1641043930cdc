"""Metrics of more than two classes: against scikit-learn, in intervals, comparisons and slices."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as reference

from mlops_desktop.core.models import Task
from mlops_desktop.evaluation.calibration import expected_calibration_error, reliability_bins
from mlops_desktop.evaluation.intervals import metric_interval
from mlops_desktop.evaluation.metrics import evaluate, get_metric, metrics_for
from mlops_desktop.evaluation.multiclass import rarest_class, top_label
from mlops_desktop.evaluation.paired import paired_bootstrap
from mlops_desktop.evaluation.slices import slices_by

CLASSES = 4


def guesses(rows: int, skill: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels of four classes of unequal size, and probabilities that lean to them."""
    random = np.random.default_rng(seed)
    y = random.choice(CLASSES, rows, p=[0.5, 0.3, 0.15, 0.05])
    raw = np.exp(random.normal(size=(rows, CLASSES)) + skill * (y[:, None] == np.arange(CLASSES)))
    return y.astype(float), raw / raw.sum(axis=1, keepdims=True)


def test_all_metrics_equal_those_of_scikit_learn() -> None:
    y, p = guesses(2_000, 1.5)
    found, picked = evaluate(Task.CLASSIFICATION, y, p), p.argmax(axis=1)
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(y, picked))
    assert found["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(y, picked))
    assert found["f1"] == pytest.approx(reference.f1_score(y, picked, average="macro"))
    assert found["log_loss"] == pytest.approx(reference.log_loss(y, p))
    assert found["auc"] == pytest.approx(reference.roc_auc_score(y, p, multi_class="ovr", average="macro"))
    assert found["brier"] == pytest.approx(reference.brier_score_loss(y, p, scale_by_half=False))


def test_two_classes_as_a_matrix_agree_with_their_scores() -> None:
    random = np.random.default_rng(1)
    y = (random.random(400) < 0.4).astype(float)
    score = np.clip(random.random(400) * 0.6 + 0.3 * y, 0, 1)
    matrix = np.column_stack([1 - score, score])
    one, other = evaluate(Task.CLASSIFICATION, y, score), evaluate(Task.CLASSIFICATION, y, matrix)
    for name in ("auc", "log_loss", "accuracy", "balanced_accuracy"):
        assert other[name] == pytest.approx(one[name]), name
    assert other["brier"] == pytest.approx(2 * one["brier"])  # summed over both classes


def test_classes_without_rows_are_left_out_of_averages() -> None:
    y, p = guesses(300, 1.0)
    seen = y < 2
    found = evaluate(Task.CLASSIFICATION, y[seen], p[seen])
    assert all(math.isfinite(value) for value in found.values())
    alone = evaluate(Task.CLASSIFICATION, np.zeros(5), p[:5])
    assert math.isnan(alone["auc"]) and math.isfinite(alone["log_loss"])


def test_data_without_an_answer_gives_nan_for_every_metric() -> None:
    for y, p in (([0.0], np.empty((0, 3))), ([np.nan], [[0.2, 0.3, 0.5]]), ([1.0], [[0.2, np.nan, 0.5]])):
        assert all(math.isnan(value) for value in evaluate(Task.CLASSIFICATION, y, p).values())


@pytest.mark.parametrize("metric", [metric.name for metric in metrics_for(Task.CLASSIFICATION)])
def test_intervals_hold_the_value_of_many_more_rows(metric: str) -> None:
    whole = get_metric(metric)(*guesses(200_000, 1.0, seed=7))
    inside = 0
    for seed in range(40):
        interval = metric_interval(metric, *guesses(800, 1.0, seed=seed))
        inside += interval.low <= whole <= interval.high
    assert inside >= 32  # of 40 at 95 %


@pytest.mark.parametrize("metric", ["auc", "log_loss", "accuracy", "balanced_accuracy", "f1"])
@pytest.mark.parametrize("blocks", [None, 40], ids=["rows", "blocks"])
def test_the_better_model_wins_a_comparison_and_itself_gains_nothing(metric: str, blocks: int | None) -> None:
    y, good = guesses(1_500, 2.0)
    worse = 0.5 * good + 0.5 * guesses(1_500, 0.0, seed=9)[1]
    block_of = None if blocks is None else np.arange(1_500) % blocks
    found = paired_bootstrap(y, worse, good, metric, blocks=block_of, repetitions=200, seed=1)
    assert found.low > 0
    same = paired_bootstrap(y, good, good, metric, blocks=block_of, repetitions=50, seed=1)
    assert (same.gain, same.low, same.high) == (0.0, 0.0, 0.0)


def test_calibration_is_that_of_the_likeliest_class() -> None:
    random = np.random.default_rng(3)
    _, p = guesses(30_000, 0.0, seed=3)
    drawn = (random.random((len(p), 1)) > p.cumsum(axis=1)[:, :-1]).sum(axis=1)  # labels as the probabilities say
    assert expected_calibration_error(drawn, p) < 0.015
    bins = reliability_bins(drawn, p)
    assert sum(b.n for b in bins) == len(p) and all(b.low - 0.02 < b.predicted < b.high + 0.02 for b in bins)
    overconfident = p**3 / (p**3).sum(axis=1, keepdims=True)
    assert expected_calibration_error(drawn, overconfident) > 0.1


def test_the_top_label_says_how_sure_and_whether_right() -> None:
    right, sure = top_label(np.array([2.0, 0.0, np.nan]), np.array([[0.1, 0.2, 0.7], [0.1, 0.8, 0.1], [1, 0, 0]]))
    assert right[:2].tolist() == [1.0, 0.0] and math.isnan(right[2])
    assert sure.tolist() == [0.7, 0.8, 1.0]


def test_slices_and_the_rarest_class() -> None:
    y, p = guesses(400, 1.0)
    found = slices_by("place", ["A", "B"] * 200, y, p, "auc")
    assert {each.value for each in found} == {"A", "B"} and all(each.metric.value > 0.6 for each in found)
    assert rarest_class(y, CLASSES) == int((y == 3).sum())
    assert rarest_class(np.zeros(3), CLASSES) == rarest_class(np.empty(0), 2) == 0
