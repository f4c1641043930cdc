"""The engine's hand on the gateway: what a spec says of serving, and what becomes of workers that keep ending."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest
from loop_kit import ENDPOINT, endpoint, make_served_workspace
from serving_kit import wait_until

from mlops_desktop.core.deployments import EndpointState
from mlops_desktop.core.errors import InvalidInput, NotFound
from mlops_desktop.core.events import describe
from mlops_desktop.core.ids import new_id
from mlops_desktop.core.monitoring import Cause
from mlops_desktop.pipelines.collect import spool_folder
from mlops_desktop.pipelines.delivery import Delivery
from mlops_desktop.pipelines.serving_alerts import ServingAlerts
from mlops_desktop.pipelines.settings import serving_of, settings_for
from mlops_desktop.serving.config import GatewayConfig
from mlops_desktop.serving.figures import GatewayStats, PoolStats
from mlops_desktop.serving.gateway.main import bind
from mlops_desktop.serving.supervisor import Outcome, Supervisor, SupervisorState
from mlops_desktop.workspace import Workspace

RUNNING = Outcome(SupervisorState.RUNNING, "")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    workspace = make_served_workspace(tmp_path)
    yield workspace
    workspace.close()


@pytest.fixture
def delivery(workspace: Workspace) -> Iterator[Delivery]:
    delivery = Delivery(workspace.registry)
    delivery.reconcile(workspace.registry.clock.now(), time_moved=False)
    yield delivery
    delivery.end()


def pool(delivery: Delivery) -> PoolStats:
    return delivery.states()[0].pools[0]


def test_a_new_spec_is_served_by_at_once_with_the_reason(workspace: Workspace, delivery: Delivery) -> None:
    registry = workspace.registry
    wait_until(lambda: bool(delivery.states()) and pool(delivery).wanted == 1)
    text = registry.specs.get(ENDPOINT).text + "\n[serving.autoscaler]\nmin_workers = 2\nmax_workers = 2\n"
    registry.specs.save(ENDPOINT, text)
    assert settings_for(registry, ENDPOINT).serving.autoscaler.min_workers == 2
    delivery.reconcile(registry.clock.now(), time_moved=False)
    wait_until(lambda: len(pool(delivery).pids) == 2)
    assert [d.reason for d in pool(delivery).decisions] == ["1 → 2 workers: its limits ask for at least 2"]


def test_workers_that_keep_ending_are_the_endpoints_reason(workspace: Workspace, delivery: Delivery) -> None:
    registry = workspace.registry
    wait_until(lambda: bool(delivery.states()) and bool(pool(delivery).pids))
    ended: set[int] = set()
    while len(ended) < 2:
        wait_until(lambda: bool(set(pool(delivery).pids) - ended))
        pid = (set(pool(delivery).pids) - ended).pop()
        psutil.Process(pid).kill()
        ended.add(pid)
    wait_until(lambda: bool(delivery.states()) and bool(registry.endpoints.get(ENDPOINT).reason))
    served = registry.endpoints.get(ENDPOINT)
    assert served.state is EndpointState.SERVING
    assert served.reason.startswith(f"2 workers of {ENDPOINT}@1 in a row ended without an answer")


def test_workers_set_by_hand_are_had_at_once_and_until_the_next_spec(workspace: Workspace, delivery: Delivery) -> None:
    registry = workspace.registry
    wait_until(lambda: bool(delivery.states()) and pool(delivery).wanted == 1)
    workspace.serving.scale(ENDPOINT, minimum=2, maximum=3, reason="a sale begins")
    delivery.reconcile(registry.clock.now(), time_moved=False)
    wait_until(lambda: len(pool(delivery).pids) == 2)
    assert registry.endpoints.get(ENDPOINT).state is EndpointState.SERVING
    assert registry.endpoints.get(ENDPOINT).workers is not None
    event = registry.journal.newest(kinds=("endpoint.scaled",))[0]
    assert describe(event) == "Endpoint late is to have 2 to 3 workers: by hand: a sale begins"
    registry.specs.save(ENDPOINT, registry.specs.get(ENDPOINT).text + "\n# as before\n")
    delivery.reconcile(registry.clock.now(), time_moved=False)
    wait_until(lambda: pool(delivery).wanted == 1)
    assert serving_of(registry, registry.endpoints.get(ENDPOINT)).autoscaler.max_workers == 1


def test_workers_are_set_within_limits_and_given_back_to_the_spec(workspace: Workspace) -> None:
    serving, registry = workspace.serving, workspace.registry
    registry.endpoints.put(endpoint())
    with pytest.raises(InvalidInput, match="late cannot have 2 to 1 workers") as refused:
        serving.scale(ENDPOINT, minimum=2, reason="more")
    assert refused.value.hint == "It has 1 to 1; give both numbers."
    for minimum, maximum in ((-1, 1), (0, 0), (1, 257)):
        with pytest.raises(InvalidInput):
            serving.scale(ENDPOINT, minimum=minimum, maximum=maximum, reason="more")
    with pytest.raises(InvalidInput, match="needs a reason"):
        serving.scale(ENDPOINT, maximum=4, reason=" ")
    serving.scale(ENDPOINT, maximum=4, reason="more")
    serving.scale(ENDPOINT, minimum=0, reason="less at night")
    scaler = serving_of(registry, registry.endpoints.get(ENDPOINT)).autoscaler
    assert (scaler.min_workers, scaler.max_workers) == (0, 4)
    serving.scale_by_spec(ENDPOINT, reason="the sale is over")
    assert serving_of(registry, registry.endpoints.get(ENDPOINT)).autoscaler.max_workers == 1
    with pytest.raises(NotFound):
        serving.scale("unknown", maximum=2, reason="more")


def test_what_is_asked_for_while_the_gateway_starts_is_not_lost(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another port, and another endpoint: neither is said to be served before it is."""
    registry, start = workspace.registry, Supervisor.start
    listener = bind(0)
    port = listener.getsockname()[1]
    listener.close()

    def interrupted(self: Supervisor, config: GatewayConfig) -> Outcome:
        outcome = start(self, config)
        workspace.start_serving(ENDPOINT, ENDPOINT, port=port)
        workspace.start_serving("other", ENDPOINT)
        return outcome

    delivery = Delivery(registry)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(Supervisor, "start", interrupted)
            delivery.reconcile(registry.clock.now(), time_moved=False)
        asked = {endpoint.name: (endpoint.state, endpoint.port) for endpoint in registry.endpoints.all()}
        assert asked == {ENDPOINT: (EndpointState.STARTING, port), "other": (EndpointState.STARTING, 0)}
        delivery.reconcile(registry.clock.now(), time_moved=False)
        assert {(e.state, e.port) for e in registry.endpoints.all()} == {(EndpointState.SERVING, port)}
    finally:
        delivery.end()


def test_a_version_without_the_artifact_it_needs_fails_its_endpoint_alone(
    workspace: Workspace, delivery: Delivery
) -> None:
    registry = workspace.registry
    first = registry.models.get(f"{ENDPOINT}@1")
    bare = registry.models.register(msgspec.structs.replace(first, id=new_id(), run=new_id(), artifacts={}))
    workspace.promote(bare.reference, reason="made up")
    delivery.reconcile(registry.clock.now(), time_moved=False)
    failed = registry.endpoints.get(ENDPOINT)
    assert failed.state is EndpointState.FAILED
    assert f"{bare.reference} has no {first.runtime.value} artifact" in failed.reason


def test_a_log_that_cannot_be_written_is_one_alert_until_it_can(workspace: Workspace) -> None:
    registry, alerts = workspace.registry, ServingAlerts(workspace.registry)
    problem = f"The prediction log in {spool_folder(registry, ENDPOINT)} cannot be written: No space left on device."
    alerts.look(GatewayStats(), RUNNING, [ENDPOINT, "other"])
    for lost in (1, 2, 3):
        alerts.look(GatewayStats(unlogged=lost, log_error=problem), RUNNING, [ENDPOINT, "other"])
    (alert,) = registry.alerts.unresolved()
    assert (alert.endpoint, alert.cause, alert.occurrences) == (ENDPOINT, Cause.PREDICTION_LOG, 1)
    assert "No space left" in alert.title and alert.evidence["unlogged"] == 1
    ServingAlerts(registry).look(GatewayStats(unlogged=3, log_error=problem), RUNNING, [ENDPOINT, "other"])
    assert registry.alerts.unresolved()[0].occurrences == 1
    ServingAlerts(registry).look(GatewayStats(), RUNNING, [ENDPOINT, "other"])
    assert registry.alerts.unresolved() == []


def test_processes_that_keep_dying_are_one_alert_until_they_last(workspace: Workspace) -> None:
    registry, alerts = workspace.registry, ServingAlerts(workspace.registry, calm_seconds=0.2)
    pool = PoolStats(ENDPOINT, 1, False, 0, [], 3, trouble="3 workers of late@1 in a row ended without an answer.")
    waiting = Outcome(SupervisorState.WAITING, "The gateway ended with code -9.")
    for stats, outcome in (
        (GatewayStats(pools=[pool]), RUNNING),
        (GatewayStats(), RUNNING),
        (GatewayStats(), waiting),
        (GatewayStats(), RUNNING),
    ):
        alerts.look(stats, outcome, [ENDPOINT])
        (alert,) = registry.alerts.unresolved()
        assert (alert.cause, alert.title, alert.occurrences) == (Cause.CRASH_LOOP, pool.trouble, 1)

    def is_over() -> bool:
        alerts.look(GatewayStats(), RUNNING, [ENDPOINT])
        return not registry.alerts.unresolved()

    wait_until(is_over)
