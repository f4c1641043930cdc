"""Keys that occur once only, over batches, with little memory."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_desktop.data.contracts import keys
from mlops_desktop.data.contracts.keys import HashLog, Uniqueness

rows = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 3)),
        st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.5, float("nan")])),
        st.one_of(st.none(), st.sampled_from(["", "a", "ab"])),
    ),
    max_size=25,
)


def repeats(batches: list[pa.RecordBatch], columns: list[str]) -> list[int]:
    """Positions of rows that repeat an earlier row, by both readings."""
    first = Uniqueness(columns)
    assert all(first.repeats(batch) is None for batch in batches)
    second = Uniqueness(columns, first.found())
    masks = [(second.repeats(batch), batch.num_rows) for batch in batches]
    whole = [np.zeros(rows, bool) if mask is None else mask for mask, rows in masks]
    return np.flatnonzero(np.concatenate(whole)).tolist() if whole else []


@settings(max_examples=120, deadline=None)
@given(rows, st.integers(1, 7), st.sampled_from([0, 1, 1_000]))
def test_later_rows_with_the_same_values_are_found(drawn: list, size: int, most: int):
    table = pa.table(
        {
            "n": pa.array([row[0] for row in drawn], pa.int64()),
            "x": pa.array([row[1] for row in drawn], pa.float64()),
            "t.é": pa.array([row[2] for row in drawn], pa.string()),
        }
    )
    seen: set[tuple] = set()
    expected = []
    for position, row in enumerate(drawn):
        if None in row or row[1] != row[1]:
            continue
        if row in seen:
            expected.append(position)
        seen.add(row)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "MOST_COMPARED", most)
        assert repeats(table.to_batches(size), ["n", "x", "t.é"]) == expected


def test_values_are_compared_where_hashes_collide(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(keys, "row_hashes", lambda batch: np.zeros(batch.num_rows, dtype=np.uint64))
    batch = pa.record_batch({"t": pa.array(["a", "b", "a", "c"])})
    assert repeats([batch, batch.slice(1, 1)], ["t"]) == [2, 4]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=30), max_size=6), st.integers(1, 40))
def test_spilled_hashes_repeat_as_held_ones_do(drawn: list[list[int]], most: int):
    held, spilled = HashLog(), HashLog(most)
    for part in [*drawn, *drawn[:1]]:
        words = np.array(part, dtype=np.uint64)
        held.add(words.copy())
        spilled.add(words.copy())
    assert held.repeated().tolist() == spilled.repeated().tolist()


def test_many_keys_leave_memory(monkeypatch: pytest.MonkeyPatch):
    log = HashLog(most=10_000)
    words = np.arange(100_000, dtype=np.uint64) << np.uint64(40)
    for start in range(0, 100_000, 5_000):
        log.add(words[start : start + 5_000])
    assert sum(len(part) for part in log._held) <= 10_000
    log.add(words[[3, 99_999]])
    assert log.repeated().tolist() == [3 << 40, 99_999 << 40]
    log.close()
