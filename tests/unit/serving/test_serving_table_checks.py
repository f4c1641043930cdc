"""Tables as requests: reading them, checking their columns, and turning them into arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocol_kit import STRICT
from pyarrow import parquet
from serving_kit import SIGNATURE

from mlops_desktop.serving.gateway.calls import ARROW_FILE_TYPE, ARROW_TYPE, CSV_TYPE, Form
from mlops_desktop.serving.gateway.checks import columns_in_order
from mlops_desktop.serving.gateway.faults import HttpError
from mlops_desktop.serving.gateway.table_checks import array_of, features_of
from mlops_desktop.serving.gateway.tables import call_of_table
from mlops_desktop.serving.log_tables import log_table, read_log_table
from mlops_desktop.serving.outcomes import Outcome
from mlops_desktop.serving.predictors import tensors
from mlops_desktop.serving.redaction import Redaction
from mlops_desktop.serving.rules import InputRules

PARQUET_TYPE = "application/vnd.apache.parquet"
DTYPES = [np.float32, np.float32, object]
NAMES = tuple(feature.name for feature in SIGNATURE.features)
TABLE = pa.table({"dep delay": [1.5, None, -2.0], "hour": [1, 2, None], "carrier": ["AA", None, "new"]})


def arrow(table: pa.Table, *, is_file: bool = False) -> bytes:
    sink = pa.BufferOutputStream()
    with (pa.ipc.new_file if is_file else pa.ipc.new_stream)(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return bytes(sink.getvalue())


def parquet_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink)
    return bytes(sink.getvalue())


CSV = b"\xef\xbb\xbfdep delay,hour,carrier\r\n1.5,1,AA\r\nNaN, 2 ,\r\n-2,,new\r\n"
BODIES = {
    CSV_TYPE: CSV, ARROW_TYPE: arrow(TABLE), ARROW_FILE_TYPE: arrow(TABLE, is_file=True),
    PARQUET_TYPE: parquet_bytes(TABLE),
}  # fmt: skip


def arrays(body: bytes, content_type: str, rules: InputRules | None = None) -> list[list[Any]]:
    call = call_of_table(body, Form(content_type, features=NAMES))
    columns = features_of(call.table, SIGNATURE, rules or InputRules(), is_text=call.is_text)
    made = [array_of(column, kind) for column, kind in zip(columns.values(), DTYPES, strict=True)]
    return [(array if isinstance(array, np.ndarray) else array.objects()).ravel().tolist() for array in made]


@pytest.mark.parametrize("content_type", BODIES)
def test_every_kind_of_table_becomes_the_same_arrays(content_type: str) -> None:
    delays, hours, carriers = arrays(BODIES[content_type], content_type)
    assert (delays[0], delays[2], hours[:2]) == (1.5, -2.0, [1.0, 2.0])
    assert math.isnan(delays[1]) and math.isnan(hours[2])
    assert carriers == ["AA", "__missing__", "new"]


def test_csv_without_a_header_is_read_by_position() -> None:
    assert arrays(b"1,2,AA\n3,4,UA\n", CSV_TYPE) == [[1, 3], [2, 4], ["AA", "UA"]]


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.none() | st.floats(allow_nan=True, allow_infinity=True),
            st.none() | st.integers(-(2**53), 2**53),
            st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_a_table_becomes_what_the_same_rows_in_json_become(rows: list[tuple[Any, ...]]) -> None:
    columns = {name: list(values) for name, values in zip(NAMES, zip(*rows, strict=True), strict=True)}
    table = pa.table(
        [
            pa.array(columns[name], kind)
            for name, kind in zip(NAMES, (pa.float64(), pa.int64(), pa.string()), strict=True)
        ],
        names=list(NAMES),
    )
    as_json = tensors(columns_in_order(columns, SIGNATURE), DTYPES)
    for mine, theirs in zip(arrays(arrow(table), ARROW_TYPE), as_json, strict=True):
        assert (
            mine == pytest.approx(theirs.ravel().tolist(), nan_ok=True)
            if theirs.dtype != object
            else mine == list(theirs.ravel())
        )


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("hour", pa.array(["noon", "1", "2"]), "Column 'hour': a whole number is expected, not text."),
        ("carrier", pa.array([1, 2, 3]), "Column 'carrier': text is expected, not int64."),
        ("dep delay", pa.array([[1.0], [], None]), "Column 'dep delay': a number is expected, not list"),
    ],
)
def test_a_column_of_a_wrong_type_is_named(column: str, values: pa.Array, said: str) -> None:
    place = TABLE.column_names.index(column)
    with pytest.raises(HttpError) as caught:
        arrays(arrow(TABLE.set_column(place, column, values)), ARROW_TYPE)
    assert caught.value.status == 400 and said in caught.value.message


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"dep delay,hour,carrier\n1,noon,AA\n", "Column 'hour', row 0: a whole number is expected, not 'noon'."),
        (b"dep delay,carrier\n1,AA\n", "Missing column 'hour'."),
        (b"dep delay,hour,carrier,x\n1,1,AA,2\n", "The model knows no column 'x'."),
        (b"dep delay,hour,carrier\n1,1,AA\n2,NaN,AA\n", "Column 'hour', row 1: the value is missing (null or NaN)."),
        (b"dep delay,hour,carrier\n1,1,ZZ\n", "Column 'carrier', row 0: 'ZZ' is no category of the training."),
        (b"dep delay,hour,carrier,hour\n1,1,AA,2\n", "Column 'hour' is given twice."),
        (b"dep delay,hour,carrier\n1,1\n", "no CSV table that can be read"),
        (b"dep delay,hour,carrier\n", "The request has no rows."),
        (b"", "no CSV table"),
        (b"dep delay,hour,carrier\n1,1,\xff\n", "no CSV table"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(body: bytes, said: str) -> None:
    with pytest.raises(HttpError) as caught:
        arrays(body, CSV_TYPE, STRICT)
    assert caught.value.status == 400 and said in caught.value.message


@pytest.mark.parametrize("content_type", [ARROW_TYPE, ARROW_FILE_TYPE, PARQUET_TYPE, CSV_TYPE])
@settings(max_examples=60)
@given(data=st.data())
def test_damaged_tables_are_the_clients_error(content_type: str, data: st.DataObject) -> None:
    body = bytearray(BODIES[content_type])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))
    for damaged in (bytes(body), bytes(body[:cut])):
        try:
            arrays(damaged, content_type)
        except HttpError as problem:
            assert problem.status in (400, 413)


def test_more_rows_than_are_allowed_are_refused() -> None:
    table = pa.table({name: np.zeros(100_001) for name in NAMES})
    for kind, body in ((ARROW_TYPE, arrow(table.slice(0, 2))), (PARQUET_TYPE, parquet_bytes(table))):
        if kind == PARQUET_TYPE:
            with pytest.raises(HttpError, match="100,001 rows"):
                call_of_table(body, Form(kind))
        else:
            assert call_of_table(body, Form(kind)).rows == 2


def test_ids_come_from_the_column_that_is_named() -> None:
    body = arrow(TABLE.append_column("who", pa.array([1, 2, 3])))
    assert call_of_table(body, Form(ARROW_TYPE, ids="who")).entity_ids == ["1", "2", "3"]
    with pytest.raises(HttpError, match="no column 'nobody'"):
        call_of_table(body, Form(ARROW_TYPE, ids="nobody"))


def test_a_logged_table_comes_back_without_what_is_sensitive() -> None:
    outcome = Outcome(np.array([0.25, 0.75]), ("0", "1"), np.array([0, 1], np.int32))
    features = {"a": pa.array([1.0, None]), "secret": ["x", "y"], "mixed": [True, 2.5]}
    content = log_table(features, outcome, ["p", "q"], {"secret": Redaction.REMOVE, "a": Redaction.HASH}, b"k" * 32)
    kept, scores, predictions, ids = read_log_table(content)
    assert kept["secret"] == [None, None] and kept["mixed"] == [1.0, 2.5]
    assert kept["a"][0].startswith("hash:") and kept["a"][1] is None
    assert (scores, predictions, ids) == ([0.25, 0.75], ["0", "1"], ["p", "q"])


def _carriers(ends: list[int], characters: bytes) -> pa.Array:
    buffers = [None, pa.py_buffer(np.array([0, *ends], np.int32)), pa.py_buffer(characters)]
    return pa.Array.from_buffers(pa.string(), len(ends), buffers)


@pytest.mark.parametrize(
    "broken",
    [
        _carriers([1, 2], b"A\xff"),
        _carriers([1, 2], "é".encode()),
        _carriers([5, 2], b"AAAAA"),
        _carriers([90, 2], b"AA"),
    ],
    ids=["no UTF-8", "a character cut in two", "backwards", "beyond the end"],
)
def test_texts_that_are_none_are_refused_also_beside_good_ones(broken: pa.Array) -> None:
    carrier = pa.chunked_array([pa.array(["AA", "BB"]), pa.array(["é", None]), broken])
    numbers = [0.0] * len(carrier)
    table = pa.table({"dep delay": numbers, "hour": numbers, "carrier": carrier})
    with pytest.raises(HttpError, match="no Arrow table that can be read"):
        call_of_table(arrow(table), Form(ARROW_TYPE, features=NAMES))
