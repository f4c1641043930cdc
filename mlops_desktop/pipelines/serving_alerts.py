"""Alerts about serving itself, one per endpoint and cause: a log that cannot be written, processes that keep dying."""

from __future__ import annotations

import time
from collections.abc import Iterable

from mlops_desktop.core.monitoring import Action, AlertState, Cause, Severity
from mlops_desktop.pipelines.collect import spool_folder
from mlops_desktop.registry import Registry
from mlops_desktop.serving.figures import GatewayStats
from mlops_desktop.serving.supervisor import Outcome, SupervisorState

CALM_SECONDS = 30.0
"""Processes that keep dying live a little in between."""

_OVER = {
    Cause.PREDICTION_LOG: "the log can be written again",
    Cause.CRASH_LOOP: "its processes have lasted since",
}


class ServingAlerts:
    """Raises and resolves these alerts by what is known of the gateway; used from the engine's thread alone."""

    def __init__(self, registry: Registry, *, calm_seconds: float = CALM_SECONDS) -> None:
        self._registry = registry
        self._calm_seconds = calm_seconds
        self._told: dict[tuple[str, Cause], str] = {}
        self._last_crash: dict[str, float] = {}

    def look(self, stats: GatewayStats, outcome: Outcome, endpoints: Iterable[str]) -> None:
        """Raise an alert for the endpoints that something is wrong with; resolve those that are over."""
        names = list(endpoints)
        named = [name for name in names if f"{spool_folder(self._registry, name)} " in stats.log_error]
        for name in names:
            if outcome.state is SupervisorState.RUNNING:
                self._note(name, Cause.PREDICTION_LOG, stats.log_error if name in (named or names) else "", stats)
            self._note_crashes(name, _crashes(name, stats, outcome), stats)

    def _note_crashes(self, endpoint: str, problem: str, stats: GatewayStats) -> None:
        if problem:
            self._last_crash[endpoint] = time.monotonic()
        elif time.monotonic() - self._last_crash.get(endpoint, -self._calm_seconds) < self._calm_seconds:
            return
        self._note(endpoint, Cause.CRASH_LOOP, problem, stats)

    def _note(self, endpoint: str, cause: Cause, problem: str, stats: GatewayStats) -> None:
        if problem == self._told.get((endpoint, cause)):
            return
        self._told[endpoint, cause] = problem
        alerts = self._registry.alerts
        known = alerts.open_for(endpoint, cause)
        if not problem and known is not None:
            alerts.change_state(known, AlertState.RESOLVED, _OVER[cause])
        if problem and (known is None or (known.title != problem and cause is Cause.PREDICTION_LOG)):
            alerts.raise_or_update(
                endpoint=endpoint,
                model_version="",
                cause=cause,
                severity=Severity.CRITICAL,
                action=Action.INFORM,
                title=problem,
                evidence={"unlogged": stats.unlogged, "refused": stats.refused},
            )


def _crashes(endpoint: str, stats: GatewayStats, outcome: Outcome) -> str:
    """What is said of a gateway that waits for its next start or was given up, or of workers that keep ending."""
    if outcome.state in (SupervisorState.WAITING, SupervisorState.FAILED):
        return outcome.reason
    return " ".join(pool.trouble for pool in stats.pools if pool.endpoint == endpoint and pool.trouble)
