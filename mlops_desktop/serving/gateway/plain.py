"""The program's own protocol: records or columns in JSON, or a table, in; decisions and probabilities out."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Struct

from mlops_desktop.serving.gateway.calls import (
    JSON_TYPE,
    TABLE_TYPES,
    Answer,
    Call,
    Encoded,
    Form,
    check_rows,
    checked_ids,
    checked_rows,
)
from mlops_desktop.serving.gateway.faults import HttpError


class PredictRequest(Struct):
    """`POST /predict`: exactly one of `records` and `columns`; `ids` are the entities' ids, one per row."""

    records: list[dict[str, Any]] | None = None
    columns: dict[str, list[Any]] | None = None
    ids: list[str | int] | None = None
    id: str = ""


class PredictResponse(Struct):
    """`inference_ids` are what labels are sent for, one per row; `probabilities` are by class."""

    id: str
    model: str
    version: int
    role: str
    scores: list[float]
    predictions: list[Any]
    inference_ids: list[str]
    probabilities: dict[str, list[float]]


LabelValue = str | int | float | bool
_LEAST_INTEGER, _MOST_INTEGER = -(1 << 63), (1 << 63) - 1  # what a column of integers holds
_FEW_CELLS, _SPARSEST = 100_000, 16


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
# A text that does not end is taken whole too: looking for its end anew from each of its quotes would take forever.
_TEXT_OR_NAN = re.compile(rb'"(?:[^"\\]|\\.)*+"?|-?\b(?:NaN|Infinity)\b', re.DOTALL)
_encoder = msgspec.json.Encoder()


def decode_json(decoder: msgspec.json.Decoder[Any], body: bytes | memoryview) -> Any:
    """Decode a client's JSON; whatever is wrong with it becomes an `HttpError` 400.

    `NaN` and `Infinity`, which Python's and MLflow's clients write though JSON has neither, count as null.
    """
    try:
        return _decoded(decoder, body)
    except msgspec.ValidationError as problem:
        raise HttpError(400, f"The body is not what is expected here: {problem}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise HttpError(400, "The body is not valid JSON in UTF-8.") from None
    except RecursionError:
        raise HttpError(400, "The body is nested too deeply.") from None


_JSON_TYPES = frozenset(["", JSON_TYPE, "text/json", "text/plain", "application/x-www-form-urlencoded"])
"""What is taken as JSON: also what curl says when it is not told otherwise."""


def _decoded(decoder: msgspec.json.Decoder[Any], body: bytes | memoryview) -> Any:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        mended = _TEXT_OR_NAN.sub(lambda found: found[0] if found[0].startswith(b'"') else b"null", bytes(body))
        return decoder.decode(mended)


class PlainCodec:
    """`/predict`."""

    name = "plain"

    def decode(self, body: bytes, form: Form) -> Call:
        if form.content_type in TABLE_TYPES:
            from mlops_desktop.serving.gateway.tables import call_of_table

            return call_of_table(body, form)
        if form.content_type not in _JSON_TYPES:
            raise HttpError(
                415,
                f"Bodies of type '{form.content_type}' are not read here; send application/json, text/csv, "
                "application/vnd.apache.arrow.stream or application/vnd.apache.parquet.",
            )
        request: PredictRequest = decode_json(_predict_decoder, body)
        if (request.records is None) == (request.columns is None):
            raise HttpError(400, "Give exactly one of 'records' and 'columns'.")
        columns = request.columns if request.columns is not None else pivot(request.records or [])
        rows = checked_rows(columns)
        entity_ids = None if request.ids is None else checked_ids(request.ids, rows)
        return Call(columns, rows, request.id or form.client_id, entity_ids)

    def encode(self, answer: Answer, call: Call, form: Form) -> Encoded:
        del form
        return Encoded(
            _encoder.encode(
                PredictResponse(
                    answer.id,
                    answer.model,
                    answer.version,
                    answer.role,
                    answer.scores,
                    answer.predictions,
                    [f"{answer.id}/{row}" for row in range(call.rows)],
                    answer.columns_of_probabilities(),
                )
            )
        )


def pivot(records: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Records to columns. A key that only some records have counts as null in the others.

    Raises `HttpError` 400 for records that hardly share a key: what they make is the square of what was sent.
    """
    if len(records) == 1:
        return {name: [value] for name, value in records[0].items()}
    check_rows(max(len(records), 1))
    names = dict.fromkeys(name for record in records for name in record)
    if len(names) * len(records) > _FEW_CELLS + _SPARSEST * sum(map(len, records)):
        raise HttpError(400, f"The {len(records):,} records have {len(names):,} different keys, most of them in few.")
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
    if any(type(label) is int and not _LEAST_INTEGER <= label <= _MOST_INTEGER for _, label in pairs):
        raise HttpError(400, "A label is a number that is too large.")
    return request.endpoint, [(str(key), label) for key, label in pairs if not isinstance(label, Label)]
