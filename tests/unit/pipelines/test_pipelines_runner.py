"""How a pipeline run is carried out: outcomes, reasons, resuming."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_desktop.core.errors import Cancelled, Conflict, InvalidInput
from mlops_desktop.core.progress import CancelToken
from mlops_desktop.core.runs import RunState
from mlops_desktop.pipelines import runner
from mlops_desktop.pipelines.runner import Pipeline, StepContext, carry_out, get_pipeline
from mlops_desktop.pipelines.steps import PIPELINES, check_request, register_all
from mlops_desktop.registry import Registry


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry.create(tmp_path / "workspace", actor="worker")
    yield registry
    assert registry.journal.verify().intact
    registry.close()


@pytest.fixture
def calls() -> list[str]:
    return []


@pytest.fixture
def define(monkeypatch: pytest.MonkeyPatch, calls: list[str]) -> Callable[..., None]:
    """Defines the pipeline `p` by its steps; each notes that it was called."""

    def define(**steps: Callable[[StepContext], dict[str, Any]]) -> None:
        def noting(name: str, step: Callable[[StepContext], dict[str, Any]]) -> Callable[[StepContext], dict[str, Any]]:
            def call(context: StepContext) -> dict[str, Any]:
                calls.append(name)
                return step(context)

            return call

        monkeypatch.setattr(runner, "_steps", {name: noting(name, step) for name, step in steps.items()})
        monkeypatch.setattr(runner, "_pipelines", {"p": Pipeline("p", "for a test", tuple(steps))})

    return define


def start(registry: Registry) -> str:
    run = registry.pipeline_runs.queue("p", {"n": 2}, "test")
    return registry.pipeline_runs.start(run, 1).id


def failing(error: BaseException) -> Callable[[StepContext], dict[str, Any]]:
    def fail(context: StepContext) -> dict[str, Any]:
        raise error

    return fail


def test_each_step_sees_the_parameters_and_what_came_before(registry: Registry, define: Callable[..., None]) -> None:
    define(
        one=lambda context: {"value": context.parameters["n"] + 1, "summary": "one done"},
        two=lambda context: {"value": context.outputs["one"]["value"] * 10, "summary": "two done"},
    )
    done = carry_out(registry, start(registry))
    assert (done.state, done.reason) == (RunState.SUCCEEDED, "one done; two done")
    assert [(step.name, step.state, step.output["value"]) for step in done.steps] == [
        ("one", RunState.SUCCEEDED, 3),
        ("two", RunState.SUCCEEDED, 30),
    ]


def test_a_failing_step_ends_the_run_with_its_reason(
    registry: Registry, define: Callable[..., None], calls: list[str]
) -> None:
    define(one=failing(Conflict("The gate is closed.", hint="Open it.")), two=lambda context: {})
    done = carry_out(registry, start(registry))
    assert (done.state, done.reason, calls) == (RunState.FAILED, "one: The gate is closed. Open it.", ["one"])
    assert done.steps[0].state is RunState.FAILED and "closed" in done.steps[0].reason
    assert not (registry.folder / "logs" / "worker.log").exists()


def test_an_unexpected_error_is_a_failed_run_with_its_traceback_in_the_log(
    registry: Registry, define: Callable[..., None]
) -> None:
    define(one=failing(ZeroDivisionError("by nothing")))
    done = carry_out(registry, start(registry))
    assert done.state is RunState.FAILED and "unexpected ZeroDivisionError: by nothing" in done.reason
    log = (registry.folder / "logs" / "worker.log").read_text()
    assert "logs/worker.log" in done.reason and "Traceback" in log and done.id in log


def test_a_resumed_run_does_not_repeat_finished_steps(
    registry: Registry, define: Callable[..., None], calls: list[str]
) -> None:
    class Killed(BaseException):
        pass

    define(one=lambda context: {"value": 7}, two=failing(Killed()))
    run = start(registry)
    with pytest.raises(Killed):
        carry_out(registry, run)
    define(one=lambda context: {"value": 8}, two=lambda context: {"seen": context.outputs["one"]["value"]})
    registry.pipeline_runs.start(registry.pipeline_runs.requeue(run, "killed"), 2)
    done = carry_out(registry, run)
    assert (done.state, done.attempt, calls) == (RunState.SUCCEEDED, 2, ["one", "two", "two"])
    assert done.steps[-1].output["seen"] == 7


def test_a_cancelled_step_is_no_failure(registry: Registry, define: Callable[..., None]) -> None:
    define(one=lambda context: {}, two=failing(Cancelled()), three=lambda context: {})
    done = carry_out(registry, start(registry))
    assert (done.state, done.reason) == (RunState.CANCELLED, "cancelled in step two")
    assert [step.state for step in done.steps] == [RunState.SUCCEEDED, RunState.CANCELLED]


def test_a_step_is_cancelled_through_its_progress(registry: Registry, define: Callable[..., None]) -> None:
    token = CancelToken()

    def step(context: StepContext) -> dict[str, Any]:
        token.cancel()
        context.progress(0.5, "half")
        return {}

    define(one=step)
    done = carry_out(registry, start(registry), progress=token.reporting_to(lambda fraction, message: None))
    assert done.state is RunState.CANCELLED


def test_an_unknown_pipeline_is_refused_with_those_there_are() -> None:
    register_all()
    with pytest.raises(InvalidInput, match="no pipeline retrian") as caught:
        get_pipeline("retrian")
    assert "retrain" in caught.value.hint
    with pytest.raises(InvalidInput, match="no pipeline retrian"):
        check_request("retrian", {})


@pytest.mark.parametrize("pipeline", [found.name for found in PIPELINES])
def test_a_pipeline_without_what_it_needs_is_refused(pipeline: str) -> None:
    needs = next(found.needs for found in PIPELINES if found.name == pipeline)
    check_request(pipeline, dict.fromkeys(needs, "x"))
    for missing in needs:
        with pytest.raises(InvalidInput, match=f"{missing} is missing"):
            check_request(pipeline, {name: "x" for name in needs if name != missing})


def test_every_step_of_every_pipeline_is_known() -> None:
    register_all()
    assert {step for pipeline in PIPELINES for step in pipeline.steps} <= set(runner._steps)


def test_an_address_with_a_password_is_not_queued():
    secret = "hush"
    with pytest.raises(InvalidInput, match="password") as refusal:
        check_request("ingest", {"path": f"postgresql://me:{secret}@localhost/db", "dataset": "x"})
    assert secret not in str(refusal.value)
    check_request("ingest", {"path": "postgresql://me@localhost/db", "dataset": "x"})
