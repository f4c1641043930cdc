"""The screen clears nothing that pandera would not, and clears what is plainly in order."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mlops_desktop.core.contracts import ColumnRule, Contract
from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.data.contracts.judge import judged
from mlops_desktop.data.contracts.rules import check_contract
from mlops_desktop.data.contracts.screen import is_cleared, is_portable, uncleared

pieces = st.sampled_from(
    ["a", "b", "é", "5", "٣", "_", " ", r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", r"\.", ".", "[^a]", "[^\\d]", "[a-c]",
     "[[:alpha:]]", "(a|b)", "(?:ab)", "(?i)", "(?=a)", "+", "*", "?", "{,2}", "{1,2}", "$", "^", r"\b", r"\x41", "\n"]
)  # fmt: skip
patterns = st.lists(pieces, min_size=1, max_size=4).map("".join)
texts = st.lists(
    st.one_of(st.none(), st.text(st.sampled_from("abAé5٣_ .\v\n\r{,2}[:lph]"), max_size=4)), min_size=1, max_size=6
)
TYPES = {
    ColumnType.INTEGER: [pa.int8(), pa.int64(), pa.uint64()],
    ColumnType.NUMBER: [pa.float32(), pa.float64()],
    ColumnType.TIME: [pa.timestamp("us"), pa.timestamp("us", "UTC"), pa.timestamp("ns", "Europe/Berlin"), pa.date32()],
    ColumnType.BOOLEAN: [pa.bool_()],
    ColumnType.TEXT: [pa.string()],
}
moments = st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1))


@st.composite
def ruled_columns(draw: st.DrawFn) -> tuple[pa.Array, ColumnRule]:
    kind = draw(st.sampled_from(list(ColumnType)))
    storage = draw(st.sampled_from(TYPES[kind]))
    limits: dict[str, object] = {}
    if kind is ColumnType.INTEGER:
        low, high = (0, 2**64 - 1) if storage == pa.uint64() else (-(2 ** (storage.bit_width - 1)),) * 2
        high = high if storage == pa.uint64() else 2 ** (storage.bit_width - 1) - 1
        values = st.one_of(st.integers(low, high), st.integers(0, 9))
        limits = {
            "categories": tuple(str(n) for n in draw(st.lists(st.integers(-3, 9), unique=True, max_size=3))),
            **draw(bounds(st.one_of(st.integers(-(2**64), 2**64), st.floats(-5, 20)))),
        }
    elif kind is ColumnType.NUMBER:
        values = st.floats(width=storage.bit_width)
        limits = draw(bounds(st.one_of(st.floats(allow_nan=False), st.integers(-2, 2))))
    elif kind is ColumnType.TIME:
        values = moments.map(datetime.date) if storage == pa.date32() else moments
        zones = st.sampled_from([None, UTC])
        limits = draw(bounds(st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1), timezones=zones).map(str)))
    elif kind is ColumnType.BOOLEAN:
        values = st.booleans()
    else:
        values = st.text(st.sampled_from("abé"), max_size=3)
        limits = {
            "categories": tuple(draw(st.lists(values, unique=True, max_size=3))),
            "max_length": draw(st.integers(0, 3)),
        }
    column = pa.array(draw(st.lists(st.one_of(st.none(), values), min_size=1, max_size=5)), storage)
    return column, ColumnRule("a.b c", kind, nullable=draw(st.booleans()), **limits)


@st.composite
def bounds(draw: st.DrawFn, values: st.SearchStrategy[object]) -> dict[str, object]:
    found = draw(st.fixed_dictionaries({}, optional={"minimum": values, "maximum": values}))
    return {key: value if isinstance(value, str) else float(value) for key, value in found.items()}


@settings(max_examples=120, deadline=None)
@given(ruled_columns())
def test_whatever_the_screen_clears_pandera_clears(drawn: tuple[pa.Array, ColumnRule]):
    column, rule = drawn
    try:
        check_contract_of(rule)
    except InvalidInput:
        assume(False)
    failures = judged(pa.RecordBatch.from_arrays([column], names=[rule.name]), [rule])
    if is_cleared(column, rule):
        assert not failures
    else:
        assert all(len(failure.rows) for failure in failures)


def check_contract_of(rule: ColumnRule) -> None:
    check_contract(Contract((rule,)))


@settings(max_examples=250, deadline=None)
@given(patterns, texts)
def test_whatever_pattern_the_screen_clears_pandera_clears(pattern: str, values: list[str | None]):
    rule = ColumnRule("t", ColumnType.TEXT, pattern=pattern)
    try:
        check_contract_of(rule)
    except InvalidInput:
        assume(False)
    column = pa.array(values, pa.string())
    if is_cleared(column, rule):
        assert not judged(pa.RecordBatch.from_arrays([column], names=["t"]), [rule])


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"[A-Z]{2}\d{4}", True), (r"(?:a|b)+\.csv", True), (r"\w+@\w+", True), (r"[^,]+", True),
        (r"a{,3}", False), (r"[^\d]", False), (r"\S+", False), (r"(?i)a", False), (r"[[:alpha:]]", False),
        (r"\b", False),
    ],
)  # fmt: skip
def test_patterns_that_both_engines_read_alike_are_known(pattern: str, expected: bool):
    assert is_portable(pattern) is expected


def test_a_clean_batch_needs_no_judge():
    batch = pa.record_batch(
        {
            "n": pa.array([1, 2, None]),
            "x": pa.array([0.5, float("nan"), 1.5]),
            "t": pa.array(["AB12", None, "CD34"]),
            "at": pa.array([datetime(2013, 1, 1, tzinfo=UTC)] * 3),
        }
    )
    rules = [
        ColumnRule("n", ColumnType.INTEGER, minimum=1.0, maximum=2.0),
        ColumnRule("x", ColumnType.NUMBER, minimum=0.5, maximum=1.5),
        ColumnRule("t", ColumnType.TEXT, pattern=r"[A-Z]{2}\d\d", max_length=4, categories=("AB12", "CD34")),
        ColumnRule("at", ColumnType.TIME, nullable=False, minimum="2013-01-01", maximum="2013-01-01T00:00:00Z"),
    ]
    assert uncleared(batch, rules) == []
    strict = [ColumnRule("x", ColumnType.NUMBER, nullable=False)]
    assert uncleared(batch, strict) == strict
    assert [failure.rows.tolist() for failure in judged(batch, strict)] == [[1]]
