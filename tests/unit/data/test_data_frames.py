"""Rows as pandas has them: no value changes on the way."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pyarrow as pa
import pytest

from mlops_desktop.data.frames import as_frame
from mlops_desktop.registry import Registry
from mlops_desktop.workspace.data import Data

LARGE = 2**63 - 1


def test_integers_and_booleans_with_missing_values_stay_what_they_are() -> None:
    frame = as_frame(pa.table({"n": [LARGE, None], "b": [True, None], "whole": [1, 2], "f": [0.5, None]}))
    assert [str(kind) for kind in frame.dtypes] == ["Int64", "boolean", "int64", "float64"]
    assert frame["n"][0] == LARGE and frame["n"].isna().tolist() == [False, True]


def test_dates_become_times_and_texts_stay_texts() -> None:
    frame = as_frame(pa.table({"day": [date(2024, 2, 29), None], "text": ["", None]}))
    assert frame["day"][0] == pd.Timestamp("2024-02-29")
    assert frame["text"][0] == "" and frame["text"].isna().tolist() == [False, True]


def test_a_table_without_rows_keeps_its_columns() -> None:
    assert list(as_frame(pa.table({"a": pa.array([], pa.int64())})).columns) == ["a"]


def test_what_is_read_can_be_added_again_as_the_same_content(registry: Registry) -> None:
    data = Data(registry)
    rows = pa.table({"n": [LARGE, None, 3], "b": [True, None, False], "t": ["x", None, ""]})
    assert data.add("rows", rows).outcome == "stored"
    assert data.add("rows", data.read("rows")).outcome == "repeated"


def test_versions_of_nothing_and_a_log_that_is_not_there_are_told(registry: Registry) -> None:
    data = Data(registry)
    with pytest.raises(Exception, match="no dataset version nothing"):
        data.versions("nothing")
    assert "no prediction log of 'nothing'" in data.preview_source("log:nothing").problem
