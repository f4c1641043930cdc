"""What a replay of the sample came to, read from the journal: for the command line and the report."""

from __future__ import annotations

from pathlib import Path

from mlops_desktop.core.deployments import RolloutState
from mlops_desktop.core.events import AliasMoved, Event, GateDecided, RolloutDecided, ScoreRecorded
from mlops_desktop.governance.promotion import is_return
from mlops_desktop.governance.report import write_html
from mlops_desktop.governance.scores import LoopSummary, MonthScore
from mlops_desktop.registry import Registry

__all__ = ["LoopSummary", "MonthScore", "summarise", "write_report"]

_BASIC = ("never", "always", "loop")


def summarise(folder: Path) -> LoopSummary:
    """Read a workspace's scores and decisions."""
    registry = Registry(folder)
    try:
        events = [
            event
            for event in registry.journal.all()
            if event.kind in (ScoreRecorded.kind, GateDecided.kind, RolloutDecided.kind, AliasMoved.kind)
        ]
        scored = {event.payload["month"]: event for event in events if event.kind == ScoreRecorded.kind}
        months = tuple(_month(event, events) for _, event in sorted(scored.items()))
        verification = registry.journal.verify()
    finally:
        registry.close()
    return LoopSummary(
        months=months,
        total=_total(months),
        others=_others(list(scored.values())),
        events=verification.events,
        journal_intact=verification.intact,
    )


def _month(event: Event, events: list[Event]) -> MonthScore:
    payload = event.payload
    policies = payload["figures"]["policies"]
    month = payload["month"]
    own = [e for e in events if f"{e.time:%Y-%m}" == month]
    outcomes = [e.payload["outcome"] for e in own if e.kind == RolloutDecided.kind]
    return MonthScore(
        month=month,
        never=payload["never"],
        always=payload["always"],
        loop=payload["loop"],
        bound=max(payload["never"], payload["always"]),
        cost_never=policies["never"].get("cost", 0.0),
        cost_always=policies["always"].get("cost", 0.0),
        cost_loop=policies["loop"].get("cost", 0.0),
        promotions=outcomes.count(RolloutState.PROMOTED.value),
        refusals=_refusals(own),
        rollbacks=outcomes.count(RolloutState.ROLLED_BACK.value) + sum(is_return(e) for e in own),
        rows=payload["figures"]["rows"],
    )


def _refusals(events: list[Event]) -> int:
    """Retrainings of which no candidate passed the gate."""
    by_run: dict[str, list[str]] = {}
    for event in events:
        if event.kind == GateDecided.kind:
            by_run.setdefault(event.payload["pipeline_run"], []).append(event.payload["verdict"])
    return sum("passed" not in verdicts for verdicts in by_run.values())


def _total(months: tuple[MonthScore, ...]) -> MonthScore:
    n = max(len(months), 1)

    def mean(name: str) -> float:
        return float(sum(getattr(month, name) for month in months) / n)

    return MonthScore(
        month="mean",
        **{name: mean(name) for name in ("never", "always", "loop", "bound", "cost_never", "cost_always", "cost_loop")},
        promotions=sum(month.promotions for month in months),
        refusals=sum(month.refusals for month in months),
        rollbacks=sum(month.rollbacks for month in months),
        rows=sum(month.rows for month in months),
    )


def _others(events: list[Event]) -> dict[str, dict[str, float]]:
    found: dict[str, list[dict[str, float]]] = {}
    for event in events:
        for name, figures in event.payload["figures"]["policies"].items():
            if name not in _BASIC:
                found.setdefault(name, []).append(figures)
    return {
        name: {key: sum(f.get(key, 0.0) for f in figures) / len(figures) for key in ("auc", "cost")}
        for name, figures in found.items()
    }


def write_report(folder: Path, path: Path) -> Path:
    """Write the self-contained HTML report of a workspace and record it."""
    registry = Registry(folder)
    try:
        return write_html(registry, path, summarise(folder))
    finally:
        registry.close()
