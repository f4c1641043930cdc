"""Reference rows: what the model saw when it was made, kept for monitoring to compare with."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_desktop.core.models import Signature
from mlops_desktop.training.specs import ProjectSpec
from mlops_desktop.training.targets import target_array

SCORE = "__score__"
LABEL = "__label__"
PART = "__part__"
REFERENCE_TRAIN_ROWS = 20_000


def as_column(scores: NDArray[np.float64]) -> pa.Array:
    """Scores of shape (n,) as numbers, of shape (n, classes) as lists of a fixed size."""
    flat = pa.array(scores.ravel(), pa.float64())
    return pa.FixedSizeListArray.from_arrays(flat, scores.shape[1]) if scores.ndim == 2 else flat


def from_column(table: pa.Table, name: str) -> NDArray[np.float64]:
    """The inverse of `as_column`."""
    values = table.column(name).combine_chunks()
    if not pa.types.is_fixed_size_list(values.type):
        return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)
    flat = np.asarray(values.flatten().to_numpy(zero_copy_only=False), dtype=np.float64)
    return flat.reshape(-1, values.type.list_size)


def reference_rows(
    spec: ProjectSpec, signature: Signature, table: pa.Table, scores: NDArray[np.float64], *, part: str
) -> pa.Table:
    """Time, id and feature columns as they came, with `__score__`, `__label__` and `__part__` beside them.

    Labels are those of `target_array`, scores those of `score_sklearn`: a list per row with more than two classes.
    `part` is `train`, where scores
    flatter the model, or `test`, where they are honest.
    """
    features = [feature.name for feature in signature.features]
    names = dict.fromkeys(name for name in (spec.data.time_column, spec.data.id_column, *features) if name)
    kept = table.select(list(names))
    kept = kept.append_column(SCORE, as_column(scores))
    kept = kept.append_column(LABEL, pa.array(target_array(table, spec.model, signature.classes), pa.float64()))
    return kept.append_column(PART, pa.array([part] * table.num_rows, pa.string()))
