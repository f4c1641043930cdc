"""The contract that a version suggests: conservative, and kept by the version itself."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_desktop.core.contracts import Contract
from mlops_desktop.core.datasets import ColumnType, Origin
from mlops_desktop.data.contracts import check_version, from_toml, infer_contract, to_pandera, to_toml
from mlops_desktop.data.versions.store import write_version
from mlops_desktop.registry import Registry

KINDS = [
    (pa.int64(), st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(0, 3))),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float64(), st.floats()),
    (pa.float32(), st.floats(width=32)),
    (pa.string(), st.one_of(st.text(st.characters(exclude_categories=["Cs"]), max_size=90), st.sampled_from("ab"))),
    (pa.bool_(), st.booleans()),
    (pa.timestamp("us", "UTC"), st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1))),
    (pa.date32(), st.dates()),
]


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    names = ["id", "a.b c", "日本", "plain", "order_id"][: draw(st.integers(1, 5))]
    rows, times = draw(st.integers(1, 12)), draw(st.sampled_from([1, 30]))
    columns = {}
    for name in names:
        kind, values = draw(st.sampled_from(KINDS))
        cells = draw(st.lists(st.one_of(st.none(), values), min_size=rows, max_size=rows))
        columns[name] = pa.array(cells * times, kind)
    return pa.table(columns)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables(), st.uuids())
def test_a_version_keeps_the_contract_that_it_suggests(registry: Registry, origin: Origin, table: pa.Table, name):
    version = write_version(registry, str(name), table, origin)
    inferred = infer_contract(registry, version)
    assert check_version(registry, version, inferred).violations == ()
    assert from_toml(to_toml(inferred)) == inferred


@pytest.fixture
def inferred(registry: Registry, origin: Origin) -> Contract:
    rows = 400
    table = pa.table(
        {
            "order_id": [f"K{i}" for i in range(rows)],
            "age": [20 + i % 50 for i in range(rows)],
            "share": [i % 10 / 10 for i in range(rows)],
            "carrier": ["A", "B", "C", None] * (rows // 4),
            "comment": [f"text {i % 100}" for i in range(rows)],
            "constant": [5] * rows,
            "at": pa.array([i * 1_000_000 for i in range(rows)], pa.timestamp("us", "UTC")),
        }
    )
    return infer_contract(registry, write_version(registry, "t", table, origin))


def test_ranges_leave_a_tenth_of_the_span_on_either_side(inferred: Contract):
    age, share = inferred.rule("age"), inferred.rule("share")
    assert (age.type, age.minimum, age.maximum, age.nullable) == (ColumnType.INTEGER, 16.0, 73.0, False)
    assert (share.minimum, share.maximum) == (0.0, pytest.approx(0.99))
    assert inferred.rule("constant").minimum is None


def test_few_repeating_texts_are_categories(inferred: Contract):
    carrier = inferred.rule("carrier")
    assert (carrier.categories, carrier.nullable, carrier.max_missing) == (("A", "B", "C"), True, 0.43)
    assert inferred.rule("comment").categories == ()


def test_a_column_like_an_id_is_the_key_and_the_only_time_the_time_column(inferred: Contract):
    assert (inferred.key, inferred.time_column) == (("order_id",), "at")
    assert inferred.rule("at").minimum is None


def test_a_notebook_validates_a_frame_by_the_same_contract(inferred: Contract):
    import pandas as pd
    import pandera.pandas as pandera

    frame = pd.DataFrame(
        {"order_id": ["K1", "K1"], "age": ["30", "200"], "share": [0.5, 0.5], "carrier": ["A", "Z"],
         "comment": ["", ""], "constant": [5, 5], "at": ["2013-01-01", "2013-01-02"]}
    )  # fmt: skip
    with pytest.raises(pandera.errors.SchemaErrors) as caught:
        to_pandera(inferred).validate(frame, lazy=True)
    checks = set(caught.value.failure_cases["check"])
    assert {"maximum", "categories"} <= checks
    assert any("unique" in check for check in checks)
    good = to_pandera(inferred).validate(frame.iloc[:1], lazy=True)
    assert (str(good["age"].dtype), good["age"].iloc[0]) == ("Int64", 30)
    assert good["at"].iloc[0] == pd.Timestamp("2013-01-01", tz="UTC")
