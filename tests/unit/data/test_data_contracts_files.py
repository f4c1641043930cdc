"""Contracts as TOML: both ways, and what is refused by file and key."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_desktop.core.contracts import ColumnRule, Contract, ContractMode, ExtraColumns
from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.data.contracts import from_toml, to_toml

names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=8).filter(str.strip)
shares = st.floats(0, 1)


@st.composite
def rules(draw: st.DrawFn, name: str) -> ColumnRule:
    kind = draw(st.sampled_from([None, *ColumnType]))
    given_rules: dict[str, object] = {}
    if kind in (ColumnType.INTEGER, ColumnType.NUMBER):
        low, high = sorted(draw(st.tuples(*[st.floats(allow_nan=False)] * 2)))
        given_rules = {"minimum": low, "maximum": high}
    elif kind is ColumnType.TIME:
        given_rules = {"minimum": "2013-01-01", "maximum": "2014-01-01T00:00:00Z"}
    elif kind is ColumnType.TEXT:
        given_rules = {
            "categories": tuple(draw(st.lists(st.text(max_size=4), unique=True, max_size=3))),
            "pattern": draw(st.sampled_from(["", r"\d+", '"[a-z]"'])),
            "max_length": draw(st.integers(0, 99)),
        }
    return ColumnRule(
        name,
        kind,
        is_required=draw(st.booleans()),
        nullable=draw(st.booleans()),
        unique=draw(st.booleans()),
        max_missing=draw(shares),
        **given_rules,
    )


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    columns = draw(st.lists(names, unique=True, max_size=4))
    return Contract(
        columns=tuple(draw(rules(name)) for name in columns),
        mode=draw(st.sampled_from(ContractMode)),
        extra_columns=draw(st.sampled_from(ExtraColumns)),
        key=tuple(columns[:1]),
        min_rows=draw(st.integers(0, 9)),
        max_rows=draw(st.sampled_from([0, 10])),
        max_bad_share=draw(shares),
    )


@settings(max_examples=60, deadline=None)
@given(contracts())
def test_a_contract_survives_being_written_and_read(contract: Contract):
    assert from_toml(to_toml(contract)) == contract


def test_what_is_usual_is_not_written():
    text = to_toml(Contract(columns=(ColumnRule("age", ColumnType.INTEGER, minimum=0.0, maximum=97.0),)))
    assert text == 'mode = "refuse"\n\n[columns.age]\ntype = "integer"\nminimum = 0\nmaximum = 97\n'


def test_times_may_be_written_without_quotes():
    contract = from_toml('[columns.at]\ntype = "time"\nminimum = 2013-01-01\nmaximum = 2014-01-01T12:00:00Z')
    assert contract.columns[0].minimum == "2013-01-01"
    assert contract.columns[0].maximum == "2014-01-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("min_rows = 1\nmin_rows = 2\n", "line 2"),
        ('mode = "maybe"', "mode"),
        ("colour = 1", "colour"),
        ('columns = "age"', "columns"),
        ("[columns]\nage = 3", "columns"),
        ('[columns.age]\ntype = "int"', "columns.age.type"),
        ("[columns.age]\nminimun = 3", "minimun"),
        ('[columns.age]\nname = "other"', "columns.age.name"),
        ("[columns.age]\nminimum = 3", "columns.age.minimum: is a number, which needs type"),
        ('[columns.age]\ntype = "integer"\nminimum = "old"', "columns.age.minimum"),
        ('[columns.age]\ntype = "integer"\nminimum = nan', "columns.age.minimum: is not a number"),
        ('[columns.age]\ntype = "integer"\nminimum = 9\nmaximum = 3', "columns.age.minimum: is above the maximum 3"),
        ('[columns.at]\ntype = "time"\nminimum = "soon"', "'soon' is not a time"),
        ('[columns.t]\ntype = "number"\ncategories = ["1"]', "columns.t.categories"),
        ('[columns.t]\ntype = "integer"\ncategories = ["a"]', "must be whole numbers"),
        ('[columns.t]\ntype = "text"\ncategories = ["a", "a"]', "name a value twice"),
        ('[columns.t]\ntype = "text"\npattern = "("', "is not a regular expression"),
        ('[columns.t]\npattern = "a"', 'needs type = "text"'),
        ('[columns.t]\ntype = "text"\nmax_length = -1', "columns.t.max_length"),
        ("[columns.t]\nmax_missing = 2", "columns.t.max_missing"),
        ('key = ["a", "a"]', "key: must name different columns"),
        ("min_rows = 5\nmax_rows = 3", "max_rows: is below min_rows"),
        ("max_age_hours = 3", "max_age_hours: needs a time_column"),
        ('time_column = "at"\n[columns.at]\ntype = "text"', "time_column"),
        ("max_bad_share = 1.5", "max_bad_share"),
    ],
)
def test_what_makes_no_sense_is_refused_by_file_and_key(text: str, said: str):
    with pytest.raises(InvalidInput) as caught:
        from_toml(text, "flights.toml")
    assert caught.value.message.startswith("flights.toml")
    assert said in caught.value.message
    assert caught.value.hint
