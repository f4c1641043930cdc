"""Intervals that stay valid however often one looks: confidence sequences for means and for rates.

A canary is looked at all the time and stopped when something shows, which breaks tests of a fixed sample size. A
confidence sequence covers the truth at all times at once with probability 1 - alpha (Howard, Ramdas, McAuliffe and
Sekhon 2021, arXiv:1810.08240; for rollouts of software: Lindon, Sanden and Shirikian 2022, arXiv:2205.14762).
"""

from __future__ import annotations

import math

from msgspec import Struct

_BISECTIONS = 60


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
    variance = primary.variance_of_mean + canary.variance_of_mean
    if not math.isfinite(variance):
        return -math.inf, math.inf
    log_alpha = -2 * math.log(alpha)
    squared_rho = (log_alpha + math.log(log_alpha + 1)) / max(1, tuned_for)
    scaled = (primary.requests + canary.requests) * squared_rho
    radius = math.sqrt(variance * 2 * (scaled + 1) / scaled * math.log(math.sqrt(scaled + 1) / alpha))
    difference = canary.mean - primary.mean
    return difference - radius, difference + radius


def rate_interval(events: int, trials: int, alpha: float) -> tuple[float, float]:
    """Confidence sequence of a rate in [0, 1]: all rates at which the binomial mixture is below 1 / alpha.

    The mixture is over Jeffreys' Beta(1/2, 1/2); exact at every sample size (Robbins 1970; Howard et al. 2021).
    """
    if trials == 0:
        return 0.0, 1.0
    limit = math.log(1 / alpha)
    estimate = events / trials
    low = 0.0 if events == 0 else _crossing(events, trials, limit, 0.0, estimate)
    high = 1.0 if events == trials else _crossing(events, trials, limit, 1.0, estimate)
    return low, high


def _crossing(events: int, trials: int, limit: float, outside: float, inside: float) -> float:
    """The rate between a rejected and an accepted one at which the mixture reaches the limit."""
    for _ in range(_BISECTIONS):
        middle = (outside + inside) / 2
        if _log_mixture(events, trials, middle) >= limit:
            outside = middle
        else:
            inside = middle
    return inside


def _log_mixture(events: int, trials: int, rate: float) -> float:
    """Logarithm of the mixture's likelihood relative to that of `rate`."""
    if not 0.0 < rate < 1.0:
        return math.inf
    others = trials - events
    mixture = math.lgamma(events + 0.5) + math.lgamma(others + 0.5) - math.lgamma(trials + 1.0) - math.log(math.pi)
    return mixture - events * math.log(rate) - others * math.log1p(-rate)


def rate_difference(primary: tuple[int, int], canary: tuple[int, int], alpha: float) -> tuple[float, float]:
    """Confidence sequence of canary's rate minus primary's, each given as events and trials; alpha is shared evenly."""
    primary_low, primary_high = rate_interval(*primary, alpha / 2)
    canary_low, canary_high = rate_interval(*canary, alpha / 2)
    return canary_low - primary_high, canary_high - primary_low
