"""A small workspace built through the registry's API: one model, two versions, a canary, an alert, a scored month."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from mlops_desktop.core.clock import ManualClock
from mlops_desktop.core.datasets import (
    Chunk,
    Column,
    ColumnType,
    DatasetVersion,
    Manifest,
    Origin,
    Piece,
    Schema,
    StoredObject,
)
from mlops_desktop.core.deployments import Guardrail, RolloutState
from mlops_desktop.core.events import GateDecided, ScoreRecorded
from mlops_desktop.core.ids import new_id, sha256_hex
from mlops_desktop.core.models import Feature, ModelVersion, Parity, Runtime, Signature, Task
from mlops_desktop.core.monitoring import Action, Cause, FeatureDrift, MetricValue, Severity, Window, WindowKind
from mlops_desktop.governance.promotion import promote
from mlops_desktop.registry import Registry

START = datetime(2013, 4, 1, tzinfo=UTC)
HOSTILE = '<script>alert("x")</script>'
SPEC = """
[model]
name = "late"
target = "late"
positive = 1
description = "Late arrivals"
[business]
unit = "points"
[retraining]
label_delay_days = 1
"""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """An empty workspace whose time is set by hand."""
    made = Registry.create(
        tmp_path / "workspace", name=f"Flights {HOSTILE}", actor="user:test", clock=ManualClock(START)
    )
    yield made
    made.close()


@pytest.fixture
def lived(registry: Registry) -> Registry:
    """The same after a month of work."""
    first = _dataset(registry, (1_000,), Origin("file", f"{HOSTILE}.csv", sha256="ab" * 32, host="desk", user="ann"))
    second = _dataset(registry, (1_000, 200), Origin("prediction log", "predictions of late"))
    spec = registry.specs.save("late", SPEC)
    one = _version(registry, spec.reference, first.reference, "passed")
    promote(registry, one, reason="first version that passed the gate")
    _advance(registry, 3)
    _version(registry, spec.reference, second.reference, "refused")
    two = _version(registry, spec.reference, second.reference, "passed")
    rollout = registry.rollouts.start("late", "late", canary=two.number, primary=one.number, weight=0.5)
    _advance(registry, 3)
    guarded = msgspec.structs.replace(
        rollout, guardrails=(Guardrail("brier", 0.15, 0.13, -0.02, -0.05, 0.01, 700, 710, "pass"),)
    )
    registry.rollouts.decide(guarded, RolloutState.PROMOTED, "Not worse beyond the margins")
    promote(registry, two, reason="canary: not worse")
    registry.windows.add([_window(day) for day in range(8)], "8 days")
    registry.windows.add([msgspec.structs.replace(_window(0), id=new_id(), kind=WindowKind.VERDICT)], "a week")
    alert, _ = registry.alerts.raise_or_update(
        endpoint="late",
        model_version=two.reference,
        cause=Cause.DATA_DRIFT,
        severity=Severity.WARNING,
        action=Action.RETRAIN,
        title=f"KS of `{HOSTILE}` 0.5 > 0.4",
        evidence={},
    )
    run = registry.pipeline_runs.queue("retrain", {}, f"alert {alert.number}")
    registry.alerts.link(alert, run.id)
    policies = {
        "never": {"auc": 0.65, "cost": 2.2},
        "always": {"auc": 0.66, "cost": 2.1},
        "loop": {"auc": 0.67, "cost": 2.0},
        f"wild {HOSTILE}": {"auc": 0.69, "cost": 1.9},
    }
    score = ScoreRecorded("2013-04", 0.65, 0.66, 0.67, {"rows": 900, "policies": policies})
    registry.record(score, "late")
    return registry


def _advance(registry: Registry, days: int) -> None:
    assert isinstance(registry.clock, ManualClock)
    registry.clock.advance(timedelta(days=days))


def _dataset(registry: Registry, chunks: tuple[int, ...], origin: Origin) -> DatasetVersion:
    schema = Schema((Column("distance", ColumnType.NUMBER, "double"),))
    objects = tuple(StoredObject(sha256_hex(f"{n}".encode()), n, 10 * n) for n in chunks)
    whole = (Piece(position, 0, n) for position, n in enumerate(chunks))
    cut = tuple(Chunk(sha256_hex(f"rows {piece.rows}".encode()), piece.rows, 0, (piece,)) for piece in whole)
    manifest = Manifest(schema, objects, cut)
    return registry.datasets.add_version(
        dataset="flights",
        content_id=sha256_hex(repr(chunks).encode()),
        manifest=registry.objects.put_bytes(msgspec.json.encode(manifest)),
        profile="",
        rows=manifest.rows,
        size=manifest.size,
        schema=schema,
        origin=origin,
        chunks=len(chunks),
        new_chunks=1,
        added_bytes=100,
        seconds=0.1,
    )


def _version(registry: Registry, spec: str, data: str, verdict: str) -> ModelVersion:
    run = registry.runs.start("late", spec, data, {"estimator": "logistic", "train_days": 90, "trigger": HOSTILE})
    facts = {"importance": {f"distance {HOSTILE}": 0.1}, "notes": ["Few rows of the rarer class."]}
    metrics = {"auc": 0.7, "dummy_auc": 0.5, "persistence_auc": 0.6, "cost": 1.5, "dummy_cost": 2.0}
    artifacts = {"facts": registry.objects.put_bytes(msgspec.json.encode(facts))}
    run = registry.runs.finish(run, metrics=metrics, artifacts=artifacts, summary="auc 0.700", seconds=1.0)
    checks = [
        {"name": "enough evidence", "passed": True, "text": "1,000 rows", "value": 1000.0, "limit": 500.0},
        {"name": "better than the champion", "passed": verdict == "passed" or None, "text": "gain in auc +0.0100"},
    ]
    gate = GateDecided(verdict, "late@1", f"better than the champion {HOSTILE}", checks, "pipeline")
    registry.record(gate, f"run:{run.id}")
    version = ModelVersion(
        id=new_id(),
        model="late",
        number=0,
        run=run.id,
        dataset_version=data,
        signature=Signature(Task.CLASSIFICATION, (Feature("carrier", ColumnType.TEXT, "carrier", ("AA",)),), "late"),
        runtime=Runtime.ONNX,
        parity=Parity(agrees=True, rows=500, largest_difference=1.4e-7),
        artifacts={"onnx": "cd" * 32},
        metrics=metrics,
        train_start=START - timedelta(days=90),
        train_end=START - timedelta(days=14),
        created=registry.clock.now(),
    )
    return registry.models.register(version) if verdict == "passed" else version


def _window(day: int) -> Window:
    start = START + timedelta(days=day)
    version = "late@1" if day < 6 else "late@2"
    return Window(
        id=new_id(),
        endpoint="late",
        model_version=version,
        kind=WindowKind.DAY,
        start=start,
        end=start + timedelta(days=1),
        rows=100,
        labelled=100,
        features=(FeatureDrift(f"distance {HOSTILE}", "KS", 0.5, 0.4, 0.001, True),),
        metrics=(MetricValue("auc", 0.7 - day / 100, 0.6, 0.8, 100, 0.7), MetricValue("cost", 1.5, 1.2, 1.8, 100, 1.5)),
        rows_by_version={version: 100},
    )
