"""Drift of features over windows as a matrix, for the heatmap."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from msgspec import Struct

from mlops_desktop.core.monitoring import Window


class Heatmap(Struct, frozen=True):
    """Ratios of score to threshold: above 1 the effect is larger than what matters and than noise.

    Attributes:
        features: rows, the most drifting first.
        starts: columns, the start of each window, oldest first.
        ratios: one row per feature, one value per window; None where a feature was not in a window.
        drifting: the same shape; whether the verdict was drift.
    """

    features: tuple[str, ...]
    starts: tuple[datetime, ...]
    ratios: tuple[tuple[float | None, ...], ...]
    drifting: tuple[tuple[bool, ...], ...]


def drift_heatmap(windows: Sequence[Window], *, most_features: int = 100) -> Heatmap:
    """The matrix of features and windows, of which the windows may be of several model versions, in any order."""
    ordered = sorted(windows, key=lambda window: window.start)
    cells = {(d.feature, at): d for at, window in enumerate(ordered) for d in window.features}
    names = list(dict.fromkeys(name for name, _ in cells))
    ratios = np.full((len(names), len(ordered)), np.nan)
    drifting = np.zeros((len(names), len(ordered)), bool)
    rows = {name: row for row, name in enumerate(names)}
    for (name, at), drift in cells.items():
        ratios[rows[name], at] = drift.score / drift.threshold if drift.threshold > 0 else 0.0
        drifting[rows[name], at] = drift.drifting
    weight = np.nan_to_num(ratios).sum(axis=1) + 1e3 * drifting.sum(axis=1)
    chosen = np.argsort(-weight, kind="stable")[:most_features]
    return Heatmap(
        features=tuple(names[row] for row in chosen),
        starts=tuple(window.start for window in ordered),
        ratios=tuple(tuple(None if np.isnan(v) else float(v) for v in ratios[row]) for row in chosen),
        drifting=tuple(tuple(bool(v) for v in drifting[row]) for row in chosen),
    )
