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
from mlops_desktop.data.intake.ingest import ingest
from mlops_desktop.data.read import read_table
from mlops_desktop.pipelines import collect as collecting
from mlops_desktop.pipelines import runner, steps
from mlops_desktop.pipelines.runner import Pipeline
from mlops_desktop.registry import Registry
from mlops_desktop.serving.log import (
    FeedbackRecord,
    PredictionRecord,
    encode_record,
    predictions_of,
    read_log,
    to_micros,
)
from mlops_desktop.serving.logwriter import LogWriter
from mlops_desktop.serving.redaction import Redaction, Redactor

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


# labels that come late


def labels(registry: Registry, dataset: str = f"{ENDPOINT}.predictions", column: str = "label") -> list[float | None]:
    return read_table(registry, f"{dataset}@latest").column(column).to_pylist()


def give(registry: Registry, *pairs: tuple[str, object], at: int = 1) -> None:
    """Labels for ids, as the gateway writes them."""
    writer = LogWriter(registry.folder / "spool" / ENDPOINT)
    moment = to_micros(END + at * DAY)
    for id, label in pairs:
        writer.append(encode_record(FeedbackRecord(id, label, moment, moment, ENDPOINT)))  # type: ignore[arg-type]
    writer.close()


def test_a_label_that_comes_after_its_day_was_collected_reaches_both_datasets(registry: Registry) -> None:
    served = trips(2, start=END, per_day=5)
    log_predictions(registry, served, labelled=False)
    log_labels(registry, served.slice(0, 7))
    first = collect(registry, at=4)
    assert (first.steps[0].output["rows"], first.steps[0].output["labelled"]) == (10, 7)
    log_labels(registry, served.slice(7), delay=5 * DAY)
    later = collect(registry, at=8).steps[0].output
    assert (later["rows"], later["relabelled"], later["labelled"], later["parked"]) == (0, 3, 3, 0)
    assert labels(registry) == [float(late) for late in served.column("late").to_pylist()]
    grown = read_table(registry, "trips@latest").slice(HISTORY_DAYS * 40)
    assert grown.select(["trip", "late"]).to_pydict() == served.select(["trip", "late"]).to_pydict()
    again = collect(registry, at=8).steps[0].output
    assert (again["relabelled"], again["labelled"], again["made"]) == (0, 0, [])


def test_the_last_label_wins_and_the_same_one_again_changes_nothing(registry: Registry) -> None:
    served = trips(1, start=END, per_day=3)
    log_predictions(registry, served)
    collect(registry, at=2)
    trip = served.column("trip").to_pylist()[1]
    right = int(served.column("late").to_pylist()[1])
    give(registry, (trip, right), at=3)
    assert collect(registry, at=3).steps[0].output["made"] == []
    give(registry, (f"r{trip}/0", right), (trip, 1 - right), at=4)
    changed = collect(registry, at=4).steps[0].output
    assert (changed["relabelled"], changed["corrected"], changed["labelled"]) == (1, 1, 0)
    assert labels(registry)[1] == labels(registry, "trips", "late")[-2] == 1 - right
    give(registry, (trip, 1 - right), (f"r{trip}/0", right), at=5)
    collect(registry, at=5)
    assert labels(registry)[1] == labels(registry, "trips", "late")[-2] == right
    assert registry.datasets.get("trips").rows == HISTORY_DAYS * 40 + 3


def test_a_label_without_a_prediction_is_parked_until_there_is_one(registry: Registry) -> None:
    served = trips(1, start=END, per_day=4)
    give(registry, ("nobody", 1), (served.column("trip").to_pylist()[2], 1))
    assert collect(registry, at=1).steps[0].output["parked"] == 2
    log_predictions(registry, served, labelled=False)
    done = collect(registry, at=3).steps[0].output
    assert (done["rows"], done["labelled"], done["parked"]) == (4, 1, 1)
    assert labels(registry) == [None, None, 1.0, None]
    assert collect(registry, at=3).steps[0].output["parked"] == 1


def test_rows_older_than_the_newest_stored_one_are_collected_too(registry: Registry) -> None:
    served = trips(2, start=END, per_day=4)
    log_predictions(registry, served.slice(4))
    collect(registry, at=3)
    log_predictions(registry, served.slice(0, 4))
    late = collect(registry, at=3).steps[0].output
    assert (late["rows"], late["labelled"]) == (4, 4)
    assert sorted(collected(registry)) == sorted(served.column("trip").to_pylist())
    assert registry.datasets.get("trips").rows == HISTORY_DAYS * 40 + 8


def test_a_late_label_whose_collection_was_cut_off_reaches_the_rows_that_are_learned_from(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = trips(1, start=END, per_day=4)
    log_predictions(registry, served, labelled=False)
    collect(registry, at=2)
    log_labels(registry, served, delay=3 * DAY)

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(collecting, "_append_labelled", killed)
        run_pipeline(registry, "collect")
    assert registry.datasets.get("trips").rows == HISTORY_DAYS * 40
    assert collect(registry, at=5).steps[0].output["labelled"] == 4
    assert registry.datasets.get("trips").rows == HISTORY_DAYS * 40 + 4


def test_labels_of_mixed_kinds_and_ones_that_fit_no_column_do_not_stop_a_collection(registry: Registry) -> None:
    served = trips(1, start=END, per_day=4)
    log_predictions(registry, served, labelled=False)
    ids = served.column("trip").to_pylist()
    give(registry, (ids[0], "1"), (ids[1], True), (ids[2], 0.0), (ids[3], "unknown"))
    done = collect(registry, at=3).steps[0].output
    assert labels(registry) == [1.0, 1.0, 0.0, None]
    assert (done["labelled"], done["unfit"]) == (3, 1)
    assert labels(registry, "trips", "late")[-3:] == [1, 1, 0]


def test_rows_without_ids_are_known_by_their_time_and_features(registry: Registry) -> None:
    registry.specs.save("late", registry.specs.get("late").text.replace('id_column = "trip"\n', ""))
    writer = LogWriter(registry.folder / "spool" / ENDPOINT)
    moment = to_micros(END + timedelta(hours=3))
    record = PredictionRecord(
        id="a", client_id="", time=moment, received=moment, endpoint=ENDPOINT, model=ENDPOINT, version=1,
        role="primary", rows=3, features={"delay": [0.5, 0.5, 1.5], "hour": [3, 3, 3], "carrier": ["AA"] * 3},
        scores=[0.5] * 3, predictions=[0] * 3, queue_us=1, inference_us=1, total_us=2,
    )  # fmt: skip
    writer.append(encode_record(record))
    writer.close()
    give(registry, ("a/1", 1), ("a/2", 0))
    assert collect(registry, at=3).steps[0].output["labelled"] == 2
    give(registry, ("a/0", 0), ("a/2", 1), at=4)
    done = collect(registry, at=5).steps[0].output
    assert (done["labelled"], done["rows"]) == (1, 0)
    grown = read_table(registry, "trips@latest").slice(HISTORY_DAYS * 40)
    assert sorted(zip(grown.column("delay").to_pylist(), grown.column("late").to_pylist(), strict=True)) == [
        (0.5, 0), (0.5, 1), (1.5, 1),
    ]  # fmt: skip


# keeping the log small


def test_a_tidied_log_is_collected_first_and_then_holds_what_the_spec_keeps(registry: Registry) -> None:
    text = registry.specs.get("late").text + "[serving.log]\nkeep_days = 3\n"
    registry.specs.save("late", text)
    served = trips(10, start=END, per_day=4)
    for day in range(10):
        log_predictions(registry, served.slice(day * 4, 4))
    registry.advance_clock(END + 8 * DAY)
    done = run_pipeline(registry, "tidy log")
    assert done.state is RunState.SUCCEEDED, done.reason
    assert len(collected(registry)) == 7 * 4
    folder = registry.folder / "spool" / ENDPOINT
    kept = {record.moment.date() for record in predictions_of(read_log(folder))}
    assert min(kept) == (END + 5 * DAY).date() and len(kept) == 5
    assert len(list(folder.glob("*.seg"))) == 1 and list(folder.glob("*.parquet"))
    registry.advance_clock(END + 12 * DAY)
    assert collect(registry, at=12).steps[0].output["rows"] == 3 * 4
    assert sorted(collected(registry)) == sorted(served.column("trip").to_pylist())


def test_hashed_columns_are_predictions_but_nothing_that_is_learned_from(registry: Registry) -> None:
    text = registry.specs.get("late").text + '[serving.log.sensitive]\ndelay = "hash"\n'
    served = trips(2, start=END, per_day=4)
    log_predictions(registry, served.slice(0, 4))
    collect(registry, at=2)
    registry.specs.save("late", text)
    redactor = Redactor({"delay": Redaction.HASH}, b"k" * 32)
    writer = LogWriter(registry.folder / "spool" / ENDPOINT)
    moment = to_micros(END + 2 * DAY)
    writer.append(
        encode_record(
            PredictionRecord(
                "b", "", moment, moment, ENDPOINT, ENDPOINT, 1, "primary", 1,
                redactor.features({"delay": [1.5], "hour": [3], "carrier": ["AA"]}), [0.5], [1], 1, 1, 2,
                entity_ids=["x"],
            )
        )
    )  # fmt: skip
    writer.close()
    give(registry, ("x", 1), at=3)
    assert collect(registry, at=4).steps[0].output["labelled"] == 1
    last = read_table(registry, "trips@latest").slice(HISTORY_DAYS * 40 + 4).to_pylist()
    assert [(row["trip"], row["delay"], row["carrier"], row["late"]) for row in last] == [("x", None, "AA", 1)]
    assert labels(registry, column="delay")[-1] is None
