"""What a gateway's metrics say of one endpoint, and percentiles from the counts of its buckets."""

from __future__ import annotations

import math
import re

from msgspec import Struct

_LABELS = re.compile(r'(\w+)="([^"]*)"')
_BUCKETS = "mlops_request_seconds_bucket"
_COUNTERS = {"mlops_requests_total": "requests", "mlops_errors_total": "errors"}
_GAUGES = {
    "mlops_queue_length": "queued",
    "mlops_requests_working": "working",
    "mlops_workers_ready": "ready",
    "mlops_workers_wanted": "wanted",
}

Percentiles = tuple[float, float, float]
NO_LATENCY: Percentiles = (math.nan, math.nan, math.nan)


class Counted(Struct):
    """What one version did since the gateway started. `below` counts requests up to each of `bounds`, in seconds."""

    requests: int = 0
    errors: int = 0
    bounds: list[float] = []
    below: list[int] = []


class Look(Struct):
    """One look at the gateway. Versions go by their name in charts: `v5`, or `v6 shadow`; gauges are sums."""

    at: float
    versions: dict[str, Counted] = {}
    queued: int = 0
    working: int = 0
    ready: int = 0
    wanted: int = 0


def version_name(number: int | str, role: str) -> str:
    """How charts name a version; a shadow's figures stand apart, as it answers nobody."""
    return f"v{number} shadow" if role == "shadow" else f"v{number}"


def version_order(name: str) -> tuple[int, str]:
    """What sorts such names by number: `v9` before `v10`."""
    return int(name[1:].partition(" ")[0]), name


def parse_metrics(text: str, endpoint: str, at: float) -> Look:
    """What the gateway's exposition in Prometheus' format says of one endpoint."""
    look = Look(at)
    wanted = f'endpoint="{endpoint}"'
    for line in text.splitlines():
        if wanted not in line:
            continue
        metric, _, rest = line.partition("{")
        labels, _, value = rest.rpartition("} ")
        _count(look, metric, dict(_LABELS.findall(labels)), value)
    return look


def _count(look: Look, metric: str, labels: dict[str, str], value: str) -> None:
    if metric in _GAUGES:
        field = _GAUGES[metric]
        setattr(look, field, getattr(look, field) + int(value))
    elif metric in _COUNTERS or metric == _BUCKETS:
        counted = look.versions.setdefault(version_name(labels["version"], labels["role"]), Counted())
        if metric in _COUNTERS:
            field = _COUNTERS[metric]
            setattr(counted, field, getattr(counted, field) + int(value))
        else:
            _count_bucket(counted, float(labels["le"]), int(value))


def _count_bucket(counted: Counted, bound: float, below: int) -> None:
    """Several roles of one version have the same bounds: their counts are added."""
    if bound in counted.bounds:
        counted.below[counted.bounds.index(bound)] += below
    else:
        counted.bounds.append(bound)
        counted.below.append(below)


def percentiles(bounds: list[float], counts: list[int]) -> Percentiles:
    """p50, p95 and p99 in ms, of the number of requests up to each bound (the last is infinite).

    Within a bucket values are taken to be spread evenly on a logarithmic scale.
    """
    total = counts[-1] if counts else 0
    if total <= 0:
        return NO_LATENCY
    return tuple(_quantile_ms(bounds, counts, share * total) for share in (0.5, 0.95, 0.99))  # type: ignore[return-value]


def _quantile_ms(bounds: list[float], counts: list[int], wanted: float) -> float:
    index = next(i for i, count in enumerate(counts) if count >= wanted)
    if math.isinf(bounds[index]):
        return bounds[index - 1] * 1e3
    if index == 0:
        return bounds[0] * 1e3
    before = counts[index - 1]
    share = (wanted - before) / (counts[index] - before)
    return float(bounds[index - 1] * (bounds[index] / bounds[index - 1]) ** share * 1e3)
