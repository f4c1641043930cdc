"""What stands in the way of rows is what pandera finds in the table as a whole."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from itertools import chain

import numpy as np
import pandera.pandas as pandera
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_desktop.core.contracts import ColumnRule, Contract
from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.data.contracts import to_pandera
from mlops_desktop.data.contracts.enforce import examined_whole
from mlops_desktop.data.contracts.examine import Examination

DAYS = [datetime(2013, 1, day, tzinfo=UTC) for day in (1, 2)]
TYPES = {
    "n": (ColumnType.INTEGER, pa.int64(), st.integers(-2, 4)),
    "x.y": (ColumnType.NUMBER, pa.float64(), st.sampled_from([-1.5, -0.0, 0.0, 2.5, float("nan"), float("inf")])),
    "日 t": (ColumnType.TEXT, pa.string(), st.sampled_from(["", "a", "ab", "é", "abc"])),
    "at": (ColumnType.TIME, pa.timestamp("us", "UTC"), st.sampled_from(DAYS)),
}  # fmt: skip
RULES = {
    "n": {"minimum": 0.0, "maximum": 3.0},
    "x.y": {"minimum": -1.0, "maximum": 3.5},
    "日 t": {"categories": ("a", "ab", "abc"), "pattern": "a.*", "max_length": 2},
    "at": {"minimum": "2013-01-02"},
}


@st.composite
def held_tables(draw: st.DrawFn) -> tuple[pa.Table, Contract]:
    rows = draw(st.integers(1, 12))
    columns, rules = {}, []
    for name, (kind, storage, values) in TYPES.items():
        cells = draw(st.lists(st.one_of(st.none(), values), min_size=rows, max_size=rows))
        columns[name] = pa.array(cells, storage)
        limits = {key: limit for key, limit in RULES[name].items() if draw(st.booleans())}
        rules.append(ColumnRule(name, kind, nullable=draw(st.booleans()), unique=draw(st.booleans()), **limits))
    key = draw(st.sampled_from([(), ("n",), ("n", "日 t")]))
    return pa.table(columns), Contract(tuple(rules), key=key)


class Batches:
    def __init__(self, table: pa.Table, size: int) -> None:
        self.schema, self._table, self._size = table.schema, table, size

    def __iter__(self):
        return iter(self._table.to_batches(self._size))


def bad_rows(rows: Batches, contract: Contract) -> set[int]:
    first = Examination(contract, rows.schema)
    for batch in rows:
        first.examine(batch)
    second = Examination(contract, rows.schema, suspects=first.suspects())
    masks = [(second.examine(batch).bad, batch.num_rows) for batch in rows]
    return set(np.flatnonzero(list(chain(*([False] * n if mask is None else mask for mask, n in masks)))).tolist())


def pandera_rows(table: pa.Table, contract: Contract) -> set[int]:
    try:
        to_pandera(contract).validate(table.to_pandas(), lazy=True)
    except pandera.errors.SchemaErrors as found:
        return set(found.failure_cases["index"].astype(int))
    return set()


@settings(max_examples=60, deadline=None)
@given(held_tables(), st.integers(1, 5))
def test_the_bad_rows_of_a_stream_are_those_of_pandera_on_the_whole_table(drawn: tuple[pa.Table, Contract], size: int):
    table, contract = drawn
    assert bad_rows(Batches(table, size), contract) == pandera_rows(table, contract)


@settings(max_examples=30, deadline=None)
@given(held_tables(), st.integers(1, 5))
def test_a_report_does_not_depend_on_how_the_rows_are_cut(drawn: tuple[pa.Table, Contract], size: int):
    table, contract = drawn
    now = datetime(2013, 6, 1, tzinfo=UTC)
    whole = examined_whole(Batches(table, 100), contract, now)
    cut = examined_whole(Batches(table, size), contract, now)
    assert (cut.rows, cut.bad_rows) == (whole.rows, whole.bad_rows)
    assert sorted(cut.violations, key=str) == sorted(whole.violations, key=str)


def test_judging_leaves_the_zones_of_times_alone():
    """Pandera sets a variable by which Arrow takes a time with a zone for one in UTC."""
    code = (
        "import os; from datetime import datetime; import pyarrow as pa;"
        "from mlops_desktop.core.contracts import ColumnRule, Contract;"
        "from mlops_desktop.data.contracts.judge import judged, to_pandera;"
        "from mlops_desktop.data.sources.values import Kind, array_of;"
        "to_pandera(Contract(columns=(ColumnRule('a'),)));"
        "judged(pa.RecordBatch.from_pydict({'a': [1]}), [ColumnRule('a', maximum=0)]);"
        "noon = datetime.fromisoformat('2024-01-02T12:00+02:00');"
        "assert pa.array([noon], pa.timestamp('us', 'UTC')).cast(pa.int64())[0].as_py() == noon.timestamp() * 1e6;"
        "os.environ['PYARROW_IGNORE_TIMEZONE'] = '1';"  # as a notebook may have it
        "assert array_of([noon], Kind.INSTANT).cast(pa.int64())[0].as_py() == noon.timestamp() * 1e6"
    )
    plain = {name: value for name, value in os.environ.items() if name != "PYARROW_IGNORE_TIMEZONE"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=plain)
    assert done.returncode == 0, done.stderr
