"""Export to ONNX, kept only where it agrees with the original."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.models import Parity, Runtime, Task
from mlops_desktop.training.fit import FittedModel
from mlops_desktop.training.onnx_scoring import OnnxModel
from mlops_desktop.training.parity import check_parity

TARGET_OPSET = {"": 18, "ai.onnx.ml": 3}


@dataclass(frozen=True)
class Export:
    """The exported model, None where there is none to trust, and the verdict that decided it."""

    onnx: bytes | None
    parity: Parity

    @property
    def runtime(self) -> Runtime:
        """What shall serve the version."""
        return Runtime.ONNX if self.onnx is not None else Runtime.SKLEARN


def export_onnx(fitted: FittedModel, validation_table: pa.Table) -> Export:
    """Convert the pipeline and compare it with the original on `validation_table`.

    Each feature becomes an input of the shape [None, 1] named by its `input_name`: string for text, float for the
    rest. A classifier's last output is `probabilities`, shape [n, 2]. Where conversion fails or scores differ, `onnx`
    is None and the verdict says why.
    """
    try:
        content = convert(fitted)
        parity = check_parity(fitted, OnnxModel(content, fitted.signature), validation_table)
    except Exception as error:  # converters raise whatever they like; the original can still be served
        message = error.message if isinstance(error, InvalidInput) else str(error)
        summary = (message.strip() or type(error).__name__).splitlines()[0][:300]
        return Export(None, Parity(False, 0, math.nan, f"the model cannot be exported: {summary}"))
    return Export(content if parity.agrees else None, parity)


def convert(fitted: FittedModel) -> bytes:
    """The pipeline as an ONNX model. Raises whatever the converter raises for what it cannot express."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    inputs: list[tuple[str, Any]] = [
        (
            feature.input_name,
            StringTensorType([None, 1]) if feature.type is ColumnType.TEXT else FloatTensorType([None, 1]),
        )
        for feature in fitted.signature.features
    ]
    is_classifier = fitted.signature.task is Task.CLASSIFICATION
    options = {id(fitted.pipeline[-1]): {"zipmap": False}} if is_classifier else None
    model = to_onnx(fitted.pipeline, initial_types=inputs, options=options, target_opset=TARGET_OPSET)
    content: bytes = model.SerializeToString()
    return content
