"""Compacting and removing segments: nothing is lost, doubled, or removed before it was collected."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_desktop.serving.compaction import compact
from mlops_desktop.serving.log import (
    AnyRecord,
    FeedbackRecord,
    GapRecord,
    LogPosition,
    LogReader,
    PredictionRecord,
    SegmentHeader,
    encode_record,
    read_log,
    to_micros,
)
from mlops_desktop.serving.logwriter import LogWriter
from mlops_desktop.serving.retention import Needed, remove_old
from mlops_desktop.serving.segments import framed

NOON = datetime(2013, 1, 2, 12, tzinfo=UTC)
END = LogPosition("~")


def prediction(number: int, value: Any = 1.5, *, at: datetime = NOON) -> PredictionRecord:
    moment = to_micros(at)
    return PredictionRecord(
        f"{number:026d}", "", moment, moment, "late", "late", 1, "primary", 1, {"x": [value]}, [0.5], ["0"], 1, 2, 3
    )


def write(folder: Path, records: list[AnyRecord], *, per_segment: int = 10, **options: Any) -> None:
    """Some segments, the last of which is the writer's own until it is closed."""
    writer = LogWriter(folder, sync_seconds=60, **options)
    for place, record in enumerate(records):
        if place and place % per_segment == 0:
            writer.close()
            writer = LogWriter(folder, sync_seconds=60, **options)
        writer.append(encode_record(record))
    writer.close()


def everything(folder: Path, position: LogPosition | None = None) -> list[AnyRecord]:
    return list(LogReader(folder, position).read_all())


def names(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.iterdir())


def test_records_are_the_same_before_and_after_whatever_position_they_are_read_from(tmp_path: Path) -> None:
    header = SegmentHeader("late", 0.5, {"x": "hash"})
    records: list[AnyRecord] = [prediction(n, value) for n, value in enumerate([1, 1.0, None, "é", True, 2**60] * 5)]
    records[7] = FeedbackRecord("a", False, 1, 2, "late")
    records[8] = GapRecord(1, 2, 3, "full")
    write(tmp_path, records, header=header)
    reader, positions = LogReader(tmp_path), []
    before = [(record, positions.append(reader.position)) for record in reader.read_all()]
    done = compact(tmp_path)
    assert (done.segments, done.records, done.damaged) == (2, 22, ())
    assert names(tmp_path) == [".parquet", ".parquet", ".seg"]
    read = [record for record, _ in before]
    assert everything(tmp_path) == read and [type(r) for r in read].count(SegmentHeader) == 3
    for place, position in enumerate(positions):
        assert everything(tmp_path, position) == read[place + 1 :]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.binary(min_size=1, max_size=200), max_size=8), min_size=1, max_size=4))
def test_any_bodies_come_back_byte_by_byte(parts: list[list[bytes]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for place, part in enumerate(parts):
            (folder / f"{place:026d}.seg").write_bytes(b"".join(map(framed, part)))
        compact(folder)
        for place, part in enumerate(parts[:-1]):
            stored = pq.read_table(folder / f"{place:026d}.parquet", columns=["body"]).column("body").to_pylist()
            assert stored == part


def test_columns_to_query_by_are_beside_the_bodies(tmp_path: Path) -> None:
    write(tmp_path, [prediction(1), FeedbackRecord("x/0", 1, 5, 6, "late"), prediction(2)], per_segment=2)
    compact(tmp_path)
    table = pq.read_table(next(tmp_path.glob("*.parquet"))).select(["kind", "id", "time", "status"])
    assert table.column("kind").to_pylist() == ["prediction", "label"]
    assert table.column("time").to_pylist()[0] == NOON


def test_a_torn_end_is_left_behind_and_a_damaged_segment_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, [prediction(n) for n in range(30)])
    torn, damaged, _ = sorted(tmp_path.glob("*.seg"))
    torn.write_bytes(torn.read_bytes()[:-3])
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 0xFF
    damaged.write_bytes(content)
    before = everything(tmp_path)
    done = compact(tmp_path)
    assert (done.segments, done.records, done.damaged) == (1, 9, (damaged.stem,))
    assert damaged.read_bytes() == content and everything(tmp_path) == before
    assert not list(tmp_path.glob("*.part"))


def test_a_segment_that_a_writer_still_has_is_not_touched(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path)
    writer.append(encode_record(prediction(1)))
    write(tmp_path, [prediction(2)])  # an endpoint that was started anew while the old one drains
    assert compact(tmp_path).segments == 0
    assert not remove_old(tmp_path, Needed(END), before=NOON + timedelta(days=1)).segments
    writer.append(encode_record(prediction(3)))
    writer.close()
    assert compact(tmp_path).records == 2
    assert [record.id[-1] for record in read_log(tmp_path)] == ["1", "3", "2"]


def test_a_compaction_that_was_cut_off_before_the_segment_was_removed_is_completed(tmp_path: Path) -> None:
    write(tmp_path, [prediction(n) for n in range(20)])
    first = min(tmp_path.glob("*.seg"))
    content = first.read_bytes()
    compact(tmp_path)
    first.write_bytes(content)
    assert len(everything(tmp_path)) == 20
    assert compact(tmp_path).segments == 1 and not first.exists()
    assert len(everything(tmp_path)) == 20


_CHILD = """
import sys
from pathlib import Path
import pyarrow.parquet
from mlops_desktop.serving.compaction import compact
folder = Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
compact(folder)
print("done", flush=True)
"""


def test_killed_at_any_moment_a_compaction_loses_and_doubles_nothing(tmp_path: Path) -> None:
    write(tmp_path, [prediction(n, "x" * 2000) for n in range(600)], per_segment=40)
    expected = everything(tmp_path)
    cut_off = 0
    for round in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert child.stdin and child.stdout
        assert child.stdout.readline() == b"ready\n"
        child.stdin.write(b"\n")
        child.stdin.flush()
        time.sleep(random.Random(round).uniform(0, 0.03))
        child.kill()
        cut_off += b"done" not in child.communicate()[0]
        assert everything(tmp_path) == expected
    compact(tmp_path)
    assert everything(tmp_path) == expected
    assert names(tmp_path) == [".parquet"] * 14 + [".seg"]
    assert cut_off


def test_a_reader_goes_on_through_a_compaction(tmp_path: Path) -> None:
    write(tmp_path, [prediction(n) for n in range(50)])
    found, reading = [], LogReader(tmp_path).read()
    for record in reading:
        found.append(record)
        if len(found) == 5:
            compact(tmp_path)
    assert found == [prediction(n) for n in range(50)]


# retention


def test_old_segments_go_when_they_were_collected(tmp_path: Path) -> None:
    write(tmp_path, [prediction(n, at=NOON + n * timedelta(hours=1)) for n in range(50)])
    compact(tmp_path)
    before = NOON + timedelta(hours=30)
    third = sorted(tmp_path.iterdir())[2].stem + ".seg"
    nothing = remove_old(tmp_path, Needed(LogPosition()), before=before)
    assert (nothing.segments, nothing.kept_for_need) == ((), 3)
    some = remove_old(tmp_path, Needed(LogPosition(third, 12)), before=before)
    assert (len(some.segments), some.kept_for_need) == (2, 1) and some.bytes > 0
    assert [r.id for r in read_log(tmp_path)] == [prediction(n).id for n in range(20, 50)]
    rest = remove_old(tmp_path, Needed(END), before=before)
    assert (len(rest.segments), rest.kept_for_need) == (1, 0)


@pytest.mark.parametrize("is_compacted", [True, False])
def test_what_a_running_comparison_needs_stays(tmp_path: Path, is_compacted: bool) -> None:
    write(tmp_path, [prediction(n, at=NOON + n * timedelta(hours=1)) for n in range(50)])
    if is_compacted:
        compact(tmp_path)
    needed = Needed(END, since=NOON + timedelta(hours=15))
    assert len(remove_old(tmp_path, needed, before=NOON + timedelta(days=9)).segments) == 1


def test_beyond_a_size_the_oldest_segments_go_but_never_the_one_that_is_written(tmp_path: Path) -> None:
    write(tmp_path, [prediction(n, "x" * 1000) for n in range(50)])
    sizes = [path.stat().st_size for path in sorted(tmp_path.iterdir())]
    assert remove_old(tmp_path, Needed(END)).segments == ()
    assert len(remove_old(tmp_path, Needed(END), keep_bytes=sum(sizes[2:])).segments) == 2
    assert len(remove_old(tmp_path, Needed(END), keep_bytes=1).segments) == 2
    assert len(list(read_log(tmp_path))) == 10
