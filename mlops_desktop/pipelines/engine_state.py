"""What the engine is doing right now, in a small file beside the registry: liveness, not history."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from mlops_desktop.serving.figures import PoolStats

FILE = "engine.json"


class JobState(Struct, frozen=True):
    """The running worker. `fraction` is in [0, 1], None while unknown."""

    run: str
    pid: int
    stage: str = ""
    fraction: float | None = None


class VersionTraffic(Struct, frozen=True):
    """What one version answered since the gateway started. Latencies in milliseconds, rate in requests per second."""

    number: int
    role: str
    requests: int
    rows: int
    errors: int
    p50: float
    p95: float
    p99: float
    rate: float = 0.0


class EndpointTraffic(Struct, frozen=True):
    """`pools` tell of each version's workers, with the decisions on their number."""

    name: str
    url: str
    state: str
    reason: str = ""
    pid: int | None = None
    restarts: int = 0
    unlogged: int = 0
    versions: tuple[VersionTraffic, ...] = ()
    pools: tuple[PoolStats, ...] = ()


class EngineState(Struct, frozen=True):
    """`settled` is the time of the workspace up to which all that was due is done, None while something goes on."""

    pid: int
    running: bool
    written: datetime | None = None
    settled: datetime | None = None
    job: JobState | None = None
    endpoints: tuple[EndpointTraffic, ...] = ()


def write_engine_state(folder: Path, state: EngineState) -> None:
    """Replace the file as a whole; a full disk must not stop the engine."""
    temporary = folder / f".{FILE}.{os.getpid()}"
    with contextlib.suppress(OSError):
        temporary.write_bytes(msgspec.json.encode(state))
        temporary.replace(folder / FILE)


def read_engine_state(folder: Path) -> EngineState:
    """The newest state; a stopped engine where there is none."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=EngineState)
    except (OSError, msgspec.DecodeError):
        return EngineState(pid=0, running=False)
