"""Our gateway beside MLflow's scoring server, BentoML and MLServer: the same machine, run, pipelines, rows and load.

    python -m benchmarks bench_serving_peers

The pipelines are the sample project's gradient boosting and logistic regression on 14 mixed columns, trained by our own
code; rows have missing measurements and unknown categories. We serve the ONNX export by V2 JSON with every prediction
logged and a canary of 10 %; the others serve the scikit-learn original as their guides would have it, at several
settings, each in an environment of its own with the scikit-learn that trained it. Each is measured between two
measurements of ours and then ended, so that both meet the same machine and nobody else is in the way; the ratio says
how many times as fast ours was then. All probabilities are held against the original's, before and after the load.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

from benchmarks.serving_load import Job, Load, Outcome, drive, post
from benchmarks.serving_peers import OURS, PEERS, Peer, Protocol, WrongAnswer, ask, running
from benchmarks.serving_pipelines import KINDS, LOGISTIC_REGRESSION, TrainedPipeline, largest_difference, train_pipeline
from mlops_desktop.serving.config import GatewayConfig, Route, ServedEndpoint
from mlops_desktop.serving.supervisor import Supervisor

SECONDS, WARM_SECONDS, OURS_SECONDS = 2.0, 1.0, 1.0
CANARY = 0.1
TOLERANCE = 1e-4
BOUNDS = dict.fromkeys(KINDS, 40.0) | {LOGISTIC_REGRESSION: 5.0}


@dataclass(frozen=True)
class Shape:
    """One kind of load; `distinct` is how many different requests are sent in turns."""

    rows: int
    connections: int
    distinct: int

    @property
    def title(self) -> str:
        return f"{self.rows} row{'s' if self.rows > 1 else ''}, {self.connections} connections"

    def job(self, protocol: Protocol, port: int, pipeline: TrainedPipeline, seconds: float) -> Job:
        places = pipeline.chunks(self.rows, self.distinct)
        bodies = (json.dumps(protocol.encode(pipeline.rows[place])).encode() for place in places)
        requests = tuple(post(protocol.path, body) for body in bodies)
        return Job(port, requests, self.connections, seconds)


ONE_ROW = Shape(1, 16, 64)
SHAPES = (ONE_ROW, Shape(100, 4, 16))


@contextmanager
def our_gateway(pipeline: TrainedPipeline, folder: Path) -> Iterator[int]:
    """The port of our gateway, which serves the pipeline as two versions."""
    versions = pipeline.version(1), pipeline.version(2)
    endpoint = ServedEndpoint("late", "late-arrival", versions, Route(1, 2, CANARY, by_request=True))
    supervisor = Supervisor(folder / "spool", folder / "logs")
    supervisor.start(GatewayConfig((endpoint,)))
    try:
        yield supervisor.port
    finally:
        supervisor.stop()


def difference(protocol: Protocol, port: int, pipeline: TrainedPipeline) -> float:
    """The largest between the server's probabilities and the original's, over one row and over many at a time."""
    places = [place for shape in SHAPES for place in pipeline.chunks(shape.rows, 16)]
    return max(largest_difference(ask(protocol, port, pipeline.rows[p]), pipeline.scores[p]) for p in places)


def beside(peer: Peer, pipeline: TrainedPipeline, ours: int, folder: Path) -> dict[Shape, Outcome]:
    """Measure a peer between two measurements of ours; returns ours with both of its."""
    found = {}
    with running(peer, pipeline, folder) as port:
        before = difference(peer.protocol, port, pipeline)
        for shape in SHAPES:
            own = shape.job(OURS, ours, pipeline, OURS_SECONDS)
            drive(shape.job(peer.protocol, port, pipeline, WARM_SECONDS))
            first = drive(own)
            theirs = drive(shape.job(peer.protocol, port, pipeline, SECONDS))
            second = drive(own)
            ratio = statistics.mean((first.per_second, second.per_second)) / max(theirs.per_second, 1e-9)
            report(f"{peer.title}: {pipeline.kind}, {shape.title}", theirs)
            bound = {"bound": BOUNDS[pipeline.kind]} if shape is ONE_ROW else {}
            show(f"ours / {peer.title}: {pipeline.kind}, {shape.title}", round(ratio, 1), "ratio", **bound)
            found[shape] = joined(first, second)
        differs = max(before, difference(peer.protocol, port, pipeline))
        show(f"{peer.title}: {pipeline.kind}, largest difference of a probability", differs, "", bound=TOLERANCE)
    return found


def joined(*outcomes: Outcome) -> Outcome:
    """Several measurements as one; what lay between them counts for nothing."""
    whole = Outcome(0.0, sum(outcome.ended - outcome.began for outcome in outcomes))
    for outcome in outcomes:
        whole.finished += outcome.finished
        whole.latencies += outcome.latencies
        whole.failures += outcome.failures
    return whole


def report(name: str, outcome: Outcome, *, rate: float | None = None, p99: float | None = None) -> None:
    show(name, round(outcome.per_second), "requests/s", **({} if rate is None else {"bound": rate}))
    show(f"{name}, p50", round(outcome.quantile_ms(0.5), 2), "ms")
    show(f"{name}, p99", round(outcome.quantile_ms(0.99), 2), "ms", **({} if p99 is None else {"bound": p99}))
    show(f"{name}, failed", len(outcome.failures), "requests", bound=0)


def measure(kind: str, folder: Path) -> None:
    """Everything about one pipeline."""
    pipeline = train_pipeline(kind, folder / "model")
    with our_gateway(pipeline, folder / "ours") as port:
        found: dict[Shape, list[Outcome]] = {shape: [] for shape in SHAPES}
        before = difference(OURS, port, pipeline)
        for shape in SHAPES:
            drive(shape.job(OURS, port, pipeline, WARM_SECONDS))
        for number, peer in enumerate(PEERS):
            try:
                for shape, outcome in beside(peer, pipeline, port, folder / str(number)).items():
                    found[shape].append(outcome)
            except (RuntimeError, CalledProcessError, WrongAnswer, OSError) as problem:
                # A peer that cannot be had here is told, not left out.
                said = getattr(problem, "stderr", None) or str(problem)
                print(json.dumps({"name": peer.title, "missing": str(said)[-500:]}), flush=True)
        for shape, outcomes in found.items():
            bounds = {"rate": 5000.0, "p99": 10.0} if shape is ONE_ROW else {"rate": 2000.0}
            report(f"ours, log and canary on: {kind}, {shape.title}", joined(*outcomes), **bounds)
        differs = max(before, difference(OURS, port, pipeline))
        show(f"ours: {kind}, largest difference of a probability", differs, "", bound=TOLERANCE)


class _AtOnce(asyncio.Protocol):
    """Answers anything with as much as a prediction takes."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        del data
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n" + b"x" * 300)


def _answer_at_once(pipe: Any) -> None:
    import uvloop

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(_AtOnce, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(serve())


def measure_the_load_itself() -> None:
    """What it could do at most: the server answers without reading."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_answer_at_once, args=(theirs,), daemon=True)
    process.start()
    try:
        outcome = Load(Job(ours.recv(), (post("/", b"x" * 1000),), ONE_ROW.connections, SECONDS)).result()
    finally:
        process.kill()
        process.join()
    show(f"the load alone, {ONE_ROW.connections} connections", round(outcome.per_second), "requests/s")


def show(name: str, value: float, unit: str, **more: float) -> None:
    print(json.dumps({"name": name, "value": value, "unit": unit} | more), flush=True)


def main() -> None:
    measure_the_load_itself()
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            measure(kind, Path(folder) / kind.replace(" ", "-"))


if __name__ == "__main__":
    main()
