"""Decisions and alerts of a workspace in the order in which they happened, read from the journal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import Struct

from mlops_desktop.core.errors import NotFound
from mlops_desktop.core.events import (
    AlertChanged,
    AlertRaised,
    AliasMoved,
    Event,
    GateDecided,
    RolloutDecided,
    RolloutStarted,
    RunFailed,
    ScheduleFired,
)
from mlops_desktop.core.monitoring import Alert
from mlops_desktop.core.runs import Run, RunState
from mlops_desktop.governance.promotion import PRODUCTION
from mlops_desktop.registry import Registry

_GAIN = "better than the champion"
_HELD = "not queued"


class Ruling(Struct, frozen=True):
    """One decision. `tone` is ok, critical, warning or neutral; `facts` are short pairs; `rows` the figures behind it.

    `kind` is gate, rollout, production, training or schedule. `columns` names the cells of `rows`.
    """

    time: datetime
    seq: int
    actor: str
    kind: str
    subject: str
    outcome: str
    tone: str
    reason: str
    facts: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


class AlertStory(Struct, frozen=True):
    """An alert with how it began, what followed, and what the pipeline run it led to came to."""

    alert: Alert
    first_title: str
    changes: tuple[tuple[datetime, str], ...]
    done: str


def rulings(registry: Registry, events: Iterable[Event]) -> tuple[Ruling, ...]:
    """Gates, rollouts, moves of `production`, trainings without a candidate, schedules held back; oldest first."""
    found: list[Ruling] = []
    for event in events:
        if event.kind == GateDecided.kind:
            found.append(_gate(registry, event))
        elif event.kind == RolloutStarted.kind:
            found.append(_rollout_start(event))
        elif event.kind == RolloutDecided.kind:
            found.append(_rollout(event))
        elif event.kind == AliasMoved.kind and event.payload["alias"] == PRODUCTION:
            found.append(_move(event))
        elif event.kind == RunFailed.kind:
            found.append(_ruling(event, "training", event.payload["experiment"], "no candidate", "neutral"))
        elif event.kind == ScheduleFired.kind and event.payload["outcome"].startswith(_HELD):
            reason = event.payload["outcome"].removeprefix(f"{_HELD}: ")
            found.append(_ruling(event, "schedule", event.subject, "held back", "warning", reason=reason))
    return tuple(found)


def _ruling(event: Event, kind: str, subject: str, outcome: str, tone: str, **more: Any) -> Ruling:
    reason = more.pop("reason", event.payload.get("reason", ""))
    return Ruling(event.time, event.seq, event.actor, kind, subject, outcome, tone, reason, **more)


def _gate(registry: Registry, event: Event) -> Ruling:
    payload = event.payload
    run_id = event.subject.removeprefix("run:")
    version = registry.models.of_run(run_id)
    facts = [("against", payload["champion"]), *_run_facts(_run(registry, run_id))]
    gain = next((check["text"] for check in payload["checks"] if check["name"] == _GAIN), "")
    facts += [("gain and interval", gain)] if gain else []
    return _ruling(
        event,
        "gate",
        version.reference if version else f"candidate {run_id[-6:]}",
        payload["verdict"],
        {"passed": "ok", "refused": "critical"}.get(payload["verdict"], "warning"),
        facts=tuple(facts),
        columns=("Check", "Result", "Figures"),
        rows=tuple((c["name"], _passed(c["passed"]), c["text"]) for c in payload["checks"]),
    )


def _passed(passed: bool | None) -> str:
    return {True: "pass", False: "fail"}.get(passed, "not shown") if passed is not None else "not shown"


def _run(registry: Registry, run_id: str) -> Run | None:
    try:
        return registry.runs.get(run_id)
    except NotFound:
        return None


def _run_facts(run: Run | None) -> list[tuple[str, str]]:
    if run is None:
        return []
    days = run.parameters.get("train_days")
    facts = [("data", run.dataset_version), ("asked for by", str(run.parameters.get("trigger", "")))]
    return [*facts, ("history", f"{days} days")] if days else facts


def _rollout_start(event: Event) -> Ruling:
    payload = event.payload
    reason = f"{payload['percent']:.0f} % of the requests to the canary, the rest to {payload['primary']}"
    return _ruling(event, "rollout", payload["canary"], "canary started", "neutral", reason=reason)


def _rollout(event: Event) -> Ruling:
    payload = event.payload
    rows = tuple(
        (
            f"{g['name']}{' (' + g['unit'] + ')' if g.get('unit') else ''}",
            f"{g['primary']:.4f}",
            f"{g['canary']:.4f}",
            f"{g['difference']:+.4f}",
            f"{g['low']:+.4f} to {g['high']:+.4f}",
            f"{g['n_primary']:,} / {g['n_canary']:,}",
            g["verdict"],
        )
        for g in payload["guardrails"]
    )
    tone = {"promoted": "ok", "rolled back": "critical"}.get(payload["outcome"], "warning")
    columns = ("Guardrail", "Primary", "Canary", "Difference", "Interval", "Rows", "Verdict")
    facts = (("primary", payload["primary"]),)
    return _ruling(
        event, "rollout", payload["canary"], payload["outcome"], tone, facts=facts, columns=columns, rows=rows
    )


def _move(event: Event) -> Ruling:
    payload = event.payload
    back = payload["reason"].startswith("rollback")
    subject = f"{payload['model']}@{payload['after']}" if payload["after"].isdecimal() else payload["model"]
    outcome = "rolled back to" if back else "in production"
    before = payload["before"]
    facts = (("before", f"{payload['model']}@{before}" if before.isdecimal() else before),)
    return _ruling(event, "production", subject, outcome, "critical" if back else "ok", facts=facts)


def alert_stories(registry: Registry, events: Iterable[Event]) -> tuple[AlertStory, ...]:
    """All alerts, oldest first."""
    titles: dict[str, str] = {}
    changes: dict[str, list[tuple[datetime, str]]] = {}
    held: list[Event] = []
    for event in events:
        if event.kind == AlertRaised.kind:
            titles[event.payload["alert"]] = event.payload["title"]
        elif event.kind == AlertChanged.kind:
            changes.setdefault(event.payload["alert"], []).append((event.time, event.payload["change"]))
        elif event.kind == ScheduleFired.kind and event.payload["outcome"].startswith(_HELD):
            held.append(event)
    return tuple(
        AlertStory(
            alert=alert,
            first_title=titles.get(alert.id, alert.title),
            changes=tuple(changes.get(alert.id, ())),
            done=_done(registry, alert, held),
        )
        for alert in reversed(registry.alerts.all(limit=10_000))
    )


def _done(registry: Registry, alert: Alert, held: list[Event]) -> str:
    """What followed from an alert, as far as the record says."""
    days = [f"{e.time:%Y-%m-%d}" for e in held if f"alert {alert.number} blocks" in e.payload["outcome"]]
    if days:
        return f"scheduled retraining was held back on {', '.join(days)}"
    run = next((r for r in registry.pipeline_runs.all(limit=10_000) if r.id == alert.pipeline_run), None)
    if run is None:
        return ""
    if run.state is RunState.SUCCEEDED:
        return f"{run.pipeline}: {run.reason}"
    return f"{run.pipeline} {run.state.value}{': ' + run.reason if run.reason else ''}"
