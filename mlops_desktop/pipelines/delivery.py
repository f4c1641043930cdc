"""Keeps the gateway serving what the registry says: production, canary and its share, per endpoint.

The wanted state is derived from aliases and rollouts each time anew; nobody has to say that something was promoted.
"""

from __future__ import annotations

import contextlib
import time
from datetime import datetime

import msgspec

from mlops_desktop.core.deployments import Endpoint, EndpointState, Rollout, RolloutKind, RolloutState
from mlops_desktop.core.errors import AppError, Conflict
from mlops_desktop.core.models import ModelVersion, Runtime
from mlops_desktop.governance.promotion import PREVIOUS, production_version
from mlops_desktop.pipelines.artifacts import served_artifact
from mlops_desktop.pipelines.engine_state import EndpointTraffic, VersionTraffic
from mlops_desktop.pipelines.rollouts import RolloutKeeper, spec_of
from mlops_desktop.pipelines.serving_alerts import ServingAlerts
from mlops_desktop.pipelines.settings import feedback_token, serving_of
from mlops_desktop.registry import Registry
from mlops_desktop.serving.channel import Access
from mlops_desktop.serving.config import GatewayConfig, Route, ServedEndpoint, ServedVersion
from mlops_desktop.serving.figures import GatewayStats
from mlops_desktop.serving.policies import strictest
from mlops_desktop.serving.redaction import Redaction, log_key
from mlops_desktop.serving.supervisor import Supervisor, SupervisorState
from mlops_desktop.serving.tokens import TOKENS_FILE

_APPLY_SECONDS = 30.0
_STATS_SECONDS = 0.4
_WANTED = (EndpointState.STARTING, EndpointState.SERVING)


class Delivery:
    """The engine's hand on the gateway. Used from the engine's thread alone."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._supervisor: Supervisor | None = None
        self._config: GatewayConfig | None = None
        self._clock: str | None = None
        self._rollouts = RolloutKeeper(registry)
        self._alerts = ServingAlerts(registry)
        self._checked: set[str] = set()
        self._traffic: tuple[EndpointTraffic, ...] = ()
        self._traffic_read = 0.0
        self._pid: int | None = None
        self._troubles: dict[str, str] = {}

    def begin(self) -> None:
        """Endpoints that served when an earlier engine ended are served again."""
        for endpoint in self._registry.endpoints.left_serving():
            self._put(endpoint, EndpointState.STARTING, "the engine started")

    def reconcile(self, now: datetime, *, time_moved: bool) -> None:
        """Bring rollouts on, then the gateway to what is recorded by now."""
        if time_moved or not self._registry.is_replay:
            self._rollouts.bring_on(now, self._crash_loops())
        self._serve()
        for endpoint in self._registry.endpoints.all():
            if endpoint.state is EndpointState.STOPPING:
                self._put(endpoint, EndpointState.STOPPED, "stopped")

    def attend(self, now: datetime) -> None:
        """Hand on the time, and restart a gateway that died."""
        if self._supervisor is None:
            return
        clock = now.isoformat() if self._registry.is_replay else None
        if clock != self._clock:
            self._supervisor.set_clock(clock)
            self._clock = clock
        outcome = self._supervisor.ensure_alive()
        if outcome.pid != self._pid:
            self._pid = outcome.pid
            self._record_outcome(outcome.state, outcome.reason)

    def states(self) -> tuple[EndpointTraffic, ...]:
        """Live figures per endpoint, at most a few times a second."""
        if time.monotonic() - self._traffic_read > _STATS_SECONDS:
            self._traffic = self._read_traffic()
            self._traffic_read = time.monotonic()
        return self._traffic

    def end(self) -> None:
        """Stop the gateway. Its endpoints are served again when the next engine starts."""
        self._rollouts.save()
        if self._supervisor is not None:
            self._supervisor.stop()
        for endpoint in self._registry.endpoints.left_serving():
            self._put(endpoint, EndpointState.STARTING, "waits for the engine")

    def _serve(self) -> None:
        """Bring the gateway to what is recorded, and what is recorded to what the gateway does."""
        wanted = [endpoint for endpoint in self._registry.endpoints.all() if endpoint.state in _WANTED]
        try:
            config = self._configuration(wanted)
        except AppError as error:  # rules that contradict each other, or a key that cannot be had
            self._give_up(wanted, str(error))
            return
        if config != self._config or self._is_to_move(wanted):
            self._apply(config, wanted)
        elif self._is_running() and any(endpoint.state is EndpointState.STARTING for endpoint in wanted):
            self._record_outcome(SupervisorState.RUNNING, "")

    def _crash_loops(self) -> dict[tuple[str, int], str]:
        """What is said about versions whose workers keep ending, by endpoint and number."""
        if self._supervisor is None or not self._registry.rollouts.any_running():
            return {}
        pools = self._supervisor.stats().pools
        return {(pool.endpoint, pool.version): pool.failure for pool in pools if pool.failure}

    def _is_running(self) -> bool:
        supervisor = self._supervisor
        return supervisor is not None and supervisor.is_alive and supervisor.outcome.state is SupervisorState.RUNNING

    def _is_to_move(self, wanted: list[Endpoint]) -> bool:
        """Whether an endpoint was asked for at another port than the gateway's."""
        supervisor = self._supervisor
        return supervisor is not None and any(
            e.state is EndpointState.STARTING and e.port not in (0, supervisor.port) for e in wanted
        )

    def _configuration(self, wanted: list[Endpoint]) -> GatewayConfig | None:
        served = tuple(found for endpoint in wanted if (found := self._served_or_failed(endpoint)) is not None)
        if not served:
            return None
        folder = self._registry.folder
        hashes = any(Redaction.HASH in endpoint.serving.log.sensitive.values() for endpoint in served)
        return GatewayConfig(
            endpoints=served,
            feedback_token=feedback_token(folder),
            tokens_file=str(folder / TOKENS_FILE),
            log_key=str(log_key(folder)) if hashes else "",
            security=strictest([endpoint.serving.security for endpoint in served]),
        )

    def _served_or_failed(self, endpoint: Endpoint) -> ServedEndpoint | None:
        """One endpoint whose model is missing or damaged fails; the others are served."""
        try:
            return self._served(endpoint)
        except AppError as error:
            self._put(endpoint, EndpointState.FAILED, str(error))
            return None

    def _served(self, endpoint: Endpoint) -> ServedEndpoint | None:
        production = production_version(self._registry, endpoint.model)
        if production is None:
            return None
        route = Route(primary=production.number)
        rollout = self._registry.rollouts.running(endpoint.name)
        is_canary_served = rollout is not None and rollout.canary != production.number
        if rollout is not None and is_canary_served and not self._ends_for_damage(rollout):
            route = _route(self._registry, rollout)
        previous = self._registry.models.alias(endpoint.model, PREVIOUS)
        versions = [self._served_version(endpoint.model, number) for number in route.numbers]
        if previous is not None and previous.number not in route.numbers:
            # The version before stays warm, so that a rollback takes effect at once.
            with contextlib.suppress(AppError):
                versions.append(self._served_version(endpoint.model, previous.number))
        return ServedEndpoint(
            endpoint.name, endpoint.model, tuple(versions), route, serving_of(self._registry, endpoint)
        )

    def _ends_for_damage(self, rollout: Rollout) -> bool:
        """End a rollout whose canary is missing or damaged: that is no reason to stop serving the primary."""
        try:
            self._served_version(rollout.model, rollout.canary)
        except AppError as error:
            self._registry.rollouts.decide(rollout, RolloutState.ROLLED_BACK, f"cannot be served: {error}")
            return True
        return False

    def _served_version(self, model: str, number: int) -> ServedVersion:
        version = self._registry.models.get(f"{model}@{number}")
        return ServedVersion(
            number=number,
            artifact=str(self._artifact(version)),
            runtime=version.runtime,
            signature=version.signature,
            threshold=version.threshold,
        )

    def _artifact(self, version: ModelVersion) -> str:
        if version.runtime is Runtime.SKLEARN:
            self._registry.require_trust()
        name = served_artifact(version)
        if name not in self._checked:
            self._registry.objects.read_bytes(name)  # raises when it is not what was registered
            self._checked.add(name)
        return str(self._registry.objects.path(name))

    def _apply(self, config: GatewayConfig | None, wanted: list[Endpoint]) -> None:
        try:
            self._hand_over(config, wanted)
            self._config = config
        except Conflict as error:
            if self._end_canaries(str(error)):
                self._serve()
            else:
                self._give_up(wanted, str(error))
        except AppError as error:
            self._give_up(wanted, str(error))

    def _hand_over(self, config: GatewayConfig | None, wanted: list[Endpoint]) -> None:
        """Raises `Conflict` when a version cannot be loaded, and other errors when the gateway cannot run."""
        supervisor = self._supervisor
        if config is None:
            self._stop()
        elif supervisor is None or not self._is_running() or self._is_to_move(wanted) or self._has_other_access(config):
            self._stop()
            self._start(config, wanted)
        else:
            supervisor.configure(config)
            if error := supervisor.wait_applied(_APPLY_SECONDS).error:
                raise Conflict(error)
            self._record_outcome(SupervisorState.RUNNING, "", config)

    def _has_other_access(self, config: GatewayConfig) -> bool:
        """Whether the gateway is to listen elsewhere, which a running one cannot."""
        wanted = Access.of(config.security, config.tokens_file)
        return self._supervisor is not None and self._supervisor.access != wanted

    def _end_canaries(self, reason: str) -> bool:
        """Take back the canaries that may be why a configuration was refused; False where there is none."""
        running = [r for e in self._registry.endpoints.all() if (r := self._registry.rollouts.running(e.name))]
        for rollout in running:
            self._registry.rollouts.decide(rollout, RolloutState.ROLLED_BACK, f"cannot be served: {reason}")
        return bool(running)

    def _give_up(self, wanted: list[Endpoint], reason: str) -> None:
        """Nothing is served until somebody asks for it again."""
        self._stop()
        self._config = None
        self._fail(wanted, reason)

    def _start(self, config: GatewayConfig, wanted: list[Endpoint]) -> None:
        asked_first = sorted(wanted, key=lambda endpoint: endpoint.state is not EndpointState.STARTING)
        port = next((endpoint.port for endpoint in asked_first if endpoint.port), 0)
        folder = self._registry.folder
        access = Access.of(config.security, config.tokens_file)
        self._supervisor = Supervisor(folder / "spool", folder / "logs", port=port, access=access)
        self._clock = None
        if self._registry.is_replay:
            self._clock = self._registry.clock.now().isoformat()
            self._supervisor.set_clock(self._clock)
        outcome = self._supervisor.start(config)
        self._pid = outcome.pid
        self._record_outcome(outcome.state, "", config)

    def _stop(self) -> None:
        if self._supervisor is not None:
            self._supervisor.stop()
        self._supervisor, self._pid, self._traffic = None, None, ()

    def _fail(self, wanted: list[Endpoint], reason: str) -> None:
        for endpoint in wanted:
            self._put(endpoint, EndpointState.FAILED, reason)

    def _record_outcome(self, state: SupervisorState, reason: str, config: GatewayConfig | None = None) -> None:
        """Put on record what became of the endpoints of a configuration, by default of the one that is applied.

        Others are left alone: what was asked for meanwhile is for the next look.
        """
        shown = {
            SupervisorState.RUNNING: EndpointState.SERVING,
            SupervisorState.WAITING: EndpointState.STARTING,
            SupervisorState.FAILED: EndpointState.FAILED,
            SupervisorState.STOPPED: EndpointState.STOPPED,
        }[state]
        known = config or self._config
        names = {endpoint.name for endpoint in known.endpoints} if known else set()
        with self._registry.transaction():
            for endpoint in self._registry.endpoints.all():
                if endpoint.name in names and endpoint.state in _WANTED and not self._is_to_move([endpoint]):
                    self._put(endpoint, shown, reason)

    def _put(self, endpoint: Endpoint, state: EndpointState, reason: str) -> None:
        serving = state is EndpointState.SERVING and self._supervisor is not None
        port = self._supervisor.port if serving and self._supervisor is not None else endpoint.port
        changed = msgspec.structs.replace(
            endpoint, state=state, reason=reason, port=port, pid=self._pid if serving else None
        )
        self._registry.endpoints.put(changed)

    def _read_traffic(self) -> tuple[EndpointTraffic, ...]:
        supervisor = self._supervisor
        if supervisor is None:
            return ()
        stats, outcome = supervisor.stats(), supervisor.outcome
        self._record_troubles(stats)
        if self._config is not None:
            self._alerts.look(stats, outcome, [endpoint.name for endpoint in self._config.endpoints])
        found = []
        for endpoint in self._config.endpoints if self._config is not None else ():
            versions = tuple(
                VersionTraffic(
                    number=v.version,
                    role=v.role,
                    requests=v.requests,
                    rows=v.rows,
                    errors=v.errors,
                    p50=v.p50_ms,
                    p95=v.p95_ms,
                    p99=v.p99_ms,
                    rate=v.requests_per_second,
                )
                for v in stats.versions
                if v.endpoint == endpoint.name
            )
            found.append(
                EndpointTraffic(
                    name=endpoint.name,
                    url=f"{supervisor.scheme}://{supervisor.host}:{supervisor.port}/models/{endpoint.name}/predict",
                    state=outcome.state.value,
                    reason=outcome.reason,
                    pid=outcome.pid,
                    restarts=outcome.restarts,
                    unlogged=stats.unlogged,
                    versions=versions,
                    pools=tuple(pool for pool in stats.pools if pool.endpoint == endpoint.name),
                )
            )
        return tuple(found)

    def _record_troubles(self, stats: GatewayStats) -> None:
        """Workers that keep ending are the reason that a serving endpoint shows, until one answers again."""
        if not self._troubles and not any(pool.trouble for pool in stats.pools):
            return
        for endpoint in self._registry.endpoints.all():
            if endpoint.state is not EndpointState.SERVING:
                continue
            troubles = [pool.trouble for pool in stats.pools if pool.endpoint == endpoint.name and pool.trouble]
            reason = " ".join(troubles)
            known = self._troubles.get(endpoint.name, "")
            if bool(reason) != bool(known):
                self._troubles[endpoint.name] = reason
                self._put(endpoint, EndpointState.SERVING, reason)


def _route(registry: Registry, rollout: Rollout) -> Route:
    """Who answers while a rollout runs."""
    if rollout.kind is RolloutKind.SHADOW:
        return Route(primary=rollout.primary, shadow=rollout.canary)
    by_request = spec_of(registry, rollout).sticky == "request"
    return Route(rollout.primary, rollout.canary, rollout.weight, by_request=by_request)
