"""The sample project's year: weather drifts with the season, and that alone never asks for a retraining."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from mlops_desktop.core.monitoring import Action, Window
from mlops_desktop.monitoring.columns import features_of
from mlops_desktop.monitoring.reference import Reference, build_reference
from mlops_desktop.monitoring.rules import decide
from mlops_desktop.monitoring.windows import judge_window

SAMPLE = Path(__file__).resolve().parents[3] / "resources" / "samples" / "flights2013" / "flights.parquet"
NOT_FEATURES = ("flight_id", "scheduled_at", "late")
WEATHER = {"temp", "dewp"}

pytestmark = pytest.mark.skipif(not SAMPLE.exists(), reason="the sample is not built")


def _between(table: pa.Table, start: datetime, end: datetime) -> pa.Table:
    at = table.column("scheduled_at")
    unit = at.type
    return table.filter(pc.and_(pc.greater_equal(at, pa.scalar(start, unit)), pc.less(at, pa.scalar(end, unit))))


@pytest.fixture(scope="module")
def flights() -> pa.Table:
    return pq.read_table(SAMPLE)


@pytest.fixture(scope="module")
def winter(flights: pa.Table) -> Reference:
    rows = _between(flights, datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 4, 1, tzinfo=UTC))
    features = features_of(rows, without=NOT_FEATURES)
    return build_reference(rows, features, times=rows.column("scheduled_at"))


def _weeks(flights: pa.Table, reference: Reference, first: datetime, count: int) -> list[Window]:
    found = []
    for week in range(count):
        start = first + timedelta(days=7 * week)
        rows = _between(flights, start, start + timedelta(days=7))
        found.append(
            judge_window(
                reference, rows, None, None, start, start + timedelta(days=7), times=rows.column("scheduled_at")
            ).window
        )
    return found


def _drifting(window: Window) -> set[str]:
    return {drift.feature for drift in window.features if drift.drifting}


def test_weeks_of_the_reference_itself_hardly_drift(flights: pa.Table, winter: Reference) -> None:
    weeks = _weeks(flights, winter, datetime(2013, 1, 7, tzinfo=UTC), 11)
    assert sum(len(_drifting(window)) for window in weeks) <= 4  # of 11 x 14


def test_summer_is_warmer_and_the_season_is_named(flights: pa.Table, winter: Reference) -> None:
    weeks = _weeks(flights, winter, datetime(2013, 7, 1, tzinfo=UTC), 4)
    for window in weeks:
        assert _drifting(window) >= WEATHER
        assert "no rows of July" in window.notes[0]
        assert np.isfinite(window.drift_score)


def test_drift_by_season_is_one_incident_that_informs(flights: pa.Table, winter: Reference) -> None:
    weeks = _weeks(flights, winter, datetime(2013, 4, 1, tzinfo=UTC), 8)
    raised = [proposal for at, window in enumerate(weeks) for proposal in decide(weeks[:at], window, [])]
    assert raised
    assert {proposal.action for proposal in raised} == {Action.INFORM}
