"""Columns of many values are judged at once, and exactly as one by one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.models import Feature, Signature, Task
from mlops_desktop.serving.gateway import checks, v2
from mlops_desktop.serving.gateway.calls import Form
from mlops_desktop.serving.gateway.faults import HttpError

VALUE = st.one_of(st.none(), st.booleans(), st.floats(), st.integers(-(1 << 60), 1 << 60), st.just("ü"), st.just([]))
COLUMN = st.one_of(st.lists(VALUE, min_size=1, max_size=30), st.lists(st.integers(), min_size=9, max_size=30))


def outcome(kind: ColumnType, values: list[Any]) -> tuple[str, str]:
    signature = Signature(Task.REGRESSION, (Feature("x", kind, "x"),), "y")
    try:
        return "taken", repr(checks.columns_in_order({"x": values}, signature))
    except HttpError as problem:
        return "refused", problem.message


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(ColumnType)), COLUMN)
def test_at_once_and_one_by_one_columns_are_judged_alike(kind: ColumnType, values: list[Any]) -> None:
    at_once = outcome(kind, values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "FEW_VALUES", 10**9)
        assert outcome(kind, values) == at_once


@pytest.mark.parametrize("datatype", ["FP32", "INT64", "BYTES"])
@pytest.mark.parametrize("stranger", [None, "text", 1.5, True])
def test_a_value_of_another_datatype_is_named_wherever_it_is(datatype: str, stranger: Any) -> None:
    for rows in (3, 100):
        values: list[Any] = ["a" if datatype == "BYTES" else 1] * rows
        values[-1] = stranger
        body = v2._encoder.encode({"inputs": [{"name": "x", "shape": [rows], "datatype": datatype, "data": values}]})
        if stranger is None or (stranger == "text") == (datatype == "BYTES"):
            assert v2.V2Codec().decode(body, Form(json_length=-1)).columns["x"] == values
        else:
            with pytest.raises(HttpError, match=f"row {rows - 1}: the value is not of datatype {datatype}"):
                v2.V2Codec().decode(body, Form(json_length=-1))
