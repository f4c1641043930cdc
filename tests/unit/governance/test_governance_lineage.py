"""Lineage in both directions: what made a version, what used it, and how much of it is listed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlops_desktop.core.clock import ManualClock
from mlops_desktop.core.datasets import DatasetVersion, Origin, Schema
from mlops_desktop.core.deployments import Endpoint, EndpointState
from mlops_desktop.core.errors import NotFound
from mlops_desktop.core.ids import new_id
from mlops_desktop.core.models import ModelVersion, Parity, Runtime, Signature, Task
from mlops_desktop.core.monitoring import Window, WindowKind
from mlops_desktop.core.pipelines import StepRun
from mlops_desktop.core.runs import RunState
from mlops_desktop.governance.lineage import Lineage, lineage, model_lineage
from mlops_desktop.governance.promotion import promote
from mlops_desktop.registry import Registry

NOW = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry.create(tmp_path / "workspace", actor="tester", clock=ManualClock(NOW))
    yield registry
    registry.close()


def add_data(registry: Registry, dataset: str, *parents: str) -> DatasetVersion:
    origin = Origin("file", f"{dataset}.csv", sha256="ab" * 32, parents=parents)
    return registry.datasets.add_version(
        dataset=dataset, content_id=new_id(), manifest="m", profile="p", rows=3, size=9, schema=Schema(()),
        origin=origin, chunks=1, new_chunks=1, added_bytes=9, seconds=0.1,
    )  # fmt: skip


def add_model(registry: Registry, data: str) -> ModelVersion:
    spec = registry.specs.save("late", "text")
    run = registry.runs.start("late", spec.reference, data, {})
    version = ModelVersion(
        new_id(), "late", 0, run.id, data, Signature(Task.CLASSIFICATION, (), "late", ("0", "1")), Runtime.ONNX,
        Parity(True, 1, 0.0), {}, {}, None, None, NOW,
    )  # fmt: skip
    return registry.models.register(version)


def add_windows(registry: Registry, model: str, count: int) -> list[Window]:
    windows = [
        Window(
            new_id(), "late", model, WindowKind.DAY, NOW.replace(day=day + 1), NOW.replace(day=day + 2), 5, 5, (), ()
        )
        for day in range(count)
    ]
    registry.windows.add(windows, "judged")
    return windows


def add_pipeline_run(registry: Registry, pipeline: str, **output: object) -> str:
    run = registry.pipeline_runs.queue(pipeline, {}, "schedule nightly")
    registry.pipeline_runs.set_step(run.id, StepRun(pipeline, RunState.SUCCEEDED, output))
    return run.id


def links(found: Lineage, side: str) -> dict[str, list[str]]:
    return {links.kind: [link.reference for link in links.links] for links in getattr(found, side)}


def test_a_dataset_version_knows_what_made_it(registry: Registry) -> None:
    add_data(registry, "raw")
    add_data(registry, "weather")
    joined = add_data(registry, "flights", "raw@1", "weather@1")
    run = add_pipeline_run(registry, "ingest", made=[joined.reference])
    assert links(lineage(registry, "flights@latest"), "made_by") == {
        "source": ["raw.csv", "weather.csv"],
        "data": ["raw@1", "weather@1"],
        "pipeline run": [run],
    }


def test_a_dataset_version_knows_what_used_it(registry: Registry) -> None:
    add_data(registry, "flights")
    clean = add_data(registry, "clean", "flights@1")
    model = add_model(registry, "flights@1")
    promote(registry, model, reason="first")
    registry.endpoints.put(Endpoint("late", "late", EndpointState.SERVING, "127.0.0.1", 1, None, NOW))
    (window,) = add_windows(registry, model.reference, 1)
    run = add_pipeline_run(registry, "monitor", read=["flights@1"], windows=[window.id])
    assert links(lineage(registry, "flights@1"), "used_by") == {
        "data": [clean.reference],
        "pipeline run": [run],
        "run": [model.run],
        "model": ["late@1"],
        "endpoint": ["late"],
        "window": [window.id],
    }


def test_a_version_with_a_longer_number_is_another_one(registry: Registry) -> None:
    for _ in range(11):
        add_data(registry, "flights")
    add_model(registry, "flights@11")
    add_data(registry, "clean", "flights@11")
    assert lineage(registry, "flights@1").used_by == ()


def test_a_model_version_leads_back_to_its_files_and_forward_to_its_windows(registry: Registry) -> None:
    add_data(registry, "raw")
    add_data(registry, "flights", "raw@1")
    version = add_model(registry, "flights@1")
    windows = add_windows(registry, version.reference, 3)
    found = lineage(registry, "late@latest")
    assert links(found, "made_by") == {
        "source": ["raw.csv"],
        "data": ["flights@1", "raw@1"],
        "spec": ["late@1"],
        "run": [version.run],
    }
    assert links(found, "used_by") == {"window": [window.id for window in reversed(windows)]}


def test_of_many_things_some_are_listed_and_all_are_counted(registry: Registry) -> None:
    add_data(registry, "flights")
    for _ in range(5):
        add_data(registry, "clean", "flights@1")
    add_windows(registry, add_model(registry, "flights@1").reference, 6)
    (data, runs, models) = lineage(registry, "flights@1", shown=2).used_by
    assert ([link.reference for link in data.links], data.total) == (["clean@5", "clean@4"], 5)
    assert (runs.total, models.total) == (1, 1)
    (windows,) = model_lineage(registry, "late@1", shown=2).used_by
    assert (len(windows.links), windows.total) == (2, 6)


def test_parents_in_a_circle_or_gone_end_the_trace(registry: Registry) -> None:
    add_data(registry, "a", "b@1", "gone@4")
    add_data(registry, "b", "a@1")
    (data,) = lineage(registry, "a@1").made_by
    assert [(link.reference, link.note == "deleted since") for link in data.links] == [("b@1", False), ("gone@4", True)]


def test_what_is_not_there_has_no_lineage(registry: Registry) -> None:
    add_data(registry, "flights")
    for reference in ("flights@2", "late@1", "nothing"):
        with pytest.raises(NotFound) as caught:
            lineage(registry, reference)
        assert caught.value.hint
