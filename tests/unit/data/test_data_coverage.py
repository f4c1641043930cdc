"""Gaps of a time column are found however its rows are ordered and cut."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_desktop.core.datasets import Gap
from mlops_desktop.data.profiles.coverage import KEPT_HOLES, gaps, stretches_of
from mlops_desktop.data.profiles.profile import profile_of, profile_table
from mlops_desktop.data.profiles.summary import pack, summary_of, unpack

MINUTE = 60_000_000
HOUR = 60 * MINUTE


def gaps_of(times: np.ndarray, chunk: int = 5_000) -> tuple[Gap, ...]:
    table = pa.table({"at": pa.array(times.astype(np.int64), pa.timestamp("us"))})
    parts = [unpack(pack(summary_of(table.slice(at, chunk)))) for at in range(0, len(times), chunk)]
    return profile_of(table.schema, parts, time_column="at").gaps


def test_an_outage_in_regular_data_is_a_gap_with_the_times_beside_it():
    times = np.delete(np.arange(10_000) * MINUTE, slice(4_000, 4_100))
    assert gaps_of(times) == (Gap("1970-01-03T18:39:00", "1970-01-03T20:20:00", 101 * 60.0),)


def test_regular_data_and_random_arrivals_have_no_gaps():
    assert gaps_of(np.arange(20_000) * MINUTE) == ()
    arrivals = np.cumsum(np.random.default_rng(5).exponential(30 * MINUTE, 20_000))
    assert gaps_of(arrivals) == ()


@pytest.mark.parametrize("is_shuffled", [False, True])
def test_nights_without_rows_are_usual_and_a_missing_day_is_not(is_shuffled: bool):
    random = np.random.default_rng(6)
    days = np.delete(np.arange(365), [100, 200, 201])
    times = np.sort((days[:, None] * 24 * HOUR + random.integers(6 * HOUR, 23 * HOUR, (len(days), 200))).ravel())
    if is_shuffled:
        random.shuffle(times)
    found = gaps_of(times, chunk=20_000)
    assert [gap.start[:10] for gap in found] == ["1970-04-10", "1970-07-19"]
    assert [round(gap.seconds / 86_400) for gap in found] == [1, 2]


def test_a_missing_week_of_days_is_a_gap():
    days = np.delete(np.arange(100, dtype=np.int32), slice(50, 57))
    found = profile_table(pa.table({"at": pa.array(days, pa.date32())}), time_column="at").gaps
    assert found == (Gap("1970-02-19", "1970-02-27", 8 * 86_400.0),)


def test_zones_are_said_and_nulls_do_not_count():
    start = datetime(2024, 1, 1, tzinfo=UTC)
    times = [start + timedelta(hours=hour) for hour in range(100) if hour not in range(50, 60)]
    table = pa.table({"at": pa.array([*times, None], pa.timestamp("ns", "UTC"))})
    assert profile_table(table, time_column="at").gaps == (
        Gap("2024-01-03T01:00:00Z", "2024-01-03T12:00:00Z", 11 * 3600.0),
    )


@pytest.mark.parametrize("times", [[], [5], [5, 5, 5], [0, 1_000_000_000], [0, 1, 50]])
def test_too_few_times_tell_nothing(times: list[int]):
    assert gaps_of(np.array(times)) == ()


def test_the_farthest_times_there_are_do_not_overflow():
    ends = np.iinfo(np.int64)
    times = np.concatenate([[ends.min + 1], np.arange(100), [ends.max]])
    assert [(start, end) for start, end in gaps([stretches_of(times)], 102, 1e6)] == [
        (ends.min + 1, 0),
        (99, ends.max),
    ]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 100_000), min_size=2, max_size=KEPT_HOLES), st.integers(1, KEPT_HOLES))
def test_cut_anywhere_in_any_order_the_gaps_are_those_of_the_whole(times: list[int], at: int):
    whole = np.unique(times)
    parts = [stretches_of(np.unique(part)) for part in (times[:at], times[at:]) if part]
    assert gaps(parts, len(whole), 1.0) == gaps([stretches_of(whole)], len(whole), 1.0)
