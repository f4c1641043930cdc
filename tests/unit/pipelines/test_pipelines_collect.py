"""From the prediction log to dataset versions: everything once, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from loop_kit import (
    ENDPOINT,
    HISTORY_DAYS,
    START,
    log_labels,
    log_predictions,
    make_workspace,
    run_pipeline,
    trips,
)

from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.core.runs import RunState
from mlops_desktop.data.ingest import ingest
from mlops_desktop.data.read import read_table
from mlops_desktop.pipelines import collect as collecting
from mlops_desktop.pipelines import runner, steps
from mlops_desktop.pipelines.runner import Pipeline
from mlops_desktop.registry import Registry

END = START + timedelta(days=HISTORY_DAYS)
DAY = timedelta(days=1)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    workspace = make_workspace(tmp_path)
    steps.register_all()
    monkeypatch.setitem(runner._pipelines, "collect", Pipeline("collect", "for a test", ("collect",)))
    yield workspace.registry
    assert workspace.registry.journal.verify().intact
    workspace.close()


def collect(registry: Registry, *, at: int) -> PipelineRun:
    """Collect at 5 o'clock of the day `at` days after the history."""
    registry.advance_clock(END + at * DAY + timedelta(hours=5))
    done = run_pipeline(registry, "collect")
    assert done.state is RunState.SUCCEEDED, done.reason
    return done


def collected(registry: Registry) -> list[str]:
    return read_table(registry, f"{ENDPOINT}.predictions@latest").column("entity_id").to_pylist()


def test_answered_rows_with_their_labels_are_appended_to_both_datasets(registry: Registry) -> None:
    served = trips(2, start=END, per_day=5)
    log_predictions(registry, served)
    done = collect(registry, at=3)
    assert (done.steps[0].output["rows"], done.steps[0].output["labelled"]) == (10, 10)
    assert done.steps[0].output["made"] == [f"{ENDPOINT}.predictions@1", "trips@2"]
    assert collected(registry) == served.column("trip").to_pylist()
    grown = read_table(registry, "trips@latest").slice(HISTORY_DAYS * 40)
    assert (
        grown.select(["trip", "carrier", "late"]).to_pydict() == served.select(["trip", "carrier", "late"]).to_pydict()
    )
    assert registry.datasets.get("trips").number == 2


def test_collecting_again_adds_nothing(registry: Registry) -> None:
    log_predictions(registry, trips(2, start=END, per_day=5))
    collect(registry, at=3)
    before = {name: registry.datasets.get(name) for name in registry.datasets.names()}
    for _ in range(2):
        done = collect(registry, at=3)
        assert (done.reason, done.steps[0].output["labelled"]) == ("no new predictions", 0)
    assert {name: registry.datasets.get(name) for name in registry.datasets.names()} == before


def test_days_are_collected_when_their_labels_are_complete_each_once(registry: Registry) -> None:
    served = trips(6, start=END, per_day=4)
    for day in range(6):
        rows = served.slice(day * 4, 4)
        log_predictions(registry, rows, labelled=False)
        if day:
            log_labels(registry, served.slice((day - 1) * 4, 4), delay=DAY)
        collect(registry, at=day)
    assert collected(registry) == served.slice(0, 4 * 4).column("trip").to_pylist()
    labels = read_table(registry, f"{ENDPOINT}.predictions@latest").column("label").to_pylist()
    assert labels == [float(late) for late in served.slice(0, 16).column("late").to_pylist()]


def test_a_row_whose_label_never_came_is_a_prediction_but_not_learned_from(registry: Registry) -> None:
    served = trips(1, start=END, per_day=6)
    log_predictions(registry, served, labelled=False)
    log_labels(registry, served.slice(0, 4))
    done = collect(registry, at=2)
    assert (done.steps[0].output["rows"], done.steps[0].output["labelled"]) == (6, 4)
    assert read_table(registry, f"{ENDPOINT}.predictions@latest").column("label").null_count == 2


@pytest.mark.parametrize("cut", ["_append_predictions", "_append_labelled"])
def test_a_collection_cut_off_half_way_is_completed_by_the_next(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    served = trips(2, start=END, per_day=5)
    log_predictions(registry, served)

    class Killed(BaseException):
        pass

    def killed(*_: object) -> int:
        raise Killed

    monkeypatch.setattr(collecting, cut, killed)
    registry.advance_clock(END + 3 * DAY)
    with pytest.raises(Killed):
        run_pipeline(registry, "collect")
    monkeypatch.undo()
    monkeypatch.setitem(runner._pipelines, "collect", Pipeline("collect", "for a test", ("collect",)))
    collect(registry, at=3)
    assert collected(registry) == served.column("trip").to_pylist()
    assert registry.datasets.get("trips").rows == HISTORY_DAYS * 40 + 10


def test_without_any_bookmark_the_log_is_read_from_its_beginning_and_nothing_comes_twice(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_predictions(registry, trips(1, start=END, per_day=5))
    collect(registry, at=2)
    monkeypatch.setattr(collecting, "_LOOK_BACK", 0)
    log_predictions(registry, trips(1, start=END + DAY, per_day=5))
    collect(registry, at=3)
    ids = collected(registry)
    assert len(ids) == len(set(ids)) == 10


def test_an_endpoint_that_never_served_has_nothing_to_collect(registry: Registry) -> None:
    assert collect(registry, at=3).reason == "no new predictions"
    assert registry.datasets.names() == ["trips"]


def test_a_history_without_a_named_time_column_is_appended_to_all_the_same(registry: Registry) -> None:
    data = registry.folder.parent / "project" / "trips.parquet"
    text = registry.specs.get("late").text.replace('dataset = "trips"', 'dataset = "plain"')
    registry.specs.save("late", text)
    done = run_pipeline(registry, "ingest", path=str(data), dataset="plain")
    assert done.state is RunState.SUCCEEDED, done.reason
    log_predictions(registry, trips(1, start=END, per_day=5))
    for _ in range(2):
        collect(registry, at=2)
    assert registry.datasets.get("plain").rows == HISTORY_DAYS * 40 + 5


def test_labels_that_are_words_are_learned_as_words_and_judged_as_numbers(registry: Registry) -> None:
    words = trips()
    index = words.column_names.index("late")
    named = pc.if_else(pc.equal(words.column("late"), 1), "late", "on time")
    data = registry.folder.parent / "words.parquet"
    pq.write_table(words.set_column(index, "late", named), data)
    text = registry.specs.get("late").text.replace('"trips"', '"words"').replace("positive = 1", 'positive = "late"')
    registry.specs.save("late", text)
    ingest(registry, data, "words", time_column="at")
    done = run_pipeline(registry, "retrain")
    assert done.state is RunState.SUCCEEDED, done.reason
    served = trips(10, start=END, per_day=20)
    log_predictions(registry, served, labelled=False)
    log_labels(
        registry, served.set_column(index, "late", pc.if_else(pc.equal(served.column("late"), 1), "late", "on time"))
    )
    registry.advance_clock(END + 11 * DAY)
    done = run_pipeline(registry, "monitor")
    assert done.state is RunState.SUCCEEDED, done.reason
    labels = read_table(registry, f"{ENDPOINT}.predictions@latest").column("label").to_pylist()
    assert labels == [float(late) for late in served.column("late").to_pylist()]
    learned = read_table(registry, "words@latest").column("late").to_pylist()[-200:]
    assert learned == ["late" if late else "on time" for late in served.column("late").to_pylist()]
    assert run_pipeline(registry, "retrain").state is RunState.SUCCEEDED


def test_the_bookmark_is_json(registry: Registry) -> None:
    log_predictions(registry, trips(1, start=END, per_day=5))
    output = collect(registry, at=2).steps[0].output
    assert msgspec.json.decode(msgspec.json.encode(output)) == output
