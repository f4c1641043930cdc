"""What the state of the workspace asks for: alerts and schedules that queue pipeline runs.

Everything here looks at what is recorded, not at what was just heard, so nothing is lost when the engine was away.
"""

from __future__ import annotations

from datetime import datetime

from mlops_desktop.core.errors import AppError
from mlops_desktop.core.monitoring import Action, Alert, AlertState
from mlops_desktop.core.pipelines import Schedule
from mlops_desktop.core.runs import RunState
from mlops_desktop.governance.promotion import roll_back
from mlops_desktop.pipelines.schedules import Due, due_at, planned
from mlops_desktop.registry import Registry

RETRAIN = "retrain"


def fire_schedules(registry: Registry, now: datetime) -> int:
    """Queue what is due; returns how many times came. A pipeline that is still active is not queued twice."""
    due = due_at(_planned_schedules(registry, now), now)
    for item in due:
        with registry.transaction():
            registry.schedules.fired(item.schedule, item.due, item.next_at, _queue_due(registry, item))
    return len(due)


def _planned_schedules(registry: Registry, now: datetime) -> list[Schedule]:
    schedules = registry.schedules.all()
    for schedule in schedules:
        if schedule.enabled and schedule.next_at is None:
            registry.schedules.save(planned(schedule, now))
    return schedules


def _queue_due(registry: Registry, item: Due) -> str:
    schedule = item.schedule
    if not item.runs:
        return "missed, and skipped as its policy says"
    if _is_active(registry, schedule.pipeline, schedule.parameters):
        return f"{schedule.pipeline} is still active, not queued again"
    endpoint = str(schedule.parameters.get("endpoint", ""))
    if schedule.pipeline == RETRAIN and (blocking := blocking_alert(registry, endpoint)) is not None:
        return f"not queued: alert {blocking.number} blocks retraining"
    registry.pipeline_runs.queue(schedule.pipeline, schedule.parameters, f"schedule {schedule.name}")
    return f"{schedule.pipeline} queued" + (f", {item.missed} missed times made up by it" if item.missed else "")


def act_on_alerts(registry: Registry) -> int:
    """Start what unresolved alerts ask for, once each; returns how many were acted on."""
    acted = 0
    for alert in registry.alerts.unresolved():
        if alert.pipeline_run or alert.state is not AlertState.OPEN:
            continue
        if alert.action is Action.RETRAIN:
            acted += _queue_retraining(registry, alert)
        elif alert.action is Action.ROLLBACK:
            acted += _roll_back(registry, alert)
    return acted


def _queue_retraining(registry: Registry, alert: Alert) -> int:
    if blocking_alert(registry, alert.endpoint) is not None:
        return 0
    parameters = {"endpoint": alert.endpoint}
    for run in registry.pipeline_runs.active():
        if run.pipeline == RETRAIN and run.parameters.get("endpoint") == alert.endpoint:
            registry.alerts.link(alert, run.id)
            return 1
    with registry.transaction():
        run = registry.pipeline_runs.queue(RETRAIN, parameters, f"alert {alert.number}")
        registry.alerts.link(alert, run.id)
    return 1


def _roll_back(registry: Registry, alert: Alert) -> int:
    try:
        model = registry.endpoints.get(alert.endpoint).model
        version = roll_back(registry, model, reason=f"alert {alert.number}: {alert.title}")
    except AppError as error:
        registry.alerts.change_state(alert, AlertState.ACKNOWLEDGED, f"no rollback possible: {error.message}")
        return 1
    registry.alerts.change_state(alert, AlertState.RESOLVED, f"rolled back to {version.reference}")
    return 1


def blocking_alert(registry: Registry, endpoint: str) -> Alert | None:
    """The endpoint's unresolved alert that forbids retraining, because the newest data cannot be trusted."""
    return next((a for a in registry.alerts.unresolved(endpoint) if a.action is Action.BLOCK_RETRAINING), None)


def _is_active(registry: Registry, pipeline: str, parameters: dict[str, object]) -> bool:
    return any(
        run.pipeline == pipeline and run.parameters == parameters and run.state in (RunState.QUEUED, RunState.RUNNING)
        for run in registry.pipeline_runs.active()
    )
