"""How columns go together."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import spearmanr
from scipy.stats.contingency import association

from mlops_desktop.core.datasets import Origin
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.data.profiles import correlation as correlating
from mlops_desktop.data.profiles.correlation import Correlation, correlation
from mlops_desktop.data.versions.store import write_version
from mlops_desktop.registry import Registry


@pytest.fixture
def correlated(registry: Registry, origin: Origin):
    def make(table: pa.Table, columns: list[str] | None = None) -> Correlation:
        return correlation(registry, write_version(registry, "t", table, origin), columns)

    return make


def of(found: Correlation, one: str, other: str, *, ranks: bool = False) -> float | None:
    matrix = found.ranks if ranks else found.values
    assert (
        matrix[found.columns.index(one)][found.columns.index(other)]
        == (matrix[found.columns.index(other)][found.columns.index(one)])
    )
    return matrix[found.columns.index(one)][found.columns.index(other)]


def test_numbers_are_correlated_as_numpy_and_scipy_do_it(correlated):
    random = np.random.default_rng(1)
    a = random.normal(1e9, 1.0, 30_000)
    b = (a - 1e9) ** 3 + random.normal(size=30_000)
    n = random.integers(0, 5, 30_000)
    found = correlated(pa.table({"a": a, "b": b, "n": n, "flag": n > 2}))
    assert of(found, "a", "b") == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-6)
    assert of(found, "n", "flag") == pytest.approx(np.corrcoef(n, n > 2)[0, 1])
    assert of(found, "a", "b", ranks=True) == pytest.approx(spearmanr(a, b).statistic)
    assert of(found, "n", "flag", ranks=True) == pytest.approx(spearmanr(n, n > 2).statistic)
    assert of(found, "a", "a") == pytest.approx(1.0)
    assert (found.rows, found.sample) == (30_000, 30_000)


def test_missing_and_infinite_values_are_left_out_pair_by_pair(correlated):
    random = np.random.default_rng(2)
    a, b = random.normal(size=1_000), random.normal(size=1_000)
    b += a
    a[:100], b[50:150] = np.nan, np.inf
    found = correlated(
        pa.table({"a": pa.array(a, mask=np.arange(1_000) > 900), "b": b, "c": random.normal(size=1_000)})
    )
    both = slice(150, 901)
    assert of(found, "a", "b") == pytest.approx(np.corrcoef(a[both], b[both])[0, 1])


def test_texts_go_together_by_cramers_v_and_with_numbers_by_the_correlation_ratio(correlated):
    random = np.random.default_rng(3)
    t = random.integers(0, 4, 20_000)
    u = np.where(random.random(20_000) < 0.5, t, random.integers(0, 4, 20_000))
    x = t * 2.0 + random.normal(size=20_000)
    noise = random.integers(0, 4, 20_000)
    texts = {name: [f"{name}{v}" for v in values] for name, values in (("t", t), ("u", u), ("noise", noise))}
    table = pa.table({"x": x, **texts})
    found = correlated(table)
    counts = np.zeros((4, 4), dtype=int)
    np.add.at(counts, (t, u), 1)
    assert of(found, "t", "u") == pytest.approx(association(counts), abs=0.01)
    assert of(found, "t", "noise") == pytest.approx(0.0, abs=0.03)
    between = sum((t == v).sum() * (x[t == v].mean() - x.mean()) ** 2 for v in range(4))
    assert of(found, "x", "t") == pytest.approx(np.sqrt(between / ((x - x.mean()) ** 2).sum()))
    assert of(found, "t", "t") == 1.0
    assert of(found, "x", "t", ranks=True) is None


def test_a_perfect_association_is_one_and_nulls_do_not_count(correlated):
    found = correlated(
        pa.table({"t": ["a", "b", None, "a"] * 50, "u": ["x", "y", "x", "x"] * 50, "n": [1, 5, 9, 1] * 50})
    )
    assert of(found, "t", "u") == pytest.approx(1.0)
    assert of(found, "t", "n") == pytest.approx(1.0)


def test_constant_columns_tell_nothing(correlated):
    found = correlated(
        pa.table({"a": [1.0, 2.0, 3.0], "c": [7.3] * 3, "t": ["x"] * 3, "none": pa.nulls(3, pa.float64())})
    )
    assert of(found, "a", "c") is None
    assert of(found, "c", "c") is None
    assert of(found, "a", "t") == 0.0
    assert of(found, "t", "t") is None
    assert of(found, "a", "none") is None


def test_ranks_are_of_rows_spread_over_all(correlated, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(correlating, "SAMPLE_ROWS", 1_000)
    a = np.arange(100_000)
    found = correlated(pa.table({"a": a, "b": np.where(a < 50_000, a, -a)}))
    assert found.sample == 1_000
    assert of(found, "a", "b", ranks=True) == pytest.approx(
        spearmanr(a, np.where(a < 50_000, a, -a)).statistic, abs=0.01
    )


def test_columns_that_do_not_fit_are_left_out_unless_asked_for(correlated, numbered):
    table = numbered(500).append_column("id", pa.array([f"id {at}" for at in range(500)]))
    found = correlated(table)
    assert (found.columns, found.left_out) == (("key", "label", "value"), ("at", "id"))
    assert correlated(table, ["value", "key"]).columns == ("value", "key")
    for columns, message in ((["at"], "holds times"), (["id"], "500 different texts"), (["x"], "no column 'x'")):
        with pytest.raises(InvalidInput, match=message):
            correlated(table, columns)


def test_too_many_columns_are_refused_when_asked_for(correlated):
    table = pa.table({f"c{at}": [1, 2] for at in range(61)})
    with pytest.raises(InvalidInput, match="61 columns are too many"):
        correlated(table, table.column_names)
    assert correlated(table).left_out == ("c60",)


def test_a_version_without_rows_has_no_correlations(correlated):
    found = correlated(pa.table({"a": pa.array([], pa.float64()), "t": pa.array([], pa.string())}))
    assert found.values == ((None, None), (None, None))
