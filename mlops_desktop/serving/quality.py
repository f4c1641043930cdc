"""Counts of scores from which follow how well they rank (AUC) and how far two versions' predictions are apart."""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct, field

_BINS = 1000


class RankCounts(Struct):
    """Scores in [0, 1] of labelled rows by their class (0 or 1), shape (2, bins); a label may be taken back."""

    counts: np.ndarray = field(default_factory=lambda: np.zeros((2, _BINS)))

    def add(self, score: float, label: float, sign: int = 1) -> None:
        """Count a row of label 0 or 1, or take it back with sign -1."""
        self.counts[int(label > 0), min(_BINS - 1, max(0, int(score * _BINS)))] += sign

    def auc(self) -> tuple[float, float]:
        """Area under the ROC curve and its variance; NaN and infinite under two rows of either class.

        The variance is that of DeLong, DeLong and Clarke-Pearson 1988; scores in one of a thousand bins count as equal.
        """
        negatives, positives = self.counts
        n, m = negatives.sum(), positives.sum()
        if min(n, m) < 2:
            return math.nan, math.inf
        of_positives = (np.cumsum(negatives) - negatives / 2) / n
        of_negatives = 1 - (np.cumsum(positives) - positives / 2) / m
        area = float(positives @ of_positives / m)
        among_positives = positives @ (of_positives - area) ** 2 / (m - 1)
        among_negatives = negatives @ (of_negatives - area) ** 2 / (n - 1)
        return area, float(among_positives / m + among_negatives / n)


class ScoreCounts(Struct):
    """How the first scores of requests are distributed, to two significant digits."""

    counts: dict[float, int] = field(default_factory=dict)
    requests: int = 0

    def add(self, score: float, requests: int = 1) -> None:
        """Count so many requests with this first score."""
        rounded = float(f"{score:.1e}")
        self.counts[rounded] = self.counts.get(rounded, 0) + requests
        self.requests += requests

    def distance(self, other: ScoreCounts, alpha: float) -> tuple[float, float, float]:
        """Kolmogorov's distance of both distributions, and a confidence sequence of it.

        The radius of each empirical distribution function is that of Howard and Ramdas 2022 (Sequential estimation of
        quantiles with applications to A/B testing and best-arm identification, Bernoulli 28, arXiv:1906.09712,
        corollary 2): it holds at all values and at all sample sizes at once, for independent scores.
        """
        if not self.requests or not other.requests:
            return math.nan, 0.0, 1.0
        ours = theirs = largest = 0.0
        for value in sorted(self.counts.keys() | other.counts.keys()):
            ours += self.counts.get(value, 0) / self.requests
            theirs += other.counts.get(value, 0) / other.requests
            largest = max(largest, abs(ours - theirs))
        radius = _radius(self.requests, alpha / 2) + _radius(other.requests, alpha / 2)
        return largest, max(0.0, largest - radius), min(1.0, largest + radius)


def _radius(requests: int, alpha: float) -> float:
    return 0.85 * math.sqrt((math.log(math.log(math.e * requests)) + 0.8 * math.log(1612 / alpha)) / requests)
