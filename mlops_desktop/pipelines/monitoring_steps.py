"""The monitoring step: judge what was served since the last look, and raise, update or resolve alerts."""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime, timedelta

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_desktop.core.datasets import DatasetVersion
from mlops_desktop.core.monitoring import Alert, AlertState, Window, WindowKind
from mlops_desktop.data.read import read_table
from mlops_desktop.data.versions.store import latest
from mlops_desktop.monitoring.reference import Reference
from mlops_desktop.monitoring.rules import AlertProposal, Change, decide
from mlops_desktop.monitoring.spec import MonitoringSpec
from mlops_desktop.monitoring.windows import judge_window, metric_of
from mlops_desktop.pipelines.collect import labels_complete_until, predictions_dataset
from mlops_desktop.pipelines.runner import Output, StepContext, register_step
from mlops_desktop.pipelines.settings import Settings, settings_for
from mlops_desktop.registry import Registry

DAY = timedelta(days=1)
VERDICT_DAYS = 7


@register_step("monitor")
def monitor(context: StepContext) -> Output:
    """Judge each new day for the charts, and the last seven days for a verdict that may raise alerts."""
    registry, endpoint = context.registry, context.parameters["endpoint"]
    settings = settings_for(registry, endpoint)
    until = labels_complete_until(settings, registry.clock.now())
    version = latest(registry, predictions_dataset(endpoint))
    table = pa.table({}) if version is None else _served_rows(registry, settings, version, until)
    if version is None or not table.num_rows:
        return {"summary": "nothing was served yet"}
    judge = _Judge(registry, settings)
    days = [judge.window(table, day, day + DAY, WindowKind.DAY) for day in _new_days(registry, endpoint, table, until)]
    verdict = judge.window(table, until - VERDICT_DAYS * DAY, until, WindowKind.VERDICT)
    found = [window for window in (*days, verdict) if window is not None]
    history = registry.windows.all(endpoint, WindowKind.VERDICT)
    registry.windows.add(found, _summary(verdict))
    alerts = [] if verdict is None else _apply(registry, settings, history, verdict)
    windows = [window.id for window in found]
    return {"summary": _summary(verdict), "windows": windows, "alerts": alerts, "read": [version.reference]}


def _served_rows(registry: Registry, settings: Settings, version: DatasetVersion, until: datetime) -> pa.Table:
    newest = _last_day(registry, settings.endpoint)
    start = min(until - VERDICT_DAYS * DAY, newest + DAY) if newest else None
    return read_table(registry, version, between=("time", start, until))


def _last_day(registry: Registry, endpoint: str) -> datetime | None:
    known = registry.windows.all(endpoint, WindowKind.DAY, limit=1)
    return known[-1].start if known else None


def _new_days(registry: Registry, endpoint: str, table: pa.Table, until: datetime) -> list[datetime]:
    """Days that have rows and no window yet."""
    newest = _last_day(registry, endpoint)
    first = newest + DAY if newest else pc.min(table.column("time")).as_py()
    day = first.replace(hour=0, minute=0, second=0, microsecond=0)
    days = []
    while day < until:
        days.append(day)
        day += DAY
    return days


class _Judge:
    """Judges spans of a table of predictions, each against the reference of the version that served most of it."""

    def __init__(self, registry: Registry, settings: Settings) -> None:
        self._registry = registry
        self._settings = settings
        self._spec = settings.spec.section("monitoring", MonitoringSpec)
        self._references: dict[int, Reference] = {}

    def window(self, table: pa.Table, start: datetime, end: datetime, kind: WindowKind) -> Window | None:
        times = table.column("time")
        rows = table.filter(pc.and_(pc.greater_equal(times, pa.scalar(start)), pc.less(times, pa.scalar(end))))
        if not rows.num_rows:
            return None
        versions = Counter(rows.column("version").to_pylist())
        number = self._judged_version(versions)
        own = rows.filter(pc.equal(rows.column("version"), number))
        model = self._settings.spec.model.name
        result = judge_window(
            self._reference(number),
            own,
            np.asarray(own.column("score").to_numpy()),
            np.asarray(own.column("label").to_numpy()),
            start,
            end,
            kind,
            self._spec,
            endpoint=self._settings.endpoint,
            model_version=f"{model}@{number}",
            times=np.asarray(own.column("time")),
        )
        by_version = {f"{model}@{version}": count for version, count in sorted(versions.items())}
        return _storable(msgspec.structs.replace(result.window, rows_by_version=by_version))

    @staticmethod
    def _judged_version(versions: Counter[int]) -> int:
        return versions.most_common(1)[0][0]

    def _reference(self, number: int) -> Reference:
        if number not in self._references:
            version = self._registry.models.get(f"{self._settings.spec.model.name}@{number}")
            content = self._registry.objects.read_bytes(version.artifacts["reference"])
            self._references[number] = Reference.from_bytes(content)
        return self._references[number]


def _storable(window: Window) -> Window:
    """JSON knows neither NaN nor infinity: a figure without a value is left out, a missing bound is the value."""
    metrics = tuple(
        msgspec.structs.replace(
            metric,
            low=metric.low if math.isfinite(metric.low) else metric.value,
            high=metric.high if math.isfinite(metric.high) else metric.value,
            baseline=metric.baseline if metric.baseline is not None and math.isfinite(metric.baseline) else None,
        )
        for metric in window.metrics
        if math.isfinite(metric.value)
    )
    features = tuple(f for f in window.features if math.isfinite(f.score) and math.isfinite(f.threshold))
    return msgspec.structs.replace(window, metrics=metrics, features=features)


def _apply(registry: Registry, settings: Settings, history: list[Window], verdict: Window) -> list[int]:
    """Turn the rules' proposals into alerts; the engine acts on them."""
    opened = registry.alerts.unresolved(settings.endpoint)
    spec = settings.spec.section("monitoring", MonitoringSpec)
    numbers = []
    for proposal in decide(history, verdict, opened, spec):
        if proposal.change is Change.RESOLVE:
            _resolve(registry, opened, proposal)
            continue
        alert, _ = registry.alerts.raise_or_update(
            endpoint=settings.endpoint,
            model_version=verdict.model_version,
            cause=proposal.cause,
            severity=proposal.severity,
            action=proposal.action,
            title=proposal.title,
            evidence=msgspec.to_builtins(proposal.evidence),
            window=verdict.id,
        )
        numbers.append(alert.number)
    return numbers


def _resolve(registry: Registry, opened: list[Alert], proposal: AlertProposal) -> None:
    for alert in opened:
        if alert.id == proposal.alert:
            registry.alerts.change_state(alert, AlertState.RESOLVED, proposal.title)


def _summary(verdict: Window | None) -> str:
    if verdict is None:
        return "no rows in the last days"
    drifting = [feature.feature for feature in verdict.features if feature.drifting]
    parts = [f"{verdict.rows:,} rows", f"{len(drifting)} of {len(verdict.features)} columns drift"]
    for name in ("auc", "cost"):
        metric = metric_of(verdict, name)
        if metric is not None:
            parts.append(f"{name} {metric.value:.3f}" + (" (breached)" if metric.breached else ""))
    return ", ".join(parts)
