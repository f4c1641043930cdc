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


class PoolStats(Struct, frozen=True):
    """State of a version's workers. `failure` says why it has none, where it cannot get any.

    Requests wait as `queued`, and are `working` while a worker has them in its hands.
    """

    endpoint: str
    version: int
    ready: bool
    queued: int
    pids: list[int]
    restarts: int
    failure: str = ""
    working: int = 0


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
