"""What every registered drift method keeps, whatever it is given."""

from __future__ import annotations

import doctest
import importlib
import math
import pkgutil
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from mlops_desktop.core.errors import Conflict, NotFound
from mlops_desktop.monitoring import methods
from mlops_desktop.monitoring.methods import DriftMethod, drift_method, drift_methods, register_drift_method
from mlops_desktop.monitoring.reference import Reference, build_reference
from mlops_desktop.monitoring.spec import MonitoringSpec
from mlops_desktop.monitoring.windows import judge_window

START = datetime(2024, 1, 1, tzinfo=UTC)
NUMERIC = [method for method in drift_methods() if method.numeric]
CATEGORICAL = [method for method in drift_methods() if method.categorical]
CASES = [(method, True) for method in NUMERIC] + [(method, False) for method in CATEGORICAL]
EDGES = np.linspace(-3.0, 3.0, 63)

by_case = pytest.mark.parametrize(
    ("method", "numeric"), CASES, ids=[f"{method.name}-{'numbers' if n else 'categories'}" for method, n in CASES]
)


def _edges(numeric: bool) -> np.ndarray | None:
    return EDGES if numeric else None


def _counts(seed: int, rows: int = 5_000, shift: float = 0.0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(shift, 1, rows)
    return np.bincount(np.searchsorted(EDGES, values), minlength=len(EDGES) + 1)


@by_case
def test_a_window_like_the_reference_scores_zero(method: DriftMethod, numeric: bool) -> None:
    counts = _counts(1)
    assert float(method.score(counts, counts, _edges(numeric))) == pytest.approx(0, abs=1e-7)
    # The same shares in a larger window; Jeffreys' half row leaves a trace in methods that smooth.
    assert float(method.score(counts, counts * 20, _edges(numeric))) < 2e-3


@by_case
def test_the_score_grows_with_the_shift_and_is_never_negative(method: DriftMethod, numeric: bool) -> None:
    scores = [float(method.score(_counts(1), _counts(2, shift=shift), _edges(numeric))) for shift in (0, 0.2, 0.6, 2)]
    assert scores[0] >= 0
    assert scores == sorted(scores)
    assert scores[-1] > method.floor


@by_case
def test_many_windows_at_once_score_as_they_do_one_by_one(method: DriftMethod, numeric: bool) -> None:
    reference, windows = _counts(1), np.stack([_counts(seed, 500, shift=seed / 10) for seed in range(2, 8)])
    together = method.score(reference, windows, _edges(numeric))
    assert together == pytest.approx([float(method.score(reference, one, _edges(numeric))) for one in windows])


@by_case
def test_counts_are_not_changed_by_scoring(method: DriftMethod, numeric: bool) -> None:
    reference, window = _counts(1), _counts(2)
    kept = reference.copy(), window.copy()
    method.score(reference, window, _edges(numeric))
    assert np.array_equal(reference, kept[0])
    assert np.array_equal(window, kept[1])


@by_case
@pytest.mark.parametrize("place", [0, 31, 63])
def test_all_rows_in_one_cell_give_a_finite_score(method: DriftMethod, numeric: bool, place: int) -> None:
    lone = np.zeros(64, np.int64)
    lone[place] = 40
    for reference, window in ((_counts(1), lone), (lone, _counts(1)), (lone, np.roll(lone, 5))):
        assert math.isfinite(float(method.score(reference, window, _edges(numeric))))


@by_case
def test_without_drift_the_powered_score_shrinks_with_the_rows(method: DriftMethod, numeric: bool) -> None:
    random, shares = np.random.default_rng(5), _counts(1) / _counts(1).sum()
    means = [
        float((method.score(_counts(1), random.multinomial(rows, shares, 200), _edges(numeric)) ** method.power).mean())
        for rows in (500, 5_000)
    ]
    assert 5 < means[0] / means[1] < 20


def test_a_name_is_given_once_and_an_unknown_one_is_said_to_be_unknown() -> None:
    with pytest.raises(Conflict):
        register_drift_method(drift_method("ks"))
    with pytest.raises(NotFound, match="psi"):
        drift_method("no such method")


@pytest.mark.parametrize("module", [module.name for module in pkgutil.iter_modules(methods.__path__)])
def test_the_examples_in_the_documentation_of_a_method_run(module: str) -> None:
    found = doctest.testmod(importlib.import_module(f"{methods.__name__}.{module}"))
    assert found.failed == 0
    assert found.attempted > 0 or module == "base"


def _repeated_names() -> pa.Table:
    numbers = pa.array(np.arange(60.0))
    return pa.Table.from_arrays([numbers, pa.array(["a", "b"] * 30), numbers], names=["x", "a.b", "x"])


TABLES: dict[str, pa.Table] = {
    "no rows": pa.table({"x": pa.array([], pa.float64()), "c": pa.array([], pa.string())}),
    "no columns": pa.table({}),
    "one row": pa.table({"x": [1.5], "c": ["a"]}),
    "all null": pa.table({"x": pa.nulls(80, pa.float32()), "c": pa.nulls(80, pa.string()), "n": pa.nulls(80)}),
    "constant": pa.table({"x": np.full(80, 3.0), "c": ["a"] * 80, "zero": np.zeros(80)}),
    "not finite": pa.table({"x": [np.inf, -np.inf, np.nan, 1e300] * 20, "c": ["a", None] * 40}),
    "huge numbers": pa.table({"x": 1.7e18 + np.arange(80.0), "i": np.arange(80) + 2**60}),
    "repeated names": _repeated_names(),
    "odd names": pa.table(
        {"a.b": np.arange(60.0), "🌡️": np.arange(60), "温度": ["寒", "暑", "🙂"] * 20, "": [True] * 60}
    ),
    "many types": pa.table(
        {
            "when": pa.array(np.arange(80) * 10**12, pa.timestamp("us", "UTC")),
            "small": pa.array(np.arange(80, dtype=np.int8)),
            "word": pa.array(["a", "b"] * 40).dictionary_encode(),
            "flag": pa.array([True, None] * 40),
            "list": pa.array([[1], [2]] * 40),
            "day": pa.array(np.arange(80, dtype=np.int32), pa.date32()),
        }
    ),
}
SETTINGS = [MonitoringSpec(numeric_method=m.name, resamples=20) for m in NUMERIC] + [
    MonitoringSpec(categorical_method=m.name, resamples=20) for m in CATEGORICAL
]


@pytest.fixture(scope="module")
def references() -> dict[str, Reference]:
    return {name: build_reference(table, spec=MonitoringSpec(resamples=20)) for name, table in TABLES.items()}


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: f"{s.numeric_method}-{s.categorical_method}")
@pytest.mark.parametrize("known", TABLES)
def test_no_table_makes_a_judgement_fail(
    references: dict[str, Reference], known: str, settings: MonitoringSpec
) -> None:
    reference = references[known]
    assert Reference.from_bytes(reference.to_bytes()) == reference
    for table in TABLES.values():
        for scored in (None, np.full(table.num_rows, 0.5)):
            window = judge_window(
                reference, table, scored, scored, START, START + timedelta(days=7), settings=settings
            ).window
            assert window.rows == table.num_rows
            for drift in window.features:
                assert all(map(math.isfinite, (drift.score, drift.threshold, drift.p_value, drift.missing_share)))
            for metric in window.metrics:
                assert all(map(math.isfinite, (metric.value, metric.low, metric.high)))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_never_drifts_from_itself(references: dict[str, Reference], name: str) -> None:
    window = judge_window(references[name], TABLES[name], None, None, START, START + timedelta(days=1)).window
    assert not [drift.feature for drift in window.features if drift.drifting]
    assert not [violation for violation in window.violations if violation.kind != "extra_column"]
