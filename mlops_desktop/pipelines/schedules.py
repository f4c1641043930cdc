"""When a schedule is due, by APScheduler's cron triggers against the workspace's clock.

The times are the workspace's, so a replay and real time take one path; what was due while nobody ran is decided by
the schedule's missed-run policy. An APScheduler job only wakes the engine at the next due time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from msgspec import Struct

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.pipelines import MissedRunPolicy, Schedule

_LATE = timedelta(hours=12)
_COUNTED = 1_000
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class Due(Struct, frozen=True):
    """A schedule whose time has come. `runs` is what its policy says.

    `missed` counts earlier times that passed unseen, to a thousand.
    """

    schedule: Schedule
    due: datetime
    next_at: datetime | None
    missed: int
    runs: bool


def trigger_of(cron: str) -> CronTrigger:
    """The trigger of a five-field cron expression, in UTC; weekday 0 and 7 are Sunday. Raises `InvalidInput`."""
    try:
        return CronTrigger.from_crontab(_with_named_weekdays(cron), timezone=UTC)
    except ValueError as error:
        raise InvalidInput(
            f"`{cron}` is not a cron expression: {error}.",
            hint="Use five fields: minute, hour, day, month, weekday, as in `0 6 * * mon`.",
        ) from error


def _with_named_weekdays(cron: str) -> str:
    """Weekday numbers as names: cron counts from Sunday, APScheduler from Monday."""
    fields = cron.split()
    if len(fields) == 5:
        fields[4] = ",".join(_named(part) for part in fields[4].split(","))
    return " ".join(fields)


def _named(part: str) -> str:
    days, _, step = part.partition("/")
    first, _, last = days.partition("-")
    if not first.isdecimal() or not (last or first).isdecimal() or (step and not step.isdecimal()):
        return part
    start, end = int(first), int(last or (6 if step else first))
    if start > end or end > 7:
        raise ValueError(f"{part} is not a range of weekdays from 0 (Sunday) to 7 (Sunday)")
    return ",".join(_WEEKDAYS[day % 7] for day in range(start, end + 1, max(1, int(step or 1))))


def next_times(cron: str, after: datetime, count: int = 5) -> list[datetime]:
    """The next times strictly after `after`."""
    trigger, found, moment = trigger_of(cron), list[datetime](), after
    while len(found) < count:
        following = trigger.get_next_fire_time(None, moment + timedelta(microseconds=1))
        if following is None:
            break
        found.append(following)
        moment = following
    return found


def planned(schedule: Schedule, now: datetime) -> Schedule:
    """The schedule with its next time filled in."""
    upcoming = next_times(schedule.cron, now, 1)
    return msgspec.structs.replace(schedule, next_at=upcoming[0] if upcoming else None)


def due_at(schedules: list[Schedule], now: datetime) -> list[Due]:
    """What is due at `now`, oldest first."""
    found = [_due(schedule, now) for schedule in schedules if _is_due(schedule, now)]
    return sorted(found, key=lambda due: due.due)


def _is_due(schedule: Schedule, now: datetime) -> bool:
    return schedule.enabled and schedule.next_at is not None and schedule.next_at <= now


def _due(schedule: Schedule, now: datetime) -> Due:
    latest, missed = schedule.next_at or now, 0
    following = next_times(schedule.cron, latest, 1)
    while following and following[0] <= now:
        latest, missed = following[0], missed + 1
        if missed == _COUNTED:
            latest = _newest(schedule.cron, now)
        following = next_times(schedule.cron, latest, 1)
    late = now - latest > _LATE
    return Due(
        schedule=schedule,
        due=latest,
        next_at=following[0] if following else None,
        missed=missed,
        runs=not (late and schedule.missed is MissedRunPolicy.SKIP),
    )


def _newest(cron: str, now: datetime) -> datetime:
    """The last time up to `now`, found without going through all before it."""
    for span in (timedelta(hours=1), timedelta(days=1), timedelta(days=32), timedelta(days=400), timedelta(days=4_000)):
        found = [moment for moment in next_times(cron, now - span, 1) if moment <= now]
        while found and (following := next_times(cron, found[0], 1)) and following[0] <= now:
            found = following
        if found:
            return found[0]
    return now


class Alarm:
    """Wakes the engine at given real times, through APScheduler's own thread."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._times: list[datetime] = []
        self._scheduler = BackgroundScheduler(timezone=UTC)
        self._scheduler.start()

    def set(self, times: list[datetime]) -> None:
        """Replace what is set by `times`."""
        if times == self._times:
            return
        self._times = times
        self._scheduler.remove_all_jobs()
        for moment in times:
            # Once a century rather than once: a job that is done is removed, which may fail while `close` is called.
            trigger = IntervalTrigger(days=36_500, start_date=moment, timezone=UTC)
            self._scheduler.add_job(self._wake, trigger, misfire_grace_time=None)

    def close(self) -> None:
        self._scheduler.shutdown(wait=False)
