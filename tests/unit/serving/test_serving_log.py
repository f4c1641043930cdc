"""The prediction log: what is written is read, whatever happens to the last bytes."""

from __future__ import annotations

import errno
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mlops_desktop.core.ids import new_id
from mlops_desktop.serving.labels import join_labels, to_columns
from mlops_desktop.serving.log import (
    FeedbackRecord,
    LogFull,
    LogPosition,
    LogReader,
    PredictionRecord,
    Record,
    SegmentHeader,
    encode_record,
    is_sampled,
    read_log,
    to_micros,
)
from mlops_desktop.serving.logwriter import LogWriter

NOON = datetime(2013, 1, 2, 12, tzinfo=UTC)


def prediction(id: str, *, rows: int = 1, time: datetime = NOON, **changes: Any) -> PredictionRecord:
    fields: dict[str, Any] = {
        "id": id, "client_id": "", "time": to_micros(time), "received": to_micros(time), "endpoint": "late",
        "model": "late-arrival", "version": 1, "role": "primary", "rows": rows, "features": {"x": [1.5] * rows},
        "scores": [0.25] * rows, "predictions": ["0"] * rows, "queue_us": 1, "inference_us": 2, "total_us": 3,
    }  # fmt: skip
    return PredictionRecord(**fields | changes)


def feedback(id: str, label: Any, time: datetime = NOON) -> FeedbackRecord:
    return FeedbackRecord(id, label, to_micros(time), to_micros(time), "late")


def write(folder: Path, *records: Record, **options: Any) -> None:
    writer = LogWriter(folder, **options)
    for record in records:
        writer.append(encode_record(record))
    writer.close()


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.seg"))


def test_records_come_back_as_they_were_written(tmp_path: Path) -> None:
    records: list[Record] = [
        prediction("a", rows=2, entity_ids=["é", "日本"], features={"x": [None, 1], "名": ["🙂", None]}),
        feedback("a/0", True),
        prediction("b", status=500, error="no", scores=[], predictions=[], features={}),
    ]
    write(tmp_path, *records)
    assert list(read_log(tmp_path)) == records


def test_each_writer_begins_a_segment_that_sorts_last(tmp_path: Path) -> None:
    (tmp_path / ("7" + "Z" * 24 + "A.seg")).write_bytes(b"")  # from a clock that was far ahead
    for number in range(3):
        write(tmp_path, prediction(str(number)))
    assert len(segments(tmp_path)) == 4
    assert [record.id for record in read_log(tmp_path)] == ["0", "1", "2"]


def test_segments_rotate_at_their_size(tmp_path: Path) -> None:
    write(tmp_path, *(prediction(str(number)) for number in range(20)), segment_bytes=300)
    assert len(segments(tmp_path)) > 3
    assert [record.id for record in read_log(tmp_path)] == [str(number) for number in range(20)]


def test_a_tail_torn_at_any_byte_costs_only_its_record(tmp_path: Path) -> None:
    write(tmp_path, prediction("a"), prediction("b"))
    (path,) = segments(tmp_path)
    whole, first = path.read_bytes(), len(encode_record(prediction("a")))
    for cut in range(first, len(whole)):
        path.write_bytes(whole[:cut])
        assert [record.id for record in read_log(tmp_path)] == ["a"]


def test_a_flipped_bit_ends_the_segment_but_not_the_log(tmp_path: Path) -> None:
    write(tmp_path, prediction("a"), prediction("b"), prediction("c"))
    write(tmp_path, prediction("d"))
    path = segments(tmp_path)[0]
    content = bytearray(path.read_bytes())
    content[len(encode_record(prediction("a"))) + 20] ^= 1
    path.write_bytes(content)
    assert [record.id for record in read_log(tmp_path)] == ["a", "d"]


def test_a_reader_tails_from_where_it_was(tmp_path: Path) -> None:
    reader = LogReader(tmp_path)
    assert list(reader.read()) == [] and reader.position == LogPosition()
    writer = LogWriter(tmp_path)
    seen: list[str] = []
    for number in range(5):
        writer.append(encode_record(prediction(str(number))))
        seen += [record.id for record in reader.read()]
        reader = LogReader(tmp_path, reader.position)
    writer.close()
    write(tmp_path, prediction("5"))
    seen += [record.id for record in reader.read()]
    assert seen == ["0", "1", "2", "3", "4", "5"]
    assert list(reader.read()) == []


def test_a_reader_waits_for_the_rest_of_a_record(tmp_path: Path) -> None:
    """A frame that is half there may be on its way: it is read once it is whole."""
    frame = encode_record(prediction("a"))
    path = tmp_path / "00000000000000000000000001.seg"
    path.write_bytes(frame[:30])
    reader = LogReader(tmp_path)
    assert list(reader.read()) == []
    path.write_bytes(frame)
    assert [record.id for record in reader.read()] == ["a"]


def test_reading_is_limited_to_a_span_of_time(tmp_path: Path) -> None:
    days = [NOON.replace(day=day) for day in range(1, 6)]
    write(tmp_path, *(prediction(str(day.day), time=day) for day in days))
    assert [record.id for record in read_log(tmp_path, days[1], days[3])] == ["2", "3"]


@pytest.mark.parametrize("taken", [0, 10])
def test_a_full_disk_leaves_no_torn_record_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int) -> None:
    writer = LogWriter(tmp_path)
    writer.append(encode_record(prediction("a")))
    real_write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if not taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_write(descriptor, data[:taken])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(LogFull, match="cannot be written"):
            writer.append(encode_record(prediction("b")))
    writer.append(encode_record(prediction("c")))
    writer.close()
    assert [record.id for record in read_log(tmp_path)] == ["a", "c"]
    assert segments(tmp_path)[0].stat().st_size == len(encode_record(prediction("a")))


def test_what_was_appended_is_synced_in_the_background(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr("mlops_desktop.serving.logwriter._sync", synced.append)
    writer = LogWriter(tmp_path, sync_seconds=60)
    writer.sync()
    assert synced == []
    writer.append(encode_record(prediction("a")))
    writer.sync()
    writer.sync()
    assert len(synced) == 1
    monkeypatch.undo()
    writer.close()


def test_the_last_label_wins_and_all_are_kept() -> None:
    records = [
        prediction("a", rows=2, entity_ids=["f1", "f2"]), feedback("a/0", 0), feedback("f1", 1), feedback("f2", 0),
        feedback("nobody", 1), prediction("b", entity_ids=["f1"]),
    ]  # fmt: skip
    log = join_labels(records)
    assert {key: entry.label for key, entry in log.feedback.items()} == {"a/0": 1, "a/1": 0, "b/0": 1}
    assert [entry.label for entry in log.history["a/0"]] == [0, 1]
    assert [entry.id for entry in log.unmatched] == ["nobody"]
    assert log.rows == 3


def test_columns_of_a_log_have_a_row_per_answered_prediction() -> None:
    records = [
        prediction("a", rows=2, features={"x": [1, None], "score": ["s", "t"]}), feedback("a/1", 1),
        prediction("b", features={"x": [3]}, role="canary", version=2), prediction("c", role="shadow"),
        prediction("d", status=500, scores=[], predictions=[], features={}, error="no"),
    ]  # fmt: skip
    columns = to_columns(join_labels(records))
    assert columns["inference_id"] == ["a/0", "a/1", "b/0"]
    assert columns["x"] == [1, None, 3] and columns["feature.score"] == ["s", "t", None]
    assert columns["label"] == [None, 1, None] and columns["label_time"][1] == NOON
    assert columns["version"] == [1, 1, 2] and columns["entity_id"] == [None] * 3
    assert {len(values) for values in columns.values()} == {3}
    assert set(map(len, to_columns(join_labels([])).values())) == {0}


def test_a_segment_says_how_it_was_recorded_and_a_change_begins_a_new_one(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, header=SegmentHeader("late", 0.5))
    writer.append(encode_record(prediction("a")))
    writer.describe(SegmentHeader("late", 0.5))
    writer.append(encode_record(prediction("b")))
    writer.describe(SegmentHeader("late", 1.0, {"x": "hash"}))
    writer.append(encode_record(prediction("c")))
    writer.close()
    assert list(LogReader(tmp_path).read_all()) == [
        SegmentHeader("late", 0.5), prediction("a"), prediction("b"),
        SegmentHeader("late", 1.0, {"x": "hash"}), prediction("c"),
    ]  # fmt: skip
    assert [record.id for record in read_log(tmp_path)] == ["a", "b", "c"]


def test_a_segment_ends_by_age_with_the_next_record(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, segment_seconds=0.0)
    for id in "abc":
        writer.append(encode_record(prediction(id)))
    writer.close()
    assert len(segments(tmp_path)) == 3


def test_whom_a_sync_is_awaited_by_is_called_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[Any] = []
    called = threading.Event()
    monkeypatch.setattr("mlops_desktop.serving.logwriter._sync", lambda _: order.append("sync"))
    writer = LogWriter(tmp_path, sync_seconds=60)
    writer.append(encode_record(prediction("a")))
    writer.after_sync(lambda failure: (order.append(failure), called.set()))
    assert called.wait(10)
    writer.close()
    assert order[:2] == ["sync", None]


def test_a_failed_sync_is_told_and_what_follows_is_in_a_new_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    told: list[LogFull | None] = []
    called = threading.Event()
    writer = LogWriter(tmp_path, sync_seconds=60)
    writer.append(encode_record(prediction("a")))
    monkeypatch.setattr("mlops_desktop.serving.logwriter._sync", fail)
    writer.after_sync(lambda failure: (told.append(failure), called.set()))
    assert called.wait(10)
    monkeypatch.undo()
    writer.append(encode_record(prediction("b")))
    writer.close()
    assert isinstance(told[0], LogFull) and "No space" in str(told[0])
    assert len(segments(tmp_path)) == 2


def test_a_gap_is_recorded_as_soon_as_the_log_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = LogWriter(tmp_path)
    writer.append(encode_record(prediction("a")))
    monkeypatch.setattr(os, "write", lambda *_: 0)
    for _ in range(3):
        with pytest.raises(LogFull):
            writer.append(encode_record(prediction("lost")))
        writer.note_gap(2, "the disk is full")
    monkeypatch.undo()
    writer.append(encode_record(prediction("b")))
    writer.append(encode_record(prediction("c")))
    writer.close()
    found = [record for record in LogReader(tmp_path).read_all() if not isinstance(record, PredictionRecord)]
    assert [(gap.requests, gap.reason) for gap in found] == [(6, "the disk is full")]
    assert found[0].since <= found[0].until
    assert [record.id for record in read_log(tmp_path)] == ["a", "b", "c"]


def test_a_share_of_requests_is_chosen_by_their_ids_alone() -> None:
    ids = [new_id() for _ in range(4000)]
    chosen = [id for id in ids if is_sampled(id, 0.25)]
    assert 800 < len(chosen) < 1200 and all(is_sampled(id, 0.5) for id in chosen)
    assert all(is_sampled(id, 1.0) for id in ids)
