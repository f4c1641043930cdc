"""Cells and counts: exact enough, and not to be broken by outliers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from mlops_desktop.monitoring.grid import (
    CategoryGrid,
    QuantileGrid,
    UniformGrid,
    category_grid,
    group_starts,
    numeric_grid,
)
from mlops_desktop.monitoring.methods import JENSEN_SHANNON, KS, PSI

Draw = Callable[[np.random.Generator, int], np.ndarray]
DISTRIBUTIONS: dict[str, Draw] = {
    "normal": lambda random, rows: random.normal(size=rows),
    "lognormal": lambda random, rows: random.lognormal(size=rows),
    "wild lognormal": lambda random, rows: random.lognormal(0, 3, rows),
    "Cauchy": lambda random, rows: random.standard_cauchy(rows),
    "mostly zero": lambda random, rows: np.where(random.random(rows) < 0.9, 0, random.exponential(size=rows)),
    "whole numbers": lambda random, rows: random.poisson(4, rows).astype(float),
    "tenths": lambda random, rows: np.round(random.normal(size=rows), 1),
    "far from zero": lambda random, rows: 1_013 + random.normal(0, 3, rows),
}

DECIMALS = {"whole numbers": 0, "tenths": 1}


def _column(values: object) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values)])


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_ks_from_counts_is_that_of_the_values(name: str, kind: type) -> None:
    random = np.random.default_rng(3)
    reference = DISTRIBUTIONS[name](random, 100_000)
    window = DISTRIBUTIONS[name](random, 50_000)
    window = (window - np.median(window)) * 1.2 + np.median(window)
    window = np.round(window, DECIMALS.get(name, 9)).astype(kind)
    grid = numeric_grid(reference)
    known, _ = grid.count(_column(reference))
    counts, _ = grid.count(_column(window))
    exact = ks_2samp(reference.astype(kind), window, method="asymp").statistic
    # Where cells are equal, a few rows of 50,000 may lie on the other side of the largest difference within its cell;
    # cells of equal shares hold 1 / 8192 of the rows each.
    allowed = 1e-4 if isinstance(grid, UniformGrid) else 2 / 8_192
    assert float(KS.score(known, counts, grid.edges)) == pytest.approx(exact, abs=allowed)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_number_has_one_cell_whatever_type_it_is_stored_in(name: str) -> None:
    values = DISTRIBUTIONS[name](np.random.default_rng(4), 20_000).astype(np.float32)
    grid = numeric_grid(values.astype(np.float64))
    single, _ = grid.count(_column(values))
    double, _ = grid.count(_column(values.astype(np.float64)))
    assert np.array_equal(single, double)


def test_columns_that_crowd_get_cells_of_equal_shares_and_a_cell_per_frequent_value() -> None:
    grid = numeric_grid(DISTRIBUTIONS["mostly zero"](np.random.default_rng(5), 50_000))
    assert isinstance(grid, QuantileGrid)
    zeros, _ = grid.count(_column(np.zeros(10)))
    near, _ = grid.count(_column(np.full(10, 1e-3)))
    assert zeros.max() == near.max() == 10
    assert zeros.argmax() != near.argmax()


def test_whole_numbers_have_a_cell_each_and_numbers_between_them_another() -> None:
    grid = numeric_grid(np.arange(8.0))
    counts, _ = grid.count(_column(np.array([0, 1, 2, 2.5, 7], np.float64)))
    assert grid == UniformGrid(-0.25, 0.5, 15)
    assert sorted(counts[counts > 0]) == [1, 1, 1, 1, 1]


@pytest.mark.parametrize("outlier", [1e6, -1e9, 1e300, np.inf])
def test_one_outlier_hides_no_shift(outlier: float) -> None:
    random = np.random.default_rng(6)
    reference, window = random.normal(size=20_000), random.normal(0.5, 1, 5_000)
    for method in (KS, JENSEN_SHANNON, PSI):
        scores = []
        for known, seen in ((reference, window), (np.append(reference, outlier), np.append(window, outlier))):
            grid = numeric_grid(known)
            scores.append(float(method.score(grid.count(_column(known))[0], grid.count(_column(seen))[0], grid.edges)))
        assert scores[0] > 0.1
        assert scores[1] == pytest.approx(scores[0], rel=0.02)


def test_missing_values_are_counted_apart_and_infinite_ones_in_the_tails() -> None:
    grid = numeric_grid(np.random.default_rng(7).normal(size=1_000))
    column = pa.chunked_array([pa.array([0.0, None, float("nan")]), pa.array([np.inf, -np.inf, None])])
    counts, missing = grid.count(column)
    assert missing == 3
    assert counts.sum() == 3
    assert counts[0] == counts[-1] == 1


def test_categories_know_the_unseen_and_the_missing() -> None:
    grid = category_grid(_column(["b", "a", "b", None, "🙂"]), known=("never",))
    assert grid == CategoryGrid(("b", "a", "🙂", "never"))
    counts, missing = grid.count(_column(["a", "b", "new", None, "newer"]).dictionary_encode())
    assert counts.tolist() == [1, 1, 0, 0, 2]
    assert missing == 1


@given(
    st.lists(st.floats(width=32, allow_nan=True, allow_infinity=True), max_size=60),
    st.lists(st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)), max_size=60),
)
def test_every_value_is_counted_once_and_codes_agree_with_counts(known: list[float], seen: list[float | None]) -> None:
    grid = numeric_grid(np.array(known, np.float64))
    counts, missing = grid.count(pa.chunked_array([pa.array(seen, pa.float64())]))
    assert counts.min(initial=0) >= 0
    assert counts.sum() + missing == len(seen)
    codes = grid.codes(np.array([np.nan if value is None else value for value in seen], np.float64))
    assert np.array_equal(np.bincount(codes[codes >= 0], minlength=grid.size), counts)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=200), st.integers(1, 40))
def test_groups_of_cells_cover_all_cells_in_order(counts: list[int], groups: int) -> None:
    starts = group_starts(np.array(counts), groups)
    assert starts[0] == 0
    assert (np.diff(starts) > 0).all()
    assert starts[-1] < len(counts)
    assert np.add.reduceat(np.array(counts), starts).sum() == sum(counts)
