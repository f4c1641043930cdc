"""Pipeline runs and schedules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from mlops_desktop.core.clock import to_text
from mlops_desktop.core.errors import Conflict, NotFound
from mlops_desktop.core.events import (
    PipelineRunCancelRequested,
    PipelineRunFinished,
    PipelineRunQueued,
    PipelineRunRequeued,
    PipelineRunStarted,
    PipelineStepChanged,
    ScheduleChanged,
    ScheduleFired,
)
from mlops_desktop.core.ids import new_id
from mlops_desktop.core.pipelines import PipelineRun, Schedule, StepRun
from mlops_desktop.core.runs import RunState
from mlops_desktop.registry.repository import Context, Rows

_ACTIVE = (RunState.QUEUED.value, RunState.RUNNING.value)


class PipelineRuns:
    """A queue that survives crashes: runs are claimed in the order they were queued."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rows = Rows(context.database, context.tables.pipeline_run, PipelineRun)

    def queue(self, pipeline: str, parameters: dict[str, Any], trigger: str) -> PipelineRun:
        run = PipelineRun(
            id=new_id(),
            pipeline=pipeline,
            parameters=parameters,
            trigger=trigger,
            state=RunState.QUEUED,
            queued=self._context.clock.now(),
        )
        with self._context.database.writing():
            self._put(run)
            event = PipelineRunQueued(pipeline=pipeline, trigger=trigger, parameters=parameters)
            self._context.journal.append(event, f"pipeline:{run.id}")
        return run

    def start(self, run: PipelineRun, pid: int) -> PipelineRun:
        """Mark a queued run as running in process `pid`."""
        with self._context.database.writing():
            current = self.get(run.id)
            if current.state is not RunState.QUEUED:
                raise Conflict(f"Pipeline run {run.id} is already {current.state.value}.")
            started = msgspec.structs.replace(
                current,
                state=RunState.RUNNING,
                attempt=current.attempt + 1,
                pid=pid,
                started=current.started or self._context.clock.now(),
            )
            self._put(started)
            event = PipelineRunStarted(pipeline=run.pipeline, attempt=started.attempt, pid=pid)
            self._context.journal.append(event, f"pipeline:{run.id}")
            return started

    def set_step(self, id: str, step: StepRun) -> PipelineRun:
        """Record a step's state; a finished step's output is what a resumed run continues from."""
        with self._context.database.writing():
            run = self.get(id)
            others = tuple(s for s in run.steps if s.name != step.name)
            changed = msgspec.structs.replace(run, steps=(*others, step))
            self._put(changed)
            event = PipelineStepChanged(
                pipeline=run.pipeline, step=step.name, state=step.state.value, reason=step.reason
            )
            self._context.journal.append(event, f"pipeline:{id}")
            return changed

    def finish(self, id: str, state: RunState, reason: str = "") -> PipelineRun:
        """Record the outcome, once: a run that already has one keeps it."""
        with self._context.database.writing():
            run = self.get(id)
            if run.state.is_final:
                return run
            done = msgspec.structs.replace(
                run, state=state, reason=reason, finished=self._context.clock.now(), pid=None
            )
            self._put(done)
            event = PipelineRunFinished(pipeline=run.pipeline, state=state.value, reason=reason)
            self._context.journal.append(event, f"pipeline:{id}")
            return done

    def requeue(self, id: str, reason: str) -> PipelineRun:
        """Put a run whose worker is gone back into the queue; finished steps stay finished."""
        with self._context.database.writing():
            run = self.get(id)
            if run.state.is_final:
                return run
            finished = tuple(s for s in run.steps if s.state is RunState.SUCCEEDED)
            queued = msgspec.structs.replace(run, state=RunState.QUEUED, pid=None, steps=finished)
            self._put(queued)
            event = PipelineRunRequeued(pipeline=run.pipeline, reason=reason)
            self._context.journal.append(event, f"pipeline:{id}")
            return queued

    def request_cancel(self, id: str) -> PipelineRun:
        """Ask for a run to end: a queued one ends at once, a running one at its next report of progress."""
        with self._context.database.writing():
            run = self.get(id)
            if run.state.is_final or run.cancel_requested:
                return run
            asked = msgspec.structs.replace(run, cancel_requested=True)
            self._put(asked)
            self._context.journal.append(PipelineRunCancelRequested(pipeline=run.pipeline), f"pipeline:{id}")
            return self.finish(id, RunState.CANCELLED, "cancelled") if run.state is RunState.QUEUED else asked

    def naming(self, text: str) -> list[PipelineRun]:
        """Runs with this text among their parameters or their steps' outputs, newest first."""
        return self._rows.many(self._rows.naming(text), order=self._rows.table.id.desc())

    def next_queued(self) -> PipelineRun | None:
        table = self._rows.table
        found = self._rows.many(table.state == RunState.QUEUED.value, order=table.id, limit=1)
        return found[0] if found else None

    def active(self) -> list[PipelineRun]:
        """Queued or running, oldest first."""
        table = self._rows.table
        return self._rows.many(table.state.in_(_ACTIVE), order=table.id)

    def running(self) -> list[PipelineRun]:
        table = self._rows.table
        return self._rows.many(table.state == RunState.RUNNING.value, order=table.id)

    def get(self, id: str) -> PipelineRun:
        found = self._rows.one(self._rows.table.id == id)
        if found is None:
            raise NotFound(f"There is no pipeline run {id}.", hint="List them with `mlops-desktop pipelines runs`.")
        return found

    def all(self, *, limit: int | None = 500, pipeline: str = "") -> list[PipelineRun]:
        """Those of one pipeline or of all, newest first."""
        table = self._rows.table
        conditions = [table.pipeline == pipeline] if pipeline else []
        return self._rows.many(*conditions, order=table.id.desc(), limit=limit)

    def _put(self, run: PipelineRun) -> None:
        self._rows.put(run, id=run.id, pipeline=run.pipeline, state=run.state.value)


class Schedules:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._rows = Rows(context.database, context.tables.schedule, Schedule)

    def save(self, schedule: Schedule) -> Schedule:
        with self._context.database.writing():
            self._rows.put(schedule, name=schedule.name)
            event = ScheduleChanged(pipeline=schedule.pipeline, cron=schedule.cron, enabled=schedule.enabled)
            self._context.journal.append(event, schedule.name)
        return schedule

    def fired(self, schedule: Schedule, due: datetime, next_at: datetime | None, outcome: str) -> Schedule:
        """Record that a time came and what was made of it."""
        with self._context.database.writing():
            changed = msgspec.structs.replace(schedule, last_at=due, next_at=next_at)
            self._rows.put(changed, name=changed.name)
            self._context.journal.append(ScheduleFired(due=to_text(due), outcome=outcome), schedule.name)
        return changed

    def get(self, name: str) -> Schedule:
        found = self._rows.one(self._rows.table.name == name)
        if found is None:
            raise NotFound(f"There is no schedule {name}.")
        return found

    def all(self) -> list[Schedule]:
        return self._rows.many(order=self._rows.table.name)
