"""The loop with what is not yes or no: three classes, and a number to predict."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loop_kit import ENDPOINT, HISTORY_DAYS, SPEC, START, run_pipeline, trips

from mlops_desktop.core.monitoring import Window, WindowKind
from mlops_desktop.core.runs import RunState
from mlops_desktop.data.read import read_table
from mlops_desktop.governance.promotion import production_version
from mlops_desktop.pipelines.training_steps import facts_of, runs_of
from mlops_desktop.registry import Registry
from mlops_desktop.serving.decisions import decide
from mlops_desktop.serving.frames import LoadRequest
from mlops_desktop.serving.log import FeedbackRecord, PredictionRecord, encode_record, to_micros
from mlops_desktop.serving.logwriter import LogWriter
from mlops_desktop.serving.predictors import load_predictor, predict, result_of
from mlops_desktop.workspace import Workspace

END = START + timedelta(days=HISTORY_DAYS)
KINDS = ("cancelled", "late", "on time")
TASKS = ("kind", "minutes")
FEATURES = ("delay", "hour", "carrier")


def journeys(days: int = HISTORY_DAYS, *, seed: int = 0, is_changed: bool = False, **where: object) -> pa.Table:
    """Trips with their kind and their minutes of delay; changed ones come out otherwise than the past suggests."""
    table = trips(days, seed=seed, **where)  # type: ignore[arg-type]
    random = np.random.default_rng(seed + 1)
    sign = -1.0 if is_changed else 1.0
    minutes = 20 + 30 * sign * table.column("delay").to_numpy() + 8 * random.normal(size=table.num_rows)
    kinds = np.array(["on time", "late", "cancelled"])[np.digitize(minutes, [20, 50])]
    return table.append_column("kind", pa.array(kinds)).append_column("minutes", pa.array(minutes))


def spec_of(target: str) -> str:
    text = SPEC.replace('target = "late"\npositive = 1', f'target = "{target}"')
    if target == "minutes":
        text = text.replace('task = "classification"', 'task = "regression"').replace("logistic_regression", "ridge")
    return text


@pytest.fixture(params=TASKS)
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def registry(tmp_path: Path, target: str) -> Iterator[Registry]:
    workspace = Workspace.create(tmp_path / "workspace", name="Trips", replay_from=END.isoformat(), actor="tester")
    data, toml = tmp_path / "trips.parquet", tmp_path / "late.toml"
    pq.write_table(journeys(), data)
    toml.write_text(spec_of(target), encoding="utf-8")
    workspace.data.ingest(data, "trips", time_column="at")
    workspace.adopt_spec(toml)
    done = run_pipeline(workspace.registry, "retrain")
    assert done.state is RunState.SUCCEEDED, done.reason
    yield workspace.registry
    assert workspace.registry.journal.verify().intact
    workspace.close()


def serve(registry: Registry, table: pa.Table, target: str) -> None:
    """Answer the rows as the gateway does, with the real model, and give their labels a day later."""
    version = production_version(registry, ENDPOINT)
    assert version is not None
    path = registry.folder / "served.onnx"
    path.write_bytes(registry.objects.read_bytes(version.artifacts["onnx"]))
    predictor = load_predictor(LoadRequest(str(path), version.runtime, version.signature, version.threshold))
    columns = [table.column(feature.name).to_pylist() for feature in version.signature.features]
    result = result_of(predict(predictor, columns))
    assert not result.error
    predictions = decide(version.signature, version.threshold, result.scores, result.picks)
    writer = LogWriter(registry.folder / "spool" / ENDPOINT)
    for row, score, prediction in zip(table.to_pylist(), result.scores, predictions, strict=True):
        at, later = to_micros(row["at"]), to_micros(row["at"] + timedelta(hours=20))
        record = PredictionRecord(
            id=f"r{row['trip']}", client_id="", time=at, received=at, endpoint=ENDPOINT, model=ENDPOINT,
            version=version.number, role="primary", rows=1, features={name: [row[name]] for name in FEATURES},
            scores=[score], predictions=[prediction], queue_us=1, inference_us=1, total_us=2, entity_ids=[row["trip"]],
        )  # fmt: skip
        label = FeedbackRecord(row["trip"], row[target], later, later, ENDPOINT)
        writer.append(encode_record(record) + encode_record(label))
    writer.close()


def verdict(registry: Registry, days: int) -> Window:
    registry.advance_clock(END + timedelta(days=days + 1, hours=5))
    done = run_pipeline(registry, "monitor")
    assert done.state is RunState.SUCCEEDED, done.reason
    return registry.windows.all(ENDPOINT, WindowKind.VERDICT)[-1]


def test_a_first_version_is_trained_and_goes_into_production(registry: Registry, target: str) -> None:
    version = production_version(registry, ENDPOINT)
    assert version is not None and version.runtime == "onnx"
    assert version.signature.classes == (KINDS if target == "kind" else ())
    facts = facts_of(registry, runs_of(registry, ENDPOINT)[0])
    assert facts.threshold == (0.0 if target == "kind" else 0.5)


def test_what_was_served_is_collected_judged_and_learned_from(registry: Registry, target: str) -> None:
    served = journeys(8, seed=5, start=END)
    serve(registry, served, target)
    window = verdict(registry, 8)
    assert window.rows == 7 * 40 and not registry.alerts.unresolved(ENDPOINT)
    found = {metric.name: metric.value for metric in window.metrics}
    rows = read_table(registry, f"{ENDPOINT}.predictions@latest")
    if target == "kind":
        right = [float(a == b) for a, b in zip(rows["prediction"].to_pylist(), served["kind"].to_pylist(), strict=True)]
        assert rows["label"].to_pylist() == right and 0.5 < np.mean(right) < 1
        assert rows["score"].to_numpy().min() > 1 / 3
        assert found["accuracy"] == pytest.approx(np.mean(right[-280:])) and "log_loss" in found
        assert not {"auc", "positive_rate"}.intersection(found)  # they would tell of the model's doubts, not of it
    else:
        assert rows["label"].to_pylist() == served["minutes"].to_pylist()
        assert found["mae"] < 10
    assert read_table(registry, "trips@latest")[target].to_pylist()[-320:] == served[target].to_pylist()


def test_a_change_of_the_concept_is_noticed(registry: Registry, target: str) -> None:
    serve(registry, journeys(24, seed=6, start=END, is_changed=True), target)
    for days in (8, 16, 24):  # one bad week may be chance
        breached = [metric.name for metric in verdict(registry, days).metrics if metric.breached]
        assert ("accuracy" if target == "kind" else "mae") in breached
    assert registry.alerts.unresolved(ENDPOINT)


def test_a_better_version_passes_the_gate_against_the_one_in_production(registry: Registry, target: str) -> None:
    changed = journeys(60, seed=7, start=END, is_changed=True)
    serve(registry, changed, target)
    verdict(registry, 60)
    done = run_pipeline(registry, "retrain")
    assert done.state is RunState.SUCCEEDED, done.reason
    gate = next(step.output for step in done.steps if step.name == "gate")
    assert gate["winner"], gate["summary"]
    assert ("auc" if target == "kind" else "rmse") in gate["champion_metrics"]
    rollout = registry.rollouts.running(ENDPOINT)
    assert rollout is not None and rollout.canary == 2
