"""Workers by load, with real processes: to zero and back, spares, limits of queue, time and memory."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import joblib
import psutil
import pytest
from serving_kit import ROW, Client, Traffic, config, export, fitted, logged, version, wait_until
from serving_models import DIE, GARBAGE, HANG, LEAK, WRONG_SHAPE, Misbehaving

from mlops_desktop.core.models import Runtime
from mlops_desktop.serving.config import AutoscalerSpec, ServingSpec
from mlops_desktop.serving.figures import PoolStats
from mlops_desktop.serving.supervisor import Supervisor

QUICK = AutoscalerSpec(
    min_workers=0,
    max_workers=3,
    target=2.0,
    tick_seconds=0.1,
    stable_seconds=1.0,
    panic_seconds=0.3,
    down_delay_seconds=0.2,
    idle_seconds=0.4,
    grace_seconds=0.1,
)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> str:
    return export(fitted(), tmp_path_factory.mktemp("model"))[0]


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path / "spool", tmp_path / "logs")
    yield supervisor
    supervisor.stop()


@pytest.fixture
def misbehaving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    known = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [known, str(Path(__file__).parents[1])])))
    path = tmp_path / "misbehaving.joblib"
    joblib.dump(Misbehaving(), path)
    return str(path)


def pool(supervisor: Supervisor) -> PoolStats:
    return supervisor.stats().pools[0]


def ask(supervisor: Supervisor, value: float) -> tuple[int, Any, dict[str, str]]:
    client = Client(supervisor.port)
    try:
        return client.send("POST", "/predict", {"records": [ROW | {"dep delay": value}]})
    finally:
        client.close()


def limited(artifact: str, **limits: Any) -> Any:
    return config(version(1, artifact, runtime=Runtime.SKLEARN), serving=ServingSpec(**limits))


def test_from_zero_to_many_and_back_no_request_fails(supervisor: Supervisor, artifact: str, tmp_path: Path) -> None:
    supervisor.start(config(version(1, artifact), serving=ServingSpec(autoscaler=QUICK)))
    for _ in range(2):
        wait_until(lambda: pool(supervisor).wanted == 0 and not pool(supervisor).pids)
        client = Client(supervisor.port)
        assert client.send("GET", "/v2/health/ready")[0] == 200
        client.close()
        with Traffic(supervisor.port, threads=12) as traffic:
            wait_until(lambda: len(pool(supervisor).pids) == 3)
            traffic.wait_for_more(100)
        assert traffic.failures == []
        assert {answer["id"] for answer in traffic.answers} <= {record.id for record in logged(tmp_path / "spool")}
    wait_until(lambda: pool(supervisor).wanted == 0)
    decisions = pool(supervisor).decisions
    reasons = [decision.reason for decision in decisions]
    assert reasons[0].startswith("1 → 0 workers: no request for")
    assert "0 → 1 worker: a request came" in reasons
    assert any("requests are there on average over" in reason and "target 1.4 a worker" in reason for reason in reasons)
    assert all(after.before == before.after for before, after in pairwise(decisions))


def test_workers_killed_at_random_while_their_number_changes_lose_no_request(
    supervisor: Supervisor, artifact: str
) -> None:
    """Fifty times; bursts and pauses make the number go up and down all the while."""
    supervisor.start(config(version(1, artifact), serving=ServingSpec(autoscaler=QUICK, spare_workers=1)))
    generator = random.Random(5)
    killed: set[int] = set()
    while len(killed) < 50:
        with Traffic(supervisor.port, threads=generator.choice([1, 6, 12])) as traffic:
            for _ in range(10):
                wait_until(lambda: bool(set(pool(supervisor).pids) - killed))
                pid = generator.choice(sorted(set(pool(supervisor).pids) - killed) or [0])
                if pid and psutil.pid_exists(pid):
                    psutil.Process(pid).kill()
                    killed.add(pid)
                traffic.wait_for_more(20)
        assert traffic.failures == []


def test_a_spare_takes_the_first_request_after_zero_and_is_made_good(supervisor: Supervisor, artifact: str) -> None:
    supervisor.start(config(version(1, artifact), serving=ServingSpec(autoscaler=QUICK, spare_workers=1)))

    def children() -> set[int]:
        return {child.pid for child in psutil.Process(supervisor.pid).children()}

    wait_until(lambda: pool(supervisor).wanted == 0 and len(children()) == 1)
    (spare,) = children()
    client = Client(supervisor.port)
    client.predict(ROW)
    client.close()
    assert pool(supervisor).pids == [spare]
    wait_until(lambda: len(children() - {spare}) == 1)


def test_bursts_within_the_queues_bound_are_served_and_beyond_it_told_to_come_back(
    supervisor: Supervisor, artifact: str
) -> None:
    """All requests come while there is no worker yet, so that none leaves the queue before the last one came."""
    supervisor.start(config(version(1, artifact), serving=ServingSpec(autoscaler=QUICK, queue_limit=20)))
    for requests, refused in ((20, 0), (30, 10)):
        wait_until(lambda: pool(supervisor).wanted == 0 and not pool(supervisor).pids)
        with ThreadPoolExecutor(requests) as threads:
            answers = list(threads.map(lambda _: ask(supervisor, 1.0), range(requests)))
        statuses = [status for status, _, _ in answers]
        assert statuses.count(200) == requests - refused and statuses.count(503) == refused
        assert all(headers["Retry-After"] == "1" for status, _, headers in answers if status == 503)


def test_a_worker_that_hangs_is_killed_and_the_others_are_answered(supervisor: Supervisor, misbehaving: str) -> None:
    autoscaler = AutoscalerSpec(min_workers=2, max_workers=2)
    supervisor.start(limited(misbehaving, request_seconds=1.0, autoscaler=autoscaler))
    wait_until(lambda: len(pool(supervisor).pids) == 2)
    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(ask, supervisor, HANG)
        wait_until(lambda: pool(supervisor).working == 1)
        assert ask(supervisor, 1.0)[0] == 200
        status, answer, _ = hanging.result(60)
    assert status == 504 and answer["error"] == "The model did not answer within 1 s, twice."
    assert pool(supervisor).hung == 2
    assert ask(supervisor, 1.0)[0] == 200


def test_a_request_that_waits_too_long_is_told_so(supervisor: Supervisor, misbehaving: str) -> None:
    supervisor.start(limited(misbehaving, request_seconds=2.0, queue_seconds=0.5))
    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(ask, supervisor, HANG)
        wait_until(lambda: pool(supervisor).working == 1)
        status, answer, headers = ask(supervisor, 1.0)
        assert status == 503 and "has waited for 0.5 s" in answer["error"] and headers["Retry-After"] == "1"
        assert pool(supervisor).expired == 1
        assert hanging.result(60)[0] == 504


def test_a_wrong_shape_is_the_models_error_and_no_other_requests(supervisor: Supervisor, misbehaving: str) -> None:
    supervisor.start(limited(misbehaving))
    pids = pool(supervisor).pids
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda v: ask(supervisor, v), [1.0, WRONG_SHAPE] * 8))
    assert [status for status, _, _ in answers] == [200, 500] * 8
    assert answers[1][1]["error"] == "The model answers (2, 2) to 1 rows where its signature says (1, 2)."
    assert pool(supervisor).pids == pids


@pytest.mark.skipif(sys.platform != "linux", reason="the model looks for its pipe in /proc")
def test_a_worker_that_talks_nonsense_is_replaced_and_nobody_else_is_hurt(
    supervisor: Supervisor, misbehaving: str
) -> None:
    """What it says in between is no answer: neither to the request that made it say so, nor to the next one."""
    supervisor.start(limited(misbehaving, autoscaler=AutoscalerSpec(min_workers=2, max_workers=2)))
    wait_until(lambda: len(pool(supervisor).pids) == 2)
    with Traffic(supervisor.port, threads=2) as traffic:
        for value in GARBAGE:
            status, answer, _ = ask(supervisor, value)
            assert status == 500 and "process ended 2 times while it worked on this request" in answer["error"]
        traffic.wait_for_more(20)
    assert traffic.failures == [] and {answer["scores"][0] for answer in traffic.answers} == {0.75}
    assert pool(supervisor).restarts == 2 * len(GARBAGE)


def test_a_worker_that_leaks_is_replaced_after_its_requests(supervisor: Supervisor, misbehaving: str) -> None:
    supervisor.start(limited(misbehaving, worker_memory_mb=350))
    (before,) = pool(supervisor).pids
    with Traffic(supervisor.port) as traffic:
        assert ask(supervisor, LEAK)[0] == 200
        wait_until(lambda: before not in pool(supervisor).pids and bool(pool(supervisor).pids))
        traffic.wait_for_more(20)
    assert traffic.failures == [] and pool(supervisor).replaced == 1 and pool(supervisor).restarts == 0


def test_workers_that_keep_dying_are_told_of_until_one_answers(supervisor: Supervisor, misbehaving: str) -> None:
    supervisor.start(limited(misbehaving))
    assert ask(supervisor, DIE)[0] == 500
    assert "2 workers of late@1 in a row ended without an answer (exit code 9)" in pool(supervisor).trouble
    assert ask(supervisor, 1.0)[0] == 200
    assert pool(supervisor).trouble == "" and pool(supervisor).restarts == 2
