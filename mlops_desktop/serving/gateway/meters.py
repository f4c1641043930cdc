"""Counts requests as they are answered, and puts the counts in words for the supervisor and for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import accumulate

from mlops_desktop.serving.figures import BOUNDS_US, GatewayStats, Histogram, PoolStats, VersionStats

_RATE_SECONDS = 10
_PROMETHEUS_STEP = 2  # every second bound: percentiles of a scrape are as exact as 32 %


class Meter:
    """Figures of one version in one role."""

    __slots__ = ("_slots", "cold", "errors", "latency", "requests", "rows")

    def __init__(self) -> None:
        self.requests = self.rows = self.errors = self.cold = 0
        self.latency = Histogram()
        self._slots: dict[int, int] = {}

    def add(self, rows: int, total_us: int, *, is_cold: bool, is_error: bool) -> None:
        self.requests += 1
        self.rows += rows
        self.errors += is_error
        second = int(time.monotonic())
        slots = self._slots
        if second in slots:
            slots[second] += 1
        else:
            slots[second] = 1
            for old in [key for key in slots if key < second - _RATE_SECONDS]:
                del slots[old]
        if is_cold:
            self.cold += 1
        else:
            self.latency.add(total_us)

    def per_second(self) -> float:
        """Requests per second over the last whole seconds."""
        now = int(time.monotonic())
        return (
            sum(count for second, count in self._slots.items() if now - _RATE_SECONDS <= second < now) / _RATE_SECONDS
        )


class LoadGauge:
    """Averages a level over time, exactly: each change adds how long the level before it lasted. Times in seconds."""

    __slots__ = ("_area", "_begun", "_changed", "_level")

    def __init__(self, now: float) -> None:
        self._begun = self._changed = now
        self._level = 0
        self._area = 0.0

    def set(self, level: int, now: float) -> None:
        """The level from now on."""
        self._area += self._level * (now - self._changed)
        self._changed = now
        self._level = level

    def take(self, now: float) -> float:
        """The average since the last call."""
        self.set(self._level, now)
        seconds, area = now - self._begun, self._area
        self._begun, self._area = now, 0.0
        return area / seconds if seconds > 0 else float(self._level)


class Meters:
    """All figures of the gateway."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._meters: dict[tuple[str, int, str], Meter] = {}
        self.unlogged = self.refused = self.feedback = self.rejected = 0
        self.shadow_dropped = self.canary_fallbacks = 0
        self.log_error = ""

    def of(self, endpoint: str, version: int, role: str) -> Meter:
        key = (endpoint, version, role)
        meter = self._meters.get(key)
        if meter is None:
            meter = self._meters[key] = Meter()
        return meter

    def of_version(self, endpoint: str, version: int) -> list[Meter]:
        """A version's figures in each role that it has had."""
        return [meter for (name, number, _), meter in self._meters.items() if (name, number) == (endpoint, version)]

    def snapshot(self, pools: Iterable[PoolStats], connections: int, clock: str | None) -> GatewayStats:
        versions = [
            VersionStats(
                endpoint, version, role, meter.requests, meter.rows, meter.errors, meter.cold,
                meter.latency.quantile_ms(0.5), meter.latency.quantile_ms(0.95), meter.latency.quantile_ms(0.99),
                meter.per_second(),
            )
            for (endpoint, version, role), meter in sorted(self._meters.items())
        ]  # fmt: skip
        return GatewayStats(
            time.monotonic() - self._started,
            connections,
            versions,
            list(pools),
            self.unlogged,
            self.refused,
            self.log_error,
            self.feedback,
            self.rejected,
            self.shadow_dropped,
            self.canary_fallbacks,
            clock,
        )

    def prometheus(self, pools: Iterable[PoolStats]) -> str:
        """The figures in Prometheus' text format 0.0.4."""
        lines: list[str] = []
        keyed = sorted(self._meters.items())
        labelled = [(f'endpoint="{e}",version="{v}",role="{r}"', meter) for (e, v, r), meter in keyed]
        for name in ("requests", "rows", "errors"):
            lines.append(f"# TYPE mlops_{name}_total counter")
            lines += [f"mlops_{name}_total{{{labels}}} {getattr(meter, name)}" for labels, meter in labelled]
        lines.append("# TYPE mlops_request_seconds histogram")
        for labels, meter in labelled:
            lines += _histogram_lines(labels, meter.latency)
        lines += _pool_lines(list(pools))
        for name in ("unlogged", "refused", "feedback", "rejected", "shadow_dropped", "canary_fallbacks"):
            lines += [f"# TYPE mlops_{name}_total counter", f"mlops_{name}_total {getattr(self, name)}"]
        return "\n".join(lines) + "\n"


def _pool_lines(pools: list[PoolStats]) -> list[str]:
    values: dict[str, list[int]] = {
        "queue_length gauge": [pool.queued for pool in pools],
        "requests_working gauge": [pool.working for pool in pools],
        "workers_ready gauge": [len(pool.pids) for pool in pools],
        "workers_wanted gauge": [pool.wanted for pool in pools],
        "worker_restarts_total counter": [pool.restarts for pool in pools],
        "workers_hung_total counter": [pool.hung for pool in pools],
        "workers_replaced_total counter": [pool.replaced for pool in pools],
        "requests_expired_total counter": [pool.expired for pool in pools],
    }
    lines: list[str] = []
    for name, of_pools in values.items():
        lines.append(f"# TYPE mlops_{name}")
        metric = name.partition(" ")[0]
        lines += [
            f'mlops_{metric}{{endpoint="{pool.endpoint}",version="{pool.version}"}} {value}'
            for pool, value in zip(pools, of_pools, strict=True)
        ]
    return lines


def _histogram_lines(labels: str, histogram: Histogram) -> list[str]:
    below = list(accumulate(histogram.counts))
    lines = [
        f'mlops_request_seconds_bucket{{{labels},le="{BOUNDS_US[index] / 1e6:.6g}"}} {below[index]}'
        for index in range(0, len(BOUNDS_US), _PROMETHEUS_STEP)
    ]
    lines.append(f'mlops_request_seconds_bucket{{{labels},le="+Inf"}} {histogram.count}')
    lines.append(f"mlops_request_seconds_sum{{{labels}}} {histogram.sum_us / 1e6:.6f}")
    lines.append(f"mlops_request_seconds_count{{{labels}}} {histogram.count}")
    return lines
