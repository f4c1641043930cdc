"""One-row predictions: requests per second and latency at 16 connections, next to a bare loop in the same run.

The bare loop decodes the same request, predicts with ONNX Runtime and encodes the answer, in one process without HTTP,
log or split: what one core could do at most. The model has three columns; load comes from a process of its own.
Prints one JSON object per figure.

    python -m benchmarks.bench_serving [--seconds 5] [--connections 16] [--canary 0.5]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.serving_load import Job, drive, post

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))


def measure(port: int, body: bytes, connections: int, seconds: float) -> dict[str, Any]:
    outcome = drive(Job(port, (post("/predict", body),), connections, seconds))
    return {
        "requests_per_s": round(outcome.per_second),
        "p50_ms": round(outcome.quantile_ms(0.5), 2),
        "p99_ms": round(outcome.quantile_ms(0.99), 2),
        "failed": len(outcome.failures),
        "answered": len(outcome.finished) - len(outcome.failures),
    }


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
