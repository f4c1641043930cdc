"""How values of any type are written in a table of rows."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mlops_desktop.ui.queries import rows as row_queries


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (pa.array([0, 1_500_000, 10_000_000], pa.timestamp("us")), ["00:00:00", "00:00:01.5", "00:00:10"]),
        (pa.array([1], pa.timestamp("ns", "UTC")), ["00:00:00.000000001"]),
        (pa.array([600], pa.timestamp("s")), ["00:10:00"]),
    ],
)
def test_times_lose_needless_zeros_only(values: pa.Array, shown: list[str]) -> None:
    found = row_queries.texts(pa.chunked_array([values]))
    assert found == [f"1970-01-01 {time}" for time in shown]


def test_numbers_are_shown_in_full() -> None:
    column = pa.chunked_array([pa.array([0.1, -0.0, float("nan"), float("inf"), 1e300, None, -1.25e-6], pa.float64())])
    assert row_queries.texts(column) == ["0.1", "-0", "nan", "inf", "1e+300", None, "-1.25e-06"]
    assert row_queries.texts(pa.chunked_array([pa.array([0.1], pa.float32())])) == ["0.1"]
