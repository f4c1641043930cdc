"""One alert per endpoint while its prediction log cannot be written, whatever its policy lets become of requests."""

from __future__ import annotations

from collections.abc import Iterable

from mlops_desktop.core.monitoring import Action, AlertState, Cause, Severity
from mlops_desktop.pipelines.collect import spool_folder
from mlops_desktop.registry import Registry
from mlops_desktop.serving.figures import GatewayStats


class LogAlerts:
    """Raises and resolves these alerts by a gateway's figures; used from the engine's thread alone."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._told: dict[str, str] = {}

    def look(self, stats: GatewayStats, endpoints: Iterable[str]) -> None:
        """Raise an alert for the endpoint that the gateway's problem names, or all; resolve those that are over."""
        names = list(endpoints)
        named = [name for name in names if f"{spool_folder(self._registry, name)} " in stats.log_error]
        for name in names:
            problem = stats.log_error if name in (named or names) else ""
            if problem != self._told.get(name):
                self._tell(name, problem, stats)
                self._told[name] = problem

    def _tell(self, endpoint: str, problem: str, stats: GatewayStats) -> None:
        alerts = self._registry.alerts
        known = alerts.open_for(endpoint, Cause.PREDICTION_LOG)
        if not problem and known is not None:
            alerts.change_state(known, AlertState.RESOLVED, "the log can be written again")
        if problem and (known is None or known.title != problem):
            alerts.raise_or_update(
                endpoint=endpoint,
                model_version="",
                cause=Cause.PREDICTION_LOG,
                severity=Severity.CRITICAL,
                action=Action.INFORM,
                title=problem,
                evidence={"unlogged": stats.unlogged, "refused": stats.refused},
            )
