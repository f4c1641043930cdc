"""What can be done with endpoints and rollouts, from everywhere: `workspace.serving`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mlops_desktop.core.deployments import Endpoint, EndpointState, Rollout, RolloutKind, RolloutState, WorkerRange
from mlops_desktop.core.errors import Conflict, InvalidInput, NotFound
from mlops_desktop.core.models import ModelVersion
from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.core.runs import RunState
from mlops_desktop.governance import promotion
from mlops_desktop.registry import Registry

if TYPE_CHECKING:
    from mlops_desktop.serving.config import ServingSpec
    from mlops_desktop.serving.log import LogPosition
    from mlops_desktop.serving.replay import ReplayReport
    from mlops_desktop.serving.rolloutspec import RolloutSpec
    from mlops_desktop.serving.tail import Tail, Wanted

_LOOK_BACK = 400


class Serving:
    """The verbs for endpoints and rollouts. What is done by hand is on record with who did it and why."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    # Looking

    def rollout(self, endpoint: str) -> Rollout:
        """The rollout that runs on an endpoint. Raises `Conflict` where none does."""
        found = self._registry.rollouts.running(endpoint)
        if found is None:
            raise Conflict(f"No rollout is running on {endpoint}.", hint="Start one first.")
        return found

    def rollouts(self, endpoint: str = "", *, limit: int = 500) -> list[Rollout]:
        """Rollouts, newest first; of one endpoint, where it is given."""
        found = self._registry.rollouts.all(limit=limit)
        return [rollout for rollout in found if endpoint in ("", rollout.endpoint)]

    def wait_for(
        self, endpoint: str, state: EndpointState, *, seconds: float = 60.0, progress: Progress = no_progress
    ) -> Endpoint:
        """The endpoint once the engine has brought it to a state; see `workspace/waiting.py`."""
        from mlops_desktop.workspace.waiting import wait_for_endpoint

        return wait_for_endpoint(self._registry, endpoint, state, seconds=seconds, progress=progress)

    def limits(self, endpoint: str) -> ServingSpec:
        """What holds for an endpoint now: its spec's limits, with the workers that were set by hand since."""
        from mlops_desktop.pipelines.settings import serving_of

        return serving_of(self._registry, self._registry.endpoints.get(endpoint))

    def rollout_spec(self, rollout: Rollout) -> RolloutSpec:
        """The rules that a rollout goes by."""
        from mlops_desktop.pipelines.rollouts import spec_of

        return spec_of(self._registry, rollout)

    def tail(
        self, endpoint: str, *, last: int = 100, after: LogPosition | None = None, wanted: Wanted | None = None
    ) -> Tail:
        """The newest rows of an endpoint's prediction log, quickly however long it is; see `serving/tail.py`.

        With `after`, the position that an earlier look ended at, only what came since.
        """
        from mlops_desktop.pipelines.collect import spool_folder
        from mlops_desktop.serving.tail import ALL, tail

        def classes(model: str, version: int) -> tuple[str, ...]:
            try:
                return self._registry.models.get(f"{model}@{version}").signature.classes
            except NotFound:
                return ()  # another workspace's

        folder = spool_folder(self._registry, self._registry.endpoints.get(endpoint).name)
        return tail(folder, last=last, after=after, wanted=wanted or ALL, classes=classes)

    # Workers

    def scale(self, endpoint: str, *, minimum: int | None = None, maximum: int | None = None, reason: str) -> Endpoint:
        """Change how many workers each version of a served endpoint may have; one that is not given stays.

        It takes effect at once, and holds until a spec of the model is saved anew, or until `scale_by_spec`. Raises
        `InvalidInput` unless 0 <= minimum <= maximum <= 256, and maximum >= 1.
        """
        from mlops_desktop.pipelines.settings import saved_spec

        found = self._registry.endpoints.get(endpoint)
        now = self.limits(endpoint).autoscaler
        low = now.min_workers if minimum is None else minimum
        high = now.max_workers if maximum is None else maximum
        try:
            msgspec.structs.replace(now, min_workers=low, max_workers=high)
        except ValueError as error:
            raise InvalidInput(
                f"{endpoint} cannot have {low} to {high} workers: {error}.",
                hint=f"It has {now.min_workers} to {now.max_workers}; give both numbers.",
            ) from error
        workers = WorkerRange(low, high, saved_spec(self._registry, found.model))
        return self._registry.endpoints.scale(endpoint, workers, _by_hand(reason))

    def scale_by_spec(self, endpoint: str, *, reason: str) -> Endpoint:
        """Let the endpoint have as many workers as its spec says again."""
        return self._registry.endpoints.scale(endpoint, None, _by_hand(reason))

    # Deciding

    def start_rollout(
        self,
        endpoint: str,
        model_reference: str,
        *,
        kind: RolloutKind | None = None,
        weight: float | None = None,
        reason: str = "",
    ) -> Rollout:
        """Try a version beside the one in production, by the newest spec of the model.

        Kind and first share of the requests are those of the spec where they are not given. Raises `Conflict` where a
        rollout runs, or the version is not one to compare with production.
        """
        from mlops_desktop.pipelines.rollouts import begin_rollout

        if weight is not None:
            _check_weight(weight)
        registry = self._registry
        version = registry.models.get(model_reference)
        served = registry.endpoints.get(endpoint).model
        if served != version.model:
            raise Conflict(f"{endpoint} serves {served}, not {version.model}.", hint="Choose a version of its model.")
        current = promotion.production_version(registry, version.model)
        if current is None or current.number == version.number:
            raise Conflict(f"{version.reference} has nothing to be compared with.", hint="Promote it instead.")
        with registry.transaction():
            rollout = begin_rollout(registry, endpoint, version, current, kind=kind, weight=weight)
            return registry.rollouts.change(rollout, _by_hand(reason)) if reason else rollout

    def set_weight(self, endpoint: str, weight: float, *, reason: str = "weight set") -> Rollout:
        """Give the version of the running rollout another share (0 to 1) of the requests."""
        _check_weight(weight)
        with self._registry.transaction():
            rollout = self.rollout(endpoint)
            if rollout.kind is RolloutKind.SHADOW:
                raise Conflict("A shadow answers no requests.", hint="Hold it, and start a canary.")
            return self._registry.rollouts.change(msgspec.structs.replace(rollout, weight=weight), _by_hand(reason))

    def advance(self, endpoint: str, *, reason: str) -> Rollout:
        """Go to the next step of the plan now. Raises `Conflict` at the last one."""
        with self._registry.transaction():
            rollout = self.rollout(endpoint)
            spec, step = self.rollout_spec(rollout), rollout.step + 1
            if step > spec.last_step:
                raise Conflict("The rollout is at its last step.", hint="Promote the version, or set its weight.")
            now = self._registry.clock.now()
            further = msgspec.structs.replace(rollout, step=step, weight=spec.steps[step], step_since=now)
            return self._registry.rollouts.change(further, _by_hand(reason))

    def promote_now(self, endpoint: str, *, reason: str) -> ModelVersion:
        """End the running rollout by putting its version into production."""
        rollout = self.rollout(endpoint)
        version = self._registry.models.get(f"{rollout.model}@{rollout.canary}")
        with self._registry.transaction():
            self._registry.rollouts.decide(rollout, RolloutState.PROMOTED, _by_hand(reason))
            promotion.promote(self._registry, version, reason=_by_hand(reason), expected=rollout.primary)
        return version

    def hold(self, endpoint: str, *, reason: str) -> Rollout:
        """End the running rollout without a decision; the primary answers everything again."""
        return self._registry.rollouts.decide(self.rollout(endpoint), RolloutState.HELD, _by_hand(reason))

    def roll_back(self, endpoint: str, *, reason: str) -> Rollout:
        """End the running rollout; the primary answers everything again."""
        return self._registry.rollouts.decide(self.rollout(endpoint), RolloutState.ROLLED_BACK, _by_hand(reason))

    # Replay

    def replay(self, endpoint: str, model_reference: str, *, requests: int = 1000) -> PipelineRun:
        """Queue the last so many logged requests for a version; `replayed` tells the result once the run is done."""
        if requests < 1:
            raise InvalidInput("A replay needs at least one request.", hint="Give a number above 0.")
        reference = self._registry.models.get(model_reference).reference
        self._registry.endpoints.get(endpoint)
        parameters = {"endpoint": endpoint, "reference": reference, "requests": requests}
        return self._registry.pipeline_runs.queue("replay", parameters, self._registry.actor)

    def replayed(self, model_reference: str, endpoint: str = "") -> ReplayReport:
        """The newest finished replay of a version. Raises `NotFound`."""
        reference = self._registry.models.get(model_reference).reference
        for run in self._registry.pipeline_runs.all(limit=_LOOK_BACK):
            is_of = run.pipeline == "replay" and run.parameters["reference"] == reference
            if is_of and run.state is RunState.SUCCEEDED and endpoint in ("", run.parameters["endpoint"]):
                return self._report(run)
        raise NotFound(f"No replay of {reference} has finished.", hint="Start one, and wait for its run to end.")

    def finished_replay(self, run: PipelineRun, progress: Progress = no_progress) -> ReplayReport:
        """The report of a queued replay, once the engine has done it; raises `Conflict` where that does not happen."""
        from mlops_desktop.workspace.waiting import wait_for_run

        return self._report(wait_for_run(self._registry, run.id, progress))

    def _report(self, run: PipelineRun) -> ReplayReport:
        from mlops_desktop.serving.replay import from_bytes

        return from_bytes(self._registry.objects.read_bytes(run.steps[-1].output["report"]))


def _by_hand(reason: str) -> str:
    if not reason.strip():
        raise InvalidInput("A decision by hand needs a reason.", hint="Say why; it stays on record.")
    return f"by hand: {reason}"


def _check_weight(weight: float) -> None:
    if not 0.0 <= weight <= 1.0:
        raise InvalidInput(f"A canary's share of {weight} is not between 0 and 1.", hint="0.2 means 20 %.")
