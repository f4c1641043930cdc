"""Figures of a running gateway: what its `stats` command answers and its supervisor hands on."""

from __future__ import annotations

from bisect import bisect_left

from msgspec import Struct

# A geometric ladder from 50 µs to about 60 s; neighbours differ by 15 %, so that is how exact a percentile is.
BOUNDS_US: tuple[float, ...] = tuple(50.0 * 1.15**step for step in range(101))


class Histogram:
    """Counts of latencies on a geometric ladder of bounds, in µs."""

    __slots__ = ("count", "counts", "sum_us")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_US) + 1)
        self.count = 0
        self.sum_us = 0.0

    def add(self, micros: float) -> None:
        self.counts[bisect_left(BOUNDS_US, micros)] += 1
        self.count += 1
        self.sum_us += micros

    def quantile_ms(self, share: float) -> float:
        """Upper bound of the bucket in which the quantile lies, in milliseconds; 0 while empty."""
        wanted = share * self.count
        seen = 0
        for index, count in enumerate(self.counts):
            seen += count
            if count and seen >= wanted:
                return BOUNDS_US[min(index, len(BOUNDS_US) - 1)] / 1e3
        return 0.0


class VersionStats(Struct, frozen=True):
    """Figures of one version in one role since the gateway started; latencies leave cold starts out."""

    endpoint: str
    version: int
    role: str
    requests: int
    rows: int
    errors: int
    cold: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    requests_per_second: float


class ScalingDecision(Struct, frozen=True):
    """One change of a version's number of workers, with what it was decided by.

    `at` is in seconds since 1970; `load` is the average number of requests over `window_s` seconds, `target` what one
    worker is planned to have of them.
    """

    at: float
    before: int
    after: int
    reason: str
    load: float
    window_s: float
    target: float
    is_panic: bool = False


class PoolStats(Struct, frozen=True):
    """State of a version's workers. `failure` says why it has none, where it cannot get any.

    Requests wait as `queued`, and are `working` while a worker has them in its hands. `pids` are those of the workers
    that are ready; `wanted` is how many there are to be, by `decisions` (the newest last). `trouble` tells of workers
    that keep ending. Counted since the start: `restarts` of workers that ended by themselves, `hung` ones that were
    killed, ones `replaced` as they had grown too large, and requests that were `expired`, having waited too long.
    """

    endpoint: str
    version: int
    ready: bool
    queued: int
    pids: list[int]
    restarts: int
    failure: str = ""
    working: int = 0
    wanted: int = 1
    trouble: str = ""
    hung: int = 0
    replaced: int = 0
    expired: int = 0
    decisions: list[ScalingDecision] = []


class GatewayStats(Struct, frozen=True):
    """All figures. `unlogged` predictions were answered without a record; `refused` ones were not answered for it."""

    uptime_s: float = 0.0
    connections: int = 0
    versions: list[VersionStats] = []
    pools: list[PoolStats] = []
    unlogged: int = 0
    refused: int = 0
    log_error: str = ""
    feedback: int = 0
    rejected: int = 0
    shadow_dropped: int = 0
    canary_fallbacks: int = 0
    clock: str | None = None

    @property
    def queued(self) -> int:
        return sum(pool.queued for pool in self.pools)

    @property
    def requests_per_second(self) -> float:
        return sum(version.requests_per_second for version in self.versions if version.role != "shadow")
