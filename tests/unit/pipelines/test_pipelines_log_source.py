"""The prediction log as a source: what was answered, with the labels that came later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from loop_kit import ENDPOINT, START, log_labels, log_predictions, trips

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.sources import Source
from mlops_desktop.pipelines import log_source
from mlops_desktop.pipelines.log_source import located, open_log
from mlops_desktop.registry import Registry
from mlops_desktop.serving.labels import join_labels, to_columns
from mlops_desktop.serving.log import (
    FeedbackRecord,
    PredictionRecord,
    Record,
    encode_record,
    read_log,
    to_micros,
)
from mlops_desktop.serving.logwriter import LogWriter

MOMENT = to_micros(START)
ANSWER = PredictionRecord(
    id="r1", client_id="", time=MOMENT, received=MOMENT, endpoint=ENDPOINT, model=ENDPOINT, version=2, role="primary",
    rows=2, features={"delay": [1, 2.5], "carrier": ["AA", None]}, scores=[0.25, 0.75], predictions=[0, 1],
    queue_us=1, inference_us=1, total_us=2, entity_ids=["e1", "e2"],
)  # fmt: skip


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry.create(tmp_path / "workspace", actor="tester")
    yield registry
    registry.close()


def answer(**changes: Any) -> PredictionRecord:
    return msgspec.structs.replace(ANSWER, **changes)


def label(id: str, value: Any, *, hours: int = 1) -> FeedbackRecord:
    at = to_micros(START + timedelta(hours=hours))
    return FeedbackRecord(id, value, at, at, ENDPOINT)


def write(registry: Registry, *records: Record) -> None:
    writer = LogWriter(registry.folder / "spool" / ENDPOINT)
    writer.append(b"".join(encode_record(record) for record in records))
    writer.close()


def opened(registry: Registry) -> Source:
    location = located(registry, f"log:{ENDPOINT}")
    return open_log(str(location), ReadOptions())


def rows(source: Source) -> list[dict[str, Any]]:
    return pa.Table.from_batches(list(source), schema=source.schema).to_pylist()


def test_each_answered_row_comes_with_its_features_score_and_label(registry: Registry) -> None:
    write(registry, ANSWER, label("e2", 1))
    source = opened(registry)
    assert (source.kind, source.rows) == ("prediction log", 2)
    first, second = rows(source)
    assert first == {
        "inference_id": "r1/0", "entity_id": "e1", "time": START, "version": 2, "role": "primary", "score": 0.25,
        "prediction": "0", "label": None, "label_time": None, "delay": 1.0, "carrier": "AA",
    }  # fmt: skip
    assert (second["delay"], second["carrier"]) == (2.5, None)
    assert (second["label"], second["label_time"]) == (1.0, START + timedelta(hours=1))


def test_what_was_not_answered_is_left_out(registry: Registry) -> None:
    write(
        registry,
        answer(id="a", status=500, error="boom"),
        answer(id="b", role="shadow"),
        answer(id="c", role="canary"),
        answer(id="d", role="pinned"),
    )
    assert [row["inference_id"] for row in rows(opened(registry))] == ["c/0", "c/1", "d/0", "d/1"]


def test_the_label_that_arrived_last_wins_by_whichever_id(registry: Registry) -> None:
    write(registry, label("r1/0", 0), ANSWER, label("e1", 1), label("e2", 1), label("r1/1", 0))
    assert [row["label"] for row in rows(opened(registry))] == [1.0, 0.0]


def test_labels_that_are_words_stay_words(registry: Registry) -> None:
    write(registry, ANSWER, label("e1", "late"), label("e2", 3))
    assert [row["label"] for row in rows(opened(registry))] == ["late", "3"]


def test_features_that_changed_their_kind_or_came_later_fit_into_one_table(registry: Registry) -> None:
    write(
        registry,
        ANSWER,
        answer(
            id="r2", rows=1, features={"delay": ["n/a"], "score": [7]}, scores=[0.5], predictions=["1"], entity_ids=None
        ),
    )
    first, _, third = rows(opened(registry))
    assert (first["delay"], third["delay"], first["feature.score"], third["feature.score"]) == ("1", "n/a", None, 7.0)
    assert (third["carrier"], third["entity_id"]) == (None, None)


def test_the_rows_are_those_that_joining_the_whole_log_gives(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_source, "BATCH_ROWS", 7)
    served = trips(2, per_day=25)
    log_predictions(registry, served)
    log_labels(registry, served.slice(10, 5), delay=timedelta(days=3))
    whole = to_columns(join_labels(read_log(registry.folder / "spool" / ENDPOINT)))
    found = pa.Table.from_batches(list(opened(registry)))
    assert found.num_rows == 50 and max(len(batch) for batch in opened(registry)) == 7
    for name in ("inference_id", "time", "score", "label", "label_time", "carrier", "hour"):
        assert found.column(name).to_pylist() == whole[name]


def test_what_is_written_after_opening_is_not_part_of_it(registry: Registry) -> None:
    write(registry, ANSWER)
    source = opened(registry)
    write(registry, answer(id="later"), label("e1", 1))
    assert [row["inference_id"] for row in rows(source)] == ["r1/0", "r1/1"]
    source.identity.check_unchanged()
    assert source.origin().kind == "prediction log"


@pytest.mark.parametrize("location", ["log:nothing", "log:", "log:..", "log:../spool/late"])
def test_an_endpoint_that_never_served_is_named_with_those_that_did(registry: Registry, location: str) -> None:
    write(registry, ANSWER)
    with pytest.raises(InvalidInput, match="no prediction log") as caught:
        located(registry, location)
    assert ENDPOINT in caught.value.hint


def test_a_log_without_an_answer_is_refused(registry: Registry) -> None:
    write(registry, label("e1", 1))
    with pytest.raises(InvalidInput, match="nothing yet"):
        opened(registry)


def test_other_locations_are_left_as_they_are(registry: Registry) -> None:
    for location in ("late.csv", "sqlite:///rows.db", Path("log:late")):
        assert located(registry, location) == location
