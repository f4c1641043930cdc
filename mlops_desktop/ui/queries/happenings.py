"""The journal in the words and signs that pages show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from mlops_desktop.core.events import Event, describe

# What an event lane shows, by kind of the journal; rollout and alias events are told apart by their payload.
LANE_KINDS = ("alias.moved", "rollout.started", "rollout.decided", "alert.raised", "run.finished", "endpoint.changed")
# What the plain-words log leaves out: it is noise there, and is all in the journal's page.
QUIET_KINDS = {
    "clock.advanced", "pipeline.step.changed", "spec.saved", "report.written", "pipeline.run.started",
    "schedule.changed", "schedule.fired", "workspace.created",
}  # fmt: skip


@dataclass(frozen=True)
class Happening:
    """One event as a line: `mark` names its sign (deploy, retrain, canary, promote, rollback, alert, or empty)."""

    seq: int
    time: datetime
    text: str
    kind: str
    subject: str
    actor: str
    mark: str = ""
    tone: str = "neutral"


_TONES = {
    "alert": "warning", "rollback": "critical", "promote": "ok", "canary": "info", "retrain": "info", "deploy": "ok",
}  # fmt: skip


def happening(event: Event) -> Happening:
    mark = mark_of(event)
    tone = _TONES.get(mark, "neutral")
    if event.kind.endswith(".failed") or "failed" in str(event.payload.get("state", "")):
        tone = "critical"
    if event.kind == "gate.decided":
        tone = {"passed": "ok", "refused": "warning"}.get(str(event.payload.get("verdict")), "neutral")
    return Happening(event.seq, event.time, describe(event), event.kind, event.subject, event.actor, mark, tone)


def mark_of(event: Event) -> str:
    """The sign of an event on the lane; empty where it has none."""
    payload = event.payload
    if event.kind == "alias.moved" and payload.get("alias") == "production":
        reason = str(payload.get("reason", ""))
        return "rollback" if "rollback" in reason else "promote"
    if event.kind == "rollout.decided":
        return "rollback" if payload.get("outcome") == "rolled back" else ""
    if event.kind == "endpoint.changed":
        return "deploy" if payload.get("state") == "serving" else ""
    simple = {"rollout.started": "canary", "alert.raised": "alert", "run.finished": "retrain"}
    return simple.get(event.kind, "")


def lane(events: Iterable[Event]) -> tuple[Happening, ...]:
    """Those that have a sign, oldest first."""
    found = (happening(event) for event in events)
    return tuple(sorted((each for each in found if each.mark), key=lambda each: each.seq))


def log_lines(events: Iterable[Event]) -> tuple[Happening, ...]:
    """Those that a person wants to read as they come, in the order given."""
    return tuple(happening(event) for event in events if not _is_quiet(event))


def _is_quiet(event: Event) -> bool:
    """Routine: the clock, single steps, aliases other than `production`, pipelines that run daily and went well."""
    if event.kind == "alias.moved":
        return bool(event.payload.get("alias") != "production")
    if event.kind.startswith("pipeline.run"):
        is_routine = event.payload.get("pipeline") not in ("retrain", "train", "set up")
        return event.kind == "pipeline.run.started" or (is_routine and event.payload.get("state") != "failed")
    return event.kind in QUIET_KINDS
