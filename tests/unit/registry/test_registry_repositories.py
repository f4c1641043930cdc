"""What each repository promises: numbers, selectors, one of a kind, and conflicts instead of lost updates."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mlops_desktop.core.clock import ManualClock, to_text
from mlops_desktop.core.datasets import DatasetVersion, Origin, Schema
from mlops_desktop.core.deployments import Endpoint, EndpointState, RolloutState
from mlops_desktop.core.errors import AppError, Conflict, NotFound
from mlops_desktop.core.ids import new_id
from mlops_desktop.core.models import ModelVersion, Parity, Runtime, Signature, Task
from mlops_desktop.core.monitoring import Action, Alert, AlertState, Cause, Severity, Window, WindowKind
from mlops_desktop.core.pipelines import Schedule, StepRun
from mlops_desktop.core.runs import RunState
from mlops_desktop.registry import Registry

START = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def registry(tmp_path: Path, clock: ManualClock) -> Iterator[Registry]:
    registry = Registry.create(tmp_path / "workspace", actor="tester", clock=clock)
    yield registry
    assert registry.journal.verify().intact
    registry.close()


def add_data(registry: Registry, content: str, dataset: str = "flights") -> DatasetVersion:
    return registry.datasets.add_version(
        dataset=dataset, content_id=content, manifest="m", profile="p", rows=3, size=9, schema=Schema(()),
        origin=Origin("file", "flights.csv"), chunks=1, new_chunks=1, added_bytes=9, seconds=0.1,
    )  # fmt: skip


def model_version(run: str, model: str = "late") -> ModelVersion:
    signature = Signature(Task.CLASSIFICATION, (), "late", ("0", "1"))
    parity = Parity(True, 1, 0.0)
    return ModelVersion(
        new_id(), model, 0, run, "flights@1", signature, Runtime.ONNX, parity, {"onnx": "ab"}, {}, None, None, START
    )


def raise_alert(registry: Registry, cause: Cause = Cause.DATA_DRIFT, **changes: Any) -> tuple[Alert, bool]:
    fields: dict[str, Any] = {
        "endpoint": "late", "model_version": "late@1", "cause": cause, "severity": Severity.WARNING,
        "action": Action.RETRAIN, "title": "drifts", "evidence": {},
    }  # fmt: skip
    return registry.alerts.raise_or_update(**(fields | changes))


def kinds(registry: Registry) -> list[str]:
    return [event.kind for event in registry.journal.all()][1:]


# Datasets and specs


def test_versions_of_a_dataset_are_numbered_from_one_each_on_its_own(registry: Registry) -> None:
    references = [add_data(registry, content).reference for content in ("a", "b", "c")]
    references += [add_data(registry, "a", "weather").reference]
    assert references == ["flights@1", "flights@2", "flights@3", "weather@1"]
    assert registry.datasets.names() == ["flights", "weather"]
    assert [version.number for version in registry.datasets.versions("flights")] == [3, 2, 1]


def test_the_same_content_again_is_on_record_but_no_new_version(registry: Registry) -> None:
    first = add_data(registry, "a")
    assert add_data(registry, "a") == first
    assert kinds(registry) == ["dataset.version.created", "dataset.ingest.repeated"]


def test_content_that_comes_back_later_is_a_version_of_its_own(registry: Registry) -> None:
    assert [add_data(registry, content).number for content in "aba"] == [1, 2, 3]


@pytest.mark.parametrize(
    ("reference", "number"),
    [("flights", 2), ("flights@latest", 2), ("flights@1", 1), ("flights@2", 2), ("flights@sha:con", 1)],
)
def test_a_dataset_version_is_found_by_each_selector(registry: Registry, reference: str, number: int) -> None:
    add_data(registry, "content one")
    add_data(registry, "other")
    assert registry.datasets.get(reference).number == number


@pytest.mark.parametrize(
    "reference",
    ["flights@0", "flights@3", "flights@-1", "flights@sha:", "flights@²", "flights@x", "x", "", "@1", "flights@1@1"],
)
def test_what_is_not_there_is_named_with_what_is(registry: Registry, reference: str) -> None:
    add_data(registry, "a")
    with pytest.raises(NotFound, match="There is no dataset version") as caught:
        registry.datasets.get(reference)
    assert "flights" in caught.value.hint


def test_a_spec_is_a_new_version_when_its_text_changed(registry: Registry) -> None:
    numbers = [registry.specs.save("late", text).number for text in ("one", "one", "two", "one")]
    assert numbers == [1, 1, 2, 3]
    assert registry.specs.get("late@2").text == "two" and registry.specs.get("late").number == 3
    with pytest.raises(NotFound):
        registry.specs.get("late@9")


# Models


def test_model_versions_are_numbered_and_a_run_registers_one_at_most(registry: Registry) -> None:
    first = registry.models.register(model_version("run 1"))
    again = registry.models.register(model_version("run 1"))
    second = registry.models.register(model_version("run 2"))
    assert (first.number, again.id, second.number) == (1, first.id, 2)
    assert registry.models.of_run("run 2") == second and registry.models.of_run("run 3") is None


def test_a_model_version_is_found_by_number_alias_and_latest(registry: Registry) -> None:
    for run in ("run 1", "run 2"):
        registry.models.register(model_version(run))
    registry.models.move_alias("late", "production", 1, actor="tester", reason="")
    selectors = {"late": 2, "late@latest": 2, "late@1": 1, "late@production": 1}
    assert {reference: registry.models.get(reference).number for reference in selectors} == selectors
    for reference in ("late@3", "late@canary", "other"):
        with pytest.raises(NotFound, match="There is no model version"):
            registry.models.get(reference)


def test_of_two_who_move_an_alias_at_once_one_gets_a_conflict(registry: Registry) -> None:
    for run in ("run 1", "run 2", "run 3"):
        registry.models.register(model_version(run))
    registry.models.move_alias("late", "production", 1, actor="tester", reason="first")
    outcomes: list[str] = []
    gate = threading.Barrier(2)

    def move(number: int) -> None:
        own = Registry(registry.folder, actor=f"mover {number}")
        gate.wait()
        try:
            own.models.move_alias("late", "production", number, actor="mover", reason="", expected=1)
            outcomes.append(f"moved to {number}")
        except Conflict as error:
            outcomes.append("conflict")
            assert "not to 1" in error.message and error.hint
        finally:
            own.close()

    movers = [threading.Thread(target=move, args=(number,)) for number in (2, 3)]
    for mover in movers:
        mover.start()
    for mover in movers:
        mover.join()
    alias = registry.models.alias("late", "production")
    assert alias is not None and sorted(outcomes) == ["conflict", f"moved to {alias.number}"]


def test_an_alias_cannot_point_to_a_version_that_is_not_there(registry: Registry) -> None:
    with pytest.raises(NotFound):
        registry.models.move_alias("late", "production", 1, actor="tester", reason="")
    with pytest.raises(Conflict):
        registry.models.move_alias("late", "production", 1, actor="tester", reason="", expected=4)
    assert registry.models.alias("late", "production") is None and kinds(registry) == []


def test_the_journal_knows_where_an_alias_pointed_at_any_time(registry: Registry, clock: ManualClock) -> None:
    for number in (1, 2):
        registry.models.register(model_version(f"run {number}"))
        clock.advance(timedelta(days=1))
        registry.models.move_alias("late", "production", number, actor="tester", reason="")
    clock.advance(timedelta(days=1))
    registry.models.drop_alias("late", "production", reason="over")
    moments = [to_text(START + timedelta(days=days, hours=1)) for days in range(4)]
    assert [registry.models.alias_at("late", "production", moment) for moment in moments] == [None, 1, 2, None]
    assert registry.models.alias("late", "production") is None


# Endpoints and rollouts


def test_a_repeated_state_of_an_endpoint_is_recorded_once(registry: Registry) -> None:
    served = Endpoint("late", "late", EndpointState.SERVING, "127.0.0.1", 8000, 1, START)
    for _ in range(3):
        registry.endpoints.put(served)
    registry.endpoints.put(msgspec.structs.replace(served, state=EndpointState.STOPPED))
    assert kinds(registry) == ["endpoint.changed"] * 2
    assert registry.endpoints.left_serving() == []


def test_an_endpoint_has_one_rollout_at_a_time(registry: Registry) -> None:
    rollout = registry.rollouts.start("late", "late", canary=2, primary=1, weight=0.1)
    with pytest.raises(Conflict, match="late@2 is already a canary"):
        registry.rollouts.start("late", "late", canary=3, primary=1, weight=0.1)
    assert registry.rollouts.start("other", "late", canary=3, primary=1, weight=0.1).endpoint == "other"
    registry.rollouts.decide(rollout, RolloutState.HELD, "enough")
    assert registry.rollouts.start("late", "late", canary=3, primary=1, weight=0.1).canary == 3


def test_a_decided_rollout_can_be_neither_changed_nor_decided_again(registry: Registry) -> None:
    rollout = registry.rollouts.start("late", "late", canary=2, primary=1, weight=0.1)
    registry.rollouts.decide(rollout, RolloutState.PROMOTED, "better")
    attempts: list[Callable[[], object]] = [
        lambda: registry.rollouts.change(rollout, "more"),
        lambda: registry.rollouts.decide(rollout, RolloutState.ROLLED_BACK, "no"),
    ]
    for attempt in attempts:
        with pytest.raises(Conflict, match="already ended: promoted"):
            attempt()
    assert registry.rollouts.get(rollout.id).state is RolloutState.PROMOTED


# Alerts and windows


def test_a_cause_has_one_open_alert_that_counts_what_is_seen_again(registry: Registry) -> None:
    first, is_new = raise_alert(registry)
    again, is_new_again = raise_alert(registry, title="drifts more", severity=Severity.CRITICAL)
    other, _ = raise_alert(registry, Cause.PERFORMANCE)
    assert (is_new, is_new_again, again.id, again.occurrences) == (True, False, first.id, 2)
    assert (again.title, again.severity, other.number) == ("drifts more", Severity.CRITICAL, 2)
    assert {alert.number for alert in registry.alerts.unresolved("late")} == {1, 2}


@pytest.mark.parametrize("state", [AlertState.OPEN, AlertState.ACKNOWLEDGED])
def test_an_acknowledged_alert_is_still_the_one_of_its_cause(registry: Registry, state: AlertState) -> None:
    alert, _ = raise_alert(registry)
    registry.alerts.change_state(alert, state, "")
    assert raise_alert(registry)[0].number == 1


def test_a_resolved_alert_stays_resolved_and_a_new_finding_is_a_new_alert(registry: Registry) -> None:
    alert, _ = raise_alert(registry)
    registry.alerts.change_state(alert, AlertState.RESOLVED, "over")
    assert raise_alert(registry)[0].number == 2
    with pytest.raises(Conflict, match="resolved already"):
        registry.alerts.change_state(alert, AlertState.ACKNOWLEDGED, "late click")
    assert [found.number for found in registry.alerts.unresolved()] == [2]


def test_a_change_made_with_an_old_copy_of_an_alert_loses_nothing(registry: Registry) -> None:
    old, _ = raise_alert(registry)
    raise_alert(registry, title="drifts more")
    registry.alerts.link(old, "run 1")
    registry.alerts.change_state(old, AlertState.ACKNOWLEDGED, "seen")
    found = registry.alerts.get(1)
    assert (found.occurrences, found.title, found.pipeline_run) == (2, "drifts more", "run 1")


def test_windows_come_back_oldest_first_and_the_newest_are_kept_by_a_limit(registry: Registry) -> None:
    days = [START + timedelta(days=number) for number in range(5)]
    windows = [
        Window(new_id(), "late", "late@1", WindowKind.DAY, day, day + timedelta(days=1), 5, 5, (), ()) for day in days
    ]
    registry.windows.add(windows, "five days")
    registry.windows.add([], "nothing")
    assert [window.start for window in registry.windows.all("late", WindowKind.DAY, limit=2)] == days[3:]
    assert [window.start for window in registry.windows.all("late", since=days[2])] == days[2:]
    assert registry.windows.all("late", WindowKind.VERDICT) == [] and kinds(registry) == ["window.monitored"]


# Pipeline runs and schedules


def test_queued_runs_are_claimed_in_order_and_once(registry: Registry) -> None:
    runs = [registry.pipeline_runs.queue("retrain", {"n": number}, "test") for number in range(3)]
    found = registry.pipeline_runs.next_queued()
    assert found is not None and found.id == runs[0].id
    started = registry.pipeline_runs.start(runs[0], 77)
    assert (started.state, started.attempt, started.pid) == (RunState.RUNNING, 1, 77)
    with pytest.raises(Conflict, match="already running"):
        registry.pipeline_runs.start(runs[0], 78)
    assert [run.id for run in registry.pipeline_runs.active()] == [run.id for run in runs]


def test_a_requeued_run_keeps_its_finished_steps_and_counts_its_attempts(registry: Registry) -> None:
    runs = registry.pipeline_runs
    run = runs.queue("retrain", {}, "test")
    runs.start(run, 1)
    runs.set_step(run.id, StepRun("collect", RunState.SUCCEEDED, {"rows": 3}))
    runs.set_step(run.id, StepRun("train", RunState.RUNNING))
    queued = runs.requeue(run.id, "killed")
    assert (queued.state, [step.name for step in queued.steps]) == (RunState.QUEUED, ["collect"])
    assert runs.start(queued, 2).attempt == 2


def test_an_outcome_is_recorded_once(registry: Registry) -> None:
    runs = registry.pipeline_runs
    run = runs.queue("retrain", {}, "test")
    runs.start(run, 1)
    runs.finish(run.id, RunState.SUCCEEDED, "done")
    assert runs.finish(run.id, RunState.FAILED, "too late").state is RunState.SUCCEEDED
    assert runs.requeue(run.id, "too late").state is RunState.SUCCEEDED
    assert runs.request_cancel(run.id).state is RunState.SUCCEEDED
    assert kinds(registry).count("pipeline.run.finished") == 1


def test_cancelling_ends_a_queued_run_at_once_and_marks_a_running_one(registry: Registry) -> None:
    runs = registry.pipeline_runs
    queued, running = runs.queue("retrain", {}, "test"), runs.queue("monitor", {}, "test")
    runs.start(running, 1)
    assert runs.request_cancel(queued.id).state is RunState.CANCELLED
    asked = runs.request_cancel(running.id)
    assert (asked.state, asked.cancel_requested) == (RunState.RUNNING, True)
    assert runs.request_cancel(running.id) == asked


@pytest.mark.parametrize(
    "ask",
    [
        lambda registry: registry.pipeline_runs.get("x"),
        lambda registry: registry.schedules.get("x"),
        lambda registry: registry.alerts.get(1),
        lambda registry: registry.windows.get("x"),
        lambda registry: registry.rollouts.get("x"),
        lambda registry: registry.endpoints.get("x"),
        lambda registry: registry.runs.get("x"),
        lambda registry: registry.specs.get("x"),
    ],
)
def test_what_is_not_there_is_an_error_for_people(registry: Registry, ask: Callable[[Registry], object]) -> None:
    with pytest.raises(AppError, match="There is no"):
        ask(registry)


def test_a_fired_schedule_remembers_when_and_what_came_of_it(registry: Registry) -> None:
    schedule = registry.schedules.save(Schedule("weekly", "retrain", "0 5 * * mon", {}, START))
    registry.schedules.fired(schedule, START, START + timedelta(days=7), "queued")
    found = registry.schedules.get("weekly")
    assert (found.last_at, found.next_at) == (START, START + timedelta(days=7))
    assert [event.payload for event in registry.journal.newest(1)] == [{"due": to_text(START), "outcome": "queued"}]


def test_training_runs_that_were_left_running_are_found(registry: Registry) -> None:
    runs = [registry.runs.start("late", "late@1", "flights@1", {}) for _ in range(3)]
    registry.runs.finish(runs[0], metrics={"auc": 0.7}, artifacts={}, summary="AUC 0.7", seconds=1.0)
    registry.runs.fail(runs[1], "no rows")
    assert [run.id for run in registry.runs.left_running()] == [runs[2].id]
    assert [run.state for run in registry.runs.all()][::-1] == [RunState.SUCCEEDED, RunState.FAILED, RunState.RUNNING]
