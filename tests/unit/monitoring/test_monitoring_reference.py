"""References: what they hold, how they travel, what they note."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.errors import Damaged, InvalidInput
from mlops_desktop.core.models import Feature, Task
from mlops_desktop.core.progress import CancelToken
from mlops_desktop.evaluation.business import ValueMatrix
from mlops_desktop.evaluation.metrics import auc
from mlops_desktop.monitoring.columns import columns_of
from mlops_desktop.monitoring.notes import grouped_columns, same_season, season_note
from mlops_desktop.monitoring.reference import (
    Reference,
    build_reference,
    pack_counts,
    recent_errors,
    unpack_counts,
)
from mlops_desktop.monitoring.resampling import as_microseconds
from mlops_desktop.monitoring.spec import MonitoringSpec

FEW = MonitoringSpec(resamples=40)
START = datetime(2024, 1, 1, tzinfo=UTC)


def _rows(rows: int = 3_000, seed: int = 1) -> tuple[pa.Table, np.ndarray, np.ndarray, list[datetime]]:
    random = np.random.default_rng(seed)
    x = random.normal(size=rows)
    scores = 1 / (1 + np.exp(-x))
    table = pa.table({"x": x, "c": random.choice(["a", "b"], rows), "y": random.normal(size=rows)})
    times = [START + timedelta(minutes=30 * row) for row in range(rows)]
    return table, scores, (random.random(rows) < scores).astype(float), times


def _build(**changes: object) -> Reference:
    table, scores, labels, times = _rows()
    given = {"scores": scores, "labels": labels, "times": times, "spec": FEW} | changes
    return build_reference(table, **given)  # type: ignore[arg-type]


def test_a_reference_comes_back_from_its_bytes() -> None:
    reference = _build(values=ValueMatrix(0, 1, 0, 3), importances={"x": 3, "c": 1})
    assert Reference.from_bytes(reference.to_bytes()) == reference
    assert reference.importances == {"x": 0.75, "c": 0.25, "y": 0.0}
    assert reference.rows == 3_000
    assert reference.start == START
    assert reference.months == (1, 2, 3)


@pytest.mark.parametrize("content", [b"", b"not a reference", b"\x80"])
def test_other_bytes_are_said_to_be_damaged(content: bytes) -> None:
    with pytest.raises(Damaged, match="not a monitoring reference"):
        Reference.from_bytes(content)


def test_the_same_rows_and_seed_give_the_same_bytes() -> None:
    assert _build().to_bytes() == _build().to_bytes()


def test_it_holds_no_row_but_counts() -> None:
    table = pa.table({"secret": [f"name {row}" for row in range(40)], "x": np.arange(40) * 1.234567891234})
    features = [Feature("x", ColumnType.NUMBER, "x")]
    assert b"name 7" not in build_reference(table, features, spec=FEW).to_bytes()


def test_baselines_are_those_of_the_labelled_rows() -> None:
    table, scores, labels, _ = _rows()
    some = labels.copy()
    some[::3] = np.nan
    known = ~np.isnan(some)
    reference = build_reference(table, scores=scores, labels=some, spec=FEW)
    assert reference.baselines["auc"].value == pytest.approx(auc(labels[known], scores[known]), abs=2e-3)
    assert reference.baselines["auc"].rows == known.sum()
    assert reference.baselines["positive_rate"].value == pytest.approx(labels[known].mean())
    assert reference.label is not None
    assert reference.label.missing == 1_000
    assert len(recent_errors(reference.errors)) == known.sum()


def test_a_metric_varies_between_windows_as_theory_says() -> None:
    reference = _build(times=None)
    rate = reference.baselines["positive_rate"]
    expected = np.sqrt(rate.value * (1 - rate.value) / 1_000)
    assert rate.noise.at(1_000) == pytest.approx(expected, rel=0.35)


def test_a_regression_has_errors_and_no_estimate() -> None:
    table, scores, _, times = _rows()
    reference = build_reference(
        table, scores=scores * 10, labels=scores * 10 + 1, times=times, task=Task.REGRESSION, spec=FEW
    )
    assert reference.estimator is None
    assert reference.baselines["mae"].value == pytest.approx(1)
    assert "auc" not in reference.baselines


@pytest.mark.parametrize("part", ["scores", "labels", "times"])
def test_parts_of_another_length_are_refused_with_what_to_do(part: str) -> None:
    with pytest.raises(InvalidInput, match=f"7 {part} for 3000 rows") as caught:
        _build(**{part: [START] * 7 if part == "times" else np.zeros(7)})
    assert caught.value.hint


def test_building_can_be_cancelled() -> None:
    from mlops_desktop.core.errors import Cancelled

    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        _build(progress=token.reporting_to(lambda fraction, message: None))


def test_a_feature_that_the_table_lacks_is_all_missing() -> None:
    table, *_ = _rows(100)
    reference = build_reference(table, [Feature("gone", ColumnType.NUMBER, "gone")], spec=FEW)
    assert reference.columns[0].missing_share == 1


def test_packed_counts_come_back_and_are_small_when_mostly_empty() -> None:
    counts = np.zeros(32_770, np.int64)
    counts[[3, 900, 32_769]] = 1, 2, 2**32 - 1
    assert np.array_equal(unpack_counts(pack_counts(counts)), counts)
    assert len(pack_counts(counts)) < 1_000


def test_rows_in_groups_are_noted_and_shuffled_ones_are_not() -> None:
    values = np.repeat(np.arange(10.0), 100)
    random = np.random.default_rng(2)
    table = {"group": values, "word": np.repeat(["a", "b"], 500), "noise": random.normal(size=1_000)}
    assert grouped_columns(columns_of(table)) == ["group", "word"]
    notes = build_reference(table, spec=FEW).notes
    assert notes[0].startswith("The rows are ordered by group and word")
    shuffled = {name: column[random.permutation(1_000)] for name, column in table.items()}
    assert grouped_columns(columns_of(shuffled)) == []


def test_a_window_in_months_without_reference_rows_is_noted() -> None:
    july = datetime(2024, 7, 1, tzinfo=UTC)
    assert "no rows of July" in season_note((1, 2, 3), july, july + timedelta(days=7))
    assert season_note((1, 2, 7), july, july + timedelta(days=7)) == ""
    assert season_note((), july, july) == ""
    turn = datetime(2024, 12, 30, tzinfo=UTC)
    assert season_note((1,), turn, turn + timedelta(days=7)) == ""


def test_rows_of_the_same_season_are_found_across_years_where_there_are_any() -> None:
    days = as_microseconds([START + timedelta(hours=6 * step) for step in range(4 * 800)])
    new_year = datetime(2025, 12, 28, tzinfo=UTC)
    chosen = same_season(days, new_year, new_year + timedelta(days=7))
    months = {int(day.astype("datetime64[M]").astype(int)) % 12 + 1 for day in days[chosen].astype("datetime64[us]")}
    assert months == {12, 1}
    assert 200 < chosen.sum() < 500
    assert same_season(days[:400], new_year, new_year).all()
