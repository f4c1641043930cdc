"""A gateway with too few descriptors, or too much to hold: it serves whom it has, and comes back by itself."""

from __future__ import annotations

import contextlib
import json
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace
from serving_kit import ROW, Client, config, export, fitted, logged, version, wait_until

from mlops_desktop.serving.config import GatewayConfig, ServingSpec
from mlops_desktop.serving.gateway.http import BODIES_AT_A_TIME, MOST_TOLD
from mlops_desktop.serving.policies import LogSpec, SecuritySpec
from mlops_desktop.serving.supervisor import Supervisor

pytestmark = pytest.mark.skipif(not hasattr(psutil.Process, "rlimit"), reason="limits another process's descriptors")
BODY = json.dumps({"records": [ROW]}).encode()
REQUEST = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> GatewayConfig:
    artifact, _ = export(fitted(), tmp_path_factory.mktemp("model"))
    return config(version(1, artifact), serving=ServingSpec(log=LogSpec(strict=True)))


@pytest.fixture
def own(tmp_path: Path, wanted: GatewayConfig) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path / "spool", tmp_path / "logs")
    supervisor.start(wanted)
    yield supervisor
    supervisor.stop()


def allow(supervisor: Supervisor, descriptors: int) -> None:
    process = psutil.Process(supervisor.pid)
    _, most = process.rlimit(psutil.RLIMIT_NOFILE)
    process.rlimit(psutil.RLIMIT_NOFILE, (descriptors, most))


def said(connection: socket.socket) -> bytes:
    """The status of the answer; empty where the connection was cut off."""
    with contextlib.suppress(OSError):
        connection.sendall(REQUEST)
        return connection.recv(65536)[9:12]
    return b""


def test_connections_leave_descriptors_for_everything_else(own: Supervisor, wanted: GatewayConfig) -> None:
    allow(own, MOST_TOLD + 128 + 100)
    own.configure(wanted)
    assert own.wait_applied(30).error == ""
    with contextlib.ExitStack() as opened:
        address = ("127.0.0.1", own.port)
        count = MOST_TOLD + 200
        sockets = [opened.enter_context(socket.create_connection(address, timeout=30)) for _ in range(count)]
        answers = [said(each) for each in sockets]
        assert answers[:100] == [b"200"] * 100
        assert answers[100 : 100 + MOST_TOLD] == [b"503"] * MOST_TOLD and set(answers[100 + MOST_TOLD :]) == {b""}
    client = Client(own.port)
    wait_until(lambda: client.send("POST", "/predict", BODY)[0] == 200)
    client.close()


def test_without_any_descriptor_left_known_clients_are_served_and_all_comes_back(
    own: Supervisor, tmp_path: Path
) -> None:
    client = Client(own.port)
    answered = [client.predict(ROW)["id"]]
    process = psutil.Process(own.pid)
    have = process.num_fds()
    with contextlib.ExitStack() as opened:
        allow(own, have + 1)
        for _ in range(50):
            opened.enter_context(socket.create_connection(("127.0.0.1", own.port), timeout=30))
        wait_until(lambda: process.num_fds() > have)
        statuses = [client.send("POST", "/predict", BODY)[0] for _ in range(20)]
        assert set(statuses) <= {200, 503}  # in strict mode what cannot be synced is not answered
        (pid,) = own.stats().pools[0].pids
        psutil.Process(pid).kill()
        wait_until(lambda: "could not be started" in own.stats().pools[0].trouble)
        allow(own, 4096)
    wait_until(lambda: own.stats().pools[0].ready)
    answered.append(client.predict(ROW)["id"])
    assert own.stats().pools[0].trouble == ""
    other = Client(own.port)
    answered.append(other.predict(ROW)["id"])
    other.close()
    client.close()
    assert set(answered) <= {record.id for record in logged(tmp_path / "spool")}


def test_large_bodies_of_many_clients_are_bounded_together(tmp_path: Path, wanted: GatewayConfig) -> None:
    """Of the ones that are on their way all are taken in or told; when they have gone there is room again."""
    supervisor = Supervisor(tmp_path / "spool", tmp_path / "logs")
    supervisor.start(replace(wanted, security=SecuritySpec(body_mb=1.0)))
    size = 1 << 20
    begun = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size + b" " * (size - 1)
    small = Client(supervisor.port)
    try:
        for _ in range(2):
            with contextlib.ExitStack() as opened:
                address = ("127.0.0.1", supervisor.port)
                sockets = [
                    opened.enter_context(socket.create_connection(address, timeout=30))
                    for _ in range(BODIES_AT_A_TIME + 4)
                ]
                for each in sockets:
                    each.sendall(begun)
                told = select.select(sockets, [], [], 30)[0]
                assert told and {each.recv(65536)[9:12] for each in told} == {b"503"}
                small.predict(ROW)
                for each in [each for each in sockets if each not in told][:3]:
                    each.sendall(b"x")
                    assert each.recv(65536)[9:12] == b"400"  # it was taken in whole
            wait_until(lambda: supervisor.stats().connections == 1)
        large = b" " * (size - len(BODY)) + BODY
        assert [small.send("POST", "/predict", large)[0] for _ in range(2 * BODIES_AT_A_TIME)] == [200] * 32
    finally:
        small.close()
        supervisor.stop()
