"""What the gateway answers with its log and a 10 % canary, and what the same loop does without either.

The sample's pipelines on 14 mixed columns. Both gateways run at once and are asked in turns, so that both have the same
machine. Without the log means that a share of practically none of the requests is recorded, and that there is no
canary; requests are checked, counted and answered alike. CPU time is of the gateway and its workers.
Prints one JSON object per figure.

    python -m benchmarks.bench_serving_bars [--seconds 2] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.serving_load import Job, Outcome, drive, post
from benchmarks.serving_pipelines import KINDS, Row, TrainedPipeline, train_pipeline
from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.serving.config import GatewayConfig, Route, ServedEndpoint, ServingSpec
from mlops_desktop.serving.policies import LogSpec
from mlops_desktop.serving.supervisor import Supervisor

UNRECORDED = ServingSpec(log=LogSpec(share=1e-12))
INFER, PREDICT = "/v2/models/late/infer", "/predict"


@dataclass(frozen=True)
class Shape:
    """A kind of load, and what is asked of it: requests/s, milliseconds, and the share of the loop without a log."""

    title: str
    path: str
    rows: int
    connections: int
    rate: float | None = None
    p50: float | None = None
    p99: float | None = None
    share: float | None = None

    def requests(self, pipeline: TrainedPipeline) -> tuple[bytes, ...]:
        asked = [pipeline.rows[place] for place in pipeline.chunks(self.rows, 40)]
        encode = v2 if self.path == INFER else in_columns
        return tuple(post(self.path, encode(pipeline, rows)) for rows in asked)


SHAPES = (
    Shape("one row, 16 connections, V2", INFER, 1, 16, rate=5000, p99=10, share=0.6),
    Shape("one row, 1 connection, V2", INFER, 1, 1, p50=0.6),
    Shape("100 rows, 4 connections, V2", INFER, 100, 4, rate=2000),
    Shape("100 rows, 4 connections, columns", PREDICT, 100, 4, rate=2000),
)


@dataclass
class Measured:
    """Runs of one gateway under one load, and the processor's seconds that they took."""

    runs: list[Outcome] = field(default_factory=list)
    cpu: float = 0.0

    @property
    def per_second(self) -> float:
        return statistics.median(run.per_second for run in self.runs)

    @property
    def failed(self) -> int:
        return sum(len(run.failures) for run in self.runs)

    @property
    def cpu_us(self) -> float:
        return self.cpu / sum(len(run.finished) for run in self.runs) * 1e6

    def quantile_ms(self, share: float) -> float:
        return statistics.median(run.quantile_ms(share) for run in self.runs)


def v2(pipeline: TrainedPipeline, rows: list[Row]) -> bytes:
    inputs = [
        {
            "name": feature.name,
            "shape": [len(rows)],
            "datatype": "BYTES" if feature.type is ColumnType.TEXT else "FP32",
            "data": [row[feature.name] for row in rows],
        }
        for feature in pipeline.signature.features
    ]
    return json.dumps({"inputs": inputs}).encode()


def in_columns(pipeline: TrainedPipeline, rows: list[Row]) -> bytes:
    names = [feature.name for feature in pipeline.signature.features]
    return json.dumps({"columns": {name: [row[name] for row in rows] for name in names}}).encode()


def started(pipeline: TrainedPipeline, folder: Path, *, plain: bool) -> Supervisor:
    """A gateway with log and canary, or a `plain` one without."""
    versions = pipeline.version(1), pipeline.version(2)
    route = Route(1) if plain else Route(1, 2, 0.1, by_request=True)
    endpoint = ServedEndpoint("late", "late-arrival", versions, route, UNRECORDED if plain else ServingSpec())
    supervisor = Supervisor(folder / "spool", folder / "logs")
    supervisor.start(GatewayConfig((endpoint,)))
    return supervisor


def cpu_seconds(supervisor: Supervisor) -> float:
    """Of the gateway and its workers."""
    worker = psutil.Process(supervisor.stats().pools[0].pids[0])
    gateway = worker.parent()
    if gateway is None:
        return float("nan")
    times = [process.cpu_times() for process in (gateway, *gateway.children())]
    return float(sum(spent.user + spent.system for spent in times))


def measure(
    shape: Shape, gateways: list[Supervisor], pipeline: TrainedPipeline, *, seconds: float, rounds: int
) -> None:
    requests = shape.requests(pipeline)
    found = [Measured() for _ in gateways]
    for gateway in gateways:
        drive(Job(gateway.port, requests, shape.connections, 0.5))
    for _ in range(rounds):
        for gateway, measured in zip(gateways, found, strict=True):
            before = cpu_seconds(gateway)
            measured.runs.append(drive(Job(gateway.port, requests, shape.connections, seconds)))
            measured.cpu += cpu_seconds(gateway) - before
    report(shape, f"serving: {pipeline.kind}, {shape.title}", *found)


def report(shape: Shape, name: str, logged: Measured, plain: Measured) -> None:
    show(name, round(logged.per_second), "requests/s", shape.rate)
    show(f"{name}, p50", round(logged.quantile_ms(0.5), 2), "ms", shape.p50)
    show(f"{name}, p99", round(logged.quantile_ms(0.99), 2), "ms", shape.p99)
    show(f"{name}, failed", logged.failed + plain.failed, "requests", 0)
    show(f"{name}, CPU time of gateway and workers", round(logged.cpu_us), "µs/request")
    show(f"{name}, log and split off", round(plain.per_second), "requests/s")
    show(f"{name}, CPU time, log and split off", round(plain.cpu_us), "µs/request")
    show(f"{name}, share of the loop without", round(logged.per_second / plain.per_second, 2), "ratio", shape.share)


def show(name: str, value: float, unit: str, bound: float | None = None) -> None:
    print(
        json.dumps({"name": name, "value": value, "unit": unit} | ({} if bound is None else {"bound": bound})),
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for kind in KINDS:
            folder = Path(name) / kind
            pipeline = train_pipeline(kind, folder)
            gateways: list[Supervisor] = []
            try:
                gateways += [started(pipeline, folder / place, plain=place == "plain") for place in ("logged", "plain")]
                for shape in SHAPES:
                    measure(shape, gateways, pipeline, seconds=options.seconds, rounds=options.rounds)
            finally:
                for gateway in gateways:
                    gateway.stop()


if __name__ == "__main__":
    main()
