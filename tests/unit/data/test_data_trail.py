"""New chunks meet the earlier ones that they can share rows with."""

from __future__ import annotations

from mlops_desktop.data.versions.pieces import PlacedChunk
from mlops_desktop.data.versions.trail import Trail


def trail(*rows: int) -> Trail:
    """Chunks 1, 2, …: each ends with a row whose hash is its number."""
    return Trail([PlacedChunk(str(number), length, number, ()) for number, length in enumerate(rows, 1)])


def followed(along: Trail, *chunks: tuple[int, int]) -> list[str]:
    return ["".join(found.content_id for found in along.candidates(rows, last)) for rows, last in chunks]


def test_edited_chunks_meet_themselves():
    assert followed(trail(10, 20, 30), (10, 1), (20, 2), (30, 3)) == ["1", "2", "3"]


def test_rows_that_came_or_went_shift_what_follows():
    assert followed(trail(10, 10, 10), (15, 1), (10, 2), (5, 3)) == ["1", "2", "3"]


def test_an_edited_end_joins_or_parts_chunks():
    assert followed(trail(10, 20, 30), (30, 2), (30, 3)) == ["12", "3"]
    assert followed(trail(10, 20, 30), (10, 1), (5, 99), (15, 2), (30, 3)) == ["1", "2", "2", "3"]


def test_a_grown_tail_meets_the_old_tail_and_what_comes_after_meets_nothing():
    assert followed(trail(10, 4), (10, 1), (12, 98), (12, 99)) == ["1", "2", ""]


def test_chunks_in_front_are_behind_when_the_first_end_is_found():
    assert followed(trail(10, 10), (20, 99), (10, 1), (10, 2)) == ["12", "1", "2"]


def test_where_no_end_is_known_the_place_tells():
    assert followed(trail(10, 10, 10, 10), (11, 97), (10, 98), (10, 99)) == ["12", "23", "34"]


def test_however_much_was_removed_candidates_are_few():
    assert followed(trail(*[10] * 9), (15, 1), (15, 9)) == ["1", "2389"]


def test_rows_that_moved_to_another_place_are_met_there():
    assert followed(trail(10, 10, 10, 10), (12, 4), (10, 1)) == ["1234", "1"]
