"""The ingest step: what a run takes, what it says, and that it can be cut off at any time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loop_kit import ENDPOINT, log_predictions, run_pipeline, trips, wait_until

from mlops_desktop.core.errors import Cancelled
from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.core.runs import RunState
from mlops_desktop.data.read import read_table
from mlops_desktop.pipelines import steps
from mlops_desktop.pipelines.engine import Engine
from mlops_desktop.pipelines.engine_state import read_engine_state
from mlops_desktop.pipelines.runner import carry_out
from mlops_desktop.workspace import Workspace

CONTRACT = '[columns.id]\ntype = "integer"\nmaximum = 10\n'


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    workspace = Workspace.create(tmp_path / "workspace", actor="tester")
    yield workspace
    assert workspace.registry.journal.verify().intact and workspace.data.verify().is_sound
    workspace.close()


def rows_file(folder: Path, *ids: int, name: str = "rows.csv") -> str:
    path = folder / name
    path.write_text("id;at\n" + "".join(f"{id};2024-01-0{id % 9 + 1}\n" for id in ids), encoding="utf-8")
    return str(path)


def ingested(workspace: Workspace, path: str, **parameters: Any) -> PipelineRun:
    return run_pipeline(workspace.registry, "ingest", path=path, dataset="rows", **parameters)


def test_a_run_reads_as_it_is_told_and_marks_what_it_made(workspace: Workspace, tmp_path: Path) -> None:
    path = rows_file(tmp_path, 1, 2)
    options = {"delimiter": ";", "types": {"id": "text"}}
    done = ingested(workspace, path, options=options, time_column="at", note="by hand", tags=["first"])
    assert (done.state, done.reason) == (RunState.SUCCEEDED, "rows@1, 2 rows")
    output = done.steps[0].output
    assert (output["made"], output["outcome"], output["warnings"]) == (["rows@1"], "stored", [])
    assert read_table(workspace.registry, "rows@1").column("id").to_pylist() == ["1", "2"]
    marks = workspace.registry.datasets.marks("rows@1")
    assert (marks.note, marks.tags) == ("by hand", ("first",))


def test_the_same_rows_again_make_no_version_and_the_run_says_so(workspace: Workspace, tmp_path: Path) -> None:
    path = rows_file(tmp_path, 1, 2)
    ingested(workspace, path)
    done = ingested(workspace, path)
    assert done.reason == "the same rows as rows@1" and done.steps[0].output["made"] == []


def test_rows_put_aside_are_named_beside_the_rest(workspace: Workspace, tmp_path: Path) -> None:
    workspace.data.save_contract("rows", CONTRACT)
    done = ingested(workspace, rows_file(tmp_path, 1, 99), mode="quarantine")
    assert done.state is RunState.SUCCEEDED, done.reason
    output = done.steps[0].output
    assert output["made"] == ["rows@1", output["quarantine"]] and output["quarantine"] in done.reason
    (made,) = (links for links in workspace.data.lineage(output["quarantine"]).made_by if links.kind == "pipeline run")
    assert made.links[0].reference == done.id


def test_rows_that_are_all_put_aside_are_an_outcome(workspace: Workspace, tmp_path: Path) -> None:
    contract = CONTRACT.replace("[columns", 'mode = "quarantine"\nmax_bad_share = 1.0\n[columns')
    workspace.data.save_contract("rows", contract)
    done = ingested(workspace, rows_file(tmp_path, 98, 99))
    assert done.state is RunState.SUCCEEDED, done.reason
    assert (done.steps[0].output["dataset_version"], done.steps[0].output["outcome"]) == ("", "quarantined")


@pytest.mark.parametrize(
    ("parameters", "says"),
    [({"options": {"delimeter": ";"}}, "delimeter"), ({"mode": "ignore"}, "ignore"), ({"time_column": "id"}, "id")],
)
def test_parameters_that_do_not_fit_fail_the_run_with_a_reason(
    workspace: Workspace, tmp_path: Path, parameters: dict[str, Any], says: str
) -> None:
    done = ingested(workspace, rows_file(tmp_path, 1, 2), **parameters)
    assert done.state is RunState.FAILED and says in done.reason and "unexpected" not in done.reason
    assert workspace.registry.datasets.names() == []


def test_the_prediction_log_becomes_a_dataset(workspace: Workspace) -> None:
    log_predictions(workspace.registry, trips(2, per_day=5))
    done = ingested(workspace, f"log:{ENDPOINT}")
    assert (done.state, done.reason) == (RunState.SUCCEEDED, "rows@1, 10 rows")
    version = workspace.registry.datasets.get("rows@1")
    assert (version.origin.kind, version.origin.name) == ("prediction log", f"predictions of {ENDPOINT}")
    by_hand = workspace.data.ingest(f"log:{ENDPOINT}", "rows")
    assert by_hand.outcome == "repeated"


def test_a_run_that_is_cancelled_at_any_report_leaves_no_version(workspace: Workspace, tmp_path: Path) -> None:
    path = rows_file(tmp_path, *range(500))
    reports: list[str] = []
    _carried_out(workspace, path, "whole", lambda _, message="": reports.append(message))
    assert any("rows" in report for report in reports) and workspace.registry.datasets.names() == ["whole"]
    for last in range(len(reports)):
        left = iter(range(last))

        def cancelling(fraction: float | None, message: str = "", left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise Cancelled

        done = _carried_out(workspace, path, "cut", cancelling)
        assert done.state is RunState.CANCELLED
        assert workspace.registry.datasets.names() == ["whole"]
    _carried_out(workspace, path, "cut", lambda *_: None)
    assert workspace.registry.datasets.get("cut").rows == 500


def _carried_out(workspace: Workspace, path: str, dataset: str, progress: Any) -> PipelineRun:
    steps.register_all()
    queued = workspace.registry.pipeline_runs.queue("ingest", {"path": path, "dataset": dataset}, "test")
    workspace.registry.pipeline_runs.start(queued, 1)
    try:
        return carry_out(workspace.registry, queued.id, progress=progress)
    except Cancelled:  # asked for before its first step
        return workspace.registry.pipeline_runs.finish(queued.id, RunState.CANCELLED, "cancelled")


def test_an_engine_shows_how_far_a_run_is_and_ends_it_when_asked(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    block = "".join(f"{row},{row * 7 % 1_000},some words of row {row}\n" for row in range(20_000))
    with path.open("w", encoding="utf-8") as file:
        file.write("id,value,text\n")
        for _ in range(100):
            file.write(block)
    engine = Engine(workspace.folder)
    assert engine.start()
    stages: list[str] = []
    try:
        run = workspace.queue("ingest", {"path": str(path), "dataset": "large"})

        def is_under_way() -> bool:
            job = read_engine_state(workspace.folder).job
            stages.append(job.stage if job is not None and job.run == run.id else "")
            return "MB/s" in stages[-1]

        wait_until(is_under_way, what="a report with the rate")
        workspace.cancel(run.id)
        get = workspace.registry.pipeline_runs.get
        wait_until(lambda: get(run.id).state.is_final, 15, what="the end of the cancelled run")
        assert get(run.id).state is RunState.CANCELLED
    finally:
        engine.stop()
    assert workspace.registry.datasets.names() == []
    assert not [each for each in threading.enumerate() if each.name.startswith("chunks")]
