"""Ids and content hashes."""

from __future__ import annotations

import hashlib
import threading

from hypothesis import given
from hypothesis import strategies as st

from mlops_desktop.core.ids import new_id, sha256_hex


def test_ids_of_one_process_are_unique_and_increase_in_every_thread() -> None:
    made: list[list[str]] = [[] for _ in range(8)]

    def make(own: list[str]) -> None:
        own.extend(new_id() for _ in range(2_000))

    threads = [threading.Thread(target=make, args=(own,)) for own in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [id for own in made for id in own]
    assert len(set(everything)) == 16_000
    assert all(own == sorted(own) for own in made)
    assert {len(id) for id in everything} == {26}


def test_a_later_id_sorts_after_an_earlier_one() -> None:
    ids = [new_id() for _ in range(5_000)]
    assert ids == sorted(ids)


@given(st.binary(max_size=200))
def test_content_is_named_by_its_sha_256(content: bytes) -> None:
    assert sha256_hex(content) == hashlib.sha256(content).hexdigest()
