"""From judged windows to incidents: the decision table, persistence, and one incident per cause.

| seen | incident | action |
|---|---|---|
| columns, types, nulls or categories are wrong | data quality | block retraining |
| error rate or latency is breached | serving | rollback |
| realised performance or cost drops right after a release | performance, business | rollback |
| realised performance down, estimate stable | concept drift | retrain |
| realised performance down with the estimate, or no estimate | performance | retrain |
| estimate down, labels not there yet | performance | retrain (a candidate: the gate decides) |
| cost per row up, performance as it was | business metric | inform |
| inputs drift, performance as it was | data drift | inform |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct

from mlops_desktop.core.monitoring import Action, Alert, AlertState, Cause, FeatureDrift, MetricValue, Severity, Window
from mlops_desktop.monitoring.drift import is_outcome, top_drifts
from mlops_desktop.monitoring.estimate import PREFIX
from mlops_desktop.monitoring.spec import MonitoringSpec, monitoring_spec
from mlops_desktop.monitoring.windows import metric_of
from mlops_desktop.monitoring.wording import (
    concept_title,
    cost_title,
    drift_title,
    performance_title,
    quality_title,
    serving_title,
)

__all__ = ["AlertProposal", "Change", "MonitoringSpec", "Signs", "decide", "monitoring_spec", "signs_of"]

COST = "cost"
SERVING_METRICS = ("error_rate", "latency_p95")
EVIDENCE_FEATURES = 10


class Change(StrEnum):
    """What to do with an incident."""

    RAISE = "raise"
    UPDATE = "update"
    RESOLVE = "resolve"


class AlertProposal(Struct, frozen=True):
    """A change to the incidents of an endpoint. `alert` is the id of the open one, empty for a new one."""

    change: Change
    cause: Cause
    severity: Severity
    action: Action
    title: str
    evidence: dict[str, Any]
    alert: str = ""


class Signs(Struct, frozen=True):
    """What a single window shows, before any history is looked at."""

    faulty: bool
    failing: bool
    drifting: bool
    estimate_down: bool
    estimate_known: bool
    realised_down: bool
    realised_known: bool
    cost_up: bool

    @property
    def concept(self) -> bool:
        """The model is worse, and its inputs do not explain it."""
        return self.realised_down and self.estimate_known and not self.estimate_down

    @property
    def performance(self) -> bool:
        """The model is worse and inputs may explain it, or is expected to be where labels are not there yet."""
        if self.realised_known:
            return self.realised_down and not self.concept
        return self.estimate_down


def signs_of(window: Window, settings: MonitoringSpec) -> Signs:
    """What the window shows, by the verdicts that its figures carry."""
    realised = [metric for name in settings.watched_metrics if (metric := metric_of(window, name))]
    estimated = [metric for name in settings.watched_metrics if (metric := metric_of(window, PREFIX + name))]
    cost = metric_of(window, COST)
    return Signs(
        faulty=bool(window.violations),
        failing=any(_breached(window, name) for name in SERVING_METRICS),
        drifting=bool(top_drifts(window.features)),
        estimate_down=any(metric.breached for metric in estimated),
        estimate_known=bool(estimated),
        realised_down=any(metric.breached for metric in realised),
        realised_known=bool(realised),
        cost_up=cost is not None and cost.breached,
    )


def decide(
    history: Sequence[Window],
    current: Window,
    open_alerts: Sequence[Alert],
    settings: MonitoringSpec | None = None,
) -> list[AlertProposal]:
    """Incidents to raise, update or resolve after a window.

    Args:
        history: earlier windows of the same endpoint, oldest first; those of other kinds are ignored, and of windows
            that overlap only some count.
        current: the window just judged.
        open_alerts: the endpoint's incidents that are not resolved.
        settings: persistence and limits; the defaults if not given.

    Returns:
        At most one proposal per cause, the gravest first. An open incident is updated while its cause lasts (the
        update may ask for another action than it was raised with), and resolved after enough clear windows; between
        the two it stays as it is.
    """
    settings = settings or MonitoringSpec()
    # What is wrong with serving itself is the engine's to tell, and to end.
    ours = [alert for alert in open_alerts if alert.cause not in (Cause.PREDICTION_LOG, Cause.CRASH_LOOP)]
    opened = {alert.cause: alert for alert in ours if alert.state != AlertState.RESOLVED}
    past = [window for window in history if window.kind == current.kind and window.id != current.id]
    case = _Case(past, current, opened, settings)
    wanted = {proposal.cause: proposal for proposal in case.proposals()}
    found = [_joined(proposal, opened.get(cause)) for cause, proposal in wanted.items()]
    found += [_resolved(alert, current) for cause, alert in opened.items() if cause not in wanted and case.clear(cause)]
    order = list(Severity)
    return sorted(found, key=lambda proposal: -order.index(proposal.severity))


class _Case:
    """One window with its past, and the questions that the decision table asks of them."""

    def __init__(
        self, history: Sequence[Window], current: Window, opened: dict[Cause, Alert], settings: MonitoringSpec
    ) -> None:
        self.settings, self.current, self.opened = settings, current, opened
        past = [window for window in history if window.model_version == current.model_version]
        self.windows = _apart([*past, current])
        self.signs = [signs_of(window, settings) for window in self.windows]
        self.now = self.signs[-1]
        before = [window for window in history if window.model_version != current.model_version]
        self.released = bool(before) and len(self.windows) <= settings.release_windows
        self.was_well = bool(before) and not signs_of(before[-1], settings).realised_down

    def proposals(self) -> list[AlertProposal]:
        """What the decision table asks for now, one per cause."""
        found = [self._quality(), self._serving(), self._performance(), self._business()]
        if not any(proposal and proposal.cause in (Cause.PERFORMANCE, Cause.CONCEPT_DRIFT) for proposal in found):
            found.append(self._drift())
        return [proposal for proposal in found if proposal is not None]

    def lasts(self, sign: Callable[[Signs], bool], is_open: bool) -> bool:
        """Whether the sign is there now and, for a new incident, in enough of the last windows."""
        recent = [sign(signs) for signs in self.signs[-self.settings.of_windows :]]
        return recent[-1] and (is_open or sum(recent) >= self.settings.raise_windows)

    def clear(self, cause: Cause) -> bool:
        """Whether enough windows in a row show nothing of the cause, with a margin below the thresholds."""
        recent = self.windows[-self.settings.resolve_windows :]
        return len(recent) == self.settings.resolve_windows and all(self._is_clear(cause, w) for w in recent)

    def _is_clear(self, cause: Cause, window: Window) -> bool:
        signs = signs_of(window, self.settings)
        if cause == Cause.DATA_DRIFT:
            return all(
                drift.score <= self.settings.clear_ratio * drift.threshold or (not drift.drifting and _is_noisy(drift))
                for drift in window.features
                if not is_outcome(drift)
            )
        if cause in (Cause.PERFORMANCE, Cause.CONCEPT_DRIFT):
            known = signs.realised_known or (signs.estimate_known and cause == Cause.PERFORMANCE)
            return known and not signs.realised_down and (signs.realised_known or not signs.estimate_down)
        if cause == Cause.BUSINESS:
            return metric_of(window, COST) is not None and not signs.cost_up
        return not (signs.faulty if cause == Cause.DATA_QUALITY else signs.failing)

    def _quality(self) -> AlertProposal | None:
        if not self.now.faulty:
            return None
        found = self.current.violations
        grave = any(violation.importance >= self.settings.warn_importance for violation in found)
        severity = Severity.CRITICAL if grave else Severity.WARNING
        evidence = {"violations": [{"kind": v.kind, "feature": v.feature, "message": v.message} for v in found]}
        return self._proposal(Cause.DATA_QUALITY, severity, Action.BLOCK_RETRAINING, quality_title(found), evidence)

    def _serving(self) -> AlertProposal | None:
        broken = [m for name in SERVING_METRICS if (m := metric_of(self.current, name)) and m.breached]
        if not broken:
            return None
        return self._proposal(Cause.SERVING, Severity.CRITICAL, Action.ROLLBACK, serving_title(broken), {})

    def _performance(self) -> AlertProposal | None:
        if self._fell_after_release(self.now.realised_down):
            title = performance_title(self.current, self.settings, "right after the release")
            return self._proposal(Cause.PERFORMANCE, Severity.CRITICAL, Action.ROLLBACK, title, {"released": True})
        # A drop is one incident, also when the estimate wavers between explaining it and not.
        already = next((c for c in (Cause.CONCEPT_DRIFT, Cause.PERFORMANCE) if c in self.opened), None)
        if not self.lasts(lambda signs: signs.concept or signs.performance, already is not None):
            return None
        recent = self.signs[-self.settings.of_windows :]
        is_concept = sum(s.concept for s in recent) >= sum(s.performance for s in recent)
        cause = already or (Cause.CONCEPT_DRIFT if is_concept else Cause.PERFORMANCE)
        if cause == Cause.CONCEPT_DRIFT:
            title, severity = concept_title(self.current, self.settings), Severity.CRITICAL
        else:
            title = performance_title(self.current, self.settings)
            severity = Severity.CRITICAL if self.now.realised_down else Severity.WARNING
        return self._retraining(cause, severity, title)

    def _retraining(self, cause: Cause, severity: Severity, title: str) -> AlertProposal:
        if self._is_blocked():
            evidence = {"blocked_by": str(Cause.DATA_QUALITY)}
            return self._proposal(cause, severity, Action.INFORM, f"{title}; retraining waits for the data", evidence)
        return self._proposal(cause, severity, Action.RETRAIN, title, {})

    def _is_blocked(self) -> bool:
        """Whether faulty data must not be learnt from, now or while their incident is not over."""
        return self.now.faulty or (Cause.DATA_QUALITY in self.opened and not self.clear(Cause.DATA_QUALITY))

    def _business(self) -> AlertProposal | None:
        cost = metric_of(self.current, COST)
        if cost is None:
            return None
        if self._fell_after_release(self.now.cost_up and self.now.realised_down):
            title = cost_title(cost, "right after the release")
            return self._proposal(Cause.BUSINESS, Severity.CRITICAL, Action.ROLLBACK, title, {"released": True})
        if not self.lasts(lambda signs: signs.cost_up, Cause.BUSINESS in self.opened):
            return None
        if self.settings.business_action == "retrain":
            return self._retraining(Cause.BUSINESS, Severity.WARNING, cost_title(cost))
        return self._proposal(Cause.BUSINESS, Severity.WARNING, Action.INFORM, cost_title(cost), {})

    def _drift(self) -> AlertProposal | None:
        if not self.lasts(lambda signs: signs.drifting, Cause.DATA_DRIFT in self.opened):
            return None
        drifting = top_drifts(self.current.features)
        weight = sum(drift.importance for drift in drifting)
        severity = Severity.WARNING if weight >= self.settings.warn_importance else Severity.INFO
        title = drift_title(self.current, drifting, self.settings)
        return self._proposal(Cause.DATA_DRIFT, severity, Action.INFORM, title, {"importance": round(weight, 4)})

    def _fell_after_release(self, fell: bool) -> bool:
        return self.released and self.was_well and fell

    def _proposal(
        self, cause: Cause, severity: Severity, action: Action, title: str, more: dict[str, Any]
    ) -> AlertProposal:
        evidence = {
            "window": self.current.id,
            "rows": self.current.rows,
            "labelled": self.current.labelled,
            "features": [_drift_figures(drift) for drift in top_drifts(self.current.features)[:EVIDENCE_FEATURES]],
            "metrics": [_metric_figures(metric) for metric in self.current.metrics],
            "notes": list(self.current.notes),
        }
        return AlertProposal(Change.RAISE, cause, severity, action, title, evidence | more)


def _apart(windows: Sequence[Window]) -> list[Window]:
    """The last window and those before it that share no time with a later one of them, oldest first.

    Where the last seven days are judged every day, one bad day is in seven windows; it must not count seven times.
    """
    kept: list[Window] = []
    for window in reversed(windows):
        if not kept or window.end <= kept[-1].start:
            kept.append(window)
    return kept[::-1]


def _breached(window: Window, name: str) -> bool:
    metric = metric_of(window, name)
    return metric is not None and metric.breached


def _is_noisy(drift: FeatureDrift) -> bool:
    """Whether a score above the margin is what unchanged data shows as well."""
    return drift.p_value >= 0.5


def _joined(proposal: AlertProposal, alert: Alert | None) -> AlertProposal:
    """The proposal as an update of the open incident, if there is one."""
    if alert is None:
        return proposal
    return AlertProposal(
        Change.UPDATE, proposal.cause, proposal.severity, proposal.action, proposal.title, proposal.evidence, alert.id
    )


def _resolved(alert: Alert, current: Window) -> AlertProposal:
    title = f"{alert.cause.capitalize()} is over: {alert.title}"
    return AlertProposal(
        Change.RESOLVE, alert.cause, alert.severity, Action.INFORM, title, {"window": current.id}, alert.id
    )


def _drift_figures(drift: FeatureDrift) -> dict[str, Any]:
    return {
        "feature": drift.feature,
        "method": drift.method,
        "score": drift.score,
        "threshold": drift.threshold,
        "p_value": drift.p_value,
        "importance": drift.importance,
    }


def _metric_figures(metric: MetricValue) -> dict[str, Any]:
    return {
        "name": metric.name,
        "value": metric.value,
        "low": metric.low,
        "high": metric.high,
        "n": metric.n,
        "baseline": metric.baseline,
        "breached": metric.breached,
    }
