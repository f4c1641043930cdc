"""Counts of scores from which follow how well they rank (AUC) and how far two versions' predictions are apart."""

from __future__ import annotations

import math

import numpy as np

_BINS = 1000


class RankCounts:
    """Scores in [0, 1] of labelled rows by their class; a label may be taken back."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts = np.zeros((2, _BINS))

    def add(self, score: float, label: float, sign: int = 1) -> None:
        """Count a row of label 0 or 1, or take it back with sign -1."""
        self._counts[int(label > 0), min(_BINS - 1, max(0, int(score * _BINS)))] += sign

    def auc(self) -> tuple[float, float]:
        """Area under the ROC curve and its variance; NaN and infinite under two rows of either class.

        The variance is that of DeLong, DeLong and Clarke-Pearson 1988; scores in one of a thousand bins count as equal.
        """
        negatives, positives = self._counts
        n, m = negatives.sum(), positives.sum()
        if min(n, m) < 2:
            return math.nan, math.inf
        of_positives = (np.cumsum(negatives) - negatives / 2) / n
        of_negatives = 1 - (np.cumsum(positives) - positives / 2) / m
        area = float(positives @ of_positives / m)
        among_positives = positives @ (of_positives - area) ** 2 / (m - 1)
        among_negatives = negatives @ (of_negatives - area) ** 2 / (n - 1)
        return area, float(among_positives / m + among_negatives / n)


class ScoreCounts:
    """How the first scores of requests are distributed, to two significant digits."""

    __slots__ = ("_counts", "requests")

    def __init__(self) -> None:
        self._counts: dict[float, int] = {}
        self.requests = 0

    def add(self, score: float) -> None:
        rounded = float(f"{score:.1e}")
        self._counts[rounded] = self._counts.get(rounded, 0) + 1
        self.requests += 1

    def distance(self, other: ScoreCounts, alpha: float) -> tuple[float, float, float]:
        """Kolmogorov's distance of both distributions, and a confidence sequence of it.

        The radius of each empirical distribution function is that of Howard and Ramdas 2022 (Sequential estimation of
        quantiles with applications to A/B testing and best-arm identification, Bernoulli 28, arXiv:1906.09712,
        corollary 2): it holds at all values and at all sample sizes at once, for independent scores.
        """
        if not self.requests or not other.requests:
            return math.nan, 0.0, 1.0
        ours = theirs = largest = 0.0
        for value in sorted(self._counts.keys() | other._counts.keys()):
            ours += self._counts.get(value, 0) / self.requests
            theirs += other._counts.get(value, 0) / other.requests
            largest = max(largest, abs(ours - theirs))
        radius = _radius(self.requests, alpha / 2) + _radius(other.requests, alpha / 2)
        return largest, max(0.0, largest - radius), min(1.0, largest + radius)


def _radius(requests: int, alpha: float) -> float:
    return 0.85 * math.sqrt((math.log(math.log(math.e * requests)) + 0.8 * math.log(1612 / alpha)) / requests)
