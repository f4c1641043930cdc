"""Workers and gateway that come, go and die: cold starts, spikes, hot swaps, kills; and what serving costs while idle.

    python -m benchmarks bench_serving_elastic

The model is the sample project's gradient boosting, served from ONNX. Load comes from a process of its own, which keeps
every answer's id; each must be in the prediction log.
"""

from __future__ import annotations

import http.client
import json
import random
import statistics
import tempfile
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from benchmarks.serving_load import Job, Load, Outcome, drive, post
from benchmarks.serving_peers import OURS, ask
from benchmarks.serving_pipelines import GRADIENT_BOOSTING, TrainedPipeline, train_pipeline
from mlops_desktop.serving import supervisor as supervision
from mlops_desktop.serving.config import AutoscalerSpec, GatewayConfig, Route, ServedEndpoint, ServingSpec
from mlops_desktop.serving.figures import PoolStats
from mlops_desktop.serving.log import predictions_of, read_log
from mlops_desktop.serving.supervisor import Supervisor

COLD_STARTS, SWAPS, WORKER_KILLS, GATEWAY_KILLS = 8, 50, 50, 10
CONNECTIONS = 16
IDLE_SECONDS = 20.0
CALM_SECONDS = 8.0
LOOK_SECONDS = 0.02
# How often the engine looks after the gateway while it has nothing else to do.
ENGINE_ROUND_SECONDS = 0.1
AT_MOST_SECONDS = 120.0
TO_ZERO = AutoscalerSpec(min_workers=0, idle_seconds=0.3, grace_seconds=0.1)
SOON_TO_ZERO = AutoscalerSpec(
    min_workers=0, tick_seconds=0.1, panic_seconds=0.3, stable_seconds=1.0, idle_seconds=0.3, grace_seconds=0.1
)


class Bed:
    """A pipeline, and a folder for each thing that is tried with it."""

    def __init__(self, pipeline: TrainedPipeline, folder: Path) -> None:
        self.pipeline = pipeline
        self._folder = folder

    def config(self, *numbers: int, **serving: Any) -> GatewayConfig:
        """Versions of these numbers are warm, and the first has the requests."""
        versions = tuple(self.pipeline.version(number) for number in numbers or (1,))
        route, spec = Route(versions[0].number), ServingSpec(**serving)
        return GatewayConfig((ServedEndpoint("late", "late-arrival", versions, route, spec),))

    @contextmanager
    def serving(self, name: str, **serving: Any) -> Iterator[Supervisor]:
        supervisor = Supervisor(self._folder / name, self._folder / "logs")
        supervisor.start(self.config(1, **serving))
        try:
            yield supervisor
        finally:
            supervisor.stop()

    def job(self, supervisor: Supervisor, connections: int, *, rows: int = 1, **more: Any) -> Job:
        places = self.pipeline.chunks(rows, 16)
        bodies = (json.dumps(OURS.encode(self.pipeline.rows[place])).encode() for place in places)
        requests = tuple(post(OURS.path, body) for body in bodies)
        more = {"seconds": AT_MOST_SECONDS, "marker": b'"inference_id":"'} | more
        return Job(supervisor.port, requests, connections, **more)

    def missing(self, name: str, outcome: Outcome) -> int:
        """How many were answered and are not in the log."""
        return len(set(outcome.ids) - {record.id for record in predictions_of(read_log(self._folder / name / "late"))})

    def report(self, name: str, outcome: Outcome, title: str) -> None:
        """What the clients of a whole trial met."""
        answered = len(outcome.ids)
        show(f"{title}: requests answered", answered, "requests")
        show(f"{title}: failed", len(outcome.failures), "requests", bound=0)
        show(f"{title}: answered and not in the log", self.missing(name, outcome), "requests", bound=0)
        show(f"{title}: slowest answer", round(outcome.quantile_ms(1.0)), "ms")


def pool(supervisor: Supervisor) -> PoolStats:
    return supervisor.stats().pools[0]


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} did not come about within {seconds:.0f} s")
        time.sleep(LOOK_SECONDS)


def cpu_seconds(processes: list[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))


def wait_until_asleep(supervisor: Supervisor, spares: int) -> None:
    """No worker, and as many spares as there are to be, which have done their imports."""
    gateway = psutil.Process(supervisor.pid)
    wait_until(lambda: not pool(supervisor).wanted and len(gateway.children()) == spares, "sleep")
    before = -1.0
    while (now := cpu_seconds(gateway.children())) != before:
        before = now
        time.sleep(0.5)


def cold_starts(bed: Bed) -> None:
    for spares, bound in ((0, 1.2), (1, 0.2)):
        took = []
        with bed.serving(f"cold-{spares}", autoscaler=SOON_TO_ZERO, spare_workers=spares) as supervisor:
            for _ in range(COLD_STARTS):
                wait_until_asleep(supervisor, spares)
                began = time.monotonic()
                ask(OURS, supervisor.port, bed.pipeline.rows[:1])
                took.append(time.monotonic() - began)
        title = f"cold start from zero to the first answer{', with a spare' if spares else ''}"
        show(f"{title}, median of {COLD_STARTS}", round(statistics.median(took), 3), "s", bound=bound)
        show(f"{title}, slowest", round(max(took), 3), "s", bound=bound)


def idle(bed: Bed) -> None:
    """At zero workers, at the autoscaler's ordinary pace, after some load."""
    with bed.serving("idle", autoscaler=TO_ZERO) as supervisor:
        drive(bed.job(supervisor, CONNECTIONS, seconds=2.0))
        wait_until_asleep(supervisor, 0)
        gateway = psutil.Process(supervisor.pid)
        before = cpu_seconds([gateway])
        time.sleep(IDLE_SECONDS)
        share = (cpu_seconds([gateway]) - before) / IDLE_SECONDS
        memory = gateway.memory_full_info().pss / 2**20
    show("idle at zero: the gateway's memory (PSS)", round(memory, 1), "MB", bound=60.0)
    show(f"idle at zero: share of a core over {IDLE_SECONDS:.0f} s", round(share * 100, 2), "%", bound=0.5)


def spike(bed: Bed) -> None:
    """Tenfold connections with 100 rows each, by the default settings of the autoscaler but for two workers.

    First from what one worker is planned to have, then from less than a third of that, which takes the autoscaler's
    panic window longer to see.
    """
    for connections in (7, 2):
        with bed.serving(f"spike-{connections}", autoscaler=AutoscalerSpec(max_workers=2)) as supervisor:
            decided, took, failed = _reaction(bed, supervisor, connections)
        title = f"tenfold spike from {connections} connections"
        show(f"{title}: until a second worker is decided on", round(decided, 2), "s")
        show(f"{title}: until the second worker answers", round(took, 2), "s", bound=3.0)
        show(f"{title}: failed", failed, "requests", bound=0)


def _reaction(bed: Bed, supervisor: Supervisor, connections: int) -> tuple[float, float, int]:
    """Seconds from the spike to the decision and to the second worker's first work; and how many requests failed."""
    first = set(pool(supervisor).pids)
    before = Load(bed.job(supervisor, connections, rows=100))
    time.sleep(CALM_SECONDS)
    if set(pool(supervisor).pids) - first:
        raise SystemExit("The load before the spike was one for two workers already.")
    more = Load(bed.job(supervisor, 9 * connections, rows=100))
    wait_until(lambda: bool(set(pool(supervisor).pids) - first), "a second worker")
    (extra,) = (psutil.Process(pid) for pid in set(pool(supervisor).pids) - first)
    loaded = cpu_seconds([extra])
    wait_until(lambda: cpu_seconds([extra]) > loaded, "the second worker's work")
    works, clock = time.monotonic(), time.time() - time.monotonic()
    (decision,) = pool(supervisor).decisions
    time.sleep(1.0)
    outcomes = more.stop(), before.stop()
    began = outcomes[0].began
    return decision.at - clock - began, works - began, sum(len(outcome.failures) for outcome in outcomes)


def burst(bed: Bed) -> None:
    """As many at a time as may wait."""
    with bed.serving("burst", autoscaler=AutoscalerSpec(max_workers=2), queue_limit=1000) as supervisor:
        outcome = drive(bed.job(supervisor, 1000, seconds=3.0))
        bed.report("burst", outcome, "1,000 connections with a queue of 1,000")


def hot_swaps(bed: Bed) -> None:
    """Each time a new version takes over and the one before is kept, as a promotion has it."""
    took = []
    with bed.serving("swaps") as supervisor:
        load = Load(bed.job(supervisor, CONNECTIONS))
        for number in range(2, SWAPS + 2):
            began = time.monotonic()
            supervisor.configure(bed.config(number, number - 1))
            applied = supervisor.wait_applied(60)
            if applied.error or not applied.is_done:
                raise SystemExit(f"Version {number} was not taken: {applied}")
            took.append(time.monotonic() - began)
        outcome = load.stop()
    title = f"{SWAPS} hot swaps under full load"
    bed.report("swaps", outcome, title)
    show(f"{title}: rate meanwhile", round(outcome.per_second), "requests/s")
    show(f"{title}: a swap, median", round(statistics.median(took), 2), "s")


def worker_kills(bed: Bed) -> None:
    generator = random.Random(7)
    killed: set[int] = set()
    with bed.serving("kills", autoscaler=AutoscalerSpec(min_workers=2, max_workers=2)) as supervisor:
        load = Load(bed.job(supervisor, CONNECTIONS))
        while len(killed) < WORKER_KILLS:
            wait_until(lambda: bool(set(pool(supervisor).pids) - killed), "a worker")
            time.sleep(generator.uniform(0.0, 0.2))
            alive = [pid for pid in pool(supervisor).pids if pid not in killed and psutil.pid_exists(pid)]
            if alive:
                psutil.Process(pid := generator.choice(alive)).kill()
                killed.add(pid)
        wait_until(lambda: bool(set(pool(supervisor).pids) - killed), "a worker")
        outcome = load.stop()
    title = f"{WORKER_KILLS} kills of workers under full load"
    bed.report("kills", outcome, title)
    show(f"{title}: rate meanwhile", round(outcome.per_second), "requests/s")


@contextmanager
def looked_after(supervisor: Supervisor) -> Iterator[None]:
    """As often as the engine does."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(ENGINE_ROUND_SECONDS):
            supervisor.ensure_alive()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def gateway_kills(bed: Bed) -> None:
    """Clients come back when their connection is lost. Each gateway counts as one that had lasted."""
    supervision.QUICK_SECONDS = 0.0
    moments = []
    with bed.serving("gateway") as supervisor:
        load = Load(bed.job(supervisor, CONNECTIONS, retries=True))
        with looked_after(supervisor):
            time.sleep(1.0)
            for _ in range(GATEWAY_KILLS):
                pid = supervisor.pid
                moments.append(time.monotonic())
                psutil.Process(pid).kill()
                wait_until(lambda: supervisor.pid not in (None, pid), "another gateway")  # noqa: B023 - called at once
                wait_until(lambda: is_serving(supervisor), "the gateway's port")
                time.sleep(0.5)
        outcome = load.stop()
    away = [recovery(outcome.finished, moment) for moment in moments]
    title = f"{GATEWAY_KILLS} kills of the gateway under full load"
    bed.report("gateway", outcome, title)
    show(f"{title}: connections lost with a request", outcome.lost, "requests")
    show(f"{title}: until the next answer, median", round(statistics.median(away), 2), "s", bound=1.0)
    show(f"{title}: until the next answer, slowest", round(max(away), 2), "s", bound=1.0)


def is_serving(supervisor: Supervisor) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", supervisor.port, timeout=5)
    try:
        connection.request("GET", "/v2/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def recovery(finished: list[float], killed: float) -> float:
    """Seconds from the kill to the first answer of the next gateway: the end of the longest silence around it."""
    times = sorted(finished)
    around = times[max(0, bisect_left(times, killed) - 1) :]
    silences = ((after - before, after) for before, after in pairwise(around) if before < killed + 0.3)
    return max(silences)[1] - killed


def show(name: str, value: float, unit: str, **more: float) -> None:
    print(json.dumps({"name": name, "value": value, "unit": unit} | more), flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        bed = Bed(train_pipeline(GRADIENT_BOOSTING, Path(name) / "model"), Path(name))
        for part in (cold_starts, idle, spike, burst, hot_swaps, worker_kills, gateway_kills):
            part(bed)


if __name__ == "__main__":
    main()
