"""The end of a prediction log: what is newest, read without what is old."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_serving_log import feedback, prediction, segments, write

from mlops_desktop.core.ids import new_id
from mlops_desktop.serving import backwards as module
from mlops_desktop.serving.backwards import backwards
from mlops_desktop.serving.compaction import compact
from mlops_desktop.serving.log import BulkRecord, LogPosition, Record, SegmentHeader, encode_record
from mlops_desktop.serving.log_tables import log_table
from mlops_desktop.serving.logwriter import LogWriter
from mlops_desktop.serving.outcomes import Outcome
from mlops_desktop.serving.segments import bodies
from mlops_desktop.serving.tail import MOST_BYTES, Tail, Wanted, tail


def ids(found: Tail) -> list[str]:
    return [f"{row.id}/{row.row}" for row in found.rows]


def test_the_last_rows_come_with_what_was_logged_of_them(tmp_path: Path) -> None:
    record = prediction(
        "b", rows=2, scores=[0.25, 0.75], predictions=["no", "yes"], features={"x": [1, 2]}, entity_ids=["u", "v"],
        role="canary", version=3, client_id="mine", queue_us=100, inference_us=200, total_us=1500, cold=True,
    )  # fmt: skip
    write(tmp_path, prediction("a"), record, feedback("b/0", "yes"), feedback("v", "no"), feedback("b/0", "no"))
    found = tail(tmp_path, last=2, classes=lambda *_: ("no", "yes"))
    first, second = found.rows
    assert (first.id, first.row, second.row) == ("b", 0, 1)
    assert (first.inputs, first.prediction, first.probabilities) == ({"x": 1}, "no", {"no": 0.75, "yes": 0.25})
    assert (first.label, second.label, second.entity) == ("no", "no", "v")
    assert (first.version, first.role, first.client_id, first.cold) == (3, "canary", "mine", True)
    assert (first.latency_ms, first.queue_ms, first.inference_ms) == (1.5, 0.1, 0.2)
    assert found.labels == {"b/0": "no", "v": "no"}
    assert found.left_out


def test_of_many_classes_the_predicted_one_has_its_probability_and_a_regression_has_none(tmp_path: Path) -> None:
    many = prediction("a", scores=[0.5], predictions=["green"])
    write(tmp_path, many, prediction("b", version=2, scores=[7.0], predictions=[7.0]))
    first, second = tail(tmp_path, classes=lambda _, version: ("red", "green", "blue") if version == 1 else ()).rows
    assert first.probabilities == {"green": 0.5}
    assert (second.prediction, second.probabilities) == (7.0, {})


def test_a_request_that_failed_is_one_row_with_its_error(tmp_path: Path) -> None:
    failed = prediction("b", rows=3, features={}, scores=[], predictions=[], status=500, error="it broke")
    write(tmp_path, prediction("a"), failed, prediction("c"))
    (row,) = tail(tmp_path, wanted=Wanted(errors=True)).rows
    assert (row.id, row.status, row.error, row.inputs, row.prediction) == ("b", 500, "it broke", {}, None)


def test_rows_are_looked_for_by_version_and_role(tmp_path: Path) -> None:
    write(tmp_path, *(prediction(f"{n}", version=n % 3, role="canary" if n % 2 else "primary") for n in range(12)))
    assert ids(tail(tmp_path, wanted=Wanted(version=1, role="canary"), last=9)) == ["1/0", "7/0"]


def test_an_empty_or_missing_log_has_no_rows(tmp_path: Path) -> None:
    assert tail(tmp_path / "none") == Tail((), LogPosition())


def test_the_position_goes_on_across_segments_and_their_compaction(tmp_path: Path) -> None:
    write(tmp_path, prediction("a"))
    first = tail(tmp_path)
    write(tmp_path, prediction("b"), feedback("a/0", 1))
    second = tail(tmp_path, after=first.position)
    assert (ids(first), ids(second), second.labels) == (["a/0"], ["b/0"], {"a/0": 1})
    assert tail(tmp_path, after=second.position) == Tail((), second.position)
    write(tmp_path, prediction("c"))
    compact(tmp_path)
    assert ids(tail(tmp_path, after=first.position)) == ["b/0", "c/0"]
    assert ids(tail(tmp_path, after=second.position)) == ["c/0"]
    assert ids(tail(tmp_path)) == ["a/0", "b/0", "c/0"]
    for old in tmp_path.glob("*.parquet"):
        old.unlink()  # as retention does
    assert ids(tail(tmp_path, after=first.position)) == ["c/0"]


def test_what_is_being_written_is_left_for_the_next_look(tmp_path: Path) -> None:
    write(tmp_path, prediction("a"), prediction("b"))
    path = segments(tmp_path)[0]
    whole = path.read_bytes()
    for cut in (1, 7, 8, 20):
        path.write_bytes(whole[:-cut])
        found = tail(tmp_path)
        assert ids(found) == ["a/0"]
        path.write_bytes(whole)
        assert ids(tail(tmp_path, after=found.position)) == ["b/0"]


def test_how_the_log_is_recorded_is_told(tmp_path: Path) -> None:
    header = SegmentHeader("late", 0.5, {"ssn": "hash"})
    write(tmp_path, prediction("a", features={"ssn": ["hash:1"], "x": [None]}), header=header)
    found = tail(tmp_path)
    assert (found.share, found.redacted) == (0.5, {"ssn": "hash"})
    assert found.rows[0].inputs == {"ssn": "hash:1", "x": None}


def test_of_a_large_request_only_the_wanted_rows_are_taken(tmp_path: Path) -> None:
    import numpy as np

    n = 50_000
    outcome = Outcome(np.arange(n) / n)
    table = log_table({"x": pa.array(np.arange(n))}, outcome, None, {}, b"")
    head = prediction("big", rows=n, features={}, scores=[], predictions=[])
    writer = LogWriter(tmp_path)
    writer.append(encode_record(prediction("a")) + encode_record(BulkRecord(head, table)))
    writer.close()
    found = tail(tmp_path, last=3)
    assert [(row.row, row.inputs["x"]) for row in found.rows] == [(n - 3, n - 3), (n - 2, n - 2), (n - 1, n - 1)]
    assert found.left_out


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = encode_record(prediction(new_id(), features={f"column {n}": [n * 0.1] for n in range(20)}))
    for _ in range(2):
        writer = LogWriter(tmp_path)
        for _ in range(MOST_BYTES // len(frame) // 1000 + 1):
            writer.append(frame * 1000)
        writer.close()
    read = 0
    frames = module._frames

    def counted(piece: bytes, begin: int) -> tuple[module.Bodies, bool]:
        nonlocal read
        read += len(piece)
        return frames(piece, begin)

    monkeypatch.setattr(module, "_frames", counted)
    assert len(tail(tmp_path, last=100).rows) == 100
    assert read <= 256 * 1024
    nothing = tail(tmp_path, wanted=Wanted(errors=True))
    assert (nothing.rows, nothing.left_out) == ((), True)
    assert read <= 2 * MOST_BYTES


records = st.lists(
    st.one_of(
        st.builds(prediction, st.uuids().map(str), features=st.just({}) | st.text().map(lambda x: {"x": [x]})),
        st.builds(feedback, st.text(min_size=1), st.integers(-1000, 1000)),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(records, st.integers(1, 200), st.integers(0, 60))
def test_backwards_finds_the_same_frames_as_forwards(
    tmp_path_factory: pytest.TempPathFactory, given: list[Record], piece: int, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("log")
    write(folder, *given)
    for path in segments(folder):
        path.write_bytes(path.read_bytes()[: -cut or None])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "_PIECE", piece)
            pieces = list(backwards(folder, path.stem))
        assert [frame for frames in reversed(pieces) for frame in frames] == list(bodies(folder, path.stem))
