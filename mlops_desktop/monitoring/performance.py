"""Metrics of a window against their baselines, realised where labels have arrived and estimated where not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from mlops_desktop.core.models import Task
from mlops_desktop.core.monitoring import MetricValue
from mlops_desktop.evaluation.business import ValueMatrix
from mlops_desktop.evaluation.intervals import auc_interval, mean_interval
from mlops_desktop.monitoring.calibration import Noise
from mlops_desktop.monitoring.estimate import (
    PREFIX,
    Estimator,
    binned_auc,
    expected_losses,
    realised_losses,
)
from mlops_desktop.monitoring.isotonic import Floats
from mlops_desktop.monitoring.resampling import Rows
from mlops_desktop.monitoring.spec import MonitoringSpec

MEAN_SCORE = "mean_score"
POSITIVE_RATE = "positive_rate"
ACCURACY = "accuracy"
LABEL_SHARE = "label_share"
ERROR = "error"
DUMMY = "dummy_"
SCORE_BINS = 512


class Baseline(Struct, frozen=True):
    """A metric's value on the reference and how it varies between unchanged windows."""

    name: str
    value: float
    rows: int
    noise: Noise
    greater_is_better: bool = False

    def margin(self, rows: int, settings: MonitoringSpec) -> float:
        """How much worse a window of `rows` rows has to be before it counts: more than matters and more than noise."""
        certain = NormalDist().inv_cdf(settings.noise_quantile)
        noise = certain * self.noise.at(rows) * math.sqrt(1 + rows / max(self.rows, 1))
        least = settings.least_auc_drop if self.greater_is_better else settings.least_loss_rise * abs(self.value)
        return max(least, noise)

    def is_breached(self, value: float, rows: int, settings: MonitoringSpec) -> bool:
        worse = self.value - value if self.greater_is_better else value - self.value
        return worse > self.margin(rows, settings)


def realised_baselines(
    task: Task,
    scores: Floats,
    labels: Floats,
    threshold: float,
    values: ValueMatrix | None,
    draws: Sequence[Rows],
    *,
    top_label: bool = False,
) -> list[Baseline]:
    """Baselines of realised metrics on labelled reference rows; scores and labels shape (n,), `draws` from those.

    With `top_label` scores are of the predicted class of several and labels say whether it was right: then accuracy
    is what counts, and how well scores tell right from wrong says nothing of how often the model is right.
    """
    if not len(labels):
        return []
    losses = realised_losses(task, labels, scores, threshold, values)
    if top_label:
        found = [mean_baseline(name, loss, draws) for name, loss in losses.items()]
        return [*found, replace(mean_baseline(ACCURACY, labels, draws), greater_is_better=True)]
    if task == Task.CLASSIFICATION:
        losses[POSITIVE_RATE] = labels
        losses[f"{DUMMY}log_loss"] = _dummy_log_losses(labels, float(labels.mean()))
        if values is not None:
            losses[f"{DUMMY}cost"] = _dummy_costs(labels, float(labels.mean()), values)
    found = [mean_baseline(name, loss, draws) for name, loss in losses.items()]
    if task == Task.CLASSIFICATION:
        found.append(_auc_baseline("auc", scores, labels, draws))
    return [baseline for baseline in found if math.isfinite(baseline.value)]


def score_baselines(
    scores: Floats, estimator: Estimator | None, threshold: float, values: ValueMatrix | None, draws: Sequence[Rows]
) -> list[Baseline]:
    """Baselines of what scores alone tell: their mean, and the estimated metrics."""
    if not len(scores):
        return []
    found = [mean_baseline(MEAN_SCORE, scores, draws)]
    if estimator is not None:
        chances = estimator.calibration(scores)
        losses = expected_losses(scores, chances, threshold, values)
        found += [mean_baseline(PREFIX + name, loss, draws) for name, loss in losses.items()]
        found.append(_auc_baseline(PREFIX + "auc", scores, chances, draws))
    return [baseline for baseline in found if math.isfinite(baseline.value)]


def mean_baseline(name: str, losses: Floats, draws: Sequence[Rows]) -> Baseline:
    """Baseline of a mean over rows; losses shape (n,), `draws` of those rows."""
    deviations = tuple(float(losses[rows].mean(axis=1).std()) for rows in draws)
    sizes = tuple(float(rows.shape[1]) for rows in draws)
    return Baseline(name, float(losses.mean()), len(losses), Noise(sizes, deviations))


def _auc_baseline(name: str, scores: Floats, chances: Floats, draws: Sequence[Rows]) -> Baseline:
    """AUC by counts in score bins, which is what makes thousands of resamples quick; `chances` may be labels."""
    borders = np.unique(np.quantile(scores, np.linspace(0, 1, SCORE_BINS + 1), method="nearest"))
    bins = np.searchsorted(borders, scores, side="left")
    deviations = []
    for rows in draws:
        drawn = np.array([_area_of(bins[window], chances[window], len(borders)) for window in rows])
        deviations.append(float(np.nanstd(drawn)) if np.isfinite(drawn).any() else 0.5)
    sizes = tuple(float(rows.shape[1]) for rows in draws)
    return Baseline(
        name,
        _area_of(bins, chances, len(borders)),
        len(scores),
        Noise(sizes, tuple(deviations)),
        greater_is_better=True,
    )


def _area_of(bins: NDArray[np.int64], chances: Floats, count: int) -> float:
    positive = np.bincount(bins, chances, minlength=count)
    return float(binned_auc(positive, np.bincount(bins, minlength=count) - positive))


def realised_metrics(
    task: Task,
    scores: Floats,
    labels: Floats,
    threshold: float,
    values: ValueMatrix | None,
    baselines: dict[str, Baseline],
    settings: MonitoringSpec,
    *,
    top_label: bool = False,
) -> list[MetricValue]:
    """Realised metrics of the labelled rows with 95 % intervals; beside them what a dummy would have got.

    The dummy predicts the reference's positive rate, and takes the decision that was cheaper on the reference. For
    `top_label` see `realised_baselines`.
    """
    losses = realised_losses(task, labels, scores, threshold, values)
    if top_label:
        losses[ACCURACY] = labels
    elif task == Task.CLASSIFICATION:
        losses[POSITIVE_RATE] = labels
        if POSITIVE_RATE in baselines:
            rate = baselines[POSITIVE_RATE].value
            losses[f"{DUMMY}log_loss"] = _dummy_log_losses(labels, rate)
            if values is not None:
                losses[f"{DUMMY}cost"] = _dummy_costs(labels, rate, values)
    found = [auc_interval(labels, scores)] if task == Task.CLASSIFICATION and not top_label else []
    found += [mean_interval(name, loss) for name, loss in losses.items()]
    return [judged(metric, baselines, settings) for metric in found if math.isfinite(metric.value)]


def score_metrics(
    scores: Floats,
    estimator: Estimator | None,
    threshold: float,
    values: ValueMatrix | None,
    baselines: dict[str, Baseline],
    settings: MonitoringSpec,
) -> list[MetricValue]:
    """Mean score and estimated metrics; the intervals of estimates come from their back-tests."""
    found = [mean_interval(MEAN_SCORE, scores)] if len(scores) else []
    if estimator is not None and len(scores):
        for name, value in estimator(scores, threshold, values).items():
            reach = 1.96 * estimator.back_tests[name].excess if name in estimator.back_tests else 0.0
            found.append(MetricValue(PREFIX + name, value, value - reach, value + reach, len(scores)))
    return [judged(metric, baselines, settings) for metric in found if math.isfinite(metric.value)]


def judged(metric: MetricValue, baselines: dict[str, Baseline], settings: MonitoringSpec) -> MetricValue:
    """The metric with its baseline and verdict. Bounds that are not known become the value: windows hold no NaN."""
    low = metric.low if math.isfinite(metric.low) else metric.value
    high = metric.high if math.isfinite(metric.high) else metric.value
    metric = replace(metric, low=low, high=high)
    baseline = baselines.get(metric.name)
    if baseline is None:
        return metric
    # These describe the traffic, not the model.
    describes = metric.name in (MEAN_SCORE, POSITIVE_RATE) or metric.name.startswith(DUMMY)
    breached = not describes and baseline.is_breached(metric.value, metric.n, settings)
    return replace(metric, baseline=baseline.value, breached=breached)


def _dummy_log_losses(labels: Floats, rate: float) -> Floats:
    safe = min(max(rate, 1e-15), 1 - 1e-15)
    return -(labels * math.log(safe) + (1 - labels) * math.log(1 - safe))


def _dummy_costs(labels: Floats, rate: float, values: ValueMatrix) -> Floats:
    """Costs of always deciding what is cheaper at this positive rate."""
    always, never = (float(values.expected_cost([rate], [decision])[0]) for decision in (1.0, 0.0))
    return values.cost_per_row(labels, np.full(len(labels), float(always < never)))
