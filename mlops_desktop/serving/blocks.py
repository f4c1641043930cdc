"""Compares how often something happens with canary and primary, whatever the shares and however often one looks.

Requests are taken in blocks of a few of each version, and each block is judged by itself (`odds.py`). Nothing else has
to be known: not the rate of events, which may change from hour to hour, and not the canary's share, which rises by
steps. What was once refuted stays so, so nothing is missed between two looks.
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct, field

from mlops_desktop.serving.odds import (
    LOG_RATIOS,
    Counts,
    bets,
    log_bets,
    log_evidence,
    log_mixture,
    rises_from,
)

_FEWEST = 5
"""Requests of each version that a block has at least; it ends by this alone, never by what happened in it."""

_CHUNK = 512
"""Blocks that are judged at once, for the memory that takes."""

_SMALLEST_RISE = 0.01
_GROWTH = math.log(1.05)


def block_ends(is_canary: np.ndarray, begun: list[int]) -> Counts:
    """Where blocks end among requests, as positions behind their last one; `begun` are those of an unfinished one."""
    places = [np.flatnonzero(~is_canary), np.flatnonzero(is_canary)]
    taken, missing, ends = [0, 0], [_FEWEST - count for count in begun], list[int]()
    while True:
        wanted = [taken[side] + missing[side] for side in (0, 1)]
        if any(wanted[side] > len(places[side]) for side in (0, 1)):
            return np.array(ends, dtype=np.int64)
        end = 1 + max(int(places[side][wanted[side] - 1]) if missing[side] > 0 else -1 for side in (0, 1))
        ends.append(end)
        taken = [int(np.searchsorted(places[side], end)) for side in (0, 1)]
        missing = [_FEWEST, _FEWEST]


class RateBlocks(Struct):
    """Events of requests of primary and canary, in the order in which they came.

    `smallest_rise` is the least rise of the rate that is worth finding. `block` is the one that is not complete:
    requests of both, and events of both. `refuted` is, for each ratio of odds, the most that ever spoke against it.
    """

    smallest_rise: float = _SMALLEST_RISE
    trials: list[int] = field(default_factory=lambda: [0, 0])
    events: list[int] = field(default_factory=lambda: [0, 0])
    block: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    closed: list[int] = field(default_factory=lambda: [0, 0])
    evidence: np.ndarray = field(default_factory=lambda: np.zeros(0))
    refuted: np.ndarray = field(default_factory=lambda: np.zeros(len(LOG_RATIOS)))

    def __post_init__(self) -> None:
        if not len(self.evidence):
            self.evidence = np.zeros(len(LOG_RATIOS) + len(rises_from(self.smallest_rise)))

    def add(self, is_canary: np.ndarray, is_event: np.ndarray) -> None:
        """Count n requests, given as arrays of truth values of shape (n,)."""
        ends = block_ends(is_canary, self.block[:2])
        sides = np.stack([~is_canary, is_canary, ~is_canary & is_event, is_canary & is_event], axis=1).astype(np.int64)
        bounds = np.concatenate([[0], ends, [len(is_canary)]])
        sums = np.concatenate([np.zeros((1, 4), np.int64), np.cumsum(sides, axis=0)])
        blocks = np.diff(sums[bounds], axis=0)
        blocks[0] += self.block
        self.block = blocks[-1].tolist()
        total = sums[-1].tolist()
        self.trials = [self.trials[side] + total[side] for side in (0, 1)]
        self.events = [self.events[side] + total[2 + side] for side in (0, 1)]
        for first in range(0, len(blocks) - 1, _CHUNK):
            self._judge(blocks[first : min(first + _CHUNK, len(blocks) - 1)])

    def _judge(self, blocks: Counts) -> None:
        """Add the evidence of complete blocks, shape (n, 4)."""
        trials, events = blocks[:, :2], blocks[:, 2:]
        before = [np.cumsum(counts) - counts + known for counts, known in
                  zip((trials[:, 0], events[:, 0]), self.closed, strict=True)]  # fmt: skip
        self.closed = [int(known + blocks[:, place].sum()) for known, place in zip(self.closed, (0, 2), strict=True)]
        telling = np.flatnonzero(events.sum(axis=1))
        if not len(telling):
            return
        rises = rises_from(self.smallest_rise)
        ratios = bets(rises, before[1][telling].astype(float), before[0][telling].astype(float))
        found = self.evidence + np.cumsum(log_evidence(trials[telling], events[telling], ratios), axis=0)
        against = log_mixture(found, log_bets(len(rises)))[:, None] - found[:, : len(LOG_RATIOS)]
        self.evidence = found[-1]
        self.refuted = np.maximum(self.refuted, against.max(axis=0))

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

        It is one of the ratio of both odds, each ratio told as the difference that fits the number of all events; both
        are above 0 for the same evidence.
        """
        low, high = self._ratios(alpha)
        return self._as_difference(low), self._as_difference(high)

    def _ratios(self, alpha: float) -> tuple[float, float]:
        """Ratios that are not refuted; as logarithms, between the points of the grid by straight lines."""
        room = math.log(1 / alpha) - self.refuted
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
        excess = math.exp(log_ratio) - 1
        linear = primary + canary * (1 + excess) - events * excess
        rate = 2 * events / (linear + math.sqrt(linear * linear + 4 * primary * excess * events))
        return excess * rate * (1 - rate) / (1 + excess * rate)


def _edge(room: np.ndarray, kept: int, towards: int) -> float:
    """Where the room becomes 0, between a kept ratio and its neighbour; without bound at the end of the grid."""
    beyond = kept + towards
    if not 0 <= beyond < len(room):
        return math.inf * towards
    part = room[kept] / (room[kept] - room[beyond])
    return float(LOG_RATIOS[kept] + part * (LOG_RATIOS[beyond] - LOG_RATIOS[kept]))


class SlowBlocks(Struct):
    """Requests slower than `tolerance` times the primary's quantile, and than `floor_us`.

    The bound of a block is that of the primary's requests before it, so that it does not depend on what it judges.
    Equal distributions exceed any such bound equally often; one whose quantile is higher by more than the tolerance
    exceeds it more often. Cold starts and errors must be left out by the caller.
    """

    quantile: float
    tolerance: float
    floor_us: float
    rates: RateBlocks = field(default_factory=RateBlocks)
    buckets: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    counted: list[int] = field(default_factory=lambda: [0, 0])
    bound_us: float = math.inf
    due: int = 100

    def add(self, total_us: np.ndarray, is_canary: np.ndarray) -> None:
        """Count n requests by their times from coming to answer, in µs; arrays of shape (n,)."""
        start = 0
        while start < len(total_us):
            end = self._until_new_bound(is_canary[start:])
            part = slice(start, len(total_us) if end is None else start + end)
            if math.isfinite(self.bound_us):
                self.rates.add(is_canary[part], total_us[part] > self.bound_us)
            self._count(total_us[part], is_canary[part])
            if end is not None:
                self.bound_us = max(self.floor_us, self.tolerance * self.quantile_us(0))
                self.due = self.counted[0] * 11 // 10
            start = part.stop

    def _until_new_bound(self, is_canary: np.ndarray) -> int | None:
        """Behind how many requests the bound is due to follow the primary: between two blocks, if there is one."""
        known = self.counted[0] + np.cumsum(~is_canary)
        if not math.isfinite(self.bound_us):
            enough = int(np.searchsorted(known, self.due))
            return enough + 1 if enough < len(known) else None
        ends = block_ends(is_canary, self.rates.block[:2])
        reached = np.flatnonzero(known[ends - 1] >= self.due)
        return int(ends[reached[0]]) if len(reached) else None

    def _count(self, total_us: np.ndarray, is_canary: np.ndarray) -> None:
        places = (np.log(np.maximum(1.0, total_us)) / _GROWTH).astype(np.int64)
        for side, chosen in enumerate((~is_canary, is_canary)):
            found, counts = np.unique(places[chosen], return_counts=True)
            buckets = self.buckets[side]
            for place, count in zip(found.tolist(), counts.tolist(), strict=True):
                buckets[place] = buckets.get(place, 0) + count
            self.counted[side] += int(chosen.sum())

    def quantile_us(self, side: int) -> float:
        """The quantile of the primary (0) or the canary (1) so far, within 5 %; NaN without requests."""
        left = self.quantile * self.counted[side]
        for bucket in sorted(self.buckets[side]):
            left -= self.buckets[side][bucket]
            if left <= 0:
                return math.exp((bucket + 1) * _GROWTH)
        return math.nan
