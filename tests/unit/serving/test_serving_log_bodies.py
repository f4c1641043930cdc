"""Tables in the prediction log: as they came, and written while they are predicted."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mlops_desktop.serving.backwards import backwards
from mlops_desktop.serving.compaction import compact
from mlops_desktop.serving.log import (
    BulkRecord,
    GapRecord,
    LogFull,
    LogReader,
    PredictionRecord,
    SegmentHeader,
    encode_record,
    read_log,
    rest_of_table,
    to_micros,
)
from mlops_desktop.serving.log_tables import log_table
from mlops_desktop.serving.logwriter import LogWriter
from mlops_desktop.serving.outcomes import Outcome
from mlops_desktop.serving.segments import SUFFIX, stems

ROWS = 40_000
NOON = to_micros(datetime(2013, 1, 2, 12, tzinfo=UTC))

pytestmark = pytest.mark.skipif(not hasattr(os, "pwrite"), reason="bodies are not written early here")


def head(id: str, rows: int = 1) -> PredictionRecord:
    return PredictionRecord(id, "", NOON, NOON, "late", "late", 1, "primary", rows, {}, [], [], 1, 2, 3)


def small(id: str) -> bytes:
    return encode_record(head(id))


def table(rows: int = ROWS) -> tuple[bytes, pa.Table]:
    features = pa.table({"x": [float(row) for row in range(rows)], "名": ["é", None] * (rows // 2)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, features.schema) as stream:
        stream.write_table(features)
    return bytes(sink.getvalue()), features


def results(id: str, rows: int = ROWS) -> bytes:
    outcome = Outcome(np.full(rows, 0.75), ("0", "1"), np.ones(rows, np.int32))
    return rest_of_table(BulkRecord(head(id, rows), bytes(log_table({}, outcome, None, {}, b""))))


def ids(folder: Path) -> list[str]:
    return [record.id for record in read_log(folder)]


def check(record: object, features: pa.Table) -> None:
    assert isinstance(record, PredictionRecord)
    assert record.features == features.to_pydict()
    assert record.scores == [0.75] * ROWS and record.predictions == ["1"] * ROWS


@pytest.fixture
def writer(tmp_path: Path) -> LogWriter:
    return LogWriter(tmp_path, header=SegmentHeader("late"))


@pytest.mark.parametrize("is_early", [True, False])
def test_a_table_comes_back_whole_and_in_its_place(tmp_path: Path, writer: LogWriter, is_early: bool) -> None:
    body, features = table()
    writer.append(small("a"))
    early = writer.begin_table(body) if is_early else None
    assert (early is not None) == is_early
    writer.append_table(body, results("b"), early)
    writer.append(small("c"))
    writer.close()
    first, second, third = read_log(tmp_path)
    assert (first.id, second.id, third.id) == ("a", "b", "c")
    check(second, features)


def test_a_table_without_results_is_not_there_for_readers(tmp_path: Path, writer: LogWriter) -> None:
    """As where the gateway is killed meanwhile, and when a reader looks while it is written."""
    body, _ = table()
    writer.append(small("a"))
    reader = LogReader(tmp_path)
    early = writer.begin_table(body)
    assert early is not None
    (stem,) = stems(tmp_path)
    path = tmp_path / (stem + SUFFIX)
    early._writing.result()
    assert path.stat().st_size > len(body)
    assert [record.id for record in reader.read()] == ["a"]
    newest = [body for piece in backwards(tmp_path, stem) for body, _ in piece]
    assert newest[-1] == small("a")[8:]
    writer.append_table(body, results("b"), early)
    assert [record.id for record in reader.read()] == ["b"]
    writer.close()


def test_a_segment_that_ends_in_a_table_without_results_is_compacted(tmp_path: Path, writer: LogWriter) -> None:
    writer.append(small("a"))
    early = writer.begin_table(table()[0])
    assert early is not None
    early._writing.result()
    (stem,) = stems(tmp_path)
    content = (tmp_path / (stem + SUFFIX)).read_bytes()
    writer.close()
    (tmp_path / (stem + SUFFIX)).write_bytes(content)  # what a killed gateway leaves
    second = LogWriter(tmp_path)
    second.append(small("b"))
    second.close()
    assert ids(tmp_path) == ["a", "b"]
    assert compact(tmp_path).damaged == ()
    assert ids(tmp_path) == ["a", "b"]


def test_others_do_not_wait_for_a_table_which_is_written_later(tmp_path: Path, writer: LogWriter) -> None:
    body, features = table()
    early = writer.begin_table(body)
    assert early is not None and writer.begin_table(body) is None
    writer.append(small("a"))
    assert ids(tmp_path) == ["a"]
    writer.append_table(body, results("b"), early)
    writer.append(small("c"))
    writer.close()
    _, second, third = read_log(tmp_path)
    check(second, features)
    assert third.id == "c"


def test_a_table_that_was_refused_leaves_nothing_behind(tmp_path: Path, writer: LogWriter) -> None:
    writer.append(small("a"))
    path = tmp_path / (stems(tmp_path)[0] + SUFFIX)
    size = path.stat().st_size
    early = writer.begin_table(table()[0])
    assert early is not None
    writer.drop_table(early)
    assert path.stat().st_size == size
    writer.drop_table(early)  # nothing happens
    writer.append(small("b"))
    writer.close()
    assert ids(tmp_path) == ["a", "b"]


def test_another_header_and_the_end_leave_nothing_of_a_table(tmp_path: Path, writer: LogWriter) -> None:
    body, features = table()
    early = writer.begin_table(body)
    writer.describe(SegmentHeader("late", 0.5))
    writer.append_table(body, results("b"), early)
    assert writer.begin_table(body) is not None
    writer.close()
    assert writer.begin_table(body) is None
    (record,) = read_log(tmp_path)
    check(record, features)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2 * len(body)


def test_a_gap_comes_before_a_table_that_is_written_early(tmp_path: Path, writer: LogWriter) -> None:
    body, _ = table()
    writer.note_gap(3, "full")
    early = writer.begin_table(body)
    writer.note_gap(1, "full again")
    writer.append_table(body, results("b"), early)
    writer.close()
    records = list(LogReader(tmp_path).read_all())
    assert [type(record) for record in records] == [SegmentHeader, GapRecord, PredictionRecord, GapRecord]
    assert [record.requests for record in records if isinstance(record, GapRecord)] == [3, 1]


def test_a_disk_that_fills_up_meanwhile_costs_only_the_table(
    tmp_path: Path, writer: LogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, _ = table()
    writer.append(small("a"))
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[: len(data) // 2]))
    early = writer.begin_table(body)
    assert early is not None
    with pytest.raises(LogFull, match="disk took only a part"):
        writer.append_table(body, results("b"), early)
    monkeypatch.undo()
    writer.append(small("c"))
    writer.close()
    assert ids(tmp_path) == ["a", "c"]
