"""Variance and comparison of areas under the ROC curve.

E. DeLong, D. DeLong, D. Clarke-Pearson (1988), Comparing the areas under two or more correlated receiver operating
characteristic curves, Biometrics 44; computed from placements by sorting (after Sun & Xu 2014), O(n log n).
"""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mlops_desktop.evaluation.metrics import Floats, as_floats

_NORMAL = NormalDist()


class AucComparison(NamedTuple):
    """Two models' AUC on the same rows; `gain` is challenger minus champion, `p_value` two-sided."""

    champion: float
    challenger: float
    gain: float
    low: float
    high: float
    p_value: float


def normal_quantile(confidence: float) -> float:
    """How many standard errors a two-sided interval reaches: 1.96 at 0.95."""
    return _NORMAL.inv_cdf(0.5 + confidence / 2)


def placements(y: ArrayLike, score: ArrayLike) -> tuple[Floats, Floats]:
    """For each positive the share of negatives below it, for each negative the share of positives above it.

    Ties count half. Both means equal the AUC. Without positives or without negatives the arrays hold NaN or are empty.
    """
    positive, scores = as_floats(y) > 0.5, as_floats(score)
    above, below = scores[positive], scores[~positive]
    return _share_below(above, below), 1 - _share_below(below, above)


def _share_below(values: Floats, others: Floats) -> Floats:
    if not others.size:
        return np.full(values.shape, np.nan)
    order = np.argsort(values)
    ordered, found = np.sort(others), np.empty(values.size)
    queries = values[order]  # sorted queries keep the binary search in the cache
    found[order] = np.searchsorted(ordered, queries, "left") + np.searchsorted(ordered, queries, "right")
    return found / (2 * others.size)


def auc_variance(y: ArrayLike, score: ArrayLike) -> tuple[float, float]:
    """AUC and the variance of its estimate; NaN where a class has fewer than two rows."""
    of_positives, of_negatives = placements(y, score)
    if of_positives.size < 2 or of_negatives.size < 2:
        value = float(of_positives.mean()) if of_positives.size and of_negatives.size else float("nan")
        return value, float("nan")
    variance = of_positives.var(ddof=1) / of_positives.size + of_negatives.var(ddof=1) / of_negatives.size
    return float(of_positives.mean()), float(variance)


def delong_test(y: ArrayLike, champion: ArrayLike, challenger: ArrayLike, *, confidence: float = 0.95) -> AucComparison:
    """Test of equal AUC for two models on the same independent rows; all shapes (n,).

    It knows no blocks: where rows of one day hang together, prefer `paired_bootstrap`.
    """
    first, second = placements(y, champion), placements(y, challenger)
    positives, negatives = first[0].size, first[1].size
    if positives < 2 or negatives < 2:
        return AucComparison(*[float("nan")] * 6)
    variance = (second[0] - first[0]).var(ddof=1) / positives + (second[1] - first[1]).var(ddof=1) / negatives
    error, gain = float(np.sqrt(variance)), float(second[0].mean() - first[0].mean())
    reach = normal_quantile(confidence) * error
    p_value = 1.0 if gain == 0 else 0.0 if error == 0 else 2 * _NORMAL.cdf(-abs(gain) / error)
    return AucComparison(float(first[0].mean()), float(second[0].mean()), gain, gain - reach, gain + reach, p_value)
