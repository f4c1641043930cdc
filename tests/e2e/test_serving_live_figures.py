"""Live figures of a real gateway, as the window reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from serving_kit import ROW, Client, config, export, fitted, version, wait_until

from mlops_desktop.pipelines.engine_state import EndpointTraffic, EngineState, VersionTraffic, write_engine_state
from mlops_desktop.serving.supervisor import Supervisor
from mlops_desktop.ui.queries.serving_live import LivePoint, LiveSource
from mlops_desktop.workspace import Workspace


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    (tmp_path / "model").mkdir()
    onnx, _original = export(fitted(), tmp_path / "model")
    supervisor = Supervisor(tmp_path / "spool", tmp_path / "logs")
    supervisor.start(config(version(1, onnx)))
    yield supervisor
    supervisor.stop()


@pytest.fixture
def workspace(tmp_path: Path, supervisor: Supervisor) -> Iterator[Workspace]:
    """Its engine says that the gateway's endpoint is served here."""
    workspace = Workspace.create(tmp_path / "workspace", name="Live")
    url = f"http://127.0.0.1:{supervisor.port}/models/{name_of(supervisor)}/predict"
    versions = (VersionTraffic(1, "primary", 70, 70, 2, 1.0, 2.0, 3.0, 7.0),)
    traffic = EndpointTraffic(name_of(supervisor), url, "serving", versions=versions)
    write_engine_state(workspace.folder, EngineState(pid=1, running=True, endpoints=(traffic,)))
    yield workspace
    workspace.close()


def name_of(supervisor: Supervisor) -> str:
    """The only endpoint."""
    return supervisor.stats().pools[0].endpoint


def test_points_come_from_the_gateway_and_tell_what_is_going_on(workspace: Workspace, supervisor: Supervisor) -> None:
    source, client, name = LiveSource(), Client(supervisor.port), name_of(supervisor)
    points: list[LivePoint] = []

    def look() -> bool:
        client.predict(ROW)
        if (point := source.read(workspace, name).point) is not None:
            points.append(point)
        return any(point.latency[""][0] > 0 and point.requests["v1"] > 0 for point in points)

    wait_until(look)
    assert {point.source for point in points} == {"gateway"}
    newest = points[-1]
    assert newest.ready == newest.wanted == 1
    assert newest.errors == {"v1": 0.0}
    p50, p95, p99 = newest.latency["v1"]
    assert 0 < p50 <= p95 <= p99
    client.close()
    source.close()


def test_without_the_gateway_the_figures_are_those_of_the_engine(workspace: Workspace, supervisor: Supervisor) -> None:
    source, name = LiveSource(), name_of(supervisor)
    source.read(workspace, name)
    supervisor.stop()
    found = [source.read(workspace, name).point for _ in range(3)]
    told = [point for point in found if point is not None]
    assert [point.source for point in told] == ["engine"]
    assert told[0].requests == {"v1": 7.0}
    assert told[0].latency[""] == (1.0, 2.0, 3.0)


def test_a_stopped_engine_has_no_figures(workspace: Workspace) -> None:
    state = msgspec.structs.replace(workspace.engine_state(), running=False)
    write_engine_state(workspace.folder, state)
    reading = LiveSource().read(workspace, "m")
    assert (reading.point, reading.traffic) == (None, None)
