"""References, marks, aliases, tombstones, lists and attempts of dataset versions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mlops_desktop.core.clock import ManualClock
from mlops_desktop.core.datasets import DatasetVersion, Origin, Schema
from mlops_desktop.core.errors import Conflict, InvalidInput, NotFound
from mlops_desktop.core.events import DatasetAliasMoved, DatasetIngestFailed
from mlops_desktop.registry import Registry

START = datetime(2024, 1, 1, tzinfo=UTC)
ORIGIN = Origin("file", "flights.csv", host="desk", user="ada", size=1_000)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def registry(tmp_path: Path, clock: ManualClock) -> Iterator[Registry]:
    registry = Registry.create(tmp_path / "workspace", actor="tester", clock=clock)
    yield registry
    assert registry.journal.verify().intact
    registry.close()


def add(registry: Registry, content: str, dataset: str = "flights", **more: Any) -> DatasetVersion:
    return registry.datasets.add_version(
        dataset=dataset, content_id=content, manifest="m", profile="p", rows=3, size=9, schema=Schema(()),
        origin=ORIGIN, chunks=1, new_chunks=1, added_bytes=9, seconds=0.25, **more,
    )  # fmt: skip


def last_kind(registry: Registry) -> str:
    return registry.journal.newest(1)[0].kind


# Versions and references


def test_content_that_comes_back_later_names_the_version_it_repeats(registry: Registry) -> None:
    versions = [add(registry, content) for content in ("a", "b", "a", "b", "a")]
    assert [version.repeats for version in versions] == ["", "", "flights@1", "flights@2", "flights@3"]
    assert registry.datasets.lines("flights")[0].repeats == "flights@3"
    assert add(registry, "a", "other").repeats == ""


def test_marks_that_come_with_a_repeat_go_to_the_version_there_is(registry: Registry) -> None:
    add(registry, "a", tags=("raw",))
    again = add(registry, "a", tags=("raw", "checked"), note="as delivered")
    marks = registry.datasets.marks(again.reference)
    assert (again.number, marks.tags, marks.note) == (1, ("raw", "checked"), "as delivered")


def test_the_start_of_a_content_id_must_mean_one_content(registry: Registry) -> None:
    for content in ("abc1", "abc2", "abd", "abc1"):
        add(registry, content)
    assert registry.datasets.get("flights@sha:abd").number == registry.datasets.get("flights@sha:ABD").number == 3
    assert registry.datasets.get("flights@sha:abc1").number == 4
    with pytest.raises(InvalidInput, match="2 contents of flights start with abc") as caught:
        registry.datasets.get("flights@sha:abc")
    assert "flights@2 (abc2…), flights@4 (abc1…)" in caught.value.message and caught.value.hint


@pytest.mark.parametrize("selector", ["9" * 30, "sha:zz", "sha:%", "no-such-alias", "0"])
def test_what_no_version_has_is_not_found(registry: Registry, selector: str) -> None:
    add(registry, "a")
    with pytest.raises(NotFound, match="There is no dataset version"):
        registry.datasets.get(f"flights@{selector}")


# Lists


def test_lists_are_newest_first_and_say_what_points_where(registry: Registry) -> None:
    for dataset, content in (("b", "1"), ("a", "2"), ("b", "3")):
        add(registry, content, dataset)
    registry.datasets.set_alias("b@1", "reference")
    lines = {line.reference: line.aliases for line in registry.datasets.lines()}
    assert list(lines.items()) == [("b@2", ("latest",)), ("a@1", ("latest",)), ("b@1", ("reference",))]
    assert [line.reference for line in registry.datasets.newest()] == ["a@1", "b@2"]
    assert registry.datasets.line("b@2") == registry.datasets.lines("b")[0]
    assert registry.datasets.lines("b")[1].origin == "flights.csv"


def test_an_archived_version_is_not_latest_and_in_no_list(registry: Registry) -> None:
    for content in "abc":
        add(registry, content)
    registry.datasets.archive("flights@3", reason="wrong month")
    datasets = registry.datasets
    assert datasets.get("flights").number == 2 and datasets.get("flights@3").number == 3
    assert [line.number for line in datasets.lines("flights")] == [2, 1]
    assert [version.number for version in datasets.versions("flights")] == [2, 1]
    listed = datasets.lines("flights", include_archived=True)
    assert [(line.number, line.is_archived, line.aliases) for line in listed][:2] == [
        (3, True, ()),
        (2, False, ("latest",)),
    ]
    assert datasets.newest()[0].number == 2
    assert add(registry, "c").number == 4
    datasets.unarchive("flights@3")
    assert [line.number for line in datasets.lines("flights")] == [4, 3, 2, 1]


def test_a_dataset_with_nothing_but_archived_versions_has_no_latest(registry: Registry) -> None:
    add(registry, "a")
    registry.datasets.archive("flights@1")
    assert registry.datasets.names() == registry.datasets.newest() == registry.datasets.lines() == []
    assert registry.datasets.names(include_archived=True) == ["flights"]
    with pytest.raises(NotFound, match="All versions of flights are archived"):
        registry.datasets.get("flights")


# Marks


def test_notes_and_tags_change_and_each_change_is_on_record_once(registry: Registry) -> None:
    add(registry, "a", note=" first ", tags=("raw",))
    datasets = registry.datasets
    assert datasets.marks("flights").note == "first"
    assert datasets.tag("flights@1", "gold", "raw").tags == ("raw", "gold")
    assert datasets.untag("flights@1", "raw", "never").tags == ("gold",)
    assert datasets.set_note("flights@1", "second").note == "second"
    head = registry.journal.head()
    datasets.tag("flights@1", "gold")
    datasets.untag("flights@1", "raw")
    datasets.set_note("flights@1", "second ")
    assert registry.journal.head() == head == 5
    assert registry.datasets.lines()[0].tags == ("gold",)


@pytest.mark.parametrize("tag", ["", "  ", "two\nlines", "x" * 101])
def test_a_tag_is_a_short_printable_word(registry: Registry, tag: str) -> None:
    add(registry, "a")
    with pytest.raises(InvalidInput, match="cannot be a tag"):
        registry.datasets.tag("flights", tag)
    with pytest.raises(InvalidInput, match="cannot be a tag"):
        add(registry, "b", tags=(tag,))
    assert len(registry.datasets.lines()) == 1


# Aliases


def test_an_alias_is_a_reference_and_moves_with_a_reason(registry: Registry) -> None:
    for content in "ab":
        add(registry, content)
    datasets = registry.datasets
    datasets.set_alias("flights@1", "reference", "clean month")
    assert datasets.get("flights@reference").number == 1
    datasets.set_alias("flights", "reference", "cleaner month")
    assert datasets.get("flights@reference").number == 2 and datasets.aliases("flights") == {"reference": 2}
    moved = registry.journal.newest(1, kinds=[DatasetAliasMoved.kind])[0]
    assert (moved.payload["before"], moved.payload["after"], moved.payload["reason"]) == ("1", "2", "cleaner month")
    head = registry.journal.head()
    datasets.set_alias("flights@2", "reference")
    assert registry.journal.head() == head
    datasets.drop_alias("flights", "reference")
    with pytest.raises(NotFound):
        datasets.get("flights@reference")
    with pytest.raises(NotFound, match="has no alias reference"):
        datasets.drop_alias("flights", "reference")


@pytest.mark.parametrize("alias", ["", "3", "latest", "Latest", "sha:ab", "a b", "a@b", "٣", "x" * 101])
def test_an_alias_cannot_be_mistaken_for_another_selector(registry: Registry, alias: str) -> None:
    add(registry, "a")
    with pytest.raises(InvalidInput, match="cannot be an alias"):
        registry.datasets.set_alias("flights", alias)


# Deletion


def test_a_deleted_version_says_when_and_why_and_its_number_is_not_used_again(
    registry: Registry, clock: ManualClock
) -> None:
    for content in ("aa", "bb"):
        add(registry, content)
    clock.advance(timedelta(days=1))
    registry.datasets.delete("flights@2", "personal data")
    for selector in ("2", "sha:bb", "sha:b"):
        with pytest.raises(NotFound, match="flights@2 was deleted on 2024-01-02 00:00 UTC by tester: personal data"):
            registry.datasets.get(f"flights@{selector}")
    assert registry.datasets.get("flights").number == 1
    assert add(registry, "cc").number == 3
    assert [left.reference for left in registry.datasets.tombstones("flights")] == ["flights@2"]
    assert add(registry, "bb").repeats == ""


def test_a_dataset_of_which_all_is_deleted_goes_on_with_its_numbers(registry: Registry) -> None:
    add(registry, "a")
    registry.datasets.delete("flights@1", "a test")
    assert registry.datasets.names(include_archived=True) == []
    assert add(registry, "a").number == 2


def test_what_an_alias_points_at_is_not_deleted_nor_is_anything_without_a_reason(registry: Registry) -> None:
    add(registry, "a")
    registry.datasets.set_alias("flights@1", "reference")
    with pytest.raises(Conflict, match="flights@1 is reference of flights"):
        registry.datasets.delete("flights@1", "a test")
    with pytest.raises(InvalidInput, match="needs a reason"):
        registry.datasets.delete("flights@1", " ")
    assert registry.datasets.get("flights").number == 1


# Attempts


def test_every_attempt_is_told_newest_first(registry: Registry) -> None:
    add(registry, "a")
    add(registry, "a")
    registry.datasets.record_failure("flights", "broken.csv", "line 3 has 2 fields", 0.5, size=77)
    registry.datasets.record_failure("flights", "long.csv", "cancelled", 1.5, is_cancelled=True)
    add(registry, "a", "flights-2")
    found = registry.datasets.attempts("flights")
    assert [(a.outcome, a.origin, a.version, a.size, a.rows, a.seconds) for a in found] == [
        ("cancelled", "long.csv", "", 0, 0, 1.5),
        ("failed", "broken.csv", "", 77, 0, 0.5),
        ("repeated", "flights.csv", "flights@1", 1_000, 3, 0.25),
        ("stored", "flights.csv", "flights@1", 1_000, 3, 0.25),
    ]
    assert {attempt.dataset for attempt in found} == {"flights"} and found[0].actor == "tester"
    assert len(registry.datasets.attempts()) == 5
    assert [attempt.dataset for attempt in registry.datasets.attempts(limit=1)] == ["flights-2"]


def test_attempts_that_an_older_program_recorded_are_told_as_well(registry: Registry) -> None:
    class Older(DatasetIngestFailed, frozen=True):
        kind = DatasetIngestFailed.kind

        def payload(self) -> dict[str, Any]:
            return {"origin": self.origin, "reason": self.reason, "seconds": self.seconds}

    registry.record(Older("a.csv", "cancelled", 1.0), "flights")
    registry.record(Older("b.csv", "torn", 1.0), "flights")
    assert [(found.outcome, found.size) for found in registry.datasets.attempts()] == [("failed", 0), ("cancelled", 0)]
