"""Sensitive columns: nothing of a value is written, and equal values stay equal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_desktop.core.errors import EnvironmentProblem
from mlops_desktop.serving.redaction import KEY_BYTES, Redaction, Redactor, log_key, read_key

KEY = b"k" * KEY_BYTES
BOTH = {"name": Redaction.REMOVE, "iban": Redaction.HASH, "entity_id": Redaction.HASH, "client_id": Redaction.HASH}
INFERENCE_ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV/12"

values = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(min_size=1))


@given(st.lists(values, min_size=1))
def test_removed_values_are_gone_and_equal_ones_hash_alike(column: list[Any]) -> None:
    redactor = Redactor(BOTH, KEY)
    given = {"name": list(column), "iban": list(column), "x": list(column)}
    redacted = redactor.features(given)
    assert redacted["name"] == [None] * len(column) and redacted["x"] == column == given["iban"]
    for value, hashed in zip(column, redacted["iban"], strict=True):
        assert (hashed is None) == (value is None)
        assert hashed is None or (len(hashed) == 37 and hashed.startswith("hash:"))
    hashes = {str(value): hashed for value, hashed in zip(column, redacted["iban"], strict=True) if value is not None}
    assert Redactor(BOTH, KEY).features(given) == redacted
    assert len({*hashes.values()}) <= len(hashes)


@given(st.text(min_size=1), st.text(min_size=1))
def test_different_values_and_different_keys_hash_differently(one: str, other: str) -> None:
    assert (Redactor({}, KEY).hashed(one) == Redactor({}, KEY).hashed(other)) == (one == other)
    assert Redactor({}, KEY).hashed(one) != Redactor({}, b"o" * KEY_BYTES).hashed(one)


def test_a_number_hashes_alike_however_it_is_written() -> None:
    assert len({Redactor({}, KEY).hashed(value) for value in (7, 7.0, "7")}) == 1


def test_labels_still_meet_their_predictions() -> None:
    redactor = Redactor(BOTH, KEY)
    assert redactor.entity_ids(["anna", "ben"]) == [redactor.label_id("anna"), redactor.label_id("ben")]
    assert redactor.label_id(INFERENCE_ID) == INFERENCE_ID
    removing = Redactor({"entity_id": Redaction.REMOVE, "client_id": Redaction.REMOVE}, KEY)
    assert (removing.entity_ids(["anna"]), removing.label_id("anna"), removing.client_id("c")) == (None, "", "")


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = log_key(tmp_path)
    key = read_key(path)
    assert read_key(log_key(tmp_path)) == key and len(key) == KEY_BYTES
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_key_that_others_can_read_or_that_is_damaged_is_not_used(tmp_path: Path) -> None:
    path = log_key(tmp_path)
    path.chmod(0o644)
    with pytest.raises(EnvironmentProblem, match="read by others"):
        read_key(path)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(EnvironmentProblem, match="no key"):
        read_key(path)
    path.unlink()
    with pytest.raises(EnvironmentProblem, match="cannot be read"):
        read_key(path)
