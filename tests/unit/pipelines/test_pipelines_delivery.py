"""The engine's hand on the gateway: what a spec says of serving, and what becomes of workers that keep ending."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from loop_kit import ENDPOINT, make_served_workspace
from serving_kit import wait_until

from mlops_desktop.core.deployments import EndpointState
from mlops_desktop.pipelines.delivery import Delivery
from mlops_desktop.pipelines.settings import settings_for
from mlops_desktop.serving.figures import PoolStats
from mlops_desktop.workspace import Workspace


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
    assert [d.reason for d in pool(delivery).decisions] == ["1 → 2 workers: the spec asks for at least 2"]


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
    endpoint = registry.endpoints.get(ENDPOINT)
    assert endpoint.state is EndpointState.SERVING
    assert endpoint.reason.startswith(f"2 workers of {ENDPOINT}@1 in a row ended without an answer")
