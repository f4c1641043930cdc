"""What changed from one version to another."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_desktop.core.contracts import Contract
from mlops_desktop.core.datasets import Origin
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.data.compare import records
from mlops_desktop.data.compare.difference import ChangedCells, RetypedColumn, difference
from mlops_desktop.data.versions.store import append_version, write_version
from mlops_desktop.registry import Registry


@pytest.fixture
def stored(registry: Registry, origin: Origin):
    """Stores tables as versions 1, 2, … of `t`; with `apart` each in a dataset of its own: `t1@1`, `t2@1`."""

    def store(*tables: pa.Table, apart: bool = False) -> None:
        for number, table in enumerate(tables, 1):
            write_version(registry, f"t{number}" if apart else "t", table, origin)

    return store


def edited(table: pa.Table, column: str, rows: list[int], value: Any) -> pa.Table:
    values = table[column].to_pylist()
    for row in rows:
        values[row] = value
    return table.set_column(table.column_names.index(column), column, pa.array(values, table[column].type))


def test_added_and_removed_rows_are_counted_and_shared_rows_not_read(registry: Registry, stored, numbered):
    table = numbered(300_000)
    stored(table, pa.concat_tables([table.slice(0, 150_000), table.slice(150_100), numbered(30, first=900_000)]))
    found = difference(registry, "t@1", "t@2")
    assert (found.rows_removed, found.rows_added) == (100, 30)
    assert (found.rows_before, found.rows_after) == (300_000, 299_930)
    assert found.rows_read < 300_000
    assert not found.is_schema_changed
    assert found.is_reordered is False


def test_rows_that_merely_moved_are_no_change_but_said(registry: Registry, stored, numbered):
    table = numbered(1_000)
    stored(table, pa.concat_tables([table.slice(500), table.slice(0, 500)]))
    found = difference(registry, "t@1", "t@2")
    assert (found.rows_added, found.rows_removed, found.is_reordered) == (0, 0, True)
    assert not found.is_changed


def test_repeated_rows_count_as_often_as_they_occur(registry: Registry, stored):
    stored(pa.table({"a": [1, 1, 2, None]}), pa.table({"a": [1, 2, 2, 2]}))
    found = difference(registry, "t@1", "t@2")
    assert (found.rows_added, found.rows_removed) == (2, 2)


def test_a_changed_schema_is_listed_and_rows_compared_in_common_columns(registry: Registry, stored):
    stored(
        pa.table({"a": pa.array([1, 2], pa.int16()), "old": ["x", "y"]}),
        pa.table({"new": [True, True, True], "a": pa.array([1, 2, 3])}),
    )
    found = difference(registry, "t@1", "t@2")
    assert (found.columns_added, found.columns_removed, found.columns_moved) == (("new",), ("old",), ())
    assert found.columns_retyped == (RetypedColumn("a", "int16", "int64"),)
    assert (found.rows_added, found.rows_removed) == (1, 0)


def test_the_fewest_columns_that_explain_a_new_order_have_moved(registry: Registry, stored):
    stored(pa.table({name: [1] for name in "abcde"}), pa.table({name: [1] for name in "aecbxd"}))
    found = difference(registry, "t@1", "t@2")
    assert len(found.columns_moved) == 2
    assert "a" not in found.columns_moved
    assert (found.columns_added, found.rows_added) == (("x",), 0)


def test_versions_without_a_common_column_share_no_rows(registry: Registry, stored):
    stored(pa.table({"a": [1, 2]}), pa.table({"b": [1, 2, 3]}))
    found = difference(registry, "t@1", "t@2")
    assert (found.rows_added, found.rows_removed) == (3, 2)


@pytest.mark.parametrize("apart", [False, True])
def test_by_key_edited_rows_are_changed_and_their_cells_counted(registry: Registry, stored, numbered, apart: bool):
    table = numbered(60_000)
    after = edited(edited(table, "label", [7, 40_000], "new"), "value", [7, 8, 59_999], 0.125)
    after = pa.concat_tables([after.slice(1), numbered(5, first=900_000)])
    stored(table, after, apart=apart)
    before, later = ("t1@1", "t2@1") if apart else ("t@1", "t@2")
    found = difference(registry, before, later, key=["key"])
    assert (found.rows_changed, found.rows_added, found.rows_removed) == (4, 5, 1)
    assert found.cells == (ChangedCells("label", 2), ChangedCells("value", 3))
    assert (found.key, found.is_reordered) == (("key",), False)
    by_content = difference(registry, before, later)
    assert (by_content.rows_changed, by_content.rows_added, by_content.rows_removed) == (0, 9, 5)


def test_the_key_of_the_contract_pairs_rows(registry: Registry, stored):
    stored(pa.table({"id": ["a", "b"], "n": [1, 2]}), pa.table({"id": ["b", "a"], "n": [2, 3]}))
    registry.contracts.save("t", "key = ['id']", Contract(key=("id",)))
    found = difference(registry, "t@1", "t@2")
    assert (found.key, found.rows_changed, found.is_reordered) == (("id",), 1, True)
    assert difference(registry, "t@1", "t@2", key=()).rows_added == 1


def test_a_contract_key_that_one_version_lacks_is_not_used(registry: Registry, stored):
    stored(pa.table({"n": [1, 2]}), pa.table({"id": ["b", "a"], "n": [2, 3]}))
    registry.contracts.save("t", "key = ['id']", Contract(key=("id",)))
    assert difference(registry, "t@1", "t@2").key == ()


def test_a_key_that_is_not_there_is_refused(registry: Registry, stored):
    stored(pa.table({"a": [1]}), pa.table({"a": [2]}))
    with pytest.raises(InvalidInput, match="no column 'b'"):
        difference(registry, "t@1", "t@2", key=["b"])


def test_rows_that_share_a_key_are_paired_equal_ones_first(registry: Registry, stored):
    stored(
        pa.table({"id": [1, 1, None, 2], "n": [10, 11, 12, 13]}),
        pa.table({"id": [1, 1, 1, None], "n": [11, 99, 10, 0]}),
    )
    found = difference(registry, "t@1", "t@2", key=["id"])
    assert (found.rows_changed, found.rows_added, found.rows_removed) == (1, 1, 1)


def test_columns_that_are_all_key_have_no_changed_rows(registry: Registry, stored):
    stored(pa.table({"a": [1, 2]}), pa.table({"a": [2, 3]}))
    found = difference(registry, "t@1", "t@2", key=["a"])
    assert (found.rows_changed, found.rows_added, found.rows_removed) == (0, 1, 1)


def test_missing_values_are_compared_by_kind(registry: Registry, stored):
    stored(
        pa.table({"id": [1, 2, 3, 4], "f": [math.nan, -0.0, None, math.nan], "t": ["", None, "", "a"]}),
        pa.table({"id": [1, 2, 3, 4], "f": [math.nan, 0.0, None, None], "t": ["", "", "", "a"]}),
    )
    found = difference(registry, "t@1", "t@2", key=["id"])
    assert found.cells == (ChangedCells("f", 1), ChangedCells("t", 1))
    assert found.rows_changed == 2


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        (pa.array([1, 2, None], pa.int16()), pa.array([1, 3, None], pa.int64()), 1),
        (pa.array([1, 2, 3], pa.int64()), pa.array([1.0, 2.5, 3.0]), 1),
        (pa.array([0.1, 0.2, 0.3], pa.float32()), pa.array([0.1, 0.2, 0.4]), 1),
        (pa.array([1, 12, 3], pa.int64()), pa.array(["1", "012", "3"]), 1),
        (pa.array([True, False, None]), pa.array([1, 0, 0], pa.int8()), 1),
        (pa.array([1, 2, 3], pa.uint64()), pa.array([1, 2, 4], pa.int64()), 1),
        (pa.array([0, 1, 2], pa.timestamp("us")), pa.array([0, 1000, 2001], pa.timestamp("ns", "UTC")), 1),
        (pa.array([0, 1, 2], pa.date32()), pa.array([0, 86_400_000_000, 5], pa.timestamp("us")), 1),
    ],
)
def test_values_of_a_retyped_column_are_compared(registry: Registry, stored, before, after, changed: int):
    stored(pa.table({"id": [1, 2, 3], "v": before}), pa.table({"id": [1, 2, 3], "v": after}))
    found = difference(registry, "t@1", "t@2", key=["id"])
    assert found.columns_retyped == (RetypedColumn("v", str(before.type), str(after.type)),)
    assert found.rows_changed == changed


def test_buckets_on_disk_give_the_same_result(registry: Registry, stored, numbered, monkeypatch: pytest.MonkeyPatch):
    table = numbered(20_000)
    order = np.random.default_rng(1).permutation(20_000).tolist()
    stored(table, edited(table.take(order).slice(10), "label", [5, 77, 300], "new"), apart=True)
    expected = difference(registry, "t1@1", "t2@1", key=["key"])
    monkeypatch.setattr(records, "BUCKET_BYTES", 10_000)
    assert difference(registry, "t1@1", "t2@1", key=["key"]) == expected
    assert (expected.rows_changed, expected.rows_removed, expected.is_reordered) == (3, 10, True)
    assert not list(registry.folder.glob("tmp*"))


cell = st.sampled_from([None, 0, 1, 2])
rows = st.lists(st.tuples(cell, cell), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows, rows)
def test_by_content_the_counts_are_those_of_multisets(registry: Registry, origin: Origin, one, other):
    kind = pa.schema([("a", pa.int64()), ("b", pa.int64())])
    versions = [
        write_version(registry, "t", pa.Table.from_pylist([{"a": a, "b": b} for a, b in found], kind), origin)
        for found in (one, other)
    ]
    found = difference(registry, *versions)
    assert found.rows_removed == (Counter(one) - Counter(other)).total()
    assert found.rows_added == (Counter(other) - Counter(one)).total()


def test_columns_shift_by_their_summaries_the_farthest_first(registry: Registry, origin: Origin):
    first = pa.table({"c": [1, 1, 1], "n": [1.0, 2.0, 3.0], "t": ["a", "a", "b"]})
    write_version(registry, "t", first, origin)
    append_version(registry, "t", pa.table({"c": [1, 1, 1], "n": [None, 8.0, 9.0], "t": ["c"] * 3}), origin)
    text, number, constant = difference(registry, "t@1", "t@2").shifts
    assert number.missing_after == pytest.approx(1 / 6)
    assert (number.mean_before, number.mean_after) == (2.0, pytest.approx(4.6))
    assert number.shift == pytest.approx(0.4)
    assert text.shift == pytest.approx(0.5)
    assert (text.distinct_before, text.distinct_after) == (2, 3)
    assert constant.shift == 0.0
    assert [shift.name for shift in (text, number, constant)] == ["t", "n", "c"]
