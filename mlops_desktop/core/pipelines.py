"""Values about pipeline runs, their steps, and schedules."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from mlops_desktop.core.runs import RunState


class StepRun(Struct, frozen=True):
    """One step of a pipeline run. `output` is what later steps and a resumed run read."""

    name: str
    state: RunState
    output: dict[str, Any] = {}
    started: datetime | None = None
    finished: datetime | None = None
    reason: str = ""


class PipelineRun(Struct, frozen=True):
    """A queued, running or finished pipeline. `trigger` says what asked for it (`schedule weekly`, `alert 12`, …)."""

    id: str
    pipeline: str
    parameters: dict[str, Any]
    trigger: str
    state: RunState
    queued: datetime
    attempt: int = 0
    started: datetime | None = None
    finished: datetime | None = None
    pid: int | None = None
    steps: tuple[StepRun, ...] = ()
    reason: str = ""
    cancel_requested: bool = False


class MissedRunPolicy(StrEnum):
    """What happens to times that passed while no engine ran."""

    RUN_ONCE = "run once"
    SKIP = "skip"


class Schedule(Struct, frozen=True):
    """A cron expression that queues a pipeline. Times are the workspace's."""

    name: str
    pipeline: str
    cron: str
    parameters: dict[str, Any]
    next_at: datetime | None
    enabled: bool = True
    missed: MissedRunPolicy = MissedRunPolicy.RUN_ONCE
    last_at: datetime | None = None
