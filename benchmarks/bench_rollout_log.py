"""How long a rollout's statistics take to follow a log of a million requests, and how much memory they need.

    python -m benchmarks bench_rollout_log

A tenth of the requests go to the canary, every fifth gets a label, 5,000 requests later. Read as the engine reads it,
so many records at a look; then a second reader goes on from what the first one kept.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psutil

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.models import Feature, Signature, Task
from mlops_desktop.serving.log import FeedbackRecord, PredictionRecord, encode_record, to_micros
from mlops_desktop.serving.logwriter import LogWriter
from mlops_desktop.serving.rollout_reader import RolloutReader
from mlops_desktop.serving.rolloutspec import RolloutSpec

REQUESTS = 1_000_000
START = datetime(2024, 1, 1, tzinfo=UTC)
SIGNATURE = Signature(Task.CLASSIFICATION, (Feature("x", ColumnType.NUMBER, "x"),), "late", ("0", "1"))
FEATURES = {f"column {place}": [1.5 * place] for place in range(10)}


def frames() -> Iterator[bytes]:
    generator, started = np.random.default_rng(1), to_micros(START)
    scores, chances = generator.random(REQUESTS).round(3).tolist(), generator.random(REQUESTS).tolist()
    for place, (score, chance) in enumerate(zip(scores, chances, strict=True)):
        is_canary, moment = place % 10 == 0, started + 1000 * place
        yield encode_record(
            PredictionRecord(
                id=f"request-{place}", client_id="", time=moment, received=moment, endpoint="late", model="late",
                version=2 if is_canary else 1, role="canary" if is_canary else "primary", rows=1, features=FEATURES,
                scores=[score], predictions=[str(int(score > 0.5))], queue_us=1, inference_us=1,
                total_us=int(2000 + 9000 * chance), error="no" if chance < 0.01 else "", entity_ids=[f"e{place}"],
            )
        )  # fmt: skip
        if place >= 5000 and place % 5 == 0:
            yield encode_record(FeedbackRecord(f"e{place - 5000}", int(chance > 0.5), moment, moment, "late"))


def write_log(folder: Path) -> None:
    writer, waiting = LogWriter(folder), list[bytes]()
    for frame in frames():
        waiting.append(frame)
        if len(waiting) == 2000:
            writer.append(b"".join(waiting))
            waiting.clear()
    writer.append(b"".join(waiting))
    writer.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, process = Path(name), psutil.Process()
        write_log(folder)
        before = most = process.memory_info().rss
        reader = RolloutReader(folder, RolloutSpec(), SIGNATURE, 1, 2, START, name="bench")
        looks, is_read = [], False
        while not is_read:
            began = time.perf_counter()
            is_read = reader.update()
            looks.append(time.perf_counter() - began)
            most = max(most, process.memory_info().rss)
        reader.save()
        began = time.perf_counter()
        again = RolloutReader(folder, RolloutSpec(), SIGNATURE, 1, 2, START, name="bench")
        again.update()
        restart = time.perf_counter() - began
        assert again.primary.requests == reader.primary.requests
        kept = sum(path.stat().st_size for path in folder.glob("rollout-*"))
    for told, value, unit in (
        ("all of the log", sum(looks), "s"), ("a look, median", 1000 * float(np.median(looks)), "ms"),
        ("a look, longest", 1000 * max(looks), "ms"), ("a new reader goes on", 1000 * restart, "ms"),
        ("memory beyond the start", (most - before) / 1e6, "MB"), ("kept on the disk", kept / 1e6, "MB"),
        ("labelled of the canary", reader.canary.labelled, "rows"),
    ):  # fmt: skip
        print(json.dumps({"name": f"rollout log: {told}", "value": round(value, 1), "unit": unit}), flush=True)


__all__ = ["main", "write_log"]
