"""Compares how often something happens with canary and primary: exact, whatever the shares and however often one looks.

Requests are taken in blocks of a few of each version. Within a block, given how many requests each version had and how
many events there were in all, chance alone says how many of them are the canary's (hypergeometric). Nothing else has to
be known: not the rate of events, which may change from hour to hour, and not the canary's share, which rises by steps.
With the ratio r of the canary's odds to the primary's, a block of share s and e events, k of them the canary's, adds

    k log(r) - e log(1 + s (r - 1))

to the evidence for r against 1. The second term is the binomial's, which bounds the hypergeometric's from above
(Hoeffding 1963, theorem 4), so that the mixture over r is an e-process: at most alpha of all comparisons of equal
versions ever reach 1 / alpha (Ville). For counts of software's errors: Lindon, Sanden and Shirikian 2022,
arXiv:2205.14762; for two-by-two tables in blocks: Turner, Ly and Grünwald 2021, arXiv:2106.02693.
"""

from __future__ import annotations

import math

import numpy as np

_FEWEST = 5
"""Requests of each version that a block has at least; it ends by this alone, never by what happened in it."""

_STEPS = 48
_LOG_RATIOS = np.linspace(-math.log(64), math.log(64), 2 * _STEPS + 1)
_EXCESS = np.expm1(_LOG_RATIOS)
_WORSE = 0.9
"""Share of the mixture on ratios above 1: what one wants to find soon."""


def _prior() -> np.ndarray:
    weights = np.exp(-np.abs(_LOG_RATIOS))
    above, below = _LOG_RATIOS > 0, _LOG_RATIOS < 0
    weights[above] *= _WORSE / weights[above].sum()
    weights[below] *= (1 - _WORSE) / weights[below].sum()
    weights[_STEPS] = 1e-12
    return np.log(weights)


_LOG_PRIOR = _prior()


class RateBlocks:
    """Events of requests of either version, in the order in which they came."""

    __slots__ = ("_block", "_evidence", "events", "trials")

    def __init__(self) -> None:
        self.trials = [0, 0]
        self.events = [0, 0]
        self._block = [0, 0, 0, 0]
        self._evidence = np.zeros(len(_LOG_RATIOS))

    def add(self, *, is_canary: bool, is_event: bool) -> bool:
        """Count one request; True when a block is complete with it."""
        block, side = self._block, int(is_canary)
        block[side] += 1
        block[2 + side] += is_event
        self.trials[side] += 1
        self.events[side] += is_event
        if block[0] < _FEWEST or block[1] < _FEWEST:
            return False
        self._close()
        return True

    def _close(self) -> None:
        primary, canary, events_primary, events_canary = self._block
        self._block = [0, 0, 0, 0]
        events = events_primary + events_canary
        if events:
            share = canary / (canary + primary)
            self._evidence += events_canary * _LOG_RATIOS - events * np.log1p(share * _EXCESS)

    def rate(self, side: int) -> float:
        """Rate of the primary (0) or the canary (1); NaN without requests."""
        return self.events[side] / self.trials[side] if self.trials[side] else math.nan

    @property
    def standard_error(self) -> float:
        """Of the difference of both rates, if they were equal; infinite without requests of either."""
        (primary, canary), events = self.trials, sum(self.events)
        if not primary or not canary:
            return math.inf
        pooled = events / (primary + canary)
        return math.sqrt(pooled * (1 - pooled) * (1 / primary + 1 / canary))

    def difference(self, alpha: float) -> tuple[float, float]:
        """Confidence sequence of canary's rate minus primary's.

        It is one of the ratio of both rates, each ratio told as the difference that fits the number of all events;
        both are above 0 for the same evidence.
        """
        low, high = self._ratios(alpha)
        return self._as_difference(low), self._as_difference(high)

    def _ratios(self, alpha: float) -> tuple[float, float]:
        """Ratios that are not refuted; as logarithms, between the points of the grid by straight lines."""
        total = self._evidence + _LOG_PRIOR
        mixture = float(total.max() + np.log(np.exp(total - total.max()).sum()))
        room = math.log(1 / alpha) - (mixture - self._evidence)
        kept = np.flatnonzero(room > 0)
        if not len(kept):
            return -math.inf, math.inf
        return _edge(room, int(kept[0]), -1), _edge(room, int(kept[-1]), 1)

    def _as_difference(self, log_ratio: float) -> float:
        (primary, canary), events = self.trials, sum(self.events)
        if not primary or not canary:
            return math.copysign(1.0, log_ratio)
        if not math.isfinite(log_ratio):
            return max(-1.0, -(events + 3) / primary) if log_ratio < 0 else min(1.0, (events + 3) / canary)
        ratio = math.exp(log_ratio)
        return (ratio - 1) * events / (primary + ratio * canary)


def _edge(room: np.ndarray, kept: int, towards: int) -> float:
    """Where the room becomes 0, between a kept ratio and its neighbour; without bound at the end of the grid."""
    beyond = kept + towards
    if not 0 <= beyond < len(room):
        return math.inf * towards
    part = room[kept] / (room[kept] - room[beyond])
    return float(_LOG_RATIOS[kept] + part * (_LOG_RATIOS[beyond] - _LOG_RATIOS[kept]))


class SlowBlocks:
    """Requests slower than `tolerance` times the primary's quantile, and than `floor_us`.

    The bound of a block is that of the primary's requests before it, so that it does not depend on what it judges.
    Equal distributions exceed any such bound equally often; one whose quantile is higher by more than the tolerance
    exceeds it more often. Cold starts and errors must be left out by the caller.
    """

    __slots__ = ("_bound_us", "_buckets", "_counted", "_due", "_floor_us", "_quantile", "_tolerance", "rates")

    _FEWEST_KNOWN = 100
    _GROWTH = math.log(1.05)

    def __init__(self, quantile: float, tolerance: float, floor_us: float) -> None:
        self._quantile, self._tolerance, self._floor_us = quantile, tolerance, floor_us
        self._buckets: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._counted = [0, 0]
        self._bound_us = math.inf
        self._due = self._FEWEST_KNOWN
        self.rates = RateBlocks()

    def add(self, total_us: float, *, is_canary: bool) -> None:
        """Count one request by its time from coming to answer, in µs."""
        side = int(is_canary)
        ended = False
        if math.isfinite(self._bound_us):
            ended = self.rates.add(is_canary=is_canary, is_event=total_us > self._bound_us)
        bucket = int(math.log(max(1.0, total_us)) / self._GROWTH)
        self._buckets[side][bucket] = self._buckets[side].get(bucket, 0) + 1
        self._counted[side] += 1
        if self._counted[0] >= self._due and (ended or not math.isfinite(self._bound_us)):
            self._bound_us = max(self._floor_us, self._tolerance * self.quantile_us(0))
            self._due = self._counted[0] * 11 // 10

    def quantile_us(self, side: int) -> float:
        """The quantile of the primary (0) or the canary (1) so far, within 5 %; NaN without requests."""
        left = self._quantile * self._counted[side]
        for bucket in sorted(self._buckets[side]):
            left -= self._buckets[side][bucket]
            if left <= 0:
                return math.exp((bucket + 1) * self._GROWTH)
        return math.nan
