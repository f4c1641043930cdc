"""What tests of the loop share: a small project of its own, and helpers to drive an engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mlops_desktop.core.deployments import Endpoint, EndpointState
from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.core.runs import RunState
from mlops_desktop.pipelines import steps
from mlops_desktop.pipelines.runner import carry_out
from mlops_desktop.registry import Registry
from mlops_desktop.serving.log import FeedbackRecord, PredictionRecord, encode_record, to_micros
from mlops_desktop.serving.logwriter import LogWriter
from mlops_desktop.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]
START = datetime(2024, 1, 1, tzinfo=UTC)
HISTORY_DAYS = 60
ENDPOINT = "late"
SPEC = """
seed = 1
[model]
name = "late"
task = "classification"
target = "late"
positive = 1
[data]
dataset = "trips"
time_column = "at"
id_column = "trip"
[features]
numeric = ["delay", "hour"]
categorical = ["carrier"]
[split]
train_days = 40
test_days = 14
[estimator]
name = "logistic_regression"
[gate]
min_rows = 200
min_rows_per_class = 20
[schedule]
monitor = "0 4 * * *"
retrain = "0 5 * * mon"
"""


def trips(days: int = HISTORY_DAYS, *, start: datetime = START, per_day: int = 40, seed: int = 0) -> pa.Table:
    """Trips that are late when they left late, with `per_day` rows a day in the order of time."""
    random = np.random.default_rng(seed)
    n = days * per_day
    delay, carrier = random.normal(size=n), random.choice(["AA", "UA", "WN"], n)
    late = (delay + (carrier == "AA") + random.normal(size=n) * 0.7 > 0.8).astype(int)
    at = [start + timedelta(seconds=86_400 / per_day * row) for row in range(n)]
    columns = {
        "at": pa.array(at, pa.timestamp("ms", tz="UTC")),
        "trip": [f"{start:%m%d}-{row}" for row in range(n)],
        "delay": delay.astype(np.float32),
        "hour": pa.array([moment.hour for moment in at], pa.int8()),
        "carrier": carrier.tolist(),
        "late": pa.array(late, pa.int8()),
    }
    return pa.table(columns)


def write_project(folder: Path, *, spec: str = SPEC) -> tuple[Path, Path]:
    """The project's file of rows and its spec."""
    folder.mkdir(parents=True, exist_ok=True)
    data, toml = folder / "trips.parquet", folder / "late.toml"
    pq.write_table(trips(), data)
    toml.write_text(spec, encoding="utf-8")
    return data, toml


def make_workspace(folder: Path, *, name: str = "workspace") -> Workspace:
    """A replay workspace at the end of the project's history, with its data and spec, and no model yet."""
    data, toml = write_project(folder / "project")
    end = START + timedelta(days=HISTORY_DAYS)
    workspace = Workspace.create(folder / name, name="Trips", replay_from=end.isoformat(), actor="tester")
    workspace.data.ingest(data, "trips", time_column="at")
    workspace.adopt_spec(toml)
    return workspace


def run_pipeline(registry: Registry, pipeline: str, **parameters: Any) -> PipelineRun:
    """Queue and carry out a pipeline in this process."""
    steps.register_all()
    queued = registry.pipeline_runs.queue(pipeline, {"endpoint": ENDPOINT} | parameters, "test")
    registry.pipeline_runs.start(queued, os.getpid())
    return carry_out(registry, queued.id)


def make_served_workspace(folder: Path, *, name: str = "workspace") -> Workspace:
    """The same with a first version in production."""
    workspace = make_workspace(folder, name=name)
    done = run_pipeline(workspace.registry, "retrain")
    assert done.state is RunState.SUCCEEDED, done.reason
    return workspace


def log_predictions(
    registry: Registry,
    table: pa.Table,
    *,
    version: int = 1,
    labelled: bool = True,
    label_delay: timedelta = timedelta(hours=20),
) -> None:
    """Write the rows into the prediction log as if the gateway had answered them, one request per row."""
    writer = LogWriter(registry.folder / "spool" / ENDPOINT)
    features = ("delay", "hour", "carrier")
    frames = []
    for row in table.to_pylist():
        moment = to_micros(row["at"])
        score = float(1 / (1 + np.exp(-row["delay"])))
        record = PredictionRecord(
            id=f"r{row['trip']}", client_id="", time=moment, received=moment, endpoint=ENDPOINT, model=ENDPOINT,
            version=version, role="primary", rows=1, features={name: [row[name]] for name in features},
            scores=[score], predictions=[int(score > 0.5)], queue_us=1, inference_us=1, total_us=2,
            entity_ids=[row["trip"]],
        )  # fmt: skip
        frames.append(encode_record(record))
    writer.append(b"".join(frames))
    writer.close()
    if labelled:
        log_labels(registry, table, delay=label_delay)


def log_labels(registry: Registry, table: pa.Table, *, delay: timedelta = timedelta(hours=20)) -> None:
    writer = LogWriter(registry.folder / "spool" / ENDPOINT)
    frames = [
        encode_record(FeedbackRecord(row["trip"], row["late"], at := to_micros(row["at"] + delay), at, ENDPOINT))
        for row in table.to_pylist()
    ]
    writer.append(b"".join(frames))
    writer.close()


def endpoint(state: EndpointState = EndpointState.STARTING, *, name: str = ENDPOINT, port: int = 0) -> Endpoint:
    return Endpoint(name, ENDPOINT, state, "127.0.0.1", port, None, START)


def wait_until(condition: Callable[[], Any], seconds: float = 60.0, *, what: str = "the condition") -> None:
    """Look until `condition` holds; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} was not met in {seconds:.0f} s"
        time.sleep(0.01)


def program(*arguments: object, **changes: Any) -> subprocess.CompletedProcess[str]:
    """Run the program as its users do, without Qt, to its end."""
    command = [sys.executable, str(ROOT / "main.py"), *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=without_qt(), timeout=300, **changes
    )


def without_qt() -> dict[str, str]:
    """An environment in which Qt cannot be imported."""
    return os.environ | {"MLOPS_WITHOUT_QT": "1", "PYTHONPATH": str(ROOT / "tests" / "headless")}


def answer(finished: subprocess.CompletedProcess[str]) -> Any:
    """What a command printed as JSON; it must have succeeded."""
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)
