"""What alerts and schedules lead to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from loop_kit import ENDPOINT, endpoint

from mlops_desktop.core.clock import ManualClock
from mlops_desktop.core.ids import new_id
from mlops_desktop.core.models import ModelVersion, Parity, Runtime, Signature, Task
from mlops_desktop.core.monitoring import Action, Alert, AlertState, Cause, Severity
from mlops_desktop.core.pipelines import MissedRunPolicy, Schedule
from mlops_desktop.core.runs import RunState
from mlops_desktop.governance.promotion import promote
from mlops_desktop.pipelines.schedules import planned
from mlops_desktop.pipelines.triggers import act_on_alerts, fire_schedules
from mlops_desktop.registry import Registry

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MONDAY)


@pytest.fixture
def registry(tmp_path: Path, clock: ManualClock) -> Iterator[Registry]:
    registry = Registry.create(tmp_path / "workspace", actor="engine", clock=clock)
    registry.endpoints.put(endpoint())
    yield registry
    assert registry.journal.verify().intact
    registry.close()


def alert(registry: Registry, action: Action, cause: Cause = Cause.DATA_DRIFT, *, of: str = ENDPOINT) -> Alert:
    return registry.alerts.raise_or_update(
        endpoint=of, model_version="late@1", cause=cause, severity=Severity.WARNING, action=action, title="it drifts",
        evidence={},
    )[0]  # fmt: skip


def queued(registry: Registry) -> list[tuple[str, str, str]]:
    return [(run.pipeline, str(run.parameters.get("endpoint")), run.trigger) for run in registry.pipeline_runs.active()]


def put_into_production(registry: Registry, count: int) -> None:
    for _ in range(count):
        signature = Signature(Task.CLASSIFICATION, (), "late", ("0", "1"))
        version = ModelVersion(
            new_id(), "late", 0, new_id(), "trips@1", signature, Runtime.ONNX, Parity(True, 1, 0.0), {}, {}, None,
            None, MONDAY,
        )  # fmt: skip
        promote(registry, registry.models.register(version), reason="better")


# Alerts


def test_an_alert_that_asks_for_retraining_queues_one_run_and_knows_it(registry: Registry) -> None:
    alert(registry, Action.RETRAIN)
    assert act_on_alerts(registry) == 1
    assert queued(registry) == [("retrain", "late", "alert 1")]
    assert registry.alerts.get(1).pipeline_run == registry.pipeline_runs.active()[0].id
    assert act_on_alerts(registry) == 0 and len(queued(registry)) == 1


def test_a_finding_seen_again_queues_no_second_run(registry: Registry) -> None:
    for _ in range(3):
        alert(registry, Action.RETRAIN)
        act_on_alerts(registry)
    assert len(queued(registry)) == 1


def test_alerts_of_two_causes_share_the_run_that_is_active(registry: Registry) -> None:
    alert(registry, Action.RETRAIN)
    alert(registry, Action.RETRAIN, Cause.PERFORMANCE)
    assert act_on_alerts(registry) == 2
    (run,) = registry.pipeline_runs.active()
    assert {registry.alerts.get(number).pipeline_run for number in (1, 2)} == {run.id}


def test_a_run_asked_for_by_hand_serves_the_alert_too(registry: Registry) -> None:
    run = registry.pipeline_runs.queue("retrain", {"endpoint": ENDPOINT}, "user")
    alert(registry, Action.RETRAIN)
    act_on_alerts(registry)
    assert registry.alerts.get(1).pipeline_run == run.id and len(queued(registry)) == 1


def test_data_that_cannot_be_trusted_is_not_learned_from_until_the_alert_is_resolved(registry: Registry) -> None:
    quality = alert(registry, Action.BLOCK_RETRAINING, Cause.DATA_QUALITY)
    alert(registry, Action.RETRAIN)
    assert act_on_alerts(registry) == 0 and queued(registry) == []
    registry.alerts.change_state(quality, AlertState.ACKNOWLEDGED, "seen")
    assert act_on_alerts(registry) == 0
    registry.alerts.change_state(quality, AlertState.RESOLVED, "repaired")
    assert act_on_alerts(registry) == 1 and queued(registry) == [("retrain", "late", "alert 2")]


def test_bad_data_of_one_endpoint_does_not_keep_another_from_learning(registry: Registry) -> None:
    alert(registry, Action.BLOCK_RETRAINING, Cause.DATA_QUALITY, of="other")
    alert(registry, Action.RETRAIN)
    assert act_on_alerts(registry) == 1 and queued(registry) == [("retrain", "late", "alert 2")]


@pytest.mark.parametrize("action", [Action.INFORM, Action.BLOCK_RETRAINING])
def test_an_alert_that_asks_for_nothing_starts_nothing(registry: Registry, action: Action) -> None:
    alert(registry, action)
    assert act_on_alerts(registry) == 0 and queued(registry) == []


@pytest.mark.parametrize("state", [AlertState.ACKNOWLEDGED, AlertState.RESOLVED])
def test_an_alert_that_a_person_took_up_starts_nothing(registry: Registry, state: AlertState) -> None:
    registry.alerts.change_state(alert(registry, Action.RETRAIN), state, "mine")
    assert act_on_alerts(registry) == 0 and queued(registry) == []


def test_an_alert_that_asks_for_it_rolls_production_back_once(registry: Registry) -> None:
    put_into_production(registry, 2)
    alert(registry, Action.ROLLBACK, Cause.PERFORMANCE)
    assert act_on_alerts(registry) == 1 and act_on_alerts(registry) == 0
    production = registry.models.alias("late", "production")
    assert production is not None and production.number == 1 and "alert 1" in production.reason
    assert registry.alerts.get(1).state is AlertState.RESOLVED


@pytest.mark.parametrize("of", [ENDPOINT, "an endpoint that is gone"])
def test_where_no_rollback_is_possible_the_alert_says_so_and_stays(registry: Registry, of: str) -> None:
    put_into_production(registry, 1)
    alert(registry, Action.ROLLBACK, of=of)
    assert act_on_alerts(registry) == 1 and act_on_alerts(registry) == 0
    assert registry.alerts.get(1).state is AlertState.ACKNOWLEDGED
    assert "no rollback possible" in registry.journal.newest(1)[0].payload["change"]


# Schedules


def weekly(registry: Registry, clock: ManualClock, **changes: object) -> Schedule:
    fields = {
        "name": "retrain late",
        "pipeline": "retrain",
        "cron": "0 5 * * mon",
        "parameters": {"endpoint": ENDPOINT},
    }
    return registry.schedules.save(planned(Schedule(**(fields | {"next_at": None} | changes)), clock.now()))


def test_a_due_schedule_queues_its_pipeline_once(registry: Registry, clock: ManualClock) -> None:
    weekly(registry, clock)
    assert fire_schedules(registry, clock.now()) == 0
    clock.advance(timedelta(hours=5))
    assert fire_schedules(registry, clock.now()) == 1 and fire_schedules(registry, clock.now()) == 0
    assert queued(registry) == [("retrain", "late", "schedule retrain late")]
    assert registry.schedules.get("retrain late").next_at == MONDAY + WEEK + timedelta(hours=5)


def test_a_pipeline_that_is_still_active_is_not_queued_again(registry: Registry, clock: ManualClock) -> None:
    weekly(registry, clock)
    for _ in range(3):
        clock.advance(WEEK)
        fire_schedules(registry, clock.now())
    assert len(queued(registry)) == 1
    assert "still active" in registry.journal.newest(1, kinds=["schedule.fired"])[0].payload["outcome"]
    registry.pipeline_runs.finish(registry.pipeline_runs.active()[0].id, RunState.SUCCEEDED)
    clock.advance(WEEK)
    fire_schedules(registry, clock.now())
    assert len(queued(registry)) == 1


def test_weeks_without_engine_are_made_up_for_by_one_run(registry: Registry, clock: ManualClock) -> None:
    weekly(registry, clock)
    clock.advance(5 * WEEK)
    assert fire_schedules(registry, clock.now()) == 1 and len(queued(registry)) == 1
    assert "4 missed times" in registry.journal.newest(1)[0].payload["outcome"]


def test_a_schedule_may_leave_out_what_it_missed(registry: Registry, clock: ManualClock) -> None:
    weekly(registry, clock, missed=MissedRunPolicy.SKIP)
    clock.advance(WEEK)
    fire_schedules(registry, clock.now())
    assert queued(registry) == [] and "skipped" in registry.journal.newest(1)[0].payload["outcome"]
    clock.advance(timedelta(hours=5))
    fire_schedules(registry, clock.now())
    assert len(queued(registry)) == 1


def test_scheduled_retraining_waits_for_trustworthy_data_but_monitoring_goes_on(
    registry: Registry, clock: ManualClock
) -> None:
    weekly(registry, clock)
    weekly(registry, clock, name="monitor late", pipeline="monitor")
    alert(registry, Action.BLOCK_RETRAINING, Cause.DATA_QUALITY)
    clock.advance(WEEK)
    assert fire_schedules(registry, clock.now()) == 2
    assert [pipeline for pipeline, _, _ in queued(registry)] == ["monitor"]
    outcomes = {
        event.subject: event.payload["outcome"] for event in registry.journal.newest(4, kinds=["schedule.fired"])
    }
    assert outcomes["retrain late"] == "not queued: alert 1 blocks retraining"


def test_a_schedule_that_was_never_planned_is_planned_now(registry: Registry, clock: ManualClock) -> None:
    registry.schedules.save(Schedule("monitor late", "monitor", "0 4 * * *", {}, None))
    assert fire_schedules(registry, clock.now()) == 0
    assert registry.schedules.get("monitor late").next_at == MONDAY + timedelta(hours=4)
