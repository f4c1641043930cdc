"""Profiles say what the rows hold, however they were cut."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kurtosis, skew

from mlops_desktop.core.datasets import ColumnProfile, Profile
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.data.hashing import finish
from mlops_desktop.data.profiles.distinct import distinct_of, merged_distinct
from mlops_desktop.data.profiles.histogram import MAX_BINS, histogram_of, merged_histogram
from mlops_desktop.data.profiles.profile import QUANTILE_LEVELS, profile_of, profile_table
from mlops_desktop.data.profiles.summary import ColumnSummary, pack, summary_of, unpack

finite = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=200)


def column(values: pa.Array) -> ColumnProfile:
    return profile_table(pa.table({"a": values})).columns[0]


def test_numbers_are_summarised_as_numpy_does():
    values = np.random.default_rng(3).gamma(2.0, 10.0, 200_000)
    found = column(pa.array(values, mask=np.arange(200_000) % 10 == 0))
    kept = values[np.arange(200_000) % 10 != 0]
    assert (found.count, found.nulls) == (180_000, 20_000)
    assert found.mean == pytest.approx(kept.mean())
    assert found.std == pytest.approx(kept.std(ddof=1))
    assert (found.minimum, found.maximum) == (kept.min(), kept.max())
    assert found.skewness == pytest.approx(skew(kept))
    assert found.kurtosis == pytest.approx(kurtosis(kept))
    ranks = [float((kept <= q).mean()) for q in found.quantiles]
    assert ranks == pytest.approx(QUANTILE_LEVELS, abs=0.005)
    assert sum(found.counts) == 180_000
    assert found.counts == tuple(np.histogram(kept, found.edges)[0])


def test_few_rows_are_summarised_exactly():
    found = column(pa.array([3, 1, 2, 2, None]))
    assert found.top == (("2", 2), ("1", 1), ("3", 1))
    assert (found.distinct, found.minimum, found.maximum, found.mean) == (3, 1.0, 3.0, 2.0)
    assert found.quantiles[3] == 2.0


def test_texts_have_extremes_and_frequent_values():
    found = column(pa.array(["b", "a", "b", None, "ü", "x" * 500]))
    assert (found.count, found.nulls, found.distinct) == (5, 1, 4)
    assert (found.minimum, found.maximum) == ("a", "ü")
    assert found.top[0] == ("b", 2)
    assert max(len(value) for value, _ in found.top) == 80
    assert found.mean is None


def test_nan_counts_as_missing_and_infinities_do_not_spoil_the_moments():
    found = column(pa.array([1.0, 3.0, math.nan, math.inf, None]))
    assert (found.count, found.nulls) == (3, 2)
    assert (found.mean, found.minimum, found.maximum) == (2.0, 1.0, 3.0)


def test_a_column_of_one_value_has_no_skewness():
    found = column(pa.array([5.0] * 10))
    assert (found.std, found.skewness, found.kurtosis) == (0.0, None, None)


def test_huge_values_have_no_moments_that_are_not_finite():
    found = column(pa.array([1e120, -1e120, 1e119]))
    assert found.std is not None
    assert (found.skewness, found.kurtosis) == (None, None)


def test_profiles_of_earlier_releases_still_decode():
    old = b'{"rows":1,"columns":[{"name":"a","type":"number","count":1,"nulls":0,"distinct":1}],"time_column":""}'
    found = msgspec.json.decode(old, type=Profile)
    assert (found.gaps, found.columns[0].skewness) == ((), None)


def test_summaries_of_earlier_releases_still_decode_and_merge():
    field = pa.schema([pa.field("at", pa.timestamp("us"))])
    (now,) = summary_of(pa.table({"at": pa.array([0, 10], pa.timestamp("us"))}, schema=field))
    fields = list(msgspec.to_builtins(now))[:9]
    fields[5] = fields[5][:3]
    old = msgspec.convert(fields, ColumnSummary)
    assert profile_of(field, [(old,), (now,)], time_column="at").time_end == "1970-01-01T00:00:00.000010"


def test_booleans_have_a_share():
    found = column(pa.array([True, False, True, True, None]))
    assert found.mean == 0.75
    assert found.top == (("true", 3), ("false", 1))


@pytest.mark.parametrize("kind", [pa.timestamp("us", "UTC"), pa.timestamp("ns", "UTC"), pa.timestamp("us")])
def test_times_have_a_span_in_words_and_a_histogram_in_seconds(kind: pa.DataType):
    per_second = 1_000_000_000 if kind.unit == "ns" else 1_000_000
    table = pa.table({"at": pa.array([0, per_second // 2, 86_400 * per_second, None], kind)})
    found = profile_table(table, time_column="at")
    zone = "Z" if kind.tz else ""
    assert (found.time_start, found.time_end) == (f"1970-01-01T00:00:00{zone}", f"1970-01-02T00:00:00{zone}")
    assert found.columns[0].edges[0] <= 0.0 <= 86_400.0 <= found.columns[0].edges[-1]
    assert found.columns[0].mean is None


def test_the_time_column_must_be_one():
    with pytest.raises(InvalidInput, match="no column of times"):
        profile_table(pa.table({"a": [1]}), time_column="a")


@settings(max_examples=40, deadline=None)
@given(finite, st.integers(1, 199))
def test_histograms_merge_without_loss(values: list[float], at: int):
    one, other = np.sort(values[:at]), np.sort(values[at:])
    merged = merged_histogram(
        [
            histogram_of(one, np.ones(len(one), int), whole=False),
            histogram_of(other, np.ones(len(other), int), whole=False),
        ]
    )
    assert 1 <= len(merged.counts) <= MAX_BINS
    below = np.searchsorted(np.sort(values), merged.edges[1:-1], side="left")
    assert merged.counts == tuple(np.diff([0, *below, len(values)]))
    assert merged.edges[0] <= min(values) <= max(values) <= merged.edges[-1]
    assert sum(merged.counts) == len(values)


@settings(max_examples=25, deadline=None)
@given(finite, st.integers(1, 199))
def test_profiles_of_parts_merge_to_the_profile_of_the_whole(values: list[float], at: int):
    table = pa.table({"a": pa.array(values, pa.float64()), "t": [f"{value:.0e}" for value in values]})
    parts = [unpack(pack(summary_of(part))) for part in (table.slice(0, at), table.slice(at))]
    merged, whole = profile_of(table.schema, parts), profile_table(table)
    for found, expected in zip(merged.columns, whole.columns, strict=True):
        assert (found.count, found.nulls, found.minimum, found.maximum) == (
            expected.count, expected.nulls, expected.minimum, expected.maximum,
        )  # fmt: skip
        assert found.distinct == expected.distinct


@pytest.mark.parametrize("number", [10, 256, 257, 5_000, 100_000])
def test_different_values_are_counted_within_a_few_percent(number: int):
    hashes = finish(np.arange(number, dtype=np.uint64))
    parts = [distinct_of(hashes[: number // 2]), distinct_of(hashes[number // 3 :])]
    assert merged_distinct(parts) == pytest.approx(number, rel=0.1 if number > 256 else 0)


def test_a_table_without_rows_has_a_profile():
    found = profile_table(pa.table({"a": pa.array([], pa.float64()), "b": pa.array([], pa.string())}))
    assert found.rows == 0
    assert [(c.count, c.nulls, c.distinct, c.quantiles) for c in found.columns] == [(0, 0, 0, ())] * 2
