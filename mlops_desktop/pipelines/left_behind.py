"""Pipeline runs whose process is gone: found, and queued again or given up."""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import timedelta

import psutil

from mlops_desktop.core.events import PipelineRunStarted
from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.core.runs import RunState
from mlops_desktop.registry import Registry

MAX_ATTEMPTS = 3
_CLOCKS_DIFFER = timedelta(seconds=5)


def requeue_left_behind(registry: Registry, *, only: Collection[str] | None = None) -> None:
    """Look after each running run (of `only`) whose process no longer lives."""
    for run in registry.pipeline_runs.running():
        if (only is None or run.id in only) and not is_at_work(registry, run):
            retry_or_fail(registry, run, "the program ended while it ran")


def retry_or_fail(registry: Registry, run: PipelineRun, reason: str) -> None:
    """A run that lost its worker is queued again, unless it was to be cancelled or has lost too many."""
    if run.cancel_requested:
        registry.pipeline_runs.finish(run.id, RunState.CANCELLED, "cancelled")
    elif run.attempt >= MAX_ATTEMPTS:
        registry.pipeline_runs.finish(run.id, RunState.FAILED, f"{reason}, {run.attempt} times in a row")
    else:
        registry.pipeline_runs.requeue(run.id, reason)


def is_at_work(registry: Registry, run: PipelineRun) -> bool:
    """Whether another process, the one that started the run, still lives.

    A process that began after the run was started only has the same number.
    """
    if run.pid is None or run.pid == os.getpid():
        return False
    started = registry.journal.newest(1, kinds=[PipelineRunStarted.kind], subject=f"pipeline:{run.id}")
    try:
        born = psutil.Process(run.pid).create_time()
    except psutil.Error:
        return False
    return bool(started) and born <= (started[0].recorded + _CLOCKS_DIFFER).timestamp()
