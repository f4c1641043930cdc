"""Open Inference Protocol V2, REST with JSON tensors: one input per column, text as BYTES."""

from __future__ import annotations

from math import prod
from typing import Any

import msgspec
from msgspec import Struct

from mlops_desktop import __version__
from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.models import Runtime, Task
from mlops_desktop.serving.config import ServedEndpoint, ServedVersion
from mlops_desktop.serving.gateway.calls import Answer, Call, checked_rows
from mlops_desktop.serving.gateway.faults import HttpError
from mlops_desktop.serving.gateway.plain import decode_json

ENTITY_INPUT = "entity_id"
_NUMERIC = frozenset(
    ["BOOL", "FP16", "FP32", "FP64"] + [f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)]
)
_DATATYPES = {ColumnType.TEXT: "BYTES", ColumnType.INTEGER: "INT64", ColumnType.BOOLEAN: "BOOL"}


class InputTensor(Struct):
    """`data` is row-major, flat or nested; null stands for a missing value."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None = None
    parameters: dict[str, Any] = {}


class WantedOutput(Struct):
    name: str
    parameters: dict[str, Any] = {}


class InferRequest(Struct):
    inputs: list[InputTensor]
    id: str | None = None
    parameters: dict[str, Any] = {}
    outputs: list[WantedOutput] | None = None


class OutputTensor(Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


class InferResponse(Struct):
    """`id` echoes the client's; `parameters.inference_id` is what labels are sent for, with `/<row>` behind it."""

    model_name: str
    model_version: str
    id: str
    parameters: dict[str, Any]
    outputs: list[OutputTensor]


_decoder = msgspec.json.Decoder(InferRequest)
_encoder = msgspec.json.Encoder()


class V2Codec:
    """`POST …/infer`."""

    def decode(self, body: bytes) -> Call:
        request: InferRequest = decode_json(_decoder, body)
        columns: dict[str, list[Any]] = {}
        for tensor in request.inputs:
            if tensor.name in columns:
                raise HttpError(400, f"Input '{tensor.name}' is given twice.")
            columns[tensor.name] = _column(tensor)
        rows = checked_rows(columns)
        entities = columns.get(ENTITY_INPUT)
        wanted = tuple(output.name for output in request.outputs or ())
        for name in wanted:
            if name not in ("scores", "predictions"):
                raise HttpError(400, f"There is no output '{name}'; there are 'scores' and 'predictions'.")
        entity_ids = None if entities is None else ["" if value is None else str(value) for value in entities]
        return Call(columns, rows, request.id or "", entity_ids, wanted)

    def encode(self, answer: Answer, call: Call) -> bytes:
        is_text = isinstance(answer.predictions[0], str)
        outputs = [
            OutputTensor("scores", [call.rows], "FP64", answer.scores),
            OutputTensor("predictions", [call.rows], "BYTES" if is_text else "FP64", answer.predictions),
        ]
        if call.wanted:
            outputs = [output for output in outputs if output.name in call.wanted]
        return _encoder.encode(
            InferResponse(
                answer.endpoint,
                str(answer.version),
                answer.client_id or answer.id,
                {"inference_id": answer.id, "role": answer.role},
                outputs,
            )
        )


def _column(tensor: InputTensor) -> list[Any]:
    """The tensor's data as a flat list, checked against its shape and datatype."""
    where = f"Input '{tensor.name}'"
    if tensor.data is None or "binary_data_size" in tensor.parameters:
        raise HttpError(400, f"{where} has no JSON data; binary tensors are not supported.")
    if tensor.datatype != "BYTES" and tensor.datatype not in _NUMERIC:
        raise HttpError(400, f"{where} has the unknown datatype '{tensor.datatype}'.")
    shape = tensor.shape
    if len(shape) not in (1, 2) or min(shape) < 0 or (len(shape) == 2 and shape[1] != 1):
        raise HttpError(400, f"{where} has shape {shape}; each column is one input of shape [n] or [n, 1].")
    data = tensor.data
    if data and isinstance(data[0], list):
        if len(shape) != 2 or not all(isinstance(row, list) and len(row) == 1 for row in data):
            raise HttpError(400, f"{where} has nested data that does not fit its shape {shape}.")
        data = [row[0] for row in data]
    if len(data) != prod(shape):
        raise HttpError(400, f"{where} has {len(data)} values where its shape {shape} asks for {prod(shape)}.")
    is_bytes = tensor.datatype == "BYTES"
    for row, value in enumerate(data):
        if value is not None and isinstance(value, str) != is_bytes:
            raise HttpError(400, f"{where}, row {row}: the value is not of datatype {tensor.datatype}.")
    return data


def server_metadata() -> dict[str, Any]:
    return {"name": "mlops-desktop", "version": __version__, "extensions": []}


def model_metadata(endpoint: ServedEndpoint, version: ServedVersion) -> dict[str, Any]:
    """Names, datatypes and shapes of the model's inputs and outputs."""
    inputs = [
        {"name": feature.name, "datatype": _DATATYPES.get(feature.type, "FP64"), "shape": [-1]}
        for feature in version.signature.features
    ]
    is_classifier = version.signature.task is Task.CLASSIFICATION
    return {
        "name": endpoint.name,
        "versions": [str(known.number) for known in endpoint.versions],
        "platform": "onnxruntime_onnx" if version.runtime is Runtime.ONNX else "sklearn",
        "inputs": inputs,
        "outputs": [
            {"name": "scores", "datatype": "FP64", "shape": [-1]},
            {"name": "predictions", "datatype": "BYTES" if is_classifier else "FP64", "shape": [-1]},
        ],
    }
