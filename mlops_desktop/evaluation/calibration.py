"""Do predicted probabilities come true?"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike

from mlops_desktop.evaluation.intervals import proportion_interval
from mlops_desktop.evaluation.metrics import as_floats
from mlops_desktop.evaluation.multiclass import as_scores, top_label


class CalibrationBin(Struct, frozen=True):
    """Rows of similar probability: what was `predicted` on average, what was `observed`, with its interval."""

    predicted: float
    observed: float
    low: float
    high: float
    n: int


def reliability_bins(y: ArrayLike, score: ArrayLike, *, bins: int = 10) -> tuple[CalibrationBin, ...]:
    """Rows in `bins` groups of equal size by their score, lowest first. Equal scores stay in one group.

    With more than two classes the score is that of the likeliest one, and what is observed is whether it was right.
    Equal sizes rather than equal widths: with rare positives most equal-width bins are empty. NaN rows are left out.
    """
    labels, scores = top_label(as_floats(y), as_scores(score))
    known = ~(np.isnan(labels) | np.isnan(scores))
    labels, scores = labels[known], scores[known]
    if not labels.size:
        return ()
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, bins + 1)[1:-1]))
    group = np.searchsorted(edges, scores, "right")
    result = []
    for number in np.unique(group):
        inside = group == number
        n = int(inside.sum())
        share = proportion_interval("observed", int((labels[inside] > 0.5).sum()), n)
        result.append(CalibrationBin(float(scores[inside].mean()), share.value, share.low, share.high, n))
    return tuple(result)


def expected_calibration_error(y: ArrayLike, score: ArrayLike, *, bins: int = 10) -> float:
    """Mean distance of predicted and observed rate, weighted by rows (Naeini et al. 2015); NaN if empty."""
    groups = reliability_bins(y, score, bins=bins)
    rows = sum(group.n for group in groups)
    if not rows:
        return float("nan")
    return sum(group.n * abs(group.predicted - group.observed) for group in groups) / rows
