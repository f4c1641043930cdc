"""What gates decided, and how the policies of a replay scored month by month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlops_desktop.core.models import ModelVersion
from mlops_desktop.workspace import Workspace

_MOST = 1_000


@dataclass(frozen=True)
class Decision:
    """A gate's verdict on a run: `name` is the check that it hangs on, `text` that check's figures."""

    run: str
    verdict: str
    name: str
    text: str
    time: datetime
    reason: str = ""
    checks: tuple[tuple[str, bool | None, str], ...] = ()
    """Name, whether it passed (None: undecided), its figures."""


@dataclass(frozen=True)
class MonthScore:
    """A month's score by policy: never retrained, always retrained, and what this loop did."""

    month: str
    never: float
    always: float
    loop: float


def decisions(workspace: Workspace, limit: int = _MOST) -> tuple[Decision, ...]:
    """Newest first."""
    events = workspace.registry.journal.newest(limit, kinds=("gate.decided",))
    return tuple(_decision(event.subject, event.payload, event.time) for event in events)


def decision_of(workspace: Workspace, version: ModelVersion) -> Decision | None:
    """The newest verdict on a version or on the run that became it, None where no gate looked at it."""
    for subject in (version.reference, f"run:{version.run}"):
        events = workspace.registry.journal.newest(1, kinds=("gate.decided",), subject=subject)
        if events:
            return _decision(subject, events[0].payload, events[0].time)
    return None


def month_scores(workspace: Workspace) -> tuple[MonthScore, ...]:
    """Oldest month first; empty outside a replay."""
    events = workspace.registry.journal.newest(120, kinds=("score.recorded",))
    found = {
        str(event.payload["month"]): MonthScore(
            str(event.payload["month"]), *(float(event.payload[policy]) for policy in ("never", "always", "loop"))
        )
        for event in reversed(events)
    }
    return tuple(found[month] for month in sorted(found))


def _decision(subject: str, payload: dict[str, Any], time: datetime) -> Decision:
    verdict, checks = str(payload.get("verdict", "undecided")), list(payload.get("checks", ()))
    wanted = {"refused": False, "undecided": None}.get(verdict, True)
    name, text = f"all {len(checks)} checks", ""
    if verdict != "passed":
        name = next((str(c.get("name", "")) for c in checks if c.get("passed") is wanted), str(payload.get("reason")))
    # What decides about a champion is the comparison with it, also where all checks passed.
    shown = name if verdict != "passed" else "better than the champion"
    text = next((str(c.get("text", "")) for c in checks if c.get("name") == shown), "")
    told = tuple((str(c.get("name", "")), c.get("passed"), str(c.get("text", ""))) for c in checks)
    return Decision(subject.removeprefix("run:"), verdict, name, text, time, str(payload.get("reason", "")), told)
