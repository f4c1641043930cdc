"""The workers of an endpoint, the limits that hold for them, and what the autoscaler decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from mlops_desktop.core.deployments import Endpoint
from mlops_desktop.pipelines.engine_state import EndpointTraffic
from mlops_desktop.pipelines.settings import serving_of
from mlops_desktop.serving.config import ServingSpec
from mlops_desktop.serving.figures import PoolStats, ScalingDecision
from mlops_desktop.serving.gateway.memory import resident_bytes
from mlops_desktop.workspace import Workspace


@dataclass(frozen=True)
class Limits:
    """`by_hand` tells that the numbers of workers were set by a person, and hold in place of the spec's."""

    spec: ServingSpec
    by_hand: bool


@dataclass(frozen=True)
class VersionWorkers:
    """One version's workers. `status` is a word of the window's statuses; `trouble` says what is wrong with them."""

    number: int
    role: str
    status: str
    ready: int
    wanted: int
    working: int
    queued: int
    served: int
    restarts: int
    trouble: str
    pids: tuple[int, ...]


@dataclass(frozen=True)
class Decided:
    """A change of a version's number of workers."""

    at: datetime
    version: int
    before: int
    after: int
    reason: str
    is_panic: bool


def limits_of(workspace: Workspace, endpoint: str) -> Limits:
    """What holds for an endpoint now."""
    found = workspace.registry.endpoints.get(endpoint)
    spec = serving_of(workspace.registry, found)
    return Limits(spec, _is_by_hand(found, spec))


def _is_by_hand(endpoint: Endpoint, spec: ServingSpec) -> bool:
    workers, scaler = endpoint.workers, spec.autoscaler
    return workers is not None and (workers.minimum, workers.maximum) == (scaler.min_workers, scaler.max_workers)


def memory_of(_workspace: Workspace, pids: tuple[int, ...]) -> dict[int, int]:
    """Resident bytes of each process that is there."""
    sizes = {pid: resident_bytes(pid) for pid in pids}
    return {pid: size for pid, size in sizes.items() if size}


def workers_of(traffic: EndpointTraffic) -> tuple[VersionWorkers, ...]:
    """By version, the newest first."""
    served: dict[int, int] = {}
    roles: dict[int, str] = {}
    for version in traffic.versions:
        served[version.number] = served.get(version.number, 0) + version.requests
        roles.setdefault(version.number, version.role)
    pools = sorted(traffic.pools, key=lambda pool: -pool.version)
    return tuple(_workers(pool, roles.get(pool.version, ""), served.get(pool.version, 0)) for pool in pools)


def _workers(pool: PoolStats, role: str, served: int) -> VersionWorkers:
    ready = len(pool.pids)
    status = "healthy"
    if pool.failure or pool.trouble:
        status = "failing"
    elif ready < pool.wanted:
        status = "starting"
    elif not pool.wanted:
        status = "asleep"
    return VersionWorkers(
        pool.version, role, status, ready, pool.wanted, pool.working, pool.queued, served,
        pool.restarts + pool.hung + pool.replaced, pool.failure or pool.trouble, tuple(pool.pids),
    )  # fmt: skip


def decisions_of(traffic: EndpointTraffic) -> tuple[Decided, ...]:
    """Of all versions, the newest first."""
    found = [_decided(decision, pool.version) for pool in traffic.pools for decision in pool.decisions]
    return tuple(sorted(found, key=lambda each: each.at, reverse=True))


def _decided(decision: ScalingDecision, version: int) -> Decided:
    at = datetime.fromtimestamp(decision.at, UTC)
    words = decision.reason.partition(": ")[2] or decision.reason
    return Decided(at, version, decision.before, decision.after, words, decision.is_panic)
