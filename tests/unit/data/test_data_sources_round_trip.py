"""What is written as text comes back equal, as far as the format can carry it."""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.sources import read_source

# The first row shows the types, as text has no others.
FIRST = {"i": 1, "u": 2**63, "x": 0.5, "f": True, "t": 'a "word", ü;\n\t|😀', "d": date(2013, 1, 31),
         "at": datetime(2013, 1, 31, 1, 2, 3, 4), "z": datetime(2013, 1, 31, 1, 2, 3, 4, UTC)}  # fmt: skip
KINDS = pa.schema(
    [("i", pa.int64()), ("u", pa.uint64()), ("x", pa.float64()), ("f", pa.bool_()), ("t", pa.string()),
     ("d", pa.date32()), ("at", pa.timestamp("us")), ("z", pa.timestamp("us", "UTC"))]
)  # fmt: skip
times = st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1))
cells = {
    "i": st.integers(-(2**63), 2**63 - 1),
    "u": st.integers(0, 2**64 - 1),
    "x": st.floats(),
    "f": st.booleans(),
    "t": st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8)
    | st.sampled_from(["", '"', "a,b", "\n"]),
    "d": st.dates(date(1700, 1, 1), date(2200, 1, 1)),
    "at": times,
    "z": times.map(lambda at: at.replace(tzinfo=UTC)),
}
rows = st.lists(st.fixed_dictionaries({name: st.none() | cell for name, cell in cells.items()}), max_size=12)
quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _as_text(value: object, decimal: str) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value).replace(".", decimal)
    return value.isoformat() if isinstance(value, date) else value


def _write_csv(path: Path, table: pa.Table, delimiter: str, quote: str, encoding: str, decimal: str) -> None:
    """Texts in quotes, so that an empty one is not a missing one."""
    with path.open("w", encoding=encoding, newline="") as file:
        file.write(delimiter.join(table.column_names) + "\n")
        for row in table.to_pylist():
            written = []
            for value in row.values():
                text = "" if value is None else str(_as_text(value, decimal))
                is_quoted = isinstance(value, str) or delimiter in text
                written.append(quote + text.replace(quote, quote * 2) + quote if is_quoted else text)
            file.write(delimiter.join(written) + "\n")


def _same(found: pa.Table, expected: pa.Table) -> None:
    assert found.schema == expected.schema
    assert repr(found.to_pylist()) == repr(expected.to_pylist())


@pytest.mark.parametrize(
    ("delimiter", "quote", "encoding", "decimal"),
    [(",", '"', "utf-8", "."), (";", '"', "utf-8-sig", ","), ("\t", '"', "utf-16", "."), ("|", "'", "gb18030", ".")],
)
@quick
@given(drawn=rows)
def test_a_table_written_as_csv_comes_back_equal(tmp_path: Path, drawn, delimiter, quote, encoding, decimal):
    expected = pa.Table.from_pylist([FIRST, *drawn], KINDS)
    path = tmp_path / "t.csv"
    _write_csv(path, expected, delimiter, quote, encoding, decimal)
    _same(read_source(path, ReadOptions(encoding=encoding, quote=quote)), expected)


@pytest.mark.parametrize("is_array", [True, False])
@quick
@given(drawn=rows)
def test_a_table_written_as_json_comes_back_equal(tmp_path: Path, drawn, is_array):
    expected = pa.Table.from_pylist([FIRST, *drawn], KINDS)
    path = tmp_path / ("t.json" if is_array else "t.jsonl")
    records = [
        {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}
        for row in expected.to_pylist()
    ]
    path.write_text(json.dumps(records) if is_array else "\n".join(map(json.dumps, records)))
    _same(read_source(path), expected)


@quick
@given(st.lists(st.lists(cells["t"], min_size=2, max_size=2), min_size=1, max_size=8))
def test_texts_written_by_python_come_back_equal(tmp_path: Path, drawn):
    with (tmp_path / "t.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *drawn])
    found = read_source(tmp_path / "t.csv", ReadOptions(types={"a": "text", "b": "text"}))
    assert [list(row.values()) for row in found.to_pylist()] == drawn
