"""Events in words, and the text their hash is taken of."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_desktop.core import events
from mlops_desktop.core.clock import from_text, to_text
from mlops_desktop.core.events import GENESIS, Body, Event, chained_hash, chained_text, describe, kinds

NOW = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def event(kind: str, payload: dict[str, Any], subject: str = "the subject") -> Event:
    return Event(1, NOW, NOW, "tester", kind, subject, payload, GENESIS, "")


def example(body: type[Body]) -> Body:
    """One of this kind with a value of the right type in every field."""
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(body):
        name = getattr(field.type, "__name__", str(field.type))
        values[field.name] = {"str": "text", "int": 3, "float": 0.5, "bool": True, "list": [], "dict": {}}[
            name if name in ("str", "int", "float", "bool") else str(field.type).partition("[")[0]
        ]
    return body(**values)


@pytest.mark.parametrize("kind", kinds())
def test_an_event_of_every_kind_is_told_in_words(kind: str) -> None:
    body = example(events._BODIES[kind])
    told = describe(event(kind, body.payload()))
    assert told != f"{kind} the subject" and "{" not in told


@pytest.mark.parametrize("kind", [*kinds(), "of.a.later.version"])
@given(payload=st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_no_payload_keeps_an_event_from_being_told(kind: str, payload: dict[str, Any]) -> None:
    assert describe(event(kind, payload))


@given(payload=st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_the_hash_can_be_recomputed_with_standard_tools(payload: dict[str, Any]) -> None:
    found = event("run.failed", payload)
    fields = {
        "seq": 1, "time": to_text(NOW), "recorded": to_text(NOW), "actor": "tester", "kind": "run.failed",
        "subject": "the subject", "payload": payload,
    }  # fmt: skip
    text = GENESIS + "\n" + json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert found.hashed_text() == text
    assert chained_hash(text) == hashlib.sha256(text.encode("utf-8", "strict")).hexdigest()


@given(st.sampled_from(["seq", "time", "actor", "kind", "subject", "payload", "previous"]))
def test_every_field_of_an_event_goes_into_its_hash(field: str) -> None:
    fields: dict[str, Any] = {
        "previous": GENESIS, "seq": 1, "time": NOW, "recorded": NOW, "actor": "a", "kind": "k", "subject": "s",
        "payload": {"x": 1},
    }  # fmt: skip
    other = {"seq": 2, "time": NOW.replace(second=10), "payload": {"x": 2}}.get(field, "other")
    assert chained_text(**fields) != chained_text(**(fields | {field: other}))


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_as_text_is_read_back_and_sorts_as_text(moment: datetime) -> None:
    assert from_text(to_text(moment)) == moment
    assert (to_text(moment) < to_text(NOW)) == (moment < NOW)
