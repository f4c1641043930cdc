"""Waiting for what the engine was asked to do."""

from __future__ import annotations

import time

from mlops_desktop.core.deployments import Endpoint, EndpointState
from mlops_desktop.core.errors import Conflict
from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.core.runs import RunState
from mlops_desktop.pipelines.engine_state import read_engine_state
from mlops_desktop.registry import Registry

_LOOK_SECONDS = 0.1
_LEASE_SECONDS = 1.0


def wait_for_endpoint(
    registry: Registry, name: str, state: EndpointState, *, seconds: float, progress: Progress = no_progress
) -> Endpoint:
    """The endpoint once it is in a state. Raises `Conflict` when it failed, nobody works on it, or time is over."""
    deadline = time.monotonic() + seconds
    engine = _Engine(registry)
    while (endpoint := registry.endpoints.get(name)).state is not state:
        if endpoint.state is EndpointState.FAILED:
            raise Conflict(f"{name} failed: {endpoint.reason}")
        if time.monotonic() > deadline:
            raise Conflict(
                f"{name} is {endpoint.state} after {seconds:g} s, not {state}.", hint="Look at the engine's log."
            )
        engine.check()
        progress(None, f"{name} is {endpoint.state}")
        time.sleep(_LOOK_SECONDS)
    return endpoint


def wait_for_run(registry: Registry, id: str, progress: Progress = no_progress) -> PipelineRun:
    """The pipeline run once it has ended. Raises `Conflict` when it failed, or nobody works on it."""
    engine = _Engine(registry)
    while not (run := registry.pipeline_runs.get(id)).state.is_final:
        engine.check()
        job = read_engine_state(registry.folder).job
        is_ours = job is not None and job.run == id
        progress(job.fraction if job and is_ours else None, job.stage if job and is_ours else f"{run.state}")
        time.sleep(_LOOK_SECONDS)
    if run.state is not RunState.SUCCEEDED:
        raise Conflict(f"{run.pipeline} {run.id} {run.state}: {run.reason}")
    return run


class _Engine:
    """Looks now and then whether an engine runs. Whoever looks has its lease for a moment, hence not often."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._looked = -_LEASE_SECONDS

    def check(self) -> None:
        now = time.monotonic()
        if now - self._looked < _LEASE_SECONDS:
            return
        self._looked = now
        lease = self._registry.engine_lease()
        is_free = lease.acquire()
        lease.release()
        if is_free:
            raise Conflict(
                "No engine runs, so nothing will happen.",
                hint="Open the window, or start `mlops-desktop agent FOLDER`.",
            )
