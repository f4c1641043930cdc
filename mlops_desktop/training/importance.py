"""Which features a model leans on: by how much it gets worse when one column is shuffled."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from mlops_desktop.core.models import Feature
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.evaluation.metrics import Metric, as_floats


def permutation_importance(
    score: Callable[[pa.Table], NDArray[np.float64]],
    table: pa.Table,
    y: ArrayLike,
    features: Sequence[Feature],
    metric: Metric,
    *,
    seed: int,
    rows: int = 2000,
    progress: Progress = no_progress,
) -> dict[str, float]:
    """Loss of the metric per feature, largest first (Breiman 2001; Fisher et al. 2019). NaN where it is unknown.

    Args:
        score: a model, table to scores.
        table, y: labelled rows that the model was not trained on.
        features: what to shuffle.
        metric: positive importance is a loss in it, whatever its direction.
        rows: at most this many random rows are used.
    """
    random = np.random.default_rng(seed)
    labels = as_floats(y)
    picked = np.sort(random.permutation(labels.size)[:rows])
    sample, truth = table.take(picked).combine_chunks(), labels[picked]
    sign = 1.0 if metric.greater_is_better else -1.0
    whole = metric(truth, score(sample))
    losses = {}
    for number, feature in enumerate(features):
        progress(number / len(features), f"Shuffling {feature.name}")
        position = sample.schema.get_field_index(feature.name)
        shuffled = sample.column(position).take(random.permutation(len(picked)))
        changed = sample.set_column(position, sample.schema.field(position), shuffled)
        losses[feature.name] = sign * (whole - metric(truth, score(changed)))
    return dict(sorted(losses.items(), key=lambda item: -item[1] if item[1] == item[1] else np.inf))
