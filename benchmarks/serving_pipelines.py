"""The sample project's pipelines, trained by our own code, with rows to ask them for and the answers to expect."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mlops_desktop.core.ids import sha256_hex
from mlops_desktop.core.models import Runtime, Signature
from mlops_desktop.serving.config import ServedVersion
from mlops_desktop.training.originals import load_original_bytes
from mlops_desktop.training.specs import EstimatorSection, load_spec
from mlops_desktop.training.train import train

SAMPLE = Path(__file__).resolve().parents[1] / "resources" / "samples" / "flights2013"
AS_OF = datetime(2013, 8, 1, tzinfo=UTC)
GRADIENT_BOOSTING, LOGISTIC_REGRESSION = "gradient boosting", "logistic regression"
KINDS = (GRADIENT_BOOSTING, LOGISTIC_REGRESSION)
_UNKNOWN_EVERY = 50

Row = dict[str, Any]


@dataclass(frozen=True)
class TrainedPipeline:
    """A pipeline as ONNX (`onnx`) and as the joblib pickle of the scikit-learn original.

    `rows` are as a client has them, with missing measurements (None) and now and then a destination that training did
    not know; `scores` are the original's probabilities of being late, shape (len(rows),).
    """

    kind: str
    onnx: Path
    original: Path
    signature: Signature
    rows: list[Row]
    scores: NDArray[np.float64]

    def version(self, number: int) -> ServedVersion:
        return ServedVersion(number, str(self.onnx), Runtime.ONNX, self.signature)

    def chunks(self, size: int, count: int) -> list[slice]:
        """Places of `count` requests of `size` rows each, spread over all rows."""
        step = max(1, (len(self.rows) - size) // count)
        return [slice(start, start + size) for start in range(0, step * count, step)]


def train_pipeline(kind: str, folder: Path, *, rows: int = 2000) -> TrainedPipeline:
    """Train the sample's model, or the same with logistic regression, on the 90 days before August 2013."""
    spec, table = load_spec(SAMPLE / "late-arrival.toml"), pq.read_table(SAMPLE / "flights.parquet")
    if kind == LOGISTIC_REGRESSION:
        spec = msgspec.structs.replace(spec, estimator=EstimatorSection("logistic_regression"))
    result = train(spec, table, AS_OF)
    if result.onnx is None:
        raise SystemExit(f"The export of {kind} does not agree with its original: {result.parity}")
    folder.mkdir(parents=True, exist_ok=True)
    onnx, original = folder / "model.onnx", folder / "model.joblib"
    onnx.write_bytes(result.onnx)
    original.write_bytes(result.original)
    names = [feature.name for feature in result.signature.features]
    asked = table.take(np.linspace(0, table.num_rows - 1, rows).astype(np.int64)).select(names)
    records = [_as_client_has_it(row, place) for place, row in enumerate(asked.to_pylist())]
    return TrainedPipeline(kind, onnx, original, result.signature, records, _scores(result, records))


def _as_client_has_it(row: Row, place: int) -> Row:
    # Eighths are the same number in float32, which the pipelines were trained with, and in a client's JSON; next to a
    # tree's threshold any other number would be answered differently by servers that keep it in float64.
    rounded = {name: round(value * 8) / 8 if isinstance(value, float) else value for name, value in row.items()}
    return rounded | {"dest": "???"} if place % _UNKNOWN_EVERY == 1 else rounded


def _scores(result: Any, records: list[Row]) -> NDArray[np.float64]:
    from mlops_desktop.training.fit import score_pipeline

    pipeline = load_original_bytes(result.original, sha256_hex(result.original))
    return score_pipeline(pipeline, result.signature, pa.Table.from_pylist(records))


def largest_difference(found: list[float], expected: NDArray[np.float64]) -> float:
    """Between probabilities; infinite where their numbers differ or one is none."""
    if len(found) != len(expected) or not all(map(math.isfinite, found)):
        return math.inf
    return float(np.abs(np.asarray(found) - expected).max())
