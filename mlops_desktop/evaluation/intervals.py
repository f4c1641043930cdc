"""Confidence intervals in closed form: fast enough for every monitored window."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from mlops_desktop.core.monitoring import MetricValue
from mlops_desktop.evaluation.delong import auc_variance, normal_quantile
from mlops_desktop.evaluation.metrics import Floats, Metric, SumForm, as_floats, auc, get_metric
from mlops_desktop.evaluation.multiclass import as_scores, is_matrix, one_against_rest, over_classes

_NAN = float("nan")


def mean_interval(name: str, values: ArrayLike, *, confidence: float = 0.95) -> MetricValue:
    """Mean of `values`, shape (n,), with its normal interval; NaN values are left out."""
    known = as_floats(values)
    known = known[~np.isnan(known)]
    if not known.size:
        return MetricValue(name, _NAN, _NAN, _NAN, 0)
    mean = float(known.mean())
    if known.size < 2:
        return MetricValue(name, mean, _NAN, _NAN, 1)
    reach = normal_quantile(confidence) * float(known.std(ddof=1)) / math.sqrt(known.size)
    return MetricValue(name, mean, mean - reach, mean + reach, int(known.size))


def proportion_interval(name: str, successes: int, n: int, *, confidence: float = 0.95) -> MetricValue:
    """Share of successes with the score interval of Wilson (1927), which stays in [0, 1] and is honest for few rows."""
    if n <= 0:
        return MetricValue(name, _NAN, _NAN, _NAN, 0)
    z, share = normal_quantile(confidence), successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low, high = (0.0 if successes == 0 else centre - reach), (1.0 if successes == n else centre + reach)
    return MetricValue(name, share, low, high, n)


def auc_interval(y: ArrayLike, score: ArrayLike, *, name: str = "auc", confidence: float = 0.95) -> MetricValue:
    """AUC with the interval of DeLong; labels have the shape (n,), scores too, or (n, classes) with more than two.

    The error of a mean over classes is at most the mean of their errors, however these depend on each other.
    """
    labels, scores = as_floats(y), as_scores(score)
    if is_matrix(scores):
        value, error = auc(labels, scores), float(over_classes(one_against_rest(_auc_error, labels, scores)))
    else:
        value, variance = auc_variance(labels, scores)
        error = math.sqrt(variance) if variance >= 0 else _NAN
    reach = normal_quantile(confidence) * error
    low, high = (_NAN, _NAN) if math.isnan(reach) else (max(0.0, value - reach), min(1.0, value + reach))
    return MetricValue(name, value, low, high, int(labels.size))


def _auc_error(y: Floats, score: Floats) -> float:
    variance = auc_variance(y, score)[1]
    return math.sqrt(variance) if variance >= 0 else _NAN


def metric_interval(
    metric: Metric | str, y: ArrayLike, score: ArrayLike, threshold: float = 0.5, *, confidence: float = 0.95
) -> MetricValue:
    """Any metric with its interval.

    AUC by DeLong, accuracy by Wilson, every other metric that is a function of sums by the delta method. Bounds are
    NaN for a registered metric that is neither.
    """
    measure = get_metric(metric) if isinstance(metric, str) else metric
    labels, scores = as_floats(y), as_scores(score)
    value, n = measure(labels, scores, threshold), int(labels.size)
    if math.isnan(value):
        return MetricValue(measure.name, value, _NAN, _NAN, n)
    if measure.name == "auc":
        return auc_interval(labels, scores, confidence=confidence)
    if measure.name == "accuracy":
        return proportion_interval("accuracy", round(value * n), n, confidence=confidence)
    if measure.sums is None:
        return MetricValue(measure.name, value, _NAN, _NAN, n)
    reach = normal_quantile(confidence) * _delta_error(measure.sums, measure.sums.terms(labels, scores, threshold))
    return MetricValue(measure.name, value, value - reach, value + reach, n)


def _delta_error(form: SumForm, terms: Floats) -> float:
    """Standard error of a function of means, by its gradient at them (delta method)."""
    n = terms.shape[0]
    if n < 2:
        return _NAN
    means = terms.mean(axis=0)
    steps = np.diag(np.maximum(np.abs(means), terms.std(axis=0)) * 1e-5 + 1e-12)
    with np.errstate(all="ignore"):
        gradient = (form.combine(means + steps) - form.combine(means - steps)) / (2 * np.diag(steps))
        variance = float(gradient @ np.atleast_2d(np.cov(terms, rowvar=False)) @ gradient) / n
    return math.sqrt(variance) if variance >= 0 else _NAN
