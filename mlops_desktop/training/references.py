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


def reference_rows(
    spec: ProjectSpec, signature: Signature, table: pa.Table, scores: NDArray[np.float64], *, part: str
) -> pa.Table:
    """Time, id and feature columns as they came, with `__score__`, `__label__` and `__part__` beside them.

    Labels are 1 for the positive class and 0 for the other, or the number to predict. `part` is `train`, where scores
    flatter the model, or `test`, where they are honest.
    """
    features = [feature.name for feature in signature.features]
    names = dict.fromkeys(name for name in (spec.data.time_column, spec.data.id_column, *features) if name)
    kept = table.select(list(names))
    kept = kept.append_column(SCORE, pa.array(scores, pa.float64()))
    kept = kept.append_column(LABEL, pa.array(target_array(table, spec.model, signature.classes), pa.float64()))
    return kept.append_column(PART, pa.array([part] * table.num_rows, pa.string()))
