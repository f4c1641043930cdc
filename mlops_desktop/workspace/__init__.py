"""The facade that the command line, the window and notebooks use: one object per open workspace.

Reading goes through `registry` (all of its repositories return values); what changes something is a verb here. Rooms
that are slow to import are imported by the verbs that need them, as every command pays for what is imported here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_desktop.core.deployments import Endpoint, EndpointState, Rollout, RolloutKind, RolloutState
from mlops_desktop.core.errors import Conflict, InvalidInput
from mlops_desktop.core.models import ModelVersion
from mlops_desktop.core.monitoring import Alert, AlertState
from mlops_desktop.core.pipelines import PipelineRun, Schedule
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.core.runs import SpecVersion
from mlops_desktop.governance import promotion
from mlops_desktop.registry import Registry
from mlops_desktop.workspace.data import Data
from mlops_desktop.workspace.serving import Serving
from mlops_desktop.workspace.tokens import Tokens

if TYPE_CHECKING:
    from mlops_desktop.pipelines.engine_state import EngineState


class Workspace:
    """An open workspace folder.

    Attributes:
        registry: tables, journal and content store; read from it, write through the verbs below.
        data: the verbs for datasets.
        serving: the verbs for rollouts and replays.
        tokens: the verbs for the tokens of the gateway's clients.
    """

    def __init__(self, folder: Path, *, actor: str = "") -> None:
        self.registry = Registry(folder, actor=actor)
        self.data = Data(self.registry)
        self.serving = Serving(self.registry)
        self.tokens = Tokens(self.registry)

    @classmethod
    def create(cls, folder: Path, *, name: str = "", actor: str = "", replay_from: str = "") -> Workspace:
        """Make a new workspace in a folder that holds none, and open it."""
        Registry.create(folder, name=name, actor=actor, replay_from=replay_from).close()
        return cls(folder, actor=actor)

    @property
    def folder(self) -> Path:
        return self.registry.folder

    @property
    def name(self) -> str:
        return self.registry.name

    def close(self) -> None:
        self.registry.close()

    def engine_state(self) -> EngineState:
        """What the engine is doing now, with live traffic figures."""
        from mlops_desktop.pipelines.engine_state import read_engine_state

        return read_engine_state(self.folder)

    # Pipelines

    def queue(self, pipeline: str, parameters: dict[str, Any] | None = None, *, trigger: str = "") -> PipelineRun:
        """Queue a pipeline; the engine of this workspace runs it. Raises `InvalidInput` for what cannot run."""
        from mlops_desktop.pipelines.steps import check_request

        check_request(pipeline, parameters or {})
        return self.registry.pipeline_runs.queue(pipeline, parameters or {}, trigger or self.registry.actor)

    def retrain(self, endpoint: str) -> PipelineRun:
        return self.queue("retrain", {"endpoint": endpoint})

    def cancel(self, pipeline_run: str) -> PipelineRun:
        return self.registry.pipeline_runs.request_cancel(pipeline_run)

    def schedule(self, schedule: Schedule) -> Schedule:
        """Save a schedule. Raises `InvalidInput` for a broken cron expression or a pipeline that cannot run."""
        from mlops_desktop.pipelines.schedules import planned, trigger_of
        from mlops_desktop.pipelines.steps import check_request

        trigger_of(schedule.cron)
        check_request(schedule.pipeline, schedule.parameters)
        return self.registry.schedules.save(planned(schedule, self.registry.clock.now()))

    def adopt_spec(self, path: Path) -> SpecVersion:
        """Check a spec file, save it as a version, and set up the endpoint's schedules that it names."""
        from mlops_desktop.pipelines.settings import adopt_spec

        return adopt_spec(self.registry, path)

    def export_mlflow(self, model_reference: str, folder: Path) -> Path:
        """Write a version as a folder that MLflow loads; raises where the folder holds something already."""
        from mlops_desktop.interop.mlflow import export_model

        return export_model(self.registry, model_reference, folder)

    # Serving

    def start_serving(self, endpoint: str, model: str = "", *, port: int = 0) -> Endpoint:
        """Ask the engine to serve the model's `production` version. Port 0 lets the system choose one."""
        known = {found.name: found for found in self.registry.endpoints.all()}
        before = known.get(endpoint)
        model = model or (before.model if before else "")
        if not model:
            raise InvalidInput(f"Endpoint {endpoint} is new.", hint="Say which model it is to serve.")
        if promotion.production_version(self.registry, model) is None:
            raise Conflict(
                f"{model} has no version in production.", hint="Train one and promote it, then start the endpoint."
            )
        wanted = Endpoint(
            name=endpoint,
            model=model,
            state=EndpointState.STARTING,
            host="127.0.0.1",
            port=port or (before.port if before else 0),
            pid=None,
            updated=self.registry.clock.now(),
            reason="asked for",
        )
        return self.registry.endpoints.put(wanted)

    def stop_serving(self, endpoint: str) -> Endpoint:
        found = self.registry.endpoints.get(endpoint)
        wanted = msgspec.structs.replace(found, state=EndpointState.STOPPING, reason="asked for")
        return self.registry.endpoints.put(wanted)

    def restart_serving(self, endpoint: str, *, seconds: float = 60.0, progress: Progress = no_progress) -> Endpoint:
        """Stop an endpoint, wait until the engine has done so, and start it again. Raises `Conflict` without one."""
        found = self.registry.endpoints.get(endpoint)
        if not self.engine_state().running:
            raise Conflict("No engine runs in this workspace.", hint="Start the engine; it brings its endpoints up.")
        if found.state is not EndpointState.STOPPED:
            self.stop_serving(endpoint)
            self.serving.wait_for(endpoint, EndpointState.STOPPED, seconds=seconds, progress=progress)
        return self.start_serving(endpoint)

    # Promotion and rollouts, by hand

    def promote(self, model_reference: str, *, reason: str) -> ModelVersion:
        """Put a version into production. A running canary ends: promoted if it is this version, else rolled back."""
        version = self.registry.models.get(model_reference)
        with self.registry.transaction():
            for endpoint in self.registry.endpoints.all():
                rollout = self.registry.rollouts.running(endpoint.name)
                if rollout is not None and rollout.model == version.model:
                    is_canary = rollout.canary == version.number
                    outcome = RolloutState.PROMOTED if is_canary else RolloutState.ROLLED_BACK
                    self.registry.rollouts.decide(rollout, outcome, f"by hand: {reason}")
            promotion.promote(self.registry, version, reason=f"by hand: {reason}")
        return version

    def roll_back(self, endpoint: str, *, reason: str) -> ModelVersion:
        """End a running canary, or, where there is none, return production to the version before."""
        found = self.registry.endpoints.get(endpoint)
        rollout = self.registry.rollouts.running(endpoint)
        if rollout is None:
            return promotion.roll_back(self.registry, found.model, reason=f"by hand: {reason}")
        self.registry.rollouts.decide(rollout, RolloutState.ROLLED_BACK, f"by hand: {reason}")
        return self.registry.models.get(f"{rollout.model}@{rollout.primary}")

    def start_canary(self, endpoint: str, model_reference: str, *, weight: float) -> Rollout:
        """Give a version a share (0 to 1) of the endpoint's requests."""
        return self.serving.start_rollout(endpoint, model_reference, kind=RolloutKind.CANARY, weight=weight)

    def set_canary_weight(self, endpoint: str, weight: float) -> Rollout:
        return self.serving.set_weight(endpoint, weight)

    # Alerts

    def acknowledge(self, alert: int, *, reason: str = "seen") -> Alert:
        return self.registry.alerts.change_state(self.registry.alerts.get(alert), AlertState.ACKNOWLEDGED, reason)

    def resolve(self, alert: int, *, reason: str = "resolved by hand") -> Alert:
        return self.registry.alerts.change_state(self.registry.alerts.get(alert), AlertState.RESOLVED, reason)
