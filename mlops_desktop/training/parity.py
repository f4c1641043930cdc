"""Does the exported model say what the original says? Asked on ordinary rows and on hard ones."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.models import Feature, Parity, Task
from mlops_desktop.training.fit import FittedModel, score_sklearn
from mlops_desktop.training.onnx_scoring import OnnxModel
from mlops_desktop.training.tables import feature_array

TOLERANCE = 1e-4
"""Allowed difference: of probabilities as they are, of predicted values as a part of their spread."""

_ORDINARY_ROWS = 2000
_BASE_ROWS = 4
_UNKNOWN_TEXTS = ("__never seen__", "", "é\u4e2d🚀")


def check_parity(model: FittedModel, onnx: OnnxModel, validation: pa.Table) -> Parity:
    """Compare both on validation rows, and on rows with nulls, unknown categories and extreme numbers."""
    ordinary = _ordinary_rows(model, validation)
    rows = pa.concat_tables([ordinary, *_hard_rows(model, ordinary)]) if ordinary.num_rows else ordinary
    if not rows.num_rows:
        return Parity(False, 0, math.nan, "there are no validation rows to compare on")
    original, exported = score_sklearn(model, rows), onnx.score(rows)
    allowed = TOLERANCE * _scale(model, original[: ordinary.num_rows])
    differences = np.abs(original - exported).reshape(rows.num_rows, -1).max(axis=1)
    differences[np.isnan(differences)] = np.inf
    largest = float(differences.max())
    if largest <= allowed:
        return Parity(True, rows.num_rows, largest)
    where = "an ordinary row" if differences[: ordinary.num_rows].max() > allowed else "a row with rare values"
    wrong = int((differences > allowed).sum())
    reason = f"ONNX differs from the original by {largest:.2g} on {where}, {allowed:.2g} is allowed ({wrong:,} rows)"
    return Parity(False, rows.num_rows, largest, reason)


def _scale(model: FittedModel, scores: NDArray[np.float64]) -> float:
    if model.signature.task is Task.CLASSIFICATION:
        return 1.0
    return max(float(np.std(scores)), 1e-3 * float(np.abs(scores).max(initial=0)), 1e-9)


def _ordinary_rows(model: FittedModel, validation: pa.Table) -> pa.Table:
    """Evenly spaced rows, already as the model takes them: float32 and text."""
    step = max(1, validation.num_rows // _ORDINARY_ROWS)
    picked = validation.take(np.arange(0, validation.num_rows, step)[:_ORDINARY_ROWS])
    arrays = [_arrow(feature_array(picked, feature)) for feature in model.signature.features]
    return pa.table(arrays, names=[feature.name for feature in model.signature.features])


def _arrow(values: NDArray[np.object_] | NDArray[np.float32]) -> pa.Array:
    return pa.array(values, pa.string() if values.dtype == object else pa.float32())


def _hard_rows(model: FittedModel, ordinary: pa.Table) -> Iterator[pa.Table]:
    """A few ordinary rows with one column at a time made hard, then all columns missing at once."""
    base = ordinary.slice(0, _BASE_ROWS)
    for position, feature in enumerate(model.signature.features):
        for value in (None, *_hard_values(feature, ordinary.column(position))):
            yield base.set_column(position, base.schema.field(position), _repeated(value, base, position))
    columns = [_repeated(None, base, position) for position in range(base.num_columns)]
    yield pa.table(columns, schema=base.schema)


def _repeated(value: str | float | None, base: pa.Table, position: int) -> pa.Array:
    return pa.array([value] * base.num_rows, base.schema.field(position).type)


def _hard_values(feature: Feature, values: pa.ChunkedArray) -> tuple[str | float, ...]:
    if feature.type is ColumnType.TEXT:
        return (*_UNKNOWN_TEXTS, *feature.categories[:1], *feature.categories[-1:])
    known = values.drop_null().to_numpy()
    known = known[np.isfinite(known)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    reach = 10 * (high - low) + 1
    return (0.0, -1.0, low, high, low - reach, high + reach)
