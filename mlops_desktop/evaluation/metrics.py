"""Metrics of predictions, and the registry they are looked up in.

Most metrics are a function of sums over rows (`SumForm`), which is what makes intervals and bootstraps of them
cheap: a resample is a weighting of the rows, and its metric is the same function of the weighted sums.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlops_desktop.core.errors import Conflict, NotFound
from mlops_desktop.core.models import Task
from mlops_desktop.evaluation import multiclass
from mlops_desktop.evaluation.multiclass import as_scores, is_matrix

Floats = NDArray[np.float64]

_SMALLEST_PROBABILITY = 1e-15


@dataclass(frozen=True)
class SumForm:
    """A metric as `combine(sum of terms over rows)`.

    `terms(y, score, threshold)` has the shape (rows, k); `combine` maps sums of the shape (..., k) to (...). `combine`
    gives the same result for sums multiplied by any positive number.
    """

    terms: Callable[[Floats, Floats, float], Floats]
    combine: Callable[[Floats], Floats]


class MetricFunction(Protocol):
    """Labels (0 and 1, or numbers of classes), scores and the decision threshold to one number.

    Labels have the shape (n,); scores too, or (n, classes) where there are more than two, which need no threshold.
    """

    def __call__(self, y: Floats, score: Floats, threshold: float = 0.5, /) -> float: ...


@dataclass(frozen=True)
class Metric:
    """A measure of predictions; calling it never raises for degenerate data, it gives NaN.

    Attributes:
        name: unique, in lower case.
        task: what it applies to.
        greater_is_better: the direction of an improvement.
        function: the measure itself; it may count on at least one row and on no NaN.
        label: how to show it.
        sums: the metric as a function of sums, where it is one.
    """

    name: str
    task: Task
    greater_is_better: bool
    function: MetricFunction
    label: str = ""
    sums: SumForm | None = None

    def __call__(self, y: ArrayLike, score: ArrayLike, threshold: float = 0.5) -> float:
        labels, scores = as_floats(y), as_scores(score)
        if len(labels) != len(scores) or not labels.size or np.isnan(labels).any() or np.isnan(scores).any():
            return float("nan")
        with np.errstate(all="ignore"):
            value = float(self.function(labels, scores, threshold))
        return value if np.isfinite(value) else float("nan")


def as_floats(values: ArrayLike) -> Floats:
    """`values` as a flat array of float64."""
    return np.asarray(values, dtype=np.float64).ravel()


def metric_of_sums(name: str, task: Task, greater_is_better: bool, label: str, sums: SumForm) -> Metric:
    """A metric whose function follows from its sums."""

    def function(y: Floats, score: Floats, threshold: float = 0.5, /) -> float:
        return float(sums.combine(sums.terms(y, score, threshold).sum(axis=0)))

    return Metric(name, task, greater_is_better, function, label, sums)


_METRICS: dict[str, Metric] = {}


def register_metric(metric: Metric) -> Metric:
    """Make a metric known by its name. Raises `Conflict` if the name is taken."""
    if metric.name in _METRICS:
        raise Conflict(f"A metric named {metric.name!r} is already registered.", hint="Choose another name.")
    _METRICS[metric.name] = metric
    return metric


def get_metric(name: str) -> Metric:
    """The metric with this name. Raises `NotFound`, listing the known ones."""
    try:
        return _METRICS[name]
    except KeyError:
        raise NotFound(f"There is no metric {name!r}.", hint=f"Known metrics: {', '.join(sorted(_METRICS))}.") from None


def metrics_for(task: Task) -> tuple[Metric, ...]:
    """All registered metrics of a task."""
    return tuple(metric for metric in _METRICS.values() if metric.task == task)


def evaluate(task: Task, y: ArrayLike, score: ArrayLike, threshold: float = 0.5) -> dict[str, float]:
    """All metrics of the task by name.

    Args:
        y: shape (n,); 0 or 1 for classification (the class's number with more than two), any number for regression.
        score: shape (n,); probability of the positive class, or the predicted value. With more than two classes the
            probability of each, shape (n, classes).
        threshold: a probability from here on is a positive decision.
    """
    labels, scores = as_floats(y), as_scores(score)
    return {metric.name: metric(labels, scores, threshold) for metric in metrics_for(task)}


def auc(y: ArrayLike, score: ArrayLike) -> float:
    """Area under the ROC curve; tied scores count half. NaN unless both classes occur.

    The Mann-Whitney statistic by ranks (Hanley & McNeil 1982). With more than two classes the mean of each one's area
    against all others.
    """
    scores = as_scores(score)
    if is_matrix(scores):
        return float(multiclass.over_classes(multiclass.one_against_rest(auc, as_floats(y), scores)))
    positive = as_floats(y) > 0.5
    count = int(positive.sum())
    others = positive.size - count
    if not count or not others:
        return float("nan")
    _, group, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    midranks = np.cumsum(sizes) - (sizes - 1) / 2
    rank_sum = float(midranks[group[positive]].sum())
    return (rank_sum - count * (count + 1) / 2) / (count * others)


def _columns(*columns: Floats | NDArray[np.bool_]) -> Floats:
    return np.column_stack([column.astype(np.float64) for column in columns])


def _mean_of(loss: Callable[[Floats, Floats, float], Floats | NDArray[np.bool_]]) -> SumForm:
    def terms(y: Floats, score: Floats, threshold: float) -> Floats:
        return _columns(np.ones_like(y), loss(y, score, threshold))

    return SumForm(terms, lambda sums: sums[..., 1] / sums[..., 0])


def _log_losses(y: Floats, score: Floats, _threshold: float) -> Floats:
    if is_matrix(score):
        return -np.log(np.clip(multiclass.own_probability(y, score), _SMALLEST_PROBABILITY, 1.0))
    probability = np.clip(score, _SMALLEST_PROBABILITY, 1 - _SMALLEST_PROBABILITY)
    return -(y * np.log(probability) + (1 - y) * np.log1p(-probability))


def _is_right(y: Floats, score: Floats, threshold: float) -> NDArray[np.bool_]:
    if is_matrix(score):
        return np.asarray(score.argmax(axis=1) == y)
    return np.asarray((y > 0.5) == (score >= threshold))


def _squared_errors(y: Floats, score: Floats, _threshold: float) -> Floats:
    return multiclass.squared_distance(y, score) if is_matrix(score) else (y - score) ** 2


def _hits_per_class(y: Floats, score: Floats, threshold: float) -> Floats:
    if is_matrix(score):
        return multiclass.recall_counts(y, score)
    positive, decision = y > 0.5, score >= threshold
    return _columns(positive, positive & decision, ~positive, ~positive & ~decision)


def _mean_recall(sums: Floats) -> Floats:
    return multiclass.over_classes(sums[..., 1::2] / sums[..., ::2])


def _f1_counts(y: Floats, score: Floats, threshold: float) -> Floats:
    if is_matrix(score):
        return multiclass.f1_counts(y, score)
    positive, decision = y > 0.5, score >= threshold
    return _columns(positive & decision, positive != decision)


def _f1(sums: Floats) -> Floats:
    return multiclass.over_classes(2 * sums[..., ::2] / (2 * sums[..., ::2] + sums[..., 1::2]))


def _r2_terms(y: Floats, score: Floats, _threshold: float) -> Floats:
    centred = y - y.mean()  # keeps the difference of squares below exact for targets far from zero
    return _columns(np.ones_like(y), centred, centred**2, (y - score) ** 2)


def _r2(sums: Floats) -> Floats:
    spread = sums[..., 2] - sums[..., 1] ** 2 / sums[..., 0]
    explained: Floats = 1 - sums[..., 3] / np.where(spread > 0, spread, np.nan)
    return explained


def _register_all() -> None:
    classification, regression = Task.CLASSIFICATION, Task.REGRESSION
    register_metric(Metric("auc", classification, True, lambda y, score, _=0.5: auc(y, score), "AUC"))
    mean_error = _mean_of(lambda y, score, _: np.abs(y - score))
    mean_square = _mean_of(_squared_errors)
    root = SumForm(mean_square.terms, lambda sums: np.sqrt(mean_square.combine(sums)))
    for name, task, greater, label, sums in (
        ("log_loss", classification, False, "Log loss", _mean_of(_log_losses)),
        ("brier", classification, False, "Brier score", mean_square),
        ("accuracy", classification, True, "Accuracy", _mean_of(_is_right)),
        ("balanced_accuracy", classification, True, "Balanced accuracy", SumForm(_hits_per_class, _mean_recall)),
        ("f1", classification, True, "F1", SumForm(_f1_counts, _f1)),
        ("mae", regression, False, "Mean absolute error", mean_error),
        ("rmse", regression, False, "Root mean squared error", root),
        ("r2", regression, True, "R²", SumForm(_r2_terms, _r2)),
    ):
        register_metric(metric_of_sums(name, task, greater, label, sums))


_register_all()
