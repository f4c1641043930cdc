"""Monitored windows of an endpoint, and one feature's course."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlops_desktop.core.monitoring import FeatureDrift, Window, WindowKind
from mlops_desktop.ui.queries.happenings import LANE_KINDS, Happening, lane
from mlops_desktop.ui.queries.series import Floats, HeatRows, WindowSeries, heat_rows, series_of
from mlops_desktop.workspace import Workspace


@dataclass(frozen=True, eq=False)
class Monitoring:
    """`verdicts` judge, `days` are points of charts; `windows` are the verdict windows themselves, oldest first."""

    endpoint: str
    endpoints: tuple[str, ...]
    windows: tuple[Window, ...]
    days: WindowSeries
    verdicts: WindowSeries
    heat: HeatRows
    lane: tuple[Happening, ...]


@dataclass(frozen=True, eq=False)
class FeatureCourse:
    """One feature over the verdict windows; `latest` is its newest finding."""

    feature: str
    times: Floats
    scores: Floats
    thresholds: Floats
    missing: Floats
    unseen: Floats
    latest: FeatureDrift | None


def monitoring(workspace: Workspace, endpoint: str = "") -> Monitoring:
    registry = workspace.registry
    names = tuple(found.name for found in registry.endpoints.all())
    name = endpoint if endpoint in names else next(iter(names), "")
    windows = registry.windows.all(name, WindowKind.VERDICT) if name else []
    days = registry.windows.all(name, WindowKind.DAY) if name else []
    return Monitoring(
        name,
        names,
        tuple(windows),
        series_of(days or windows),
        series_of(windows),
        heat_rows(windows or days, most=52),
        lane(registry.journal.newest(1_000, kinds=LANE_KINDS)),
    )


def feature_course(windows: tuple[Window, ...], feature: str) -> FeatureCourse:
    points: list[tuple[float, ...]] = []
    latest: FeatureDrift | None = None
    for window in windows:
        for drift in window.features:
            if drift.feature == feature:
                middle = (window.start.timestamp() + window.end.timestamp()) / 2
                points.append((middle, drift.score, drift.threshold, drift.missing_share, drift.unseen_share))
                latest = drift
    rows = np.array(points, dtype=np.float64).reshape(-1, 5)
    return FeatureCourse(feature, rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3], rows[:, 4], latest)
