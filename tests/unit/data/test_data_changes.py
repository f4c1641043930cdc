"""Which rows and cells changed."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_desktop.core.datasets import Origin
from mlops_desktop.data.compare import sharing
from mlops_desktop.data.compare.changes import CellChange, changes
from mlops_desktop.data.compare.difference import difference
from mlops_desktop.data.versions.store import write_version
from mlops_desktop.registry import Registry


@pytest.fixture
def stored(registry: Registry, origin: Origin):
    def store(*tables: pa.Table) -> None:
        for table in tables:
            write_version(registry, "t", table, origin)

    return store


def test_changed_cells_have_their_key_and_both_values(registry: Registry, stored):
    moment = datetime(2024, 3, 1, 12, tzinfo=UTC)
    kind = pa.timestamp("us", "UTC")
    stored(
        pa.table({"n": [1.5, 2.5, 3.5], "id": ["a", "b", "c"], "at": pa.array([moment] * 3, kind)}),
        pa.table({"n": [9.5, 2.5, None], "id": ["c", "b", "a"], "at": pa.array([moment, None, moment], kind)}),
    )
    found = changes(registry, "t@1", "t@2", key=["id"])
    assert found.cells == (
        CellChange(0, 2, ("a",), "n", 1.5, None),
        CellChange(1, 1, ("b",), "at", moment, None),
        CellChange(2, 0, ("c",), "n", 3.5, 9.5),
    )
    assert (found.rows_changed, found.rows_added, found.rows_removed) == (3, 0, 0)
    assert found.is_complete


def test_added_and_removed_rows_come_whole_with_their_numbers(registry: Registry, stored, numbered):
    table = numbered(50_000)
    after = pa.concat_tables([table.slice(0, 20), table.slice(21, 40_000), numbered(1, 777_778), table.slice(40_021)])
    stored(table, after)
    found = changes(registry, "t@1", "t@2")
    assert (found.removed_at, found.added_at) == ((20,), (40_020,))
    assert found.removed.equals(table.slice(20, 1))
    assert found.added.equals(numbered(1, 777_778))
    assert found.cells == ()


def test_no_more_than_the_limit_is_shown_and_the_totals_are_said(registry: Registry, stored, numbered):
    table = numbered(1_000)
    after = table.set_column(2, "value", pa.array([-1.0] * 1_000)).slice(100)
    stored(table, pa.concat_tables([after, numbered(50, 5_000)]))
    found = changes(registry, "t@1", "t@2", key=["key"], limit=10)
    assert (found.rows_changed, found.rows_added, found.rows_removed) == (900, 50, 100)
    assert [cell.row_before for cell in found.cells] == list(range(100, 110))
    assert (found.added_at, found.removed_at) == (tuple(range(900, 910)), tuple(range(10)))
    assert not found.is_complete
    assert found.added.num_rows == found.removed.num_rows == 10


def test_many_rows_are_not_kept_and_give_the_same(
    registry: Registry, stored, numbered, monkeypatch: pytest.MonkeyPatch
):
    table = numbered(50_000)
    after = table.set_column(2, "value", pa.array([at * 0.25 + (at % 7_000 == 3) for at in range(50_000)]))
    stored(table, pa.concat_tables([after.slice(5, 30_000), numbered(3, 60_000), after.slice(30_005)]))
    expected = changes(registry, "t@1", "t@2", key=["key"])
    monkeypatch.setattr(sharing, "KEPT_CELLS", 0)
    assert changes(registry, "t@1", "t@2", key=["key"]) == expected
    assert [cell.key for cell in expected.cells] == [(at * 7_000 + 3,) for at in range(1, 8)]
    assert expected.added_at == (30_000, 30_001, 30_002)


def test_a_version_without_rows_has_none_to_show(registry: Registry, stored, numbered):
    stored(numbered(5).slice(0, 0), numbered(5), numbered(5).slice(0, 0))
    assert changes(registry, "t@1", "t@2").added.num_rows == 5
    assert changes(registry, "t@2", "t@3").removed_at == (0, 1, 2, 3, 4)
    assert not difference(registry, "t@1", "t@3").is_changed


def test_retyped_columns_show_each_value_in_its_own_type(registry: Registry, stored):
    stored(pa.table({"id": [1, 2], "v": [10, 20]}), pa.table({"id": [1, 2], "v": ["10", "21"]}))
    assert changes(registry, "t@1", "t@2", key=["id"]).cells == (CellChange(1, 1, (2,), "v", 20, "21"),)


def test_nanoseconds_are_shown_as_text(registry: Registry, stored):
    kind = pa.timestamp("ns")
    stored(pa.table({"id": [1], "at": pa.array([1], kind)}), pa.table({"id": [1], "at": pa.array([2], kind)}))
    (cell,) = changes(registry, "t@1", "t@2", key=["id"]).cells
    assert (cell.before, cell.after) == ("1970-01-01 00:00:00.000000001", "1970-01-01 00:00:00.000000002")


def test_versions_without_a_common_column_show_all_rows(registry: Registry, stored):
    stored(pa.table({"a": [1, 2]}), pa.table({"b": [1, 2, 3]}))
    found = changes(registry, "t@1", "t@2", limit=2)
    assert found.removed.equals(pa.table({"a": [1, 2]}))
    assert found.added.equals(pa.table({"b": [1, 2]}))
    assert (found.rows_removed, found.rows_added) == (2, 3)


cells = st.sampled_from([None, 0, 1, 2])
tables = st.dictionaries(st.integers(0, 30), st.tuples(cells, cells), min_size=1, max_size=15)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables, tables, st.randoms(use_true_random=False))
def test_what_changed_applied_to_the_first_version_gives_the_second(
    registry: Registry, origin: Origin, one, other, random
):
    kind = pa.schema([("id", pa.int64()), ("a", pa.int64()), ("b", pa.int64())])
    versions = []
    for found in (one, other):
        ids = random.sample(sorted(found), len(found))
        rows = [{"id": at, "a": found[at][0], "b": found[at][1]} for at in ids]
        versions.append(write_version(registry, "t", pa.Table.from_pylist(rows, kind), origin))
    found = changes(registry, *versions, key=["id"])
    result = {at: dict(zip("ab", values, strict=True)) for at, values in one.items()}
    for row in found.removed.to_pylist():
        assert result.pop(row["id"]) == {"a": row["a"], "b": row["b"]}
    for row in found.added.to_pylist():
        assert row["id"] not in result
        result[row["id"]] = {"a": row["a"], "b": row["b"]}
    for cell in found.cells:
        assert result[cell.key[0]][cell.column] == cell.before
        result[cell.key[0]][cell.column] = cell.after
    assert result == {at: dict(zip("ab", values, strict=True)) for at, values in other.items()}
    counted = difference(registry, *versions, key=["id"])
    assert sum(column.rows for column in counted.cells) == len(found.cells)
