"""Rows are found again where they are, in runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_desktop.data.versions.rowmatching import Run, is_scattered, match, runs_of


def found(new: list[int], old: list[int]) -> list[tuple[int, int, int]]:
    source = match(np.array(new, dtype=np.uint64), np.array(old, dtype=np.uint64))
    return [tuple(run) for run in runs_of(source)]


def test_equal_tables_are_one_run():
    assert found([1, 2, 3], [1, 2, 3]) == [(0, 3, 0)]


def test_nothing_matches_nothing():
    assert found([], []) == []
    assert found([], [1]) == []
    assert found([1, 2], []) == [(0, 2, -1)]
    assert found([1, 2], [3, 4]) == [(0, 2, -1)]


@pytest.mark.parametrize(
    ("new", "runs"),
    [
        ([1, 2, 9, 4, 5], [(0, 2, 0), (2, 1, -1), (3, 2, 3)]),
        ([1, 2, 4, 5], [(0, 2, 0), (2, 2, 3)]),
        ([1, 2, 9, 3, 4, 5], [(0, 2, 0), (2, 1, -1), (3, 3, 2)]),
        ([1, 4, 3, 2, 5], [(0, 1, 0), (1, 1, 3), (2, 1, 2), (3, 1, 1), (4, 1, 4)]),
        ([9, 1, 2, 8, 3, 4, 7, 5], [(0, 1, -1), (1, 2, 0), (3, 1, -1), (4, 2, 2), (6, 1, -1), (7, 1, 4)]),
    ],
    ids=["replaced", "deleted", "inserted", "turned", "several"],
)
def test_edits_leave_the_rows_beside_them_in_runs(new: list[int], runs: list[tuple[int, int, int]]):
    assert found(new, [1, 2, 3, 4, 5]) == runs


def test_repeated_rows_beside_an_anchor_stay_in_its_run():
    old = [1, 7, 7, 7, 2, 7, 7, 3]
    assert found([9, 1, 7, 7, 7, 2, 9, 7, 7, 3, 9], old) == [
        (0, 1, -1),
        (1, 5, 0),
        (6, 1, -1),
        (7, 3, 5),
        (10, 1, -1),
    ]


def test_rows_that_are_all_equal_are_matched_from_both_ends():
    assert found([7, 7, 7, 7], [7, 7, 7]) == [(0, 3, 0), (3, 1, -1)]


@given(st.lists(st.integers(0, 12), max_size=40), st.lists(st.integers(0, 12), max_size=40))
def test_every_match_is_an_equal_row_and_runs_cover_all(new: list[int], old: list[int]):
    words, earlier = np.array(new, dtype=np.uint64), np.array(old, dtype=np.uint64)
    source = match(words, earlier)
    kept = source >= 0
    assert (words[kept] == earlier[source[kept]]).all()
    assert source.min(initial=0) >= -1
    rebuilt = [position for run in runs_of(source) for position in _positions(run)]
    assert rebuilt == source.tolist()
    once = [value for value in set(new) if new.count(value) == old.count(value) == 1]
    if new and old and (new[0], new[-1]) != (old[0], old[-1]) and not set(new[:1] + new[-1:]) & set(old[:1] + old[-1:]):
        assert all(source[new.index(value)] == old.index(value) for value in once)


def _positions(run: Run) -> list[int]:
    return [-1] * run.rows if run.source < 0 else list(range(run.source, run.source + run.rows))


def test_rows_that_alternate_with_others_are_scattered():
    new = np.arange(20_000, dtype=np.uint64)
    assert is_scattered(new, [new[::10].copy()])
    assert is_scattered(new, [new[:10_000:2].copy(), new[10_001::2].copy()])


def test_rows_of_which_none_is_known_are_scattered():
    new = np.arange(20_000, dtype=np.uint64)
    assert is_scattered(new, [new + np.uint64(20_000)])


def test_rows_with_edits_here_and_there_are_not_scattered():
    old = np.arange(20_000, dtype=np.uint64)
    edited = np.random.default_rng(1).choice(20_000, 256, replace=False)
    new = old.copy()
    new[edited] += np.uint64(1 << 40)
    assert not is_scattered(new, [old[:5_000], old[5_000:]])
    assert not is_scattered(new[:1_000], [old])


def test_a_table_of_which_a_part_is_kept_is_not_scattered():
    new = np.arange(20_000, dtype=np.uint64)
    assert not is_scattered(new, [new[4_000:6_000].copy()])
