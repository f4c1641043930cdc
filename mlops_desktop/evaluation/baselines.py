"""What a model has to beat: predicting the average, and predicting that nothing changes.

Both come as scores, so every metric applies to them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlops_desktop.evaluation.metrics import Floats, as_floats


def prior_scores(y_train: ArrayLike, rows: int) -> Floats:
    """The mean of the training target for each of `rows` rows: the dummy baseline, shape (rows,)."""
    labels = as_floats(y_train)
    return np.full(rows, labels.mean() if labels.size else np.nan)


def previous_period_scores(
    history_periods: ArrayLike, history_y: ArrayLike, periods: ArrayLike, *, fallback: float = float("nan")
) -> Floats:
    """For each row the mean target of the latest earlier period: persistence of a rate.

    Args:
        history_periods: shape (m,), numbers that grow with time, such as days since 1970.
        history_y: shape (m,), what was known of the target; may include the periods that are asked for.
        periods: shape (n,), the period of each row.
        fallback: the score of rows that nothing precedes.
    """
    known, group = np.unique(np.asarray(history_periods).ravel(), return_inverse=True)
    asked = np.asarray(periods).ravel()
    if not known.size:
        return np.full(asked.shape, fallback)
    means = np.bincount(group.ravel(), as_floats(history_y)) / np.bincount(group.ravel())
    latest = np.searchsorted(known, asked, "left") - 1
    return np.where(latest >= 0, means[np.maximum(latest, 0)], fallback)


def last_value_scores(
    history_times: ArrayLike,
    history_y: ArrayLike,
    history_entities: ArrayLike,
    times: ArrayLike,
    entities: ArrayLike,
    *,
    fallback: float = float("nan"),
) -> Floats:
    """For each row the entity's last target strictly before its time: persistence of a value.

    Times are numbers or datetime64, entities any sortable values; the first three share the shape (m,), the other two
    (n,).
    """
    names, numbers = np.unique(
        np.concatenate([np.asarray(history_entities).ravel(), np.asarray(entities).ravel()]), return_inverse=True
    )
    split = np.asarray(history_entities).size
    labels, past, now = as_floats(history_y), np.asarray(history_times).ravel(), np.asarray(times).ravel()
    scores = np.full(now.shape, fallback)
    rows_of, asked_of = _groups(numbers[:split], names.size), _groups(numbers[split:], names.size)
    for rows, asked in zip(rows_of, asked_of, strict=True):
        if rows.size and asked.size:
            ordered = rows[np.argsort(past[rows], kind="stable")]
            latest = np.searchsorted(past[ordered], now[asked], "left") - 1
            scores[asked] = np.where(latest >= 0, labels[ordered[np.maximum(latest, 0)]], fallback)
    return scores


def _groups(numbers: NDArray[np.intp], count: int) -> list[NDArray[np.intp]]:
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.searchsorted(numbers[order], np.arange(1, count)))
