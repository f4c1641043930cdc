"""Watches a folder in this process, without an engine; where one runs, the two share the work."""

from __future__ import annotations

import os
from collections.abc import Callable

from mlops_desktop.core.datasets import Watch
from mlops_desktop.core.errors import Conflict
from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.core.runs import RunState
from mlops_desktop.pipelines import steps
from mlops_desktop.pipelines.left_behind import requeue_left_behind
from mlops_desktop.pipelines.runner import carry_out
from mlops_desktop.pipelines.watching import LOOK_SECONDS, FolderLooker, runs_of
from mlops_desktop.registry import Registry


def follow(
    registry: Registry,
    watch: Watch,
    *,
    report: Callable[[PipelineRun], None],
    wait: Callable[[float], bool],
    once: bool = False,
    progress: Progress = no_progress,
) -> None:
    """Take in what is in the folder and what comes, until `wait` (a pause in seconds) says True.

    `report` is given each run that has ended; with `once` it returns after what is there now. A run that an earlier
    process left unfinished is finished first.
    """
    steps.register_all()
    looker = FolderLooker(registry, watch)
    mine = {run.id for run in runs_of(registry, watch) if not run.state.is_final}
    for look in range(2**63):
        mine |= {run.id for run in looker.look()}
        mine -= set(_ended(registry, mine, report, progress))
        is_done = once and look > 0 and not mine
        if is_done or wait(LOOK_SECONDS):
            return


def _ended(
    registry: Registry, waiting: set[str], report: Callable[[PipelineRun], None], progress: Progress
) -> list[str]:
    """Carry out what is still queued, and report what has ended, here or elsewhere."""
    requeue_left_behind(registry, only=waiting)
    ended = []
    for run in (registry.pipeline_runs.get(id) for id in sorted(waiting)):
        done = _carried_out(registry, run, progress) if run.state is RunState.QUEUED else run
        if done.state.is_final:
            report(done)
            ended.append(done.id)
    return ended


def _carried_out(registry: Registry, run: PipelineRun, progress: Progress) -> PipelineRun:
    try:
        started = registry.pipeline_runs.start(run, os.getpid())
    except Conflict:  # an engine was first
        return registry.pipeline_runs.get(run.id)
    try:
        return carry_out(registry, started.id, progress=progress)
    except BaseException:  # Ctrl+C, for one: the next program to watch goes on with it
        registry.pipeline_runs.requeue(started.id, "the program that watched was ended")
        raise
