"""What the Control Room shows of one endpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from mlops_desktop.core.deployments import Endpoint, EndpointState, Rollout, RolloutState
from mlops_desktop.core.models import Alias, ModelVersion
from mlops_desktop.core.monitoring import Alert, WindowKind
from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.core.runs import RunState
from mlops_desktop.ui.queries.decisions import Decision, MonthScore, decisions, month_scores
from mlops_desktop.ui.queries.happenings import LANE_KINDS, Happening, lane, log_lines
from mlops_desktop.ui.queries.series import HeatRows, WindowSeries, heat_rows, series_of
from mlops_desktop.workspace import Workspace

_LOG_LINES = 60
_DECISIONS = 3


@dataclass(frozen=True)
class Lifecycle:
    """Where the cycle stands: the current step's key, those behind it, those that failed, and a word for each."""

    current: str = "data"
    done: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ControlRoom:
    """`challenger` is the canary, or the newest version that is not in production."""

    endpoint: str
    endpoints: tuple[str, ...]
    state: Endpoint | None
    now: datetime
    is_replay: bool
    has_data: bool
    series: WindowSeries
    verdicts: WindowSeries
    heat: HeatRows
    lane: tuple[Happening, ...]
    log: tuple[Happening, ...]
    champion: ModelVersion | None
    challenger: ModelVersion | None
    previous: int | None
    rollout: Rollout | None
    last_rollout: Rollout | None
    alerts: tuple[Alert, ...]
    active: tuple[PipelineRun, ...]
    lifecycle: Lifecycle
    production: Alias | None = None
    decisions: tuple[Decision, ...] = ()
    scores: tuple[MonthScore, ...] = ()


def control_room(workspace: Workspace, endpoint: str = "") -> ControlRoom:
    """The state of `endpoint`, or of the first one there is."""
    registry = workspace.registry
    endpoints = {found.name: found for found in registry.endpoints.all()}
    name = endpoint if endpoint in endpoints else next(iter(endpoints), "")
    state = endpoints.get(name)
    model = state.model if state else next(iter(registry.models.names()), "")
    versions = registry.models.versions(model) if model else []
    moved = {alias.name: alias for alias in registry.models.aliases(model)} if model else {}
    aliases = {name: alias.number for name, alias in moved.items()}
    rollout = registry.rollouts.running(name) if name else None
    champion = next((v for v in versions if v.number == aliases.get("production")), None)
    canary = rollout.canary if rollout else None
    challenger = next((v for v in versions if v.number == canary), None)
    if challenger is None:
        challenger = next((v for v in versions if champion is None or v.number > champion.number), None)
    days = registry.windows.all(name, WindowKind.DAY) if name else []
    verdicts = registry.windows.all(name, WindowKind.VERDICT) if name else []
    events = registry.journal.newest(1_000, kinds=LANE_KINDS)
    rollouts = [r for r in registry.rollouts.all(limit=50) if r.endpoint == name]
    alerts = tuple(registry.alerts.unresolved(name)) if name else ()
    active = tuple(registry.pipeline_runs.active())
    ended = next((r for r in rollouts if r.state is not RolloutState.RUNNING), None)
    return ControlRoom(
        endpoint=name,
        endpoints=tuple(endpoints),
        state=state,
        now=registry.clock.now(),
        is_replay=registry.is_replay,
        has_data=bool(registry.datasets.names()),
        series=series_of(days or verdicts),
        verdicts=series_of(verdicts),
        heat=heat_rows(verdicts or days),
        lane=lane(events),
        log=log_lines(registry.journal.newest(_LOG_LINES * 6))[:_LOG_LINES],
        champion=champion,
        challenger=challenger,
        previous=aliases.get("previous"),
        rollout=rollout,
        last_rollout=ended,
        alerts=alerts,
        active=active,
        lifecycle=_lifecycle(workspace, state, champion, rollout, ended, alerts, active),
        production=moved.get("production"),
        decisions=decisions(workspace, _DECISIONS),
        scores=month_scores(workspace),
    )


def _lifecycle(
    workspace: Workspace,
    state: Endpoint | None,
    champion: ModelVersion | None,
    rollout: Rollout | None,
    ended: Rollout | None,
    alerts: tuple[Alert, ...],
    active: tuple[PipelineRun, ...],
) -> Lifecycle:
    """The current step follows from what is recorded, the latest in the cycle first."""
    registry = workspace.registry
    datasets = registry.datasets.names()
    details, done = dict[str, str](), set[str]()
    if datasets:
        done.add("data")
        details["data"] = registry.datasets.get(datasets[0]).reference
    if champion is not None:
        done |= {"train", "deploy"}
        details["train"] = details["deploy"] = f"v{champion.number}"
    is_serving = state is not None and state.state is EndpointState.SERVING
    if state is not None:
        details["traffic"] = state.state.value
    if rollout is not None:
        details["canary"] = f"v{rollout.canary} at {rollout.weight:.0%}".replace("%", " %")
    if ended is not None:
        details["promote"] = f"v{ended.canary} {ended.state.value}"
    details["drift"] = f"alert {alerts[0].number}" if alerts else ""
    failed = {"traffic"} if state is not None and state.state is EndpointState.FAILED else set[str]()
    current = _current_step(bool(datasets), champion, rollout, is_serving, alerts, active)
    cycle = ("data", "train", "deploy", "traffic", "drift", "retrain", "canary", "promote")
    if champion is not None:
        done |= set(cycle[: cycle.index(current)])
    return Lifecycle(current, frozenset(done - {current}), frozenset(failed), details)


def _current_step(
    has_data: bool,
    champion: ModelVersion | None,
    rollout: Rollout | None,
    is_serving: bool,
    alerts: tuple[Alert, ...],
    active: tuple[PipelineRun, ...],
) -> str:
    training = [run for run in active if run.pipeline in ("retrain", "train", "set up")]
    if rollout is not None:
        return "canary"
    if training and any(run.state is RunState.RUNNING for run in training):
        return "retrain" if champion is not None else "train"
    if alerts:
        return "drift"
    if is_serving:
        return "traffic"
    if champion is not None:
        return "deploy"
    return "train" if has_data else "data"
