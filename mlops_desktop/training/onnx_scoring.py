"""Scoring tables with an exported model; needs ONNX Runtime alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.models import Signature
from mlops_desktop.training.tables import feature_array

_ROWS_AT_ONCE = 20_000


class OnnxModel:
    """An exported model in memory, on one thread that does not spin: its process shares the machine."""

    def __init__(self, content: bytes, signature: Signature) -> None:
        """Raises `InvalidInput` if `content` is no ONNX model or has other inputs than the signature."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises classes of its own for each fault
            raise InvalidInput(f"The ONNX model cannot be loaded: {error}.", hint="Export it again.") from error
        inputs = {entry.name for entry in self._session.get_inputs()}
        wanted = {feature.input_name for feature in signature.features}
        if inputs != wanted:
            raise InvalidInput(
                f"The ONNX model's inputs {sorted(inputs ^ wanted)} do not match the signature.",
                hint="Export it again.",
            )
        self._signature = signature
        names = [entry.name for entry in self._session.get_outputs()]
        self._output = "probabilities" if "probabilities" in names else names[-1]

    def score(self, table: pa.Table) -> NDArray[np.float64]:
        """As `fit.score_sklearn`."""
        arrays = {
            feature.input_name: feature_array(table, feature).reshape(-1, 1) for feature in self._signature.features
        }
        starts = range(0, table.num_rows, _ROWS_AT_ONCE)
        parts = [
            self._run({name: values[start : start + _ROWS_AT_ONCE] for name, values in arrays.items()})
            for start in starts
        ]
        nothing = (0, len(self._signature.classes)) if self._signature.is_multiclass else 0
        return np.concatenate(parts) if parts else np.empty(nothing)

    def _run(self, feed: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
        output = np.asarray(self._session.run([self._output], feed)[0], dtype=np.float64)
        if self._signature.is_multiclass:
            return output
        return output[:, -1] if self._signature.classes else output.reshape(-1)
