"""A metric per category: where a model that is good on average is not."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike

from mlops_desktop.core.monitoring import MetricValue
from mlops_desktop.evaluation.intervals import metric_interval
from mlops_desktop.evaluation.metrics import Metric, as_floats
from mlops_desktop.evaluation.multiclass import as_scores

MISSING_LABEL = "(missing)"


class Slice(Struct, frozen=True):
    """One metric on the rows where `column` is `value`."""

    column: str
    value: str
    metric: MetricValue


def slices_by(
    column: str,
    values: Sequence[object] | np.ndarray,
    y: ArrayLike,
    score: ArrayLike,
    metric: Metric | str,
    *,
    threshold: float = 0.5,
    min_rows: int = 50,
    most: int = 50,
) -> tuple[Slice, ...]:
    """The metric per category of a column, most rows first.

    Args:
        values: shape (n,), the category of each row; None and NaN are one category, `(missing)`.
        min_rows: categories with fewer rows are left out, their figures would be noise.
        most: at most this many categories, the largest ones.
    """
    named = np.array([_shown(value) for value in values], dtype=object)
    if not named.size:
        return ()
    labels, scores = as_floats(y), as_scores(score)
    names, group, sizes = np.unique(named, return_inverse=True, return_counts=True)
    largest = np.argsort(-sizes, kind="stable")[:most]
    return tuple(
        Slice(column, str(names[number]), metric_interval(metric, labels[rows], scores[rows], threshold))
        for number in largest
        if sizes[number] >= min_rows
        for rows in (np.flatnonzero(group == number),)
    )


def _shown(value: object) -> str:
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return MISSING_LABEL if missing else str(value)
