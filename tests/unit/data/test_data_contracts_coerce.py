"""Cells become what a contract says where that loses nothing, and are named where it would."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.data.contracts.coerce import STANDARD_STORAGE, coerced, target_type

INFINITE = float("inf")
MIDNIGHT = datetime(2013, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cells", "wanted", "values", "failed"),
    [
        (["12", " +7 ", "12.0", "", " ", None], ColumnType.INTEGER, [12, 7, 12, None, None, None], []),
        (["x", "1.5", "0x10", "99999999999999999999", "5"], ColumnType.INTEGER, [None] * 4 + [5], [0, 1, 2, 3]),
        (["1e3", "-.5", "5.", "inf", "1,5", "1_0"], ColumnType.NUMBER, [1e3, -0.5, 5.0, INFINITE, None, None], [4, 5]),
        (["true", "FALSE", "1", "0", "yes", "2"], ColumnType.BOOLEAN, [True, False, True, False, None, None], [4, 5]),
        (["2013-01-01", "2013-01-01T00:00Z", "2013-01-01 02:00:00.000000+02:00"], ColumnType.TIME, [MIDNIGHT] * 3, []),
        (["2013-02-30", "01.02.2013", "12", "2013-01-01"], ColumnType.TIME, [None] * 3 + [MIDNIGHT], [0, 1, 2]),
        ([1.0, 1.5, float("nan"), None, 1e30], ColumnType.INTEGER, [1, None, None, None, None], [1, 4]),
        ([0, 1, 2], ColumnType.BOOLEAN, [False, True, None], [2]),
        ([1, 2], ColumnType.NUMBER, [1.0, 2.0], []),
        ([2**53 + 1, 7], ColumnType.NUMBER, [None, 7.0], [0]),
        ([12, None], ColumnType.TEXT, ["12", None], []),
        ([12, None], ColumnType.TIME, [None, None], [0]),
        ([MIDNIGHT], ColumnType.INTEGER, [None], [0]),
        ([True], ColumnType.NUMBER, [None], [0]),
    ],
)  # fmt: skip
def test_cells_that_fit_are_converted_and_others_named(
    cells: list, wanted: ColumnType, values: list, failed: list[int]
):
    result, unfit = coerced(pa.array(cells), STANDARD_STORAGE[wanted])
    assert result.to_pylist() == values
    assert ([] if unfit is None else unfit.nonzero()[0].tolist()) == failed


def test_times_become_what_the_dataset_stores():
    texts = pa.array(["2013-01-01T01:00:00+01:00", "2013-01-01"])
    assert coerced(texts, pa.timestamp("ns"))[0].cast(pa.timestamp("us")).to_pylist() == [datetime(2013, 1, 1)] * 2
    assert coerced(pa.array(["2013-01-01"]), pa.date32())[0].to_pylist() == [date(2013, 1, 1)]
    zoned = coerced(texts, pa.timestamp("us", "Europe/Berlin"))[0]
    assert zoned.cast(pa.timestamp("us", "UTC")).to_pylist() == [MIDNIGHT] * 2


def test_a_column_of_the_right_type_stays_as_it_is():
    assert target_type(pa.int16(), ColumnType.INTEGER, pa.int64()) == pa.int16()
    assert target_type(pa.string(), ColumnType.INTEGER, pa.int16()) == pa.int16()
    assert target_type(pa.string(), ColumnType.INTEGER, pa.string()) == pa.int64()
    assert target_type(pa.string(), None, pa.int64()) == pa.string()


@settings(max_examples=80, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.sampled_from(["x", "1.5", "2013-13-01"]))))
def test_whole_numbers_come_back_from_text_whatever_stands_between_them(cells: list):
    column = pa.array([None if cell is None else str(cell) for cell in cells], pa.string())
    result, unfit = coerced(column, pa.int64())
    assert result.to_pylist() == [cell if isinstance(cell, int) else None for cell in cells]
    wrong = [position for position, cell in enumerate(cells) if isinstance(cell, str)]
    assert ([] if unfit is None else unfit.nonzero()[0].tolist()) == wrong
