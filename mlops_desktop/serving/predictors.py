"""Turning columns into scores with ONNX Runtime, or with scikit-learn where the export does not agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.models import Runtime, Signature, Task
from mlops_desktop.serving.frames import JobResult, LoadRequest
from mlops_desktop.serving.texts import PaddedTexts, Texts

MISSING_TEXT = "__missing__"
"""What training puts in place of a missing text."""

SLICE_ROWS = 4096
"""How many rows are predicted at a time: what a model makes of them on its way fits into the processor's cache."""

Column = NDArray[Any] | Texts | PaddedTexts
_DTYPES: dict[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
    "tensor(string)": object,
}


class Predictor(Protocol):
    """`columns` are in the order of the signature's features and of equal length n.

    `dtypes` are those of the model's inputs in that order; arrays of them have shape [n, 1] and no infinite numbers.
    Where the type is object the column may also come as `Texts` or `PaddedTexts`.
    Returns probabilities of shape [n, classes] for a classifier, values of shape [n] for a regression.
    """

    @property
    def dtypes(self) -> list[Any]: ...

    def predict_arrays(self, arrays: Sequence[Column]) -> NDArray[np.float64]: ...


def predict(predictor: Predictor, columns: list[list[Any]]) -> NDArray[np.float64]:
    """The prediction for columns as they came in JSON."""
    return predictor.predict_arrays(tensors(columns, predictor.dtypes))


def load_predictor(request: LoadRequest) -> Predictor:
    """The predictor that the supervisor asked for."""
    kind = OnnxPredictor if request.runtime is Runtime.ONNX else SklearnPredictor
    return ShapeChecked(kind(request.artifact, request.signature), request.signature)


class ShapeChecked:
    """Passes on what the model answers; raises `InvalidInput` where that has not the shape it must have."""

    def __init__(self, predictor: Predictor, signature: Signature) -> None:
        self._predictor = predictor
        self._width = (len(signature.classes),) if signature.task is Task.CLASSIFICATION else ()

    @property
    def dtypes(self) -> list[Any]:
        return self._predictor.dtypes

    def predict_arrays(self, arrays: Sequence[Column]) -> NDArray[np.float64]:
        output = self._predictor.predict_arrays(arrays)
        expected = (len(arrays[0]), *self._width)
        if output.shape != expected:
            raise InvalidInput(
                f"The model answers {output.shape} to {expected[0]} rows where its signature says {expected}.",
                hint="Train and export the model again.",
            )
        return output


class OnnxPredictor:
    """One thread, no spinning: workers share the machine with everything else."""

    def __init__(self, artifact: str, signature: Signature) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(artifact, options, providers=["CPUExecutionProvider"])
        dtypes = {entry.name: _DTYPES.get(entry.type) for entry in self._session.get_inputs()}
        wanted = {feature.input_name for feature in signature.features}
        if set(dtypes) != wanted:
            raise InvalidInput(
                f"The ONNX file's inputs {sorted(set(dtypes) ^ wanted)} do not match the model's signature.",
                hint="Export the model again.",
            )
        self._names = [feature.input_name for feature in signature.features]
        self.dtypes = [dtypes[name] for name in self._names]
        names = [entry.name for entry in self._session.get_outputs()]
        self._output = "probabilities" if "probabilities" in names else names[-1]
        self._is_classifier = signature.task is Task.CLASSIFICATION

    def predict_arrays(self, arrays: Sequence[Column]) -> NDArray[np.float64]:
        rows = len(arrays[0])
        if rows <= SLICE_ROWS:
            return self._run([_readable(array) for array in arrays])
        slices = (slice(start, start + SLICE_ROWS) for start in range(0, rows, SLICE_ROWS))
        return np.concatenate([self._run([_readable(array[part]) for array in arrays]) for part in slices])

    def _run(self, arrays: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
        feed = dict(zip(self._names, arrays, strict=True))
        output = np.asarray(self._session.run([self._output], feed)[0], dtype=np.float64)
        return output if self._is_classifier else output.reshape(len(output))


def tensors(columns: list[list[Any]], dtypes: list[Any]) -> list[NDArray[Any]]:
    """Columns as arrays of shape [n, 1]. A null or infinite number becomes NaN, a null text the marker, as in training.

    All columns of one type are converted in one go, which for a single row costs a fraction of one by one.
    """
    found: list[Any] = [None] * len(columns)
    for dtype in dict.fromkeys(dtypes):
        places = [place for place, wanted in enumerate(dtypes) if wanted is dtype]
        values = [columns[place] for place in places]
        if dtype is object:
            values = [[MISSING_TEXT if value is None else value for value in column] for column in values]
        with np.errstate(over="ignore"):
            block = np.array(values, dtype=dtype)
        if block.dtype.kind == "f":
            block[np.isinf(block)] = np.nan
        for place, row in zip(places, block, strict=True):
            found[place] = row.reshape(-1, 1)
    return found


class SklearnPredictor:
    """The original pipeline on a DataFrame with the signature's columns: text as objects, all else as float32."""

    def __init__(self, artifact: str, signature: Signature) -> None:
        import joblib

        self._model = joblib.load(artifact)
        self._features = signature.features
        self.dtypes = [object if feature.type is ColumnType.TEXT else np.float32 for feature in signature.features]
        self._is_classifier = signature.task is Task.CLASSIFICATION

    def predict_arrays(self, arrays: Sequence[Column]) -> NDArray[np.float64]:
        import pandas as pd

        data = {
            feature.name: pd.Series(values.ravel(), dtype=values.dtype)
            for feature, values in zip(self._features, map(_whole, arrays), strict=True)
        }
        frame = pd.DataFrame(data)
        method = self._model.predict_proba if self._is_classifier else self._model.predict
        return np.asarray(method(frame), dtype=np.float64)


def _readable(column: Column) -> NDArray[Any]:
    return column if isinstance(column, np.ndarray) else column.for_onnx()


def _whole(column: Column) -> NDArray[Any]:
    return column if isinstance(column, np.ndarray) else column.objects()


def result_of(output: NDArray[np.float64]) -> JobResult:
    """Scores of a job's rows: the last class's probability, the picked class's where there are more than two."""
    picks: list[int] = []
    probabilities: list[float] = []
    if output.ndim == 1:
        scores = output
    elif output.shape[1] <= 2:
        scores = output[:, -1]
    else:
        chosen = output.argmax(axis=1)
        scores, picks = output[np.arange(len(output)), chosen], chosen.tolist()
        probabilities = output.ravel().tolist()
    values: list[float] = scores.tolist()
    if not all(map(math.isfinite, values)):
        row = next(i for i, value in enumerate(values) if not math.isfinite(value))
        return JobResult([], [], f"The model gave no finite number for row {row}.")
    return JobResult(values, picks, "", probabilities)


def probe(predictor: Predictor, signature: Signature) -> None:
    """Warm up with made-up rows; raises `InvalidInput` when the answer to them is wrong."""
    for rows in (1, 1, 8):
        columns = [_made_up(feature.type, feature.categories, rows) for feature in signature.features]
        error = result_of(predict(predictor, columns)).error
        if error:
            raise InvalidInput(error, hint="The model cannot be served.")


def _made_up(kind: ColumnType, categories: tuple[str, ...], rows: int) -> list[Any]:
    value: Any = (categories[0] if categories else MISSING_TEXT) if kind is ColumnType.TEXT else 0.0
    return [value] * rows
