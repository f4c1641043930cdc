"""A gateway under steady load: does anything grow, is anything lost, and how late are answers?

An open loop sends one-row V2 requests at a fixed rate, whether or not earlier ones are answered, and labels for every
tenth of them; a tenth of the requests goes to a canary and all are logged. Latencies count from when a request was due,
so that a stall is felt by all that were due in it. Every ten seconds memory, descriptors and threads of gateway and
workers are noted. What grows is told by a line through those samples, without the first fifth: slope per hour with its
95 % interval, which allows for samples that resemble their neighbours, and what eight hours of it would come to.

    python -m benchmarks.bench_soak [--minutes 10] [--rate 1000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import multiprocessing
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests")]

HOURS = 8.0
SAMPLE_SECONDS = 10.0
WARM_SHARE = 0.2
LABELS_PER_REQUEST = 10  # every tenth row is labelled, ten labels at a time
FLAT_SHARE = 0.1
MEGA = 1e6
TOKEN = "soak"


# load


@dataclass
class Heard:
    """What the load process heard; latencies in seconds from when each request was due."""

    latencies: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    labels: int = 0
    seconds: float = 0.0


class Connection(asyncio.Protocol):
    """Sends what it is given, one request at a time, and tells `done` of the answer."""

    def __init__(self, soak: OpenLoop) -> None:
        self._soak = soak
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def send(self, request: bytes, due: float | None) -> None:
        self._due, self._buffer = due, b""
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if found and len(body) >= int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            self._soak.answered(self, self._due, head, body)

    def connection_lost(self, error: Exception | None) -> None:
        self._soak.lost(error)


class OpenLoop:
    """Requests at fixed moments over a pool of connections; what finds none free waits, and that counts."""

    def __init__(self, port: int, requests: list[bytes], rate: float, seconds: float, connections: int) -> None:
        self.heard = Heard()
        self._port, self._requests, self._rate, self._seconds = port, requests, rate, seconds
        self._count = connections
        self._free: deque[Connection] = deque()
        self._due: deque[tuple[bytes, float | None]] = deque()
        self._ids: list[str] = []
        self._is_over = False

    async def run(self) -> Heard:
        loop = asyncio.get_running_loop()
        for _ in range(self._count):
            _, connection = await loop.create_connection(lambda: Connection(self), "127.0.0.1", self._port)
            self._free.append(connection)
        began, sent, total = time.monotonic(), 0, int(self._rate * self._seconds)
        while sent < total:
            now = time.monotonic()
            while sent < total and began + sent / self._rate <= now:
                self._due.append((self._requests[sent % len(self._requests)], began + sent / self._rate))
                sent += 1
            self._pump()
            await asyncio.sleep(0.001)
        self.heard.seconds = time.monotonic() - began
        while len(self._free) < self._count and time.monotonic() < began + self._seconds + 30:
            await asyncio.sleep(0.05)
        self._is_over = True
        return self.heard

    def _pump(self) -> None:
        while self._due and self._free:
            self._free.popleft().send(*self._due.popleft())

    def answered(self, connection: Connection, due: float | None, head: bytes, body: bytes) -> None:
        if not head.startswith(b"HTTP/1.1 200"):
            self.heard.failures.append((head[:40] + b" " + body[:200]).decode("latin-1"))
        elif due is None:
            self.heard.labels += LABELS_PER_REQUEST
        if due is not None:
            self.heard.latencies.append(time.monotonic() - due)
            if len(self.heard.latencies) % LABELS_PER_REQUEST == 0:
                self._label(body)
        self._free.append(connection)
        self._pump()

    def _label(self, body: bytes) -> None:
        _, _, rest = body.partition(b'"inference_id":"')
        self._ids.append(rest[:26].decode() + "/0")
        if len(self._ids) == LABELS_PER_REQUEST:
            labels = {"labels": [{"id": id, "label": "1"} for id in self._ids]}
            self._ids = []
            self._due.append((post("/models/late/feedback", json.dumps(labels).encode()), None))

    def lost(self, error: Exception | None) -> None:
        if not self._is_over:
            self.heard.failures.append(f"connection lost: {error!r}")


def post(path: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def load(pipe: Any, *arguments: Any) -> None:
    """Runs in a process of its own."""
    import uvloop

    pipe.send(uvloop.run(OpenLoop(*arguments).run()))


def v2_request(row: dict[str, Any], signature: Any) -> bytes:
    kinds = {"text": "BYTES", "integer": "INT64", "boolean": "BOOL"}
    inputs = []
    for feature in signature.features:
        datatype = kinds.get(str(feature.type), "FP64")
        inputs.append({"name": feature.name, "shape": [1], "datatype": datatype, "data": [row[feature.name]]})
    return post("/v2/models/late/infer", json.dumps({"inputs": inputs}).encode())


# samples


@dataclass(frozen=True)
class Sample:
    """Sizes in MB, summed over the workers; times in hours since the beginning."""

    hours: float
    figures: dict[str, float]


def take_sample(hours: float, pid: int, spool: Path) -> Sample:
    import psutil

    gateway = psutil.Process(pid)
    workers = gateway.children()
    figures: dict[str, float] = {}
    for name, processes in (("gateway", [gateway]), ("workers", workers)):
        memory = [process.memory_full_info() for process in processes]
        figures[f"{name}, resident memory"] = sum(each.rss for each in memory) / MEGA
        figures[f"{name}, proportional memory"] = sum(getattr(each, "pss", each.uss) for each in memory) / MEGA
        figures[f"{name}, descriptors"] = sum(process.num_fds() for process in processes)
        figures[f"{name}, threads"] = sum(process.num_threads() for process in processes)
    figures["log"] = sum(path.stat().st_size for path in spool.rglob("*") if path.is_file()) / MEGA
    return Sample(hours, figures)


@dataclass(frozen=True)
class Line:
    """A slope per hour with its 95 % interval, and the mean."""

    slope: float
    half: float
    mean: float


def line_through(hours: list[float], values: list[float]) -> Line:
    """Least squares. Where residuals resemble their neighbours there are fewer independent samples than samples:
    n (1 - r) / (1 + r) of them, for a correlation r of each with the next.
    """
    from scipy import stats

    count = len(values)
    fit = stats.linregress(hours, values)
    rest = [value - fit.intercept - fit.slope * hour for hour, value in zip(hours, values, strict=True)]
    power = sum(each * each for each in rest)
    if power < 1e-9:
        return Line(float(fit.slope), 0.0, sum(values) / count)
    alike = min(max(sum(a * b for a, b in pairwise(rest)) / power, 0.0), 0.9)
    independent = max(count * (1 - alike) / (1 + alike), 3.0)
    half = fit.stderr * math.sqrt(max(count - 2, 1) / max(independent - 2, 1.0)) * stats.t.ppf(0.975, independent - 2)
    return Line(float(fit.slope), float(half), sum(values) / count)


def is_flat(line: Line) -> bool:
    """Nothing that could be told from no growth, or so little that eight hours of it are a tenth of what there is."""
    return line.slope - line.half <= 0 or (line.slope + line.half) * HOURS <= FLAT_SHARE * line.mean


def show(name: str, value: float, unit: str, **more: Any) -> None:
    print(json.dumps({"name": f"soak: {name}", "value": value, "unit": unit} | more), flush=True)


def tell_growth(samples: list[Sample]) -> None:
    kept = samples[int(len(samples) * WARM_SHARE) :]
    if len(kept) < 5:
        print("Too few samples to tell of growth; run for longer.", file=sys.stderr)
        return
    hours = [sample.hours for sample in kept]
    for name in kept[0].figures:
        values = [sample.figures[name] for sample in kept]
        line = line_through(hours, values)
        unit = "" if name.endswith(("descriptors", "threads")) else "MB"
        more: dict[str, Any] = {"low": round(line.slope - line.half, 2), "high": round(line.slope + line.half, 2)}
        if name != "log":
            more |= {"first": round(values[0], 1), "last": round(values[-1], 1), "most": round(max(values), 1)}
            more |= {"in_8_hours": round(values[-1] + max(0.0, line.slope) * HOURS, 1), "flat": is_flat(line)}
        show(f"{name}, growth", round(line.slope, 2), f"{unit}/h", **more)


def tell_answers(heard: Heard, spool: Path) -> None:
    from mlops_desktop.serving.log import FeedbackRecord, LogReader, PredictionRecord

    predictions = labels = 0
    for record in LogReader(spool / "late").read():
        predictions += isinstance(record, PredictionRecord)
        labels += isinstance(record, FeedbackRecord)
    latencies = sorted(heard.latencies)
    show("requests", round(len(latencies) / heard.seconds), "requests/s")
    for share in (0.5, 0.99, 0.999):
        show(f"latency, p{share * 100:g}", round(latencies[int(len(latencies) * share)] * 1e3, 2), "ms")
    show("latency, most", round(latencies[-1] * 1e3, 2), "ms")
    show("failed", len(heard.failures), "requests", bound=0)
    show("answered but not in the log", len(latencies) - len(heard.failures) - predictions, "requests", bound=0)
    show("labels accepted but not in the log", heard.labels - labels, "labels", bound=0)
    for failure in heard.failures[:3]:
        print(failure, file=sys.stderr)


def soak(folder: Path, minutes: float, rate: float, connections: int) -> tuple[Heard, list[Sample], Path]:
    """Train, serve with a canary, load, and sample until the load is over."""
    from benchmarks.serving_pipelines import GRADIENT_BOOSTING, train_pipeline
    from mlops_desktop.serving.config import GatewayConfig, Route, ServedEndpoint
    from mlops_desktop.serving.supervisor import Supervisor

    trained = train_pipeline(GRADIENT_BOOSTING, folder)
    route = Route(1, 2, 0.1, by_request=True)
    endpoint = ServedEndpoint("late", "late-arrival", (trained.version(1), trained.version(2)), route)
    requests = [v2_request(row, trained.signature) for row in trained.rows]
    supervisor = Supervisor(folder / "spool", folder / "logs")
    supervisor.start(GatewayConfig((endpoint,), TOKEN))
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=load, args=(theirs, supervisor.port, requests, rate, minutes * 60, connections))
    samples: list[Sample] = []
    try:
        process.start()
        began = time.monotonic()
        while not ours.poll(SAMPLE_SECONDS):
            pid = supervisor.pid
            if pid is None or not process.is_alive():
                raise SystemExit("The gateway or the load ended early.")
            samples.append(take_sample((time.monotonic() - began) / 3600, pid, folder / "spool"))
        heard: Heard = ours.recv()
        process.join()
    finally:
        process.terminate()
        supervisor.stop()
    return heard, samples, folder / "spool"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=1000.0, help="requests per second")
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        heard, samples, spool = soak(Path(name), options.minutes, options.rate, options.connections)
        tell_growth(samples)
        tell_answers(heard, spool)


if __name__ == "__main__":
    main()
