"""MLflow's scoring protocol and SageMaker's container contract, which share `POST /invocations`.

Both take CSV and JSON. MLflow's CSV has a header, and its JSON says in which of four ways it is meant; SageMaker's CSV
has none, and its JSON has `instances`, as objects, lists, or objects with `features`. A first line of CSV that names
none of the model's columns is taken for values; everything else can be told apart by its keys.
"""

from __future__ import annotations

import csv
import io
from typing import Any

import msgspec
from msgspec import Struct

from mlops_desktop.serving.gateway.calls import (
    CSV_TYPE,
    JSON_TYPE,
    TABLE_TYPES,
    Answer,
    Call,
    Encoded,
    Form,
    checked_rows,
)
from mlops_desktop.serving.gateway.faults import HttpError
from mlops_desktop.serving.gateway.plain import decode_json, pivot

LINES_TYPES = frozenset(["application/jsonlines", "application/x-jsonlines", "application/x-ndjson"])


class Split(Struct):
    """A data frame as `to_dict(orient="split")` has it; an `index` is not needed."""

    columns: list[str]
    data: list[list[Any]]


class InvocationRequest(Struct):
    """Exactly one of the first four; MLflow's `params` have nothing to set in these models."""

    dataframe_split: Split | None = None
    dataframe_records: list[dict[str, Any]] | None = None
    instances: list[Any] | None = None
    inputs: Any = None
    params: dict[str, Any] | None = None


_decoder = msgspec.json.Decoder(InvocationRequest)
_line_decoder = msgspec.json.Decoder(Any)
_encoder = msgspec.json.Encoder()


class InvocationsCodec:
    """`/invocations`."""

    name = "invocations"

    def decode(self, body: bytes, form: Form) -> Call:
        if form.content_type in TABLE_TYPES:
            from mlops_desktop.serving.gateway.tables import call_of_table

            return call_of_table(body, form)
        if form.content_type in LINES_TYPES:
            lines = bytes(body).splitlines()
            columns = _columns([decode_json(_line_decoder, line) for line in lines if line.strip()], form)
        elif form.content_type in ("", JSON_TYPE):
            columns = _columns_of_request(decode_json(_decoder, body), form)
        else:
            kinds = f"{JSON_TYPE}, {CSV_TYPE}, application/jsonlines, application/vnd.apache.parquet"
            raise HttpError(415, f"This predictor only supports the following content types: {kinds}.")
        return Call(columns, checked_rows(columns), form.client_id)

    def encode(self, answer: Answer, call: Call, form: Form) -> Encoded:
        """Only what MLflow's clients know; the rest is in headers."""
        del call
        headers = {"X-Inference-Id": answer.id, "X-Model-Version": str(answer.version), "X-Model-Role": answer.role}
        if CSV_TYPE in form.accept:
            sink = io.StringIO()
            csv.writer(sink, lineterminator="\n").writerows([value] for value in answer.predictions)
            return Encoded(sink.getvalue().encode(), "text/csv; charset=utf-8", headers)
        if any(kind in form.accept for kind in LINES_TYPES):
            lines = b"\n".join(_encoder.encode({"prediction": value}) for value in answer.predictions)
            return Encoded(lines + b"\n", "application/jsonlines", headers)
        return Encoded(_encoder.encode({"predictions": answer.predictions}), JSON_TYPE, headers)


def _columns_of_request(request: InvocationRequest, form: Form) -> dict[str, list[Any]]:
    given = [name for name in ("dataframe_split", "dataframe_records", "instances", "inputs") if _has(request, name)]
    if len(given) != 1:
        raise HttpError(400, "Give exactly one of 'dataframe_split', 'dataframe_records', 'instances' and 'inputs'.")
    if request.dataframe_split is not None:
        return _by_position(request.dataframe_split.data, tuple(request.dataframe_split.columns))
    if request.dataframe_records is not None:
        return pivot(request.dataframe_records)
    if request.instances is not None:
        return _columns(request.instances, form)
    if isinstance(request.inputs, dict):
        return {name: _flat(name, values) for name, values in request.inputs.items()}
    if isinstance(request.inputs, list):
        return _columns(request.inputs, form)
    raise HttpError(400, "'inputs' must be an object of columns or a list of rows.")


def _has(request: InvocationRequest, name: str) -> bool:
    return getattr(request, name) is not None


def _columns(rows: list[Any], form: Form) -> dict[str, list[Any]]:
    """Columns of rows that are objects, lists of values by position, or values of the only column."""
    rows = [row["features"] if isinstance(row, dict) and isinstance(row.get("features"), list) else row for row in rows]
    if all(isinstance(row, dict) for row in rows):
        return pivot(rows)
    if not any(isinstance(row, dict | list) for row in rows) and len(form.features) == 1:
        return {form.features[0]: rows}
    if all(isinstance(row, list) for row in rows):
        return _by_position(rows, form.features)
    raise HttpError(400, "Rows must be all objects, or all lists with one value per column of the model.")


def _by_position(rows: list[list[Any]], names: tuple[str, ...]) -> dict[str, list[Any]]:
    if len(set(names)) != len(names):
        raise HttpError(400, "A column is given twice.")
    for place, row in enumerate(rows):
        if len(row) != len(names):
            raise HttpError(400, f"Row {place} has {len(row)} values for {len(names)} columns.")
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _flat(name: str, values: Any) -> list[Any]:
    if not isinstance(values, list):
        return [values]
    if values and all(isinstance(value, list) and len(value) == 1 for value in values):
        return [value[0] for value in values]
    if any(isinstance(value, list) for value in values):
        raise HttpError(400, f"Column '{name}' has values that are lists.")
    return values
