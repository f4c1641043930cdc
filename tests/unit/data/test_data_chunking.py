"""Rows are cut by content."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_desktop.data.hashing import content_hash
from mlops_desktop.data.versions.chunking import Cutting, chunks_of, cutting_of

SMALL = Cutting(minimum=4, bits=3, maximum=24)
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def columns_of(rows: int) -> st.SearchStrategy[pa.Table]:
    def column(values: st.SearchStrategy[object], kind: pa.DataType) -> st.SearchStrategy[pa.Array]:
        some = st.lists(st.one_of(st.none(), values), min_size=rows, max_size=rows)
        return some.map(lambda drawn: pa.array(drawn, kind))

    kinds = {
        "integer": column(st.integers(-(2**63), 2**63 - 1), pa.int64()),
        "small": column(st.integers(0, 3), pa.uint8()),
        "number": column(st.floats(), pa.float64()),
        "single": column(st.floats(width=32), pa.float32()),
        "text": column(st.text(max_size=12), pa.string()),
        "flag": column(st.booleans(), pa.bool_()),
        "at": column(st.integers(0, 2**50), pa.timestamp("us", "UTC")),
        "day": column(st.integers(-10_000, 40_000), pa.date32()),
    }
    return st.fixed_dictionaries(kinds).map(pa.table)


tables = st.integers(1, 120).flatmap(columns_of)


def cut(table: pa.Table, cutting: Cutting = SMALL, batch_rows: int | None = None) -> list[pa.Table]:
    return [each.table for each in chunks_of(table.to_batches(max_chunksize=batch_rows), table.schema, cutting)]


def names(chunks: list[pa.Table]) -> list[str]:
    return [content_hash(chunk.schema, chunk.to_batches()) for chunk in chunks]


def same(one: pa.Table, other: pa.Table) -> bool:
    """Equal schemas and values, NaN being equal to NaN."""
    equal = [a.to_pandas().equals(b.to_pandas()) for a, b in zip(one.columns, other.columns, strict=True)]
    return one.schema.equals(other.schema) and all(equal)


@few
@given(tables)
def test_chunks_put_together_are_the_table(table: pa.Table):
    assert same(pa.concat_tables(cut(table)).combine_chunks(), table)


@few
@given(tables, st.integers(1, 50))
def test_chunks_do_not_depend_on_how_the_rows_arrive(table: pa.Table, batch_rows: int):
    arrived, whole = cut(table, batch_rows=batch_rows), cut(table)
    assert names(arrived) == names(whole)


@few
@given(tables)
def test_chunks_keep_to_their_limits(table: pa.Table):
    lengths = [chunk.num_rows for chunk in cut(table)]
    assert all(4 <= length <= 24 for length in lengths[:-1])
    assert 1 <= lengths[-1] <= 24


def test_equal_rows_are_cut_at_the_limits():
    table = pa.table({"a": pa.array([1] * 100)})
    lengths = {chunk.num_rows for chunk in cut(table)[:-1]}
    assert lengths in ({4}, {24})


def test_rows_put_into_the_middle_leave_the_other_chunks_alone():
    random = np.random.default_rng(1)
    table = pa.table({"a": random.integers(0, 1 << 40, 400_000), "b": random.normal(size=400_000)})
    extra = pa.table({"a": random.integers(0, 1 << 40, 10), "b": random.normal(size=10)})
    longer = pa.concat_tables([table.slice(0, 200_000), extra, table.slice(200_000)])
    before, after = names(cut(table, Cutting())), names(cut(longer, Cutting()))
    assert len(before) >= 6
    assert len(set(after) - set(before)) <= 2


def test_long_texts_end_a_chunk_wherever_batches_end():
    texts = ["x" * (position % 7) for position in range(300)]
    table = pa.table({"a": pa.array(texts), "b": pa.array([None if len(text) == 3 else text for text in texts])})
    cutting = Cutting(minimum=100, bits=20, maximum=200, text_bytes=64)
    whole = cut(table, cutting)
    sizes = [sum(len(text or "") for column in chunk.columns for text in column.to_pylist()) for chunk in whole]
    assert all(64 <= size < 64 + 14 for size in sizes[:-1])
    for batch_rows in (1, 7, 64):
        assert names(cut(table, cutting, batch_rows)) == names(whole)


def test_wide_tables_are_cut_into_fewer_rows():
    def rows(columns: int) -> int:
        return cutting_of(pa.schema([(f"c{position}", pa.int8()) for position in range(columns)])).maximum

    assert rows(1) == rows(64) == 131_072
    assert rows(65) == 65_536
    assert rows(5_000) == rows(50_000) == 2_048
