"""What the jobs drawer shows: the newest pipeline runs, the live one with its stage."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_desktop.core.clock import SystemClock
from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.core.runs import RunState
from mlops_desktop.ui.queries.imports import PIPELINE, source_name
from mlops_desktop.workspace import Workspace

_FIRST = {RunState.RUNNING.value: 0, RunState.QUEUED.value: 1}
_LONGEST_NAME = 36


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
    """Running ones first, then queued ones, then the newest."""
    live = workspace.engine_state().job
    rows = []
    for run in workspace.registry.pipeline_runs.all(limit=limit):
        mine = live if live is not None and live.run == run.id else None
        elapsed = _elapsed(workspace, run)
        fraction = mine.fraction if mine else None
        remaining = elapsed / fraction - elapsed if fraction and fraction > 0.05 else None
        stage = mine.stage if mine else _outcome(run)
        rows.append(JobRow(run.id, _title(run), run.state.value, stage, fraction, elapsed, remaining))
    return tuple(sorted(rows, key=lambda row: _FIRST.get(row.state, len(_FIRST))))


def _title(run: PipelineRun) -> str:
    if run.pipeline == PIPELINE and "dataset" in run.parameters:
        return f"{_shortened(source_name(str(run.parameters['path'])))} into {run.parameters['dataset']}"
    if reference := run.parameters.get("reference"):
        return f"{run.pipeline.capitalize()}, {_shortened(str(reference))}"
    return f"{run.pipeline.capitalize()}, {run.trigger}"


def _elapsed(workspace: Workspace, run: PipelineRun) -> float:
    if run.started is None:
        return 0.0
    if run.finished is not None:
        return max((run.finished - run.started).total_seconds(), 0.0)
    # A replay's time is not the time that a person waits.
    kinds = ("pipeline.run.started",)
    begun = workspace.registry.journal.newest(1, kinds=kinds, subject=f"pipeline:{run.id}")
    return max((SystemClock().now() - begun[0].recorded).total_seconds(), 0.0) if begun else 0.0


def _outcome(run: PipelineRun) -> str:
    """Why it ended as it did, what it made, or else its last step."""
    if run.reason:
        return run.reason.removeprefix(f"{PIPELINE}: ")
    step = run.steps[-1] if run.steps else None
    return str(step.output.get("summary", step.name)) if step is not None else ""


def _shortened(name: str) -> str:
    """Both ends of a long name: the end tells files of one kind apart."""
    half = _LONGEST_NAME // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[:half]}…{name[-half:]}"
