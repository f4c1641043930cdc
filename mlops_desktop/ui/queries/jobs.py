"""What the jobs drawer shows: the newest pipeline runs, the live one with its stage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.core.runs import RunState
from mlops_desktop.workspace import Workspace


@dataclass(frozen=True)
class JobRow:
    """`fraction` is in [0, 1] or None; `elapsed` and `remaining` are seconds."""

    id: str
    title: str
    state: str
    stage: str
    fraction: float | None
    elapsed: float
    remaining: float | None


def job_rows(workspace: Workspace, *, limit: int = 20) -> tuple[JobRow, ...]:
    """Queued and running ones first, then the newest."""
    live = workspace.engine_state().job
    now = workspace.registry.clock.now()
    rows = []
    for run in workspace.registry.pipeline_runs.all(limit=limit):
        mine = live if live is not None and live.run == run.id else None
        elapsed = _elapsed(run, now)
        fraction = mine.fraction if mine else None
        remaining = elapsed / fraction - elapsed if fraction and fraction > 0.05 else None
        stage = mine.stage if mine else run.reason or _last_step(run)
        title = f"{run.pipeline.capitalize()}, {run.trigger}"
        rows.append(JobRow(run.id, title, run.state.value, stage, fraction, elapsed, remaining))
    return tuple(sorted(rows, key=lambda row: row.state not in (RunState.RUNNING.value, RunState.QUEUED.value)))


def _elapsed(run: PipelineRun, now: datetime) -> float:
    if run.started is None:
        return 0.0
    return max(((run.finished or now) - run.started).total_seconds(), 0.0)


def _last_step(run: PipelineRun) -> str:
    return run.steps[-1].name if run.steps else ""
