"""Pipeline runs, schedules with their next times, and what runs now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mlops_desktop.core.errors import AppError
from mlops_desktop.core.pipelines import PipelineRun, Schedule
from mlops_desktop.pipelines.engine_state import EngineState
from mlops_desktop.workspace import Workspace


@dataclass(frozen=True)
class ScheduleRow:
    """A schedule and its next five times, none where it is off."""

    schedule: Schedule
    next_times: tuple[datetime, ...]


@dataclass(frozen=True)
class PipelineList:
    runs: tuple[PipelineRun, ...]
    schedules: tuple[ScheduleRow, ...]
    engine: EngineState
    endpoints: tuple[str, ...]


def pipeline_list(workspace: Workspace) -> PipelineList:
    registry = workspace.registry
    now = registry.clock.now()
    schedules = tuple(ScheduleRow(each, _next_times(each, now)) for each in registry.schedules.all())
    names = tuple(endpoint.name for endpoint in registry.endpoints.all())
    return PipelineList(tuple(registry.pipeline_runs.all()), schedules, workspace.engine_state(), names)


def next_times_of(cron: str, after: datetime) -> tuple[datetime, ...]:
    """Five times after a moment. Raises `InvalidInput` for a broken expression."""
    from mlops_desktop.pipelines.schedules import next_times

    return tuple(next_times(cron, after, 5))


def _next_times(schedule: Schedule, now: datetime) -> tuple[datetime, ...]:
    if not schedule.enabled:
        return ()
    try:
        return next_times_of(schedule.cron, now)
    except AppError:
        return ()
