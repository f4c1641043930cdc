"""What survives when processes of serving are killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from serving_kit import ROW, Client, Traffic, config, export, fitted, logged, version, wait_until

from mlops_desktop.serving import supervisor as supervision
from mlops_desktop.serving.config import Route, ServingSpec
from mlops_desktop.serving.supervisor import Supervisor, SupervisorState

KILLS = 10


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> str:
    return export(fitted(), tmp_path_factory.mktemp("model"))[0]


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path / "spool", tmp_path / "logs")
    yield supervisor
    supervisor.stop()


def kill(pid: int) -> None:
    psutil.Process(pid).kill()


def outstanding(supervisor: Supervisor, number: int) -> int:
    """How many requests a version has accepted and not answered."""
    return sum(pool.queued + pool.working for pool in supervisor.stats().pools if pool.version == number)


def test_a_killed_gateway_loses_no_answered_prediction(
    supervisor: Supervisor, artifact: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times in a row, under load; clients try again while it is away. The port stays the same."""
    monkeypatch.setattr(supervision, "MAX_QUICK_DEATHS", KILLS)
    monkeypatch.setattr(supervision, "_BACK_OFF_SECONDS", (0.0,))
    supervisor.start(config(version(1, artifact)))
    port, first = supervisor.port, supervisor.pid
    workers = [pool.pids for pool in supervisor.stats().pools]
    with Traffic(port, retry=True) as traffic:
        for _ in range(KILLS):
            traffic.wait_for_more(100)
            pid = supervisor.pid
            assert pid is not None
            kill(pid)
            wait_until(lambda: not supervisor.is_alive)
            wait_until(lambda: supervisor.ensure_alive().state is SupervisorState.RUNNING and supervisor.is_alive)
        traffic.wait_for_more(100)
    assert traffic.failures == []
    assert supervisor.outcome.restarts == KILLS and supervisor.pid != first and supervisor.port == port
    ids = [record.id for record in logged(tmp_path / "spool")]
    assert len(set(ids)) == len(ids)
    assert {answer["id"] for answer in traffic.answers} <= set(ids)
    wait_until(lambda: not any(psutil.pid_exists(pid) for pids in workers for pid in pids))


def test_a_killed_worker_loses_no_request(supervisor: Supervisor, artifact: str) -> None:
    """Ten times in a row, under load, without any retry by the client."""
    supervisor.start(config(version(1, artifact)))

    def worker() -> int | None:
        pids = supervisor.stats().pools[0].pids
        return pids[0] if pids else None

    with Traffic(supervisor.port) as traffic:
        for _ in range(KILLS):
            wait_until(lambda: worker() is not None)
            traffic.wait_for_more(50)
            pid = worker()
            assert pid is not None
            kill(pid)
            wait_until(lambda: worker() not in (None, pid))  # noqa: B023 - called before the next round
        traffic.wait_for_more(50)
    assert traffic.failures == []
    assert supervisor.stats().pools[0].restarts == KILLS


def test_a_worker_killed_with_requests_in_its_hands_gives_them_to_the_next(
    supervisor: Supervisor, artifact: str
) -> None:
    """A stopped worker surely has not answered; its requests wait, and are answered by its successor."""
    if sys.platform == "win32":
        pytest.skip("no signal stops a process there")
    supervisor.start(config(version(1, artifact)))
    pid = supervisor.stats().pools[0].pids[0]
    with Traffic(supervisor.port, threads=6) as traffic:
        traffic.wait_for_more(50)
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: outstanding(supervisor, 1) == 6)
        kill(pid)
        traffic.wait_for_more(50)
    assert traffic.failures == []


def test_a_full_queue_answers_to_come_back_later(supervisor: Supervisor, artifact: str) -> None:
    if sys.platform == "win32":
        pytest.skip("no signal stops a process there")
    supervisor.start(config(version(1, artifact), serving=ServingSpec(queue_limit=2)))
    pid = supervisor.stats().pools[0].pids[0]
    os.kill(pid, signal.SIGSTOP)
    with Traffic(supervisor.port, threads=6) as traffic:
        wait_until(lambda: bool(traffic.failures))
        os.kill(pid, signal.SIGCONT)
    assert set(traffic.failures) == {"503 {'error': 'Too many requests are waiting; try again in a second.'}"}
    client = Client(supervisor.port)
    assert client.predict(ROW)["version"] == 1
    client.close()


def test_a_canary_whose_workers_keep_dying_hurts_no_client(supervisor: Supervisor, artifact: str) -> None:
    if sys.platform == "win32":
        pytest.skip("no signal stops a process there")
    supervisor.start(config(version(1, artifact), version(2, artifact), route=Route(1, 2, 1.0)))

    def canary_pids() -> list[int]:
        return next(pool.pids for pool in supervisor.stats().pools if pool.version == 2)

    with Traffic(supervisor.port) as traffic:
        for _ in range(2):
            wait_until(lambda: bool(canary_pids()))
            pids = canary_pids()
            os.kill(pids[0], signal.SIGSTOP)
            wait_until(lambda: outstanding(supervisor, 2) == 4)
            kill(pids[0])
            wait_until(lambda: canary_pids() not in ([], pids))  # noqa: B023 - called before the next round
        traffic.wait_for_more(50)
    assert traffic.failures == []


def test_a_gateway_that_keeps_dying_young_is_given_up_with_a_reason(
    supervisor: Supervisor, artifact: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "MAX_QUICK_DEATHS", 2)
    monkeypatch.setattr(supervision, "_BACK_OFF_SECONDS", (0.0,))
    supervisor.start(config(version(1, artifact)))
    for _ in range(3):
        pid = supervisor.pid
        assert pid is not None
        kill(pid)
        wait_until(lambda: not supervisor.is_alive)
        outcome = supervisor.ensure_alive()
    assert outcome.state is SupervisorState.FAILED
    assert "given up" in outcome.reason and "gateway.log" in outcome.reason
    assert supervisor.ensure_alive().state is SupervisorState.FAILED and not supervisor.is_alive
    supervisor.start(config(version(1, artifact)))
    assert supervisor.is_alive


def test_a_gateway_that_had_lasted_is_restarted_at_once(
    supervisor: Supervisor, artifact: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "QUICK_SECONDS", 0.0)
    supervisor.start(config(version(1, artifact)))
    for _ in range(2):
        pid = supervisor.pid
        assert pid is not None
        kill(pid)
        wait_until(lambda: not supervisor.is_alive)
        assert supervisor.ensure_alive().state is SupervisorState.RUNNING
        assert supervisor.is_alive and supervisor.wait_applied(30).is_done


def test_a_restarted_gateway_serves_the_latest_configuration(supervisor: Supervisor, artifact: str) -> None:
    supervisor.start(config(version(1, artifact)))
    supervisor.configure(config(version(2, artifact)))
    assert supervisor.wait_applied(30).error == ""
    supervisor.configure(config(version(3, artifact + ".absent")))
    assert "late@3" in supervisor.wait_applied(30).error
    pid = supervisor.pid
    assert pid is not None
    kill(pid)
    wait_until(lambda: not supervisor.is_alive)
    assert supervisor.ensure_alive().state is SupervisorState.RUNNING
    assert supervisor.wait_applied(30).is_done
    client = Client(supervisor.port)
    assert client.predict(ROW)["version"] == 2
    client.close()
