"""The report of a workspace: one HTML file for those who want the outcome and for those who want the evidence."""

from __future__ import annotations

import contextlib
import os
import tomllib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from markupsafe import Markup
from msgspec import Struct

from mlops_desktop import __version__
from mlops_desktop.core.clock import SystemClock
from mlops_desktop.core.deployments import RolloutState
from mlops_desktop.core.errors import EnvironmentProblem, NotFound
from mlops_desktop.core.events import AlertRaised, ClockAdvanced, Event, ReportWritten, ScoreRecorded
from mlops_desktop.core.ids import new_id, sha256_hex
from mlops_desktop.core.monitoring import AlertState, Window, WindowKind
from mlops_desktop.governance import charts, verdict
from mlops_desktop.governance.cards import ModelCard, model_card, service_spans
from mlops_desktop.governance.charts import Occurrence, Served
from mlops_desktop.governance.evidence import AlertStory, Ruling, alert_stories, rulings
from mlops_desktop.governance.promotion import production_version
from mlops_desktop.governance.rendering import render
from mlops_desktop.governance.scores import LoopSummary
from mlops_desktop.governance.verification import verification_script
from mlops_desktop.registry import Registry

_MOST_WINDOWS = 20_000


class Figures(Struct, frozen=True):
    """The counts at the top of the report."""

    predictions: int
    gates_passed: int
    gates_not_passed: int
    promotions: int
    rollbacks: int
    alerts: int
    open_alerts: int


class Panel(Struct, frozen=True):
    """A served model: its charts and the card of what is in production, where there is one."""

    name: str
    card: ModelCard | None
    auc: Markup
    cost: Markup
    heat: Markup
    requests: Markup
    days: tuple[Window, ...]
    versions: tuple[str, ...]
    predictions: int


def write_html(registry: Registry, path: Path, summary: LoopSummary) -> Path:
    """Write the report to `path`, and record path and hash in the journal. Raises `EnvironmentProblem`."""
    content = render_html(registry, summary).encode()
    temporary = path.with_name(f".{new_id()}.html")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        os.replace(temporary, path)  # noqa: PTH105 (it replaces on Windows as well)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise EnvironmentProblem(
            f"The report {path} cannot be written ({error.strerror}).", hint="Choose another path."
        ) from error
    registry.record(ReportWritten(path=str(path.resolve()), sha256=sha256_hex(content)), registry.name)
    return path


def render_html(registry: Registry, summary: LoopSummary) -> str:
    """The report as one HTML document that loads nothing and runs nothing."""
    events = list(registry.journal.all())
    verification = registry.journal.verify()
    decided = rulings(registry, events)
    alerts = alert_stories(registry, events)
    panels = [_panel(registry, name, decided, events) for name in _models(registry)]
    start, end = _span(registry, events)
    return render(
        "report.html",
        name=registry.name,
        folder=str(registry.folder.resolve()),
        is_replay=registry.is_replay,
        written=SystemClock().now(),
        program=__version__,
        start=start,
        end=end,
        summary=summary,
        figures=_figures(decided, alerts, panels),
        policies=verdict.policies(summary) if summary.months else (),
        sentences=verdict.sentences(summary),
        monthly=_monthly(summary, events),
        others_by_month=_others_by_month(events),
        panels=panels,
        rulings=decided,
        alerts=alerts,
        unit=_from_spec(registry, "business", "unit") or "points",
        label_delay=_from_spec(registry, "retraining", "label_delay_days"),
        verification=verification,
        script=verification_script(verification.events, verification.head),
        datasets=[registry.datasets.versions(dataset)[0] for dataset in registry.datasets.names()],
        heat_steps=charts.HEAT_STEPS,
        legend={kind: charts.legend_mark(kind) for kind in charts.MARKS},
        hue=charts.hue,
        metric_of=charts.metric_of,
    )


def _models(registry: Registry) -> list[str]:
    """Models and endpoints, which carry the same names."""
    return sorted({*registry.models.names(), *(endpoint.name for endpoint in registry.endpoints.all())})


def _panel(registry: Registry, name: str, decided: Sequence[Ruling], events: Sequence[Event]) -> Panel:
    days = registry.windows.all(name, WindowKind.DAY, limit=_MOST_WINDOWS)
    verdicts = registry.windows.all(name, WindowKind.VERDICT, limit=_MOST_WINDOWS)
    served = _served(registry, name)
    marked = _occurrences(name, decided, events)
    version = production_version(registry, name)
    quality, cost = _shown_metrics(days)
    return Panel(
        name=name,
        card=model_card(registry, version.reference) if version else None,
        auc=charts.daily(days, quality, served, marked, f"{quality.upper()} of {name} per day"),
        cost=charts.daily(days, cost, served, marked, f"{cost.capitalize()} per prediction of {name} per day"),
        heat=charts.heatmap(verdicts, f"Drift of {name} by feature and week"),
        requests=charts.requests(days, f"Predictions of {name} per week by version"),
        days=tuple(days),
        versions=tuple(charts.versions_of(days)),
        predictions=_predictions(registry, name),
    )


def _shown_metrics(days: Sequence[Window]) -> tuple[str, str]:
    """The first realised metric of quality, and cost or else the first loss."""
    names = {metric.name for window in days for metric in window.metrics}
    quality = next((name for name in ("auc", "mae", "rmse") if name in names), "auc")
    return quality, next((name for name in ("cost", "log_loss") if name in names), "cost")


def _served(registry: Registry, model: str) -> list[Served]:
    now = registry.clock.now()
    spans = [
        Served(span.start, span.end or now, f"{model}@{number}")
        for number, found in service_spans(registry, model).items()
        for span in found
    ]
    return sorted(spans, key=lambda span: span.start)


def _occurrences(name: str, decided: Sequence[Ruling], events: Sequence[Event]) -> list[Occurrence]:
    found = [
        Occurrence(event.time, "alert", f"{event.payload['cause']}, {event.payload['title']}")
        for event in events
        if event.kind == AlertRaised.kind and event.subject == name
    ]
    for ruling in decided:
        if ruling.kind == "rollout" and ruling.subject.startswith(f"{name}@") and ruling.outcome in charts.MARKS:
            found.append(Occurrence(ruling.time, ruling.outcome, ruling.subject))
        elif ruling.kind == "gate" and ruling.outcome != "passed" and dict(ruling.facts)["against"].startswith(name):
            found.append(Occurrence(ruling.time, "refused", ruling.reason))
    return found


def _predictions(registry: Registry, endpoint: str) -> int:
    """Rows of the collected prediction log, which is a dataset named after its endpoint."""
    try:
        return registry.datasets.get(f"{endpoint}.predictions").rows
    except NotFound:
        return 0


def _figures(decided: Sequence[Ruling], alerts: Sequence[AlertStory], panels: Sequence[Panel]) -> Figures:
    gates = [ruling.outcome for ruling in decided if ruling.kind == "gate"]
    outcomes = [ruling.outcome for ruling in decided]
    return Figures(
        predictions=sum(panel.predictions for panel in panels),
        gates_passed=gates.count("passed"),
        gates_not_passed=len(gates) - gates.count("passed"),
        promotions=outcomes.count(RolloutState.PROMOTED.value),
        rollbacks=outcomes.count(RolloutState.ROLLED_BACK.value) + outcomes.count("rolled back to"),
        alerts=len(alerts),
        open_alerts=sum(story.alert.state is not AlertState.RESOLVED for story in alerts),
    )


def _monthly(summary: LoopSummary, events: Sequence[Event]) -> Markup:
    months = [month.month for month in summary.months]
    shown: dict[str, Sequence[float | None]] = {
        name: [getattr(month, name) for month in summary.months] for name in ("never", "always", "loop")
    }
    others = _others_by_month(events)
    for name in summary.others:
        shown[name] = [others.get(month, {}).get(name, {}).get("auc") for month in months]
    return charts.monthly(months, shown, "AUC per month under each policy")


def _others_by_month(events: Sequence[Event]) -> dict[str, dict[str, dict[str, float]]]:
    """Figures of all policies by month and name, as the newest score of the month has them."""
    return {
        event.payload["month"]: event.payload["figures"].get("policies", {})
        for event in events
        if event.kind == ScoreRecorded.kind
    }


def _span(registry: Registry, events: Sequence[Event]) -> tuple[datetime | None, datetime | None]:
    """First and last time of the workspace: in a replay that of the data, else that of the events."""
    if not events:
        return None, None
    moved = [event.time for event in events if event.kind == ClockAdvanced.kind]
    return events[0].time, max([*moved, registry.clock.now()] if registry.is_replay else [events[-1].time])


def _from_spec(registry: Registry, section: str, key: str) -> str:
    """A value of the newest spec, for wording only; empty where there is none."""
    for spec in registry.specs.all():
        try:
            found = tomllib.loads(spec.text).get(section, {})
        except tomllib.TOMLDecodeError:
            continue
        if isinstance(found, dict) and key in found:
            return str(found[key])
    return ""
