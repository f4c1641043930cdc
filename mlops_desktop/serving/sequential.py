"""Intervals that stay valid however often one looks: confidence sequences for means.

A canary is looked at all the time and stopped when something shows, which breaks tests of a fixed sample size. A
confidence sequence covers the truth at all times at once with probability 1 - alpha (Howard, Ramdas, McAuliffe and
Sekhon 2021, arXiv:1810.08240; for rollouts of software: Lindon, Sanden and Shirikian 2022, arXiv:2205.14762).
"""

from __future__ import annotations

import math

from msgspec import Struct


class Moments(Struct):
    """Sums from which a mean per row and its variance follow, where rows come in requests.

    The rows of one request share their fate (same hour, same airport), and a request is answered by one version as a
    whole; so the variance is taken between requests. `total` is the sum of the values; the others are sums over
    requests of the squared total, of rows times total, and of the squared number of rows.
    """

    requests: int = 0
    rows: int = 0
    total: float = 0.0
    total_squared: float = 0.0
    rows_total: float = 0.0
    rows_squared: float = 0.0

    def add(self, rows: int, total: float, sign: int = 1) -> None:
        """Count one request's sum over its labelled rows, or take it back with sign -1."""
        self.requests += sign
        self.rows += sign * rows
        self.total += sign * total
        self.total_squared += sign * total * total
        self.rows_total += sign * rows * total
        self.rows_squared += sign * rows * rows

    @property
    def mean(self) -> float:
        """Mean per row; NaN without rows."""
        return self.total / self.rows if self.rows else math.nan

    @property
    def variance_of_mean(self) -> float:
        """Variance of `mean` as the ratio of two sums over requests (delta method); infinite under two requests."""
        if self.requests < 2 or not self.rows:
            return math.inf
        mean = self.mean
        spread = self.total_squared - 2 * mean * self.rows_total + mean * mean * self.rows_squared
        return max(0.0, spread) / self.rows**2 * self.requests / (self.requests - 1)


def mean_difference(primary: Moments, canary: Moments, alpha: float, tuned_for: int) -> tuple[float, float]:
    """Confidence sequence of canary's mean minus primary's, tightest around `tuned_for` requests in all.

    The two-sided normal mixture, with the variance estimated: an asymptotic confidence sequence (Waudby-Smith, Arbour,
    Sinha, Kennedy and Ramdas 2021, arXiv:2103.06476), so it wants some tens of requests on either side.
    """
    radius = mixture_radius(
        primary.variance_of_mean + canary.variance_of_mean, primary.requests + canary.requests, alpha, tuned_for
    )
    if not math.isfinite(radius):
        return -math.inf, math.inf
    difference = canary.mean - primary.mean
    return difference - radius, difference + radius


def mixture_radius(variance: float, observations: int, alpha: float, tuned_for: int) -> float:
    """Radius of the two-sided normal mixture around an estimate of this variance; infinite where that is not known."""
    if not math.isfinite(variance) or observations < 1:
        return math.inf
    log_alpha = -2 * math.log(alpha)
    squared_rho = (log_alpha + math.log(log_alpha + 1)) / max(1, tuned_for)
    scaled = observations * squared_rho
    return math.sqrt(variance * 2 * (scaled + 1) / scaled * math.log(math.sqrt(scaled + 1) / alpha))
