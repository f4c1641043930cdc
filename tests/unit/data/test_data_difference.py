"""What changed from one version to another."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mlops_desktop.core.datasets import Origin
from mlops_desktop.data.difference import RetypedColumn, difference
from mlops_desktop.data.store import append_version, write_version
from mlops_desktop.registry import Registry


def test_added_and_removed_rows_are_counted_and_equal_chunks_skipped(registry: Registry, origin: Origin, numbered):
    table = numbered(300_000)
    write_version(registry, "t", table, origin)
    kept = pa.concat_tables([table.slice(0, 150_000), table.slice(150_100), numbered(30, first=900_000)])
    write_version(registry, "t", kept, origin)
    found = difference(registry, "t@1", "t@2")
    assert (found.rows_removed, found.rows_added) == (100, 30)
    assert (found.rows_before, found.rows_after) == (300_000, 299_930)
    assert found.chunks_shared >= 4
    assert found.chunks_read <= 8
    assert not found.is_schema_changed


def test_rows_that_merely_moved_are_no_change(registry: Registry, origin: Origin, numbered):
    table = numbered(1_000)
    write_version(registry, "t", table, origin)
    write_version(registry, "t", pa.concat_tables([table.slice(500), table.slice(0, 500)]), origin)
    found = difference(registry, "t@1", "t@2")
    assert (found.rows_added, found.rows_removed) == (0, 0)


def test_repeated_rows_count_as_often_as_they_occur(registry: Registry, origin: Origin):
    write_version(registry, "t", pa.table({"a": [1, 1, 2, None]}), origin)
    write_version(registry, "t", pa.table({"a": [1, 2, 2, 2]}), origin)
    found = difference(registry, "t@1", "t@2")
    assert (found.rows_added, found.rows_removed) == (2, 2)


def test_a_changed_schema_is_listed_and_rows_compared_in_common_columns(registry: Registry, origin: Origin):
    write_version(registry, "t", pa.table({"a": pa.array([1, 2], pa.int16()), "old": ["x", "y"]}), origin)
    write_version(registry, "t", pa.table({"new": [True, True, True], "a": pa.array([1, 2, 3])}), origin)
    found = difference(registry, "t@1", "t@2")
    assert (found.columns_added, found.columns_removed) == (("new",), ("old",))
    assert found.columns_retyped == (RetypedColumn("a", "int16", "int64"),)
    assert (found.rows_added, found.rows_removed) == (1, 0)


def test_versions_without_a_common_column_share_no_rows(registry: Registry, origin: Origin):
    write_version(registry, "t", pa.table({"a": [1, 2]}), origin)
    write_version(registry, "t", pa.table({"b": [1, 2, 3]}), origin)
    found = difference(registry, "t@1", "t@2")
    assert (found.rows_added, found.rows_removed) == (3, 2)


def test_columns_shift_by_their_summaries(registry: Registry, origin: Origin):
    first = pa.table({"n": [1.0, 2.0, 3.0], "t": ["a", "a", "b"], "c": [1, 1, 1]})
    write_version(registry, "t", first, origin)
    append_version(registry, "t", pa.table({"n": [None, 8.0, 9.0], "t": ["c"] * 3, "c": [1, 1, 1]}), origin)
    number, text, constant = difference(registry, "t@1", "t@2").shifts
    assert number.missing_after == pytest.approx(1 / 6)
    assert (number.mean_before, number.mean_after) == (2.0, pytest.approx(4.6))
    assert number.shift is not None and number.shift > 0.5
    assert text.shift == pytest.approx(0.5)
    assert (text.distinct_before, text.distinct_after) == (2, 3)
    assert constant.shift == 0.0
