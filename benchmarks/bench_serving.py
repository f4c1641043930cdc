"""One-row predictions: requests per second and latency at 16 connections, next to a bare loop in the same run.

The bare loop decodes the same request, predicts with ONNX Runtime and encodes the answer, in one process without HTTP,
log or split: what one core could do at most. The model has three columns; load comes from a process of its own.
Prints one JSON object per figure.

    python benchmarks/bench_serving.py [--seconds 5] [--connections 16] [--canary 0.5]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))


class LoadConnection(asyncio.Protocol):
    """Sends the next request as soon as the last one is answered, and keeps its latencies in seconds."""

    def __init__(self, request: bytes, until: float, latencies: list[float], failures: list[bytes]) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self._request, self._until = request, until
        self._latencies, self._failures = latencies, failures
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        now = time.perf_counter()
        self._latencies.append(now - self._sent)
        if not head.startswith(b"HTTP/1.1 200"):
            self._failures.append(self._buffer)
        self._buffer = b""
        if now < self._until:
            self._send()
        else:
            self._transport.close()
            self.done.set_result(None)


async def drive(port: int, request: bytes, connections: int, seconds: float) -> tuple[list[float], list[bytes], float]:
    latencies: list[float] = []
    failures: list[bytes] = []
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    made = [
        await loop.create_connection(
            lambda: LoadConnection(request, started + seconds, latencies, failures), "127.0.0.1", port
        )
        for _ in range(connections)
    ]
    await asyncio.gather(*(connection.done for _, connection in made))
    return latencies, failures, time.perf_counter() - started


def load(port: int, request: bytes, connections: int, seconds: float, answer: Any) -> None:
    import uvloop

    latencies, failures, took = uvloop.run(drive(port, request, connections, seconds))
    latencies.sort()
    answer.send(
        {
            "requests_per_s": round(len(latencies) / took),
            "p50_ms": round(latencies[len(latencies) // 2] * 1e3, 2),
            "p99_ms": round(latencies[int(len(latencies) * 0.99)] * 1e3, 2),
            "failed": len(failures),
            "answered": len(latencies) - len(failures),
        }
    )


def measure(port: int, body: bytes, connections: int, seconds: float) -> dict[str, Any]:
    request = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=load, args=(port, request, connections, seconds, theirs))
    process.start()
    figures: dict[str, Any] = ours.recv()
    process.join()
    return figures


def bare_loop(artifact: str, signature: Any, body: bytes, seconds: float) -> int:
    """Predictions per second of one process that does nothing else."""
    from mlops_desktop.core.models import Runtime
    from mlops_desktop.serving.frames import LoadRequest
    from mlops_desktop.serving.gateway.calls import Answer, Form
    from mlops_desktop.serving.gateway.checks import columns_in_order
    from mlops_desktop.serving.gateway.plain import PlainCodec
    from mlops_desktop.serving.predictors import load_predictor, predict, result_of

    predictor = load_predictor(LoadRequest(artifact, Runtime.ONNX, signature))
    codec = PlainCodec()
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        call = codec.decode(body, Form())
        result = result_of(predict(predictor, columns_in_order(call.columns, signature)))
        codec.encode(Answer("id", "", "m", "e", 1, "primary", result.scores, ["1"], ("0", "1")), call, Form())
        count += 1
    return round(count / (time.perf_counter() - started))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--canary", type=float, default=0.5, help="the canary's share in the second measurement")
    options = parser.parse_args()
    multiprocessing.set_start_method("spawn")
    from serving_kit import ROW, SIGNATURE, config, export, fitted, logged, version

    from mlops_desktop.serving.config import Route
    from mlops_desktop.serving.supervisor import Supervisor

    body = json.dumps({"records": [ROW]}).encode()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        artifact, _ = export(fitted(), folder)
        bare = bare_loop(artifact, SIGNATURE, body, 2.0)
        show("serving: bare loop without HTTP, log and split", bare, "rows/s")
        first, second = version(1, artifact), version(2, artifact)
        plans = {"one version": config(first), "canary": config(first, second, route=Route(1, 2, options.canary))}
        for title, plan in plans.items():
            supervisor = Supervisor(folder / title, folder / "logs")
            supervisor.start(plan)
            try:
                warm = measure(supervisor.port, body, options.connections, 1.0)
                figures = measure(supervisor.port, body, options.connections, options.seconds)
            finally:
                supervisor.stop()
            # Held against what the client saw, not against the server's own count.
            missing = warm["answered"] + figures["answered"] - len(logged(folder / title))
            what = f"serving: one row, {options.connections} connections, {title}"
            show(what, figures["requests_per_s"], "requests/s", ratio=round(figures["requests_per_s"] / bare, 2))
            show(f"{what}, p50", figures["p50_ms"], "ms")
            show(f"{what}, p99", figures["p99_ms"], "ms")
            show(f"{what}, failed", figures["failed"], "requests", bound=0)
            show(f"{what}, answered but not in the log", missing, "requests", bound=0)


def show(name: str, value: float, unit: str, **more: float) -> None:
    print(json.dumps({"name": name, "value": value, "unit": unit} | more), flush=True)


if __name__ == "__main__":
    main()
