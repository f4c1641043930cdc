"""The inbox of alerts, and what led to and followed from one of them."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_desktop.core.errors import NotFound
from mlops_desktop.core.monitoring import Alert, AlertState, Window
from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.ui.queries.happenings import Happening, happening
from mlops_desktop.workspace import Workspace


@dataclass(frozen=True)
class AlertList:
    """Newest first."""

    alerts: tuple[Alert, ...]
    has_endpoints: bool

    @property
    def open(self) -> int:
        return sum(alert.state is not AlertState.RESOLVED for alert in self.alerts)


@dataclass(frozen=True)
class AlertDetail:
    alert: Alert
    window: Window | None
    run: PipelineRun | None
    history: tuple[Happening, ...]


def alert_list(workspace: Workspace) -> AlertList:
    return AlertList(tuple(workspace.registry.alerts.all()), bool(workspace.registry.endpoints.all()))


def open_alerts(workspace: Workspace) -> int:
    return len(workspace.registry.alerts.unresolved())


def alert_detail(workspace: Workspace, number: int) -> AlertDetail:
    registry = workspace.registry
    alert = registry.alerts.get(number)
    events = registry.journal.newest(2_000, kinds=("alert.raised", "alert.changed"), subject=alert.endpoint)
    history = tuple(happening(event) for event in events if event.payload.get("number") == number)
    window: Window | None = None
    run: PipelineRun | None = None
    try:
        window = registry.windows.get(alert.window) if alert.window else None
        run = registry.pipeline_runs.get(alert.pipeline_run) if alert.pipeline_run else None
    except NotFound:
        pass
    return AlertDetail(alert, window, run, history)
