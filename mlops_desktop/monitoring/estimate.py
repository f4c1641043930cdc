"""Performance before labels arrive, by confidence-based performance estimation (CBPE).

A calibrated probability says how often a prediction is right, so the metrics of a window follow from its scores alone:
an estimate of what covariate shift does to the model. It cannot see concept drift, in which the probabilities
themselves go wrong; that is what makes the difference between estimate and realised value a sign of concept drift.

Białek, J. et al. (2024), Estimating model performance under covariate shift without labels. arXiv:2401.08348.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from mlops_desktop.core.models import Task
from mlops_desktop.evaluation.business import ValueMatrix
from mlops_desktop.evaluation.delong import auc_variance
from mlops_desktop.evaluation.metrics import get_metric
from mlops_desktop.monitoring.isotonic import Floats, Isotonic, fit_isotonic
from mlops_desktop.monitoring.spec import MonitoringSpec

PREFIX = "estimated_"
LEAST_ROWS = 400
BACKTEST_WINDOWS = 10
LEAST_WINDOW = 200


class BackTest(Struct, frozen=True):
    """How estimates did on windows whose labels are known.

    Attributes:
        error: mean absolute difference of estimate and realised value.
        unchanged: the same for the estimate that nothing ever changes.
        excess: root mean square difference beyond what the sampling of the realised value explains.
        windows: how many windows it rests on.
    """

    error: float
    unchanged: float
    excess: float
    windows: int


class Estimator(Struct, frozen=True):
    """The calibration, and per metric its back-test and, where that is poor, why the estimate is withheld."""

    calibration: Isotonic
    back_tests: dict[str, BackTest]
    withheld: dict[str, str]

    def __call__(self, scores: Floats, threshold: float, values: ValueMatrix | None) -> dict[str, float]:
        """Estimates by metric name (`auc`, `log_loss`, `brier`, `cost`) without those withheld; scores shape (n,)."""
        found = estimates(scores, self.calibration(scores), threshold, values)
        return {name: value for name, value in found.items() if name not in self.withheld and math.isfinite(value)}


def estimates(scores: Floats, chances: Floats, threshold: float, values: ValueMatrix | None) -> dict[str, float]:
    """Expected metrics of rows with these scores whose calibrated probabilities are `chances`; both shape (n,)."""
    if not len(scores):
        return {}
    found = {name: float(terms.mean()) for name, terms in expected_losses(scores, chances, threshold, values).items()}
    return {"auc": expected_auc(scores, chances)} | found


def expected_losses(scores: Floats, chances: Floats, threshold: float, values: ValueMatrix | None) -> dict[str, Floats]:
    """Loss to expect of each row, by metric name, each shape (n,)."""
    safe = np.clip(scores, 1e-15, 1 - 1e-15)
    losses = {
        "log_loss": -(chances * np.log(safe) + (1 - chances) * np.log1p(-safe)),
        "brier": chances * (1 - scores) ** 2 + (1 - chances) * scores**2,
    }
    return losses | ({"cost": values.expected_cost(chances, scores >= threshold)} if values else {})


def expected_auc(scores: Floats, chances: Floats) -> float:
    """AUC in expectation over labels drawn with these chances; NaN where all labels are certain to be alike."""
    _, group = np.unique(scores, return_inverse=True)
    positive, negative = np.bincount(group, chances), np.bincount(group, 1 - chances)
    itself = float((chances * (1 - chances)).sum())
    return float(_area(positive, negative, itself))


def binned_auc(positive: NDArray[Any], negative: NDArray[Any]) -> Floats:
    """AUC from counts of positive and negative rows per score bin, lowest first; shape (..., bins) to (...)."""
    return _area(positive, negative, 0.0)


def _area(positive: NDArray[Any], negative: NDArray[Any], itself: float) -> Floats:
    """Share of pairs in order, ties half; `itself` takes out the pairs that a row would form with itself."""
    below = np.cumsum(negative, axis=-1) - negative
    ordered = (positive * (below + negative / 2)).sum(axis=-1) - itself / 2
    pairs = positive.sum(axis=-1) * negative.sum(axis=-1) - itself
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(pairs > 1e-12, ordered / pairs, np.nan)


def fit_estimator(
    scores: Floats, labels: Floats, threshold: float, values: ValueMatrix | None, settings: MonitoringSpec
) -> Estimator | None:
    """Calibrate on reference rows that the model was not trained on, and back-test on the later half of them.

    Args:
        scores: probabilities of the positive class in the order of time, shape (n,).
        labels: 0 or 1, shape (n,).
        threshold: score from which the decision is positive.
        values: costs of decisions, if known.
        settings: holds the errors beyond which an estimate is withheld.

    Returns:
        None where there are fewer than 400 rows or one class only: nothing could be said.
    """
    if len(scores) < LEAST_ROWS or len(np.unique(labels)) < 2:
        return None
    tests = _back_tests(scores, labels, threshold, values)
    withheld = {}
    whole = _realised(scores, labels, threshold, values)
    for name, test in tests.items():
        absolute = name == "auc"
        limit = settings.most_estimate_error if absolute else settings.most_loss_estimate_error * abs(whole[name][0])
        if not test.excess <= limit:
            withheld[name] = f"its back-test was off by {test.excess:.3g} where {limit:.3g} is tolerable"
    return Estimator(fit_isotonic(scores, labels), tests, withheld)


def _back_tests(scores: Floats, labels: Floats, threshold: float, values: ValueMatrix | None) -> dict[str, BackTest]:
    half = len(scores) // 2
    calibration = fit_isotonic(scores[:half], labels[:half])
    before = _realised(scores[:half], labels[:half], threshold, values)
    count = max(1, min(BACKTEST_WINDOWS, (len(scores) - half) // LEAST_WINDOW))
    rows: dict[str, list[tuple[float, float, float]]] = {}
    for place in np.array_split(np.arange(half, len(scores)), count):
        guess = estimates(scores[place], calibration(scores[place]), threshold, values)
        for name, (value, variance) in _realised(scores[place], labels[place], threshold, values).items():
            if math.isfinite(value) and math.isfinite(guess[name]):
                rows.setdefault(name, []).append((guess[name] - value, before[name][0] - value, variance))
    return {name: _summary(np.array(found)) for name, found in rows.items()}


def _summary(rows: Floats) -> BackTest:
    differences, unchanged, variances = rows.T
    excess = math.sqrt(max(0.0, float((differences**2).mean() - variances.mean())))
    return BackTest(float(np.abs(differences).mean()), float(np.abs(unchanged).mean()), excess, len(rows))


def _realised(
    scores: Floats, labels: Floats, threshold: float, values: ValueMatrix | None
) -> dict[str, tuple[float, float]]:
    """Value and sampling variance by metric."""
    found = {"auc": auc_variance(labels, scores)}
    losses = realised_losses(Task.CLASSIFICATION, labels, scores, threshold, values)
    return found | {name: (float(loss.mean()), float(loss.var() / len(loss))) for name, loss in losses.items()}


def realised_losses(
    task: Task, labels: Floats, scores: Floats, threshold: float, values: ValueMatrix | None
) -> dict[str, Floats]:
    """Loss of each labelled row, by metric name, each shape (n,)."""
    names = ("log_loss", "brier") if task == Task.CLASSIFICATION else ("mae",)
    losses = {}
    for name in names:
        sums = get_metric(name).sums
        if sums is not None:
            losses[name] = sums.terms(labels, scores, threshold)[:, 1]
    if values is not None and task == Task.CLASSIFICATION:
        losses["cost"] = values.cost_per_row(labels, scores >= threshold)
    return losses
