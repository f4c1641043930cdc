"""Pipelines as lists of named steps, and how one run of one is carried out.

A step takes a `StepContext` and returns JSON values. They are written to the registry when the step is done, so that a
run whose worker died goes on after its last finished step. A step must therefore be safe to repeat.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from mlops_desktop.core.errors import AppError, Cancelled, InvalidInput
from mlops_desktop.core.pipelines import PipelineRun, StepRun
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.core.runs import RunState
from mlops_desktop.registry import Registry

Output = dict[str, Any]


class StepContext:
    """What a step works with.

    Attributes:
        registry: the open workspace; writes are recorded as the worker's.
        run: the pipeline run as it was when the step started.
        parameters: of the run.
        outputs: what the finished steps of this run returned, by step name.
        progress: to report to, and to be cancelled through.
    """

    def __init__(self, registry: Registry, run: PipelineRun, outputs: dict[str, Output], progress: Progress) -> None:
        self.registry = registry
        self.run = run
        self.parameters = run.parameters
        self.outputs = outputs
        self.progress = progress


Step = Callable[[StepContext], Output]


class Pipeline(Struct, frozen=True):
    """A named list of steps. `purpose` is shown to people; `needs` are the parameters it cannot do without."""

    name: str
    purpose: str
    steps: tuple[str, ...]
    needs: tuple[str, ...] = ()


_steps: dict[str, Step] = {}
_pipelines: dict[str, Pipeline] = {}


def register_step(name: str) -> Callable[[Step], Step]:
    """Make a function known as the step `name`."""

    def register(step: Step) -> Step:
        _steps[name] = step
        return step

    return register


def register_pipeline(pipeline: Pipeline) -> Pipeline:
    _pipelines[pipeline.name] = pipeline
    return pipeline


def pipelines() -> tuple[Pipeline, ...]:
    return tuple(_pipelines[name] for name in sorted(_pipelines))


def get_pipeline(name: str) -> Pipeline:
    try:
        return _pipelines[name]
    except KeyError:
        raise InvalidInput(
            f"There is no pipeline {name}.", hint=f"Known pipelines: {', '.join(sorted(_pipelines))}."
        ) from None


def carry_out(registry: Registry, run_id: str, *, progress: Progress = no_progress) -> PipelineRun:
    """Run the unfinished steps of a started pipeline run and record its outcome."""
    run = registry.pipeline_runs.get(run_id)
    pipeline = get_pipeline(run.pipeline)
    outputs = {step.name: step.output for step in run.steps if step.state is RunState.SUCCEEDED}
    for name in pipeline.steps:
        if name in outputs:
            continue
        try:
            outputs[name] = _run_step(registry, run_id, name, outputs, progress)
        except Cancelled:
            return registry.pipeline_runs.finish(run_id, RunState.CANCELLED, f"cancelled in step {name}")
        except AppError as error:
            return registry.pipeline_runs.finish(run_id, RunState.FAILED, f"{name}: {error}")
        except Exception as error:
            _log_bug(registry.folder, run_id, name)
            reason = f"{name}: unexpected {type(error).__name__}: {error} (see logs/worker.log)"
            return registry.pipeline_runs.finish(run_id, RunState.FAILED, reason)
    return registry.pipeline_runs.finish(run_id, RunState.SUCCEEDED, _summary(outputs))


def _run_step(registry: Registry, run_id: str, name: str, outputs: dict[str, Output], progress: Progress) -> Output:
    progress(None, name)
    step = StepRun(name=name, state=RunState.RUNNING, started=registry.clock.now())
    run = registry.pipeline_runs.set_step(run_id, step)
    started = time.perf_counter()
    try:
        output = _steps[name](StepContext(registry, run, outputs, progress))
    except BaseException as error:
        reason = "cancelled" if isinstance(error, Cancelled) else str(error) or type(error).__name__
        state = RunState.CANCELLED if isinstance(error, Cancelled) else RunState.FAILED
        registry.pipeline_runs.set_step(run_id, _finished(step, registry, state, reason, {}))
        raise
    seconds = round(time.perf_counter() - started, 3)
    reason = str(output.get("summary", ""))
    done = _finished(step, registry, RunState.SUCCEEDED, reason, output | {"seconds": seconds})
    registry.pipeline_runs.set_step(run_id, done)
    return done.output


def _finished(step: StepRun, registry: Registry, state: RunState, reason: str, output: Output) -> StepRun:
    return msgspec.structs.replace(
        step, state=state, finished=registry.clock.now(), reason=reason, output=msgspec.to_builtins(output)
    )


def _summary(outputs: dict[str, Output]) -> str:
    parts = [str(output["summary"]) for output in outputs.values() if output.get("summary")]
    return "; ".join(parts)


def _log_bug(folder: Path, run_id: str, step: str) -> None:
    with (folder / "logs" / "worker.log").open("a", encoding="utf-8") as log:
        log.write(f"run {run_id}, step {step}\n{traceback.format_exc()}\n")
