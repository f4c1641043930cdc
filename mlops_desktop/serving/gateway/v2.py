"""Open Inference Protocol V2, REST: one input per column, tensors as JSON or binary behind it, texts as BYTES."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from mlops_desktop.serving.gateway.calls import (
    ENTITY_INPUT,
    Answer,
    Call,
    Encoded,
    Form,
    check_rows,
    checked_ids,
    checked_rows,
)
from mlops_desktop.serving.gateway.checks import FEW_VALUES, kinds_of
from mlops_desktop.serving.gateway.faults import HttpError
from mlops_desktop.serving.gateway.plain import decode_json
from mlops_desktop.serving.gateway.v2_tensors import DATATYPES, decode_tensor, encode_tensor

BINARY_TYPE = "application/octet-stream"
OUTPUTS = ("scores", "predictions", "probabilities")


class InputTensor(Struct):
    """`data` is row-major, flat or nested; null stands for a missing value. Absent where the tensor is binary."""

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
    data: list[Any] | UnsetType = UNSET
    parameters: dict[str, Any] | UnsetType = UNSET


class InferResponse(Struct):
    """`id` echoes the client's; `parameters.inference_id` is what labels are sent for, with `/<row>` behind it."""

    model_name: str
    model_version: str
    id: str
    parameters: dict[str, Any]
    outputs: list[OutputTensor]


_TEXTS = {str, type(None)}
_decoder = msgspec.json.Decoder(InferRequest)
_encoder = msgspec.json.Encoder()


class V2Codec:
    """`POST …/infer`."""

    name = "v2"

    def decode(self, body: bytes, form: Form) -> Call:
        request, binary = _split(body, form.json_length)
        columns: dict[str, list[Any]] = {}
        for tensor in request.inputs:
            if tensor.name in columns:
                raise HttpError(400, f"Input '{tensor.name}' is given twice.")
            size = tensor.parameters.get("binary_data_size")
            if size is None:
                columns[tensor.name] = _json_column(tensor)
            else:
                columns[tensor.name], binary = _binary_column(tensor, size, binary)
        if len(binary):
            raise HttpError(400, f"There are {len(binary):,} bytes behind the JSON that no input claims.")
        rows = checked_rows(columns)
        entity_ids = checked_ids(columns.get(ENTITY_INPUT), rows)
        wanted, as_binary = _wanted(request)
        return Call(columns, rows, request.id or "", entity_ids, wanted, as_binary)

    def encode(self, answer: Answer, call: Call, form: Form) -> Encoded:
        del form
        rows = len(answer.scores)
        kind = "BYTES" if isinstance(answer.predictions[0], str) else "FP64"
        outputs = [
            OutputTensor("scores", [rows], "FP64", answer.scores),
            OutputTensor("predictions", [rows], kind, answer.predictions),
        ]
        if answer.classes:
            shape = [rows, len(answer.classes)]
            outputs.append(OutputTensor("probabilities", shape, "FP64", answer.rows_of_probabilities()))
        if call.wanted:
            outputs = [output for name in call.wanted for output in outputs if output.name == name]
        response = InferResponse(
            answer.endpoint,
            str(answer.version),
            answer.client_id or answer.id,
            {"inference_id": answer.id, "role": answer.role},
            outputs,
        )
        return _binary_response(response, call.binary) if call.binary else Encoded(_encoder.encode(response))


def _split(body: bytes, json_length: int) -> tuple[InferRequest, memoryview]:
    """The JSON and the bytes behind it."""
    if json_length < 0:
        return decode_json(_decoder, body), memoryview(b"")
    if not 0 < json_length <= len(body):
        raise HttpError(
            400,
            f"Inference-Header-Content-Length says {json_length:,} bytes of JSON; the body has {len(body):,} bytes.",
        )
    view = memoryview(body)
    return decode_json(_decoder, view[:json_length]), view[json_length:]


def _wanted(request: InferRequest) -> tuple[tuple[str, ...], frozenset[str]]:
    """Names of the outputs that are asked for, none meaning all, and of those that are to be binary."""
    is_binary = request.parameters.get("binary_data_output") is True
    if not request.outputs:
        return (), frozenset(OUTPUTS) if is_binary else frozenset()
    for output in request.outputs:
        if output.name not in OUTPUTS:
            raise HttpError(400, f"There is no output '{output.name}'; there are {', '.join(OUTPUTS)}.")
        if "classification" in output.parameters or "shared_memory_region" in output.parameters:
            raise HttpError(400, f"Output '{output.name}': classification and shared memory are not supported.")
    as_binary = [output.name for output in request.outputs if output.parameters.get("binary_data", is_binary) is True]
    return tuple(dict.fromkeys(output.name for output in request.outputs)), frozenset(as_binary)


def _binary_response(response: InferResponse, binary: frozenset[str]) -> Encoded:
    """Outputs that are to be binary follow the JSON, in its order."""
    parts: list[bytes] = []
    for output in response.outputs:
        if output.name in binary and not isinstance(output.data, UnsetType):
            parts.append(encode_tensor(output.datatype, output.data))
            output.data, output.parameters = UNSET, {"binary_data_size": len(parts[-1])}
    header = _encoder.encode(response)
    if not parts:
        return Encoded(header)
    return Encoded(b"".join([header, *parts]), BINARY_TYPE, {"Inference-Header-Content-Length": str(len(header))})


def _count(tensor: InputTensor, where: str) -> int:
    """How many values the tensor has; its datatype is one that is known and its shape that of a column."""
    if tensor.datatype not in DATATYPES:
        raise HttpError(400, f"{where} has the unknown datatype '{tensor.datatype}'.")
    shape = tensor.shape
    if len(shape) not in (1, 2) or min(shape) < 0 or (len(shape) == 2 and shape[1] != 1):
        raise HttpError(400, f"{where} has shape {shape[:9]}; each column is one input of shape [n] or [n, 1].")
    check_rows(max(shape[0], 1))
    return shape[0]


def _binary_column(tensor: InputTensor, size: Any, binary: memoryview) -> tuple[list[Any], memoryview]:
    """The values, and the bytes that are left for the inputs after this one."""
    where = f"Input '{tensor.name}'"
    count = _count(tensor, where)
    if tensor.data is not None:
        raise HttpError(400, f"{where} has JSON data and says that it is binary.")
    if type(size) is not int or not 0 <= size <= len(binary):
        raise HttpError(400, f"{where}: binary_data_size is {size!r}, and {len(binary):,} bytes are left.")
    return decode_tensor(tensor.datatype, binary[:size], count, where), binary[size:]


def _json_column(tensor: InputTensor) -> list[Any]:
    """The tensor's data as a flat list, checked against its shape and datatype."""
    where = f"Input '{tensor.name}'"
    count = _count(tensor, where)
    data = tensor.data
    if data is None:
        problem = "is in shared memory, which is not supported" if "shared_memory_region" in tensor.parameters else ""
        raise HttpError(400, f"{where} {problem or 'has no data'}.")
    if data and isinstance(data[0], list):
        if len(tensor.shape) != 2 or not all(isinstance(row, list) and len(row) == 1 for row in data):
            raise HttpError(400, f"{where} has nested data that does not fit its shape {tensor.shape}.")
        data = [row[0] for row in data]
    if len(data) != count:
        raise HttpError(400, f"{where} has {len(data)} values where its shape {tensor.shape} asks for {count}.")
    is_bytes = tensor.datatype == "BYTES"
    if len(data) > FEW_VALUES:
        kinds = kinds_of(data)
        if kinds <= _TEXTS if is_bytes else str not in kinds:
            return data
    for row, value in enumerate(data):
        if value is not None and isinstance(value, str) != is_bytes:
            raise HttpError(400, f"{where}, row {row}: the value is not of datatype {tensor.datatype}.")
    return data
