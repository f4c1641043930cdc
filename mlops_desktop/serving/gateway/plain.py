"""The program's own JSON protocol: records or columns in, scores and decisions out."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from mlops_desktop.serving.gateway.calls import Answer, Call, checked_rows
from mlops_desktop.serving.gateway.faults import HttpError


class PredictRequest(Struct):
    """`POST /predict`: exactly one of `records` and `columns`; `ids` are the entities' ids, one per row."""

    records: list[dict[str, Any]] | None = None
    columns: dict[str, list[Any]] | None = None
    ids: list[str | int] | None = None
    id: str = ""


class PredictResponse(Struct):
    """`inference_ids` are what labels are sent for, one per row."""

    id: str
    model: str
    version: int
    role: str
    scores: list[float]
    predictions: list[Any]
    inference_ids: list[str]


LabelValue = str | int | float | bool


class Label(Struct):
    """The true outcome of a prediction, by inference id or entity id."""

    id: str | int
    label: LabelValue


class FeedbackRequest(Struct):
    """`POST /feedback`: `labels` as objects, or as values beside `ids`."""

    labels: list[Label | LabelValue]
    ids: list[str | int] | None = None
    endpoint: str = ""


_predict_decoder = msgspec.json.Decoder(PredictRequest)
_feedback_decoder = msgspec.json.Decoder(FeedbackRequest)
_encoder = msgspec.json.Encoder()


def decode_json(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    """Decode a client's JSON; whatever is wrong with it becomes an `HttpError` 400."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as problem:
        raise HttpError(400, f"The body is not what is expected here: {problem}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise HttpError(400, "The body is not valid JSON in UTF-8.") from None
    except RecursionError:
        raise HttpError(400, "The body is nested too deeply.") from None


class PlainCodec:
    """`/predict`."""

    def decode(self, body: bytes) -> Call:
        request: PredictRequest = decode_json(_predict_decoder, body)
        if (request.records is None) == (request.columns is None):
            raise HttpError(400, "Give exactly one of 'records' and 'columns'.")
        columns = request.columns if request.columns is not None else _pivot(request.records or [])
        rows = checked_rows(columns)
        entity_ids = None if request.ids is None else [str(value) for value in request.ids]
        if entity_ids is not None and len(entity_ids) != rows:
            raise HttpError(400, f"There are {len(entity_ids)} ids for {rows} rows.")
        return Call(columns, rows, request.id, entity_ids)

    def encode(self, answer: Answer, call: Call) -> bytes:
        return _encoder.encode(
            PredictResponse(
                answer.id,
                answer.model,
                answer.version,
                answer.role,
                answer.scores,
                answer.predictions,
                [f"{answer.id}/{row}" for row in range(call.rows)],
            )
        )


def _pivot(records: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Records to columns. A key that only some records have counts as null in the others."""
    if len(records) == 1:
        return {name: [value] for name, value in records[0].items()}
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [record.get(name) for record in records] for name in names}


def decode_feedback(body: bytes) -> tuple[str, list[tuple[str, LabelValue]]]:
    """The endpoint it is for, empty where not said, and pairs of id and label."""
    request: FeedbackRequest = decode_json(_feedback_decoder, body)
    if request.ids is not None:
        if len(request.ids) != len(request.labels):
            raise HttpError(400, f"There are {len(request.ids)} ids for {len(request.labels)} labels.")
        pairs = list(zip(request.ids, request.labels, strict=True))
    else:
        pairs = [(entry.id, entry.label) for entry in request.labels if isinstance(entry, Label)]
    if len(pairs) != len(request.labels) or any(isinstance(label, Label) for _, label in pairs):
        raise HttpError(400, "Give labels as objects with 'id' and 'label', or as values beside 'ids'.")
    return request.endpoint, [(str(key), label) for key, label in pairs if not isinstance(label, Label)]
