"""Tables as model inputs, targets, and the split by time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.models import Feature, Task
from mlops_desktop.training.signatures import input_names
from mlops_desktop.training.specs import ModelSection
from mlops_desktop.training.splits import DAY, split_latest
from mlops_desktop.training.tables import MISSING_TEXT, column, feature_frame, microseconds, numbers, texts
from mlops_desktop.training.targets import class_names, known_targets, target_array

START = datetime(2024, 1, 1, tzinfo=UTC)


def _chunked(values, kind=None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, None], pa.int16(), [1, np.nan]),
        ([True, False, None], pa.bool_(), [1, 0, np.nan]),
        ([1.5, float("inf"), float("nan")], pa.float64(), [1.5, np.nan, np.nan]),
        ([1e300, -1e300], pa.float64(), [np.nan, np.nan]),
        ([None, None], pa.null(), [np.nan, np.nan]),
        ([2**53 + 1], pa.int64(), [float(2**53)]),
        ([], pa.float32(), []),
    ],
)
def test_numbers_become_float32_with_nan_for_what_is_missing(values, kind, expected):
    found = numbers(_chunked(values, kind), "x")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.array(expected, dtype=np.float32))


def test_text_and_times_are_no_numbers():
    for values in (["1"], [START]):
        with pytest.raises(InvalidInput, match="Column 'x' holds"):
            numbers(_chunked(values), "x")


def test_texts_keep_their_value_and_mark_what_is_missing():
    dictionary = pa.chunked_array([pa.array(["東京", None, "東京"]).dictionary_encode()])
    assert texts(dictionary).tolist() == ["東京", MISSING_TEXT, "東京"]
    assert texts(_chunked([], pa.string())).tolist() == []
    assert texts(pa.chunked_array([], pa.string())).tolist() == []
    assert texts(_chunked([None], pa.null())).tolist() == [MISSING_TEXT]


def test_a_frame_has_the_signatures_columns_in_its_order():
    table = pa.table({"z": [1, 2], "c": ["a", None], "extra": [0, 0]})
    frame = feature_frame(table, [Feature("c", ColumnType.TEXT, "c"), Feature("z", ColumnType.INTEGER, "z")])
    assert list(frame.columns) == ["c", "z"]
    assert [str(kind) for kind in frame.dtypes] == ["object", "float32"]


def test_a_missing_column_and_a_repeated_one_are_named():
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(InvalidInput, match="2 columns named 'a'"):
        column(table, "a")
    with pytest.raises(InvalidInput, match="no column 'carier', did you mean 'carrier'"):
        column(pa.table({"carrier": [1]}), "carier")


def test_times_of_any_unit_and_zone_are_microseconds_in_utc():
    noon = datetime(2024, 1, 1, 12)
    expected = int(noon.replace(tzinfo=UTC).timestamp()) * 1_000_000
    for kind in (pa.timestamp("ns"), pa.timestamp("s"), pa.timestamp("ms", "UTC")):
        found = microseconds(pa.table({"at": pa.array([noon, None], kind)}), "at")
        assert found.tolist() == [expected, np.iinfo(np.int64).min]
    assert microseconds(pa.table({"at": pa.array([noon.date()])}), "at").tolist() == [expected - DAY // 2]
    with pytest.raises(InvalidInput, match="not times"):
        microseconds(pa.table({"at": [1]}), "at")


def test_input_names_are_unique_and_plain():
    names = ("a.b", "a_b", "my col", "東京", "🚀", "label", "x3", "class")
    found = input_names(names)
    assert len(set(found.values())) == len(names)
    assert all(name.isascii() and name.isidentifier() for name in found.values())
    assert found["a_b"] == "a_b"
    assert found["label"] != "label"


@pytest.mark.parametrize(
    ("values", "positive", "classes", "labels"),
    [
        ([0, 1, None], None, ("0", "1"), [0, 1, np.nan]),
        ([0.0, 1.0, float("nan")], None, ("0", "1"), [0, 1, np.nan]),
        ([True, False], None, ("false", "true"), [1, 0]),
        (["no", "yes"], "no", ("yes", "no"), [1, 0]),
        ([2, 1], 1, ("2", "1"), [0, 1]),
        ([True, False], False, ("true", "false"), [0, 1]),
    ],
)
def test_the_positive_class_is_one_and_comes_last(values, positive, classes, labels):
    table, model = pa.table({"y": values}), ModelSection("m", Task.CLASSIFICATION, "y", positive)
    assert class_names(table, model) == classes
    np.testing.assert_array_equal(target_array(table, model, classes), labels)


@pytest.mark.parametrize(
    ("values", "positive", "said"),
    [
        ([1, 1], None, r"single class of 'y' \(1\)"),
        ([None, None], None, "single class"),
        (["a", "b", "c"], "a", "3 classes"),
        (["no", "yes"], None, "not clear which class"),
        (["no", "yes"], "maybe", "positive is 'maybe'"),
    ],
)
def test_classes_that_cannot_be_used_are_refused_in_words(values, positive, said):
    with pytest.raises(InvalidInput, match=said):
        class_names(pa.table({"y": values}), ModelSection("m", Task.CLASSIFICATION, "y", positive))


def test_a_class_that_training_did_not_see_is_refused():
    with pytest.raises(InvalidInput, match="holds 'c'"):
        target_array(pa.table({"y": ["a", "c"]}), ModelSection("m", Task.CLASSIFICATION, "y", "a"), ("b", "a"))


def test_rows_without_a_label_are_known_as_such():
    assert known_targets(pa.table({"y": [1.0, None, float("nan")]}), "y").tolist() == [True, False, False]


@settings(max_examples=80, deadline=None)
@given(
    hours=st.lists(st.integers(0, 24 * 60), min_size=1, max_size=60),
    unlabelled=st.sets(st.integers(0, 59)),
    train_days=st.integers(1, 40),
    test_days=st.integers(1, 20),
    as_of=st.integers(0, 24 * 70),
)
def test_parts_never_overlap_and_never_see_the_future(hours, unlabelled, train_days, test_days, as_of):
    epoch = int(START.timestamp()) * 1_000_000
    times = np.array(hours, dtype=np.int64) * 3_600_000_000 + epoch
    known = np.array([i not in unlabelled for i in range(len(hours))])
    now = START + timedelta(hours=as_of)
    split = split_latest(times, known, now, train_days, test_days)
    boundary = int(split.boundary.timestamp()) * 1_000_000
    assert not set(split.train) & set(split.test)
    assert known[split.train].all()
    assert known[split.test].all()
    assert (times[split.train] < boundary).all()
    assert (times[split.train] >= boundary - train_days * DAY).all()
    assert (times[split.test] >= boundary).all()
    assert (times[split.test] < boundary + test_days * DAY).all()
    usable = known & (times < int(now.timestamp()) * 1_000_000)
    assert bool(split.test.size) == bool(usable.any())
    inside = usable & (times >= boundary - train_days * DAY)
    assert split.train.size + split.test.size == inside.sum()


def test_the_newest_days_are_whole_days_before_now():
    times = np.array([int((START + timedelta(days=d, hours=5)).timestamp()) * 1_000_000 for d in range(30)])
    split = split_latest(times, np.ones(30, dtype=bool), START + timedelta(days=20), 10, 4)
    assert split.test.tolist() == [16, 17, 18, 19]
    assert split.train.tolist() == list(range(6, 16))
    assert split.boundary == START + timedelta(days=16)
