"""When schedules are due, in UTC, and what becomes of times that nobody saw."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.pipelines import MissedRunPolicy, Schedule
from mlops_desktop.pipelines.schedules import Alarm, due_at, next_times, planned

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def schedule(cron: str = "0 5 * * *", **changes: object) -> Schedule:
    return msgspec.structs.replace(Schedule("nightly", "monitor", cron, {}, None), **changes)


def test_the_next_times_are_strictly_later() -> None:
    assert next_times("0 5 * * *", MONDAY, 3) == [MONDAY + 5 * HOUR + n * DAY for n in range(3)]
    assert next_times("0 5 * * *", MONDAY + 5 * HOUR, 1) == [MONDAY + 5 * HOUR + DAY]
    assert next_times("0 5 * * *", MONDAY + 5 * HOUR - timedelta(microseconds=1), 1) == [MONDAY + 5 * HOUR]


@pytest.mark.parametrize(
    ("weekdays", "found"),
    [
        ("mon", "Mon"), ("1", "Mon"), ("0", "Sun"), ("7", "Sun"), ("1-5", "Mon Tue Wed Thu Fri"), ("5,6", "Fri Sat"),
        ("0-6", "Mon Tue Wed Thu Fri Sat Sun"), ("mon,4", "Mon Thu"), ("1-5/2", "Mon Wed Fri"),
        ("*", "Mon Tue Wed Thu Fri Sat Sun"),
        ("5-7", "Fri Sat Sun"), ("2/2", "Tue Thu Sat"),
    ],
)  # fmt: skip
def test_weekdays_are_counted_as_cron_counts_them(weekdays: str, found: str) -> None:
    times = next_times(f"0 5 * * {weekdays}", MONDAY, 14)
    seen = {f"{moment:%a}" for moment in times}
    assert seen == set(found.split())


def test_the_days_on_which_clocks_change_are_like_any_other() -> None:
    for change in (
        datetime(2024, 3, 10, tzinfo=UTC),
        datetime(2024, 3, 31, tzinfo=UTC),
        datetime(2024, 10, 27, tzinfo=UTC),
    ):
        times = next_times("30 * * * *", change - HOUR, 26)
        assert {later - earlier for earlier, later in pairwise(times)} == {HOUR}


@pytest.mark.parametrize(
    "cron", ["", "daily", "0 5 * *", "0 5 * * * *", "61 5 * * *", "0 5 * * 8", "0 5 * * 5-2", "0 5 * * sometimes"]
)
def test_a_broken_expression_is_named_with_an_example(cron: str) -> None:
    with pytest.raises(InvalidInput, match="is not a cron expression") as caught:
        next_times(cron, MONDAY)
    assert "0 6 * * mon" in caught.value.hint


def test_an_expression_that_never_comes_has_no_next_time() -> None:
    assert next_times("0 0 30 2 *", MONDAY) == []
    assert planned(schedule("0 0 30 2 *"), MONDAY).next_at is None


def test_a_time_is_due_once_it_has_come() -> None:
    nightly = planned(schedule(), MONDAY)
    assert nightly.next_at == MONDAY + 5 * HOUR
    assert due_at([nightly], MONDAY + 5 * HOUR - timedelta(seconds=1)) == []
    (due,) = due_at([nightly], MONDAY + 5 * HOUR)
    assert (due.due, due.next_at, due.missed, due.runs) == (MONDAY + 5 * HOUR, MONDAY + 5 * HOUR + DAY, 0, True)


def test_a_schedule_that_is_off_or_has_no_time_is_never_due() -> None:
    nightly = planned(schedule(enabled=False), MONDAY)
    assert due_at([nightly, schedule()], MONDAY + 30 * DAY) == []


def test_missed_times_are_made_up_for_by_one_run() -> None:
    nightly = planned(schedule(missed=MissedRunPolicy.RUN_ONCE), MONDAY)
    (due,) = due_at([nightly], MONDAY + 4 * DAY + 23 * HOUR)
    assert (due.due, due.missed, due.runs) == (MONDAY + 4 * DAY + 5 * HOUR, 4, True)
    assert due.next_at == MONDAY + 5 * DAY + 5 * HOUR


@pytest.mark.parametrize("cron", ["* * * * *", "*/7 3 * * *", "30 * * * mon"])
def test_years_without_engine_are_caught_up_with_without_counting_every_minute(cron: str) -> None:
    now = MONDAY + 1_500 * DAY + timedelta(minutes=3, seconds=20)
    (due,) = due_at([planned(schedule(cron), MONDAY)], now)
    assert due.missed == 1_000 and due.due <= now and due.next_at is not None and due.next_at > now
    assert next_times(cron, due.due, 1) == [due.next_at]


@pytest.mark.parametrize(("late", "runs"), [(HOUR, True), (12 * HOUR, True), (13 * HOUR, False), (23 * HOUR, False)])
def test_a_schedule_may_skip_what_it_missed_by_half_a_day(late: timedelta, runs: bool) -> None:
    nightly = planned(schedule(missed=MissedRunPolicy.SKIP), MONDAY)
    (due,) = due_at([nightly], MONDAY + 3 * DAY + 5 * HOUR + late)
    assert (due.missed, due.runs) == (3, runs)


def test_what_is_due_comes_in_the_order_of_its_times() -> None:
    schedules = [planned(schedule(f"0 {hour} * * *", name=str(hour)), MONDAY) for hour in (9, 3, 6)]
    assert [due.schedule.name for due in due_at(schedules, MONDAY + 10 * HOUR)] == ["3", "6", "9"]


def test_the_alarm_wakes_the_engine_at_the_next_time() -> None:
    rung = threading.Event()
    alarm = Alarm(rung.set)
    try:
        alarm.set([datetime.now(UTC) + timedelta(days=1)])
        alarm.set([datetime.now(UTC) + timedelta(milliseconds=20)])
        assert rung.wait(10)
    finally:
        alarm.close()
