"""Hashes depend on values alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_desktop.data.hashing import content_hash, row_hashes

GOLDEN_ROWS = ["4a5daf4ac68d05c0", "d0cbc9f2ce9f3c6d", "7e37993035dadf46"]
GOLDEN_CONTENT = "0c78bf1a09fe214591264211ee02cb1652ef454ce3f9e5d9d7c1e3030707e344"

texts = st.lists(st.one_of(st.none(), st.text(max_size=40)), min_size=1, max_size=30)


def batch(**columns: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(columns)


def content(*batches: pa.RecordBatch) -> str:
    return content_hash(batches[0].schema, batches)


def test_the_hash_of_known_rows_never_changes():
    """Stored versions rely on it, on every platform and with every version of the libraries."""
    known = batch(
        a=pa.array([1, None, -3], pa.int64()),
        b=pa.array(["", "é", None]),
        c=pa.array([0.0, float("nan"), 2.5]),
        d=pa.array([True, False, None]),
        e=pa.array([0, 1, None], pa.timestamp("us", "UTC")),
    )
    assert [f"{value:016x}" for value in row_hashes(known)] == GOLDEN_ROWS
    assert content(known) == GOLDEN_CONTENT


def test_null_nan_zero_and_empty_are_four_values():
    numbers = row_hashes(batch(a=pa.array([None, float("nan"), 0.0])))
    words = row_hashes(batch(a=pa.array([None, "", "null"])))
    assert len(set(numbers.tolist())) == 3
    assert len(set(words.tolist())) == 3
    assert content(batch(a=pa.array([None, 1.0]))) != content(batch(a=pa.array([0.0, 1.0])))


def test_minus_zero_is_zero_and_every_nan_is_one():
    odd_nan = np.array([0x7FF8000000000001], dtype=np.uint64).view(np.float64)[0]
    one = batch(a=pa.array(np.array([-0.0, odd_nan])))
    other = batch(a=pa.array(np.array([0.0, np.nan])))
    assert row_hashes(one).tolist() == row_hashes(other).tolist()
    assert content(one) == content(other)


def test_values_under_nulls_do_not_count():
    one = pa.array(np.array([1, 2]), mask=np.array([False, True]))
    other = pa.array(np.array([1, 7]), mask=np.array([False, True]))
    assert content(batch(a=one)) == content(batch(a=other))
    assert row_hashes(batch(a=one)).tolist() == row_hashes(batch(a=other)).tolist()
    full = pa.array(["a", "bb"])
    hidden = pa.Array.from_buffers(pa.string(), 2, [pa.py_buffer(b"\1"), *full.buffers()[1:]])
    assert content(batch(a=hidden)) == content(batch(a=pa.array(["a", None])))
    assert row_hashes(batch(a=hidden)).tolist() == row_hashes(batch(a=pa.array(["a", None]))).tolist()


@given(texts, st.integers(0, 29))
def test_slices_hash_like_copies(values: list[str | None], start: int):
    start = min(start, len(values) - 1)
    sliced = batch(a=pa.array(values, pa.string())).slice(start)
    copied = batch(a=pa.array(values[start:], pa.string()))
    assert row_hashes(sliced).tolist() == row_hashes(copied).tolist()
    assert content(sliced) == content(copied)


@given(texts)
def test_different_texts_have_different_hashes(values: list[str | None]):
    different = list(dict.fromkeys(values))
    assert len(set(row_hashes(batch(a=pa.array(different, pa.string()))).tolist())) == len(different)


@pytest.mark.parametrize("length", [7, 8, 9, 511, 512, 513, 5000])
def test_one_changed_character_changes_the_hash_at_any_length(length: int):
    rows = ["x" * length, "x" * (length - 1) + "y", "y" + "x" * (length - 1), "x" * (length + 1)]
    assert len(set(row_hashes(batch(a=pa.array(rows))).tolist())) == 4


def test_a_value_that_moves_to_another_column_or_row_changes_the_hash():
    one = batch(a=pa.array([1, 2]), b=pa.array([2, 1]))
    hashes = row_hashes(one).tolist()
    assert hashes[0] != hashes[1]
    assert content(one) != content(one.select(["a", "b"]).rename_columns(["a", "c"]))
    assert content(batch(a=pa.array(["ab", "c"]))) != content(batch(a=pa.array(["a", "bc"])))


def test_the_width_of_a_number_matters_to_the_content_but_not_to_the_row():
    narrow, wide = batch(a=pa.array([5], pa.int16())), batch(a=pa.array([5], pa.int64()))
    assert row_hashes(narrow).tolist() == row_hashes(wide).tolist()
    assert content(narrow) != content(wide)


def test_row_hashes_of_counted_rows_spread_evenly():
    hashes = row_hashes(batch(a=pa.array(np.arange(1 << 17)), b=pa.array(np.zeros(1 << 17))))
    for shift in (0, 20, 40, 56):
        counts = np.bincount(((hashes >> np.uint64(shift)) & np.uint64(255)).astype(int), minlength=256)
        assert 512 - 130 < counts.min() <= counts.max() < 512 + 130
