"""Isotonic calibration: which share of rows with a given score is positive."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Scores are grouped first: PAVA is a loop, and more steps than this add nothing to a curve.
GROUPS = 1_000


class Isotonic(Struct, frozen=True):
    """A rising curve through the knots (`scores`, `shares`); constant outside them."""

    scores: tuple[float, ...]
    shares: tuple[float, ...]

    def __call__(self, scores: Floats) -> Floats:
        """Calibrated probability per score, shape (n,)."""
        return np.interp(scores, self.scores, self.shares)


def fit_isotonic(scores: Floats, labels: Floats) -> Isotonic:
    """The rising curve nearest to the labels in least squares, by pooling adjacent violators.

    Zadrozny, B., Elkan, C. (2002), Transforming classifier scores into accurate multiclass probability estimates. KDD.
    Ayer, M. et al. (1955), An empirical distribution function for sampling with incomplete information. Ann. Math.
    Statist. 26, 641-647.

    Args:
        scores: shape (n,), n at least 1, without NaN.
        labels: 0 or 1, shape (n,).

    >>> fit_isotonic(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.0, 1.0, 0.0, 1.0])).shares
    (0.0, 0.5, 0.5, 1.0)
    """
    borders = np.unique(np.quantile(scores, np.linspace(0, 1, GROUPS + 1), method="nearest"))
    group = np.searchsorted(borders, scores, side="left")
    weights = np.bincount(group, minlength=len(borders)).astype(float)
    used = weights > 0
    sums = np.bincount(group, labels, minlength=len(borders))[used]
    positions = np.bincount(group, scores, minlength=len(borders))[used] / weights[used]
    shares = pooled(sums / weights[used], weights[used])
    return Isotonic(tuple(positions.tolist()), tuple(shares.tolist()))


def pooled(values: Floats, weights: Floats) -> Floats:
    """Weighted means of the fewest neighbouring runs that make `values` rise; shape kept."""
    means: list[float] = []
    masses: list[float] = []
    lengths: list[int] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, mass, length = value, weight, 1
        while means and means[-1] >= mean:
            last, heavy = means.pop(), masses.pop()
            mean = (last * heavy + mean * mass) / (heavy + mass)
            mass += heavy
            length += lengths.pop()
        means.append(mean)
        masses.append(mass)
        lengths.append(length)
    return np.repeat(means, lengths)
