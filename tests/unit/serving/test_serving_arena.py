"""Memory shared between gateway and worker."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from mlops_desktop.serving.arena import ARENA_BYTES, SMALLEST_SHARED, Arena, behind

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such memory")
CONTENT = bytes(range(256)) * (SMALLEST_SHARED // 256)


@pytest.fixture
def arena() -> Iterator[Arena]:
    made = Arena.create()
    assert made is not None
    yield made
    made.close()


def test_what_one_end_puts_the_other_end_sees(arena: Arena) -> None:
    other = Arena.inherited(["--warm", f"--arena={os.dup(arena.descriptor)}"])
    assert other is not None and arena.put(CONTENT, behind(1))
    assert bytes(other.view(behind(1), len(CONTENT))) == CONTENT
    other.close()


def test_a_worker_that_was_given_none_has_none() -> None:
    assert Arena.inherited(["--warm"]) is None


def test_what_is_small_or_does_not_fit_goes_another_way(arena: Arena) -> None:
    assert not arena.put(CONTENT[:-1])
    assert not arena.put(CONTENT, ARENA_BYTES - len(CONTENT) + 1)
    assert arena.put(CONTENT, ARENA_BYTES - len(CONTENT))


@pytest.mark.parametrize(("place", "size"), [(-1, 10), (0, -1), (ARENA_BYTES, 1), (1, ARENA_BYTES)])
def test_a_place_outside_is_refused(arena: Arena, place: int, size: int) -> None:
    with pytest.raises(ValueError, match="not within the shared memory"):
        arena.view(place, size)


def test_nobody_can_take_the_memory_away_under_the_other_end(arena: Arena) -> None:
    with pytest.raises(OSError):
        os.ftruncate(arena.descriptor, 0)


def test_unusually_much_memory_is_given_back(arena: Arena) -> None:
    arena.put(CONTENT)
    for place in range(0, 64 << 20, len(CONTENT)):
        arena.put(CONTENT, place)
    arena.trim()
    assert os.fstat(arena.descriptor).st_blocks * 512 <= 33 << 20
    assert bytes(arena.view(0, len(CONTENT))) == CONTENT
