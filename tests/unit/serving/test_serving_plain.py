"""The program's own protocol: what clients send that is right, wrong, or meant to take forever."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_desktop.serving.gateway.calls import Form
from mlops_desktop.serving.gateway.faults import HttpError
from mlops_desktop.serving.gateway.plain import PlainCodec, decode_feedback, decode_json, pivot

CODEC = PlainCodec()
_anything = msgspec.json.Decoder(Any)
_values = st.one_of(st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.text(st.characters(codec="utf-8")))


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.lists(_values, min_size=3, max_size=3), min_size=1))
def test_nan_counts_as_null_and_texts_stay_as_they_are(columns: dict[str, list[Any]]) -> None:
    body = json.dumps({"columns": columns | {"x": [1.0, float("nan"), float("-inf")]}}).encode()
    found = CODEC.decode(body, Form()).columns
    assert found == columns | {"x": [1.0, None, None]}


@pytest.mark.parametrize("body", [b'\\"' * 2_000_000, b'{"a":NaN}' + b'\\"' * 2_000_000, b'"' + b"\\\n" * 2_000_000])
def test_texts_without_an_end_are_seen_through_at_once(body: bytes) -> None:
    """Looking for the end of each anew would take hours."""
    with pytest.raises(HttpError) as caught:
        decode_json(_anything, body)
    assert caught.value.status == 400


def test_records_that_share_no_key_are_refused_before_they_are_a_square() -> None:
    with pytest.raises(HttpError, match="90,000 records have 90,000 different keys"):
        pivot([{f"c{place}": 1} for place in range(90_000)])
    with pytest.raises(HttpError, match="at most 100,000 are taken"):
        pivot([{}] * 100_001)


def test_records_may_miss_most_of_their_keys() -> None:
    columns = pivot([{"a": 1}, {"b": 2}] * 1000)
    assert columns == {"a": [1, None] * 1000, "b": [None, 2] * 1000}
    assert len(pivot([{f"c{place}": place for place in range(10_000)}] * 2)) == 10_000


@pytest.mark.parametrize("label", [10**30, -(10**30), 2**63, -(2**63) - 1])
def test_labels_are_numbers_that_a_column_holds(label: int) -> None:
    with pytest.raises(HttpError, match="too large"):
        decode_feedback(json.dumps({"labels": [label], "ids": ["x"]}).encode())


def test_the_largest_label_is_taken() -> None:
    body = json.dumps({"labels": [{"id": 7, "label": 2**63 - 1}, {"id": "x", "label": -(2**63)}]}).encode()
    assert decode_feedback(body) == ("", [("7", 2**63 - 1), ("x", -(2**63))])
