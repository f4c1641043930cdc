"""Reading ahead in a thread."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_desktop.data.sources.ahead import ahead


@given(st.lists(st.integers()))
def test_all_items_come_in_order(items: list[int]) -> None:
    assert list(ahead(iter(items))) == items


def test_what_is_raised_by_an_item_is_raised_after_those_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("third")

    reading = ahead(items())
    assert [next(reading), next(reading)] == [1, 2]
    with pytest.raises(ValueError, match="third"):
        next(reading)


def test_few_items_are_asked_for_before_they_are_wanted_and_none_after_closing() -> None:
    asked = []

    def items() -> Iterator[int]:
        for number in range(100):
            asked.append(number)
            yield number

    reading = ahead(items())
    assert next(reading) == 0
    reading.close()
    known = len(asked)
    assert known <= 3
    assert list(reading) == []
    assert len(asked) == known
