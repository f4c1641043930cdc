"""An OpenAPI 3.1 description of what is served, made from the signatures of the primary versions."""

from __future__ import annotations

from typing import Any

from mlops_desktop import __version__
from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.models import Feature, Signature
from mlops_desktop.serving.config import ServedEndpoint
from mlops_desktop.serving.gateway.calls import ARROW_TYPE, CSV_TYPE, JSON_TYPE, MAX_ROWS
from mlops_desktop.serving.gateway.v2_tensors import DATATYPES

_PARQUET_TYPE = "application/vnd.apache.parquet"
_TYPES: dict[ColumnType, list[str]] = {
    ColumnType.NUMBER: ["number", "boolean", "null"],
    ColumnType.INTEGER: ["number", "boolean", "null"],
    ColumnType.BOOLEAN: ["boolean", "number", "null"],
    ColumnType.TEXT: ["string", "null"],
    ColumnType.TIME: ["number", "null"],
}
_ID: dict[str, Any] = {"type": ["string", "integer"]}
_LABEL: dict[str, Any] = {"type": ["string", "number", "boolean"]}
_EXAMPLES: dict[ColumnType, Any] = {ColumnType.BOOLEAN: True, ColumnType.TEXT: "text"}
_ERRORS = {
    "400": "The request is wrong; the message names the column.",
    "405": "Another method is used here.",
    "413": "The body is too large.",
    "415": "The body is of a type, or compressed in a way, that is not read here.",
    "500": "The model failed.",
    "503": "No worker is available yet, too many requests wait, or the disk is full; see Retry-After.",
}


def openapi(endpoints: list[ServedEndpoint]) -> dict[str, Any]:
    """The whole description. The short addresses without a model's name are there when there is one model."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Error": _error("error"), "MlflowError": _error("message", "error_code")}
    for endpoint in endpoints:
        signature = endpoint.version(endpoint.route.primary).signature
        schemas |= _schemas(endpoint, signature)
        paths |= _paths(endpoint, f"/models/{endpoint.name}")
        paths[f"/v2/models/{endpoint.name}/infer"] = {"post": _infer(endpoint, signature)}
        paths[f"/v2/models/{endpoint.name}"] = {"get": _get(f"Inputs and outputs of {endpoint.name}")}
    if len(endpoints) == 1:
        paths |= _paths(endpoints[0], "")
    paths |= {path: {"get": _get(text)} for path, text in _STATE.items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "MLOps Desktop serving",
            "version": __version__,
            "description": "Predictions of models on this machine. Each is logged before it is answered; labels are "
            "sent for its inference ids.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


_STATE = {
    "/health": "Whether each model answers",
    "/v2": "Name, version and extensions of the server",
    "/v2/health/live": "Whether the server is there",
    "/v2/health/ready": "Whether all models answer",
}


def example_row(signature: Signature) -> dict[str, Any]:
    """A row that the model takes."""
    return {feature.name: _example(feature) for feature in signature.features}


def _example(feature: Feature) -> Any:
    return feature.categories[0] if feature.categories else _EXAMPLES.get(feature.type, 0)


def _schemas(endpoint: ServedEndpoint, signature: Signature) -> dict[str, Any]:
    columns = {feature.name: _column(feature, endpoint) for feature in signature.features}
    required = list(columns)
    is_closed = endpoint.rules.refuse_extra_columns
    row: dict[str, Any] = {"type": "object", "properties": columns, "required": required}
    lists = {name: _rows(schema) for name, schema in columns.items()}
    table: dict[str, Any] = {"type": "object", "properties": lists, "required": required}
    if is_closed:
        row["additionalProperties"] = table["additionalProperties"] = False
    ids = {"type": ["array", "null"], "items": _ID, "description": "Your ids of the rows, one per row."}
    common = {"ids": ids, "id": {"type": "string", "description": "Your id of the request; it is logged."}}
    request = {
        "anyOf": [
            _object({"records": _rows(_ref(f"{endpoint.name}.Row"))} | common, ["records"]),
            _object({"columns": _ref(f"{endpoint.name}.Columns")} | common, ["columns"]),
        ]
    }
    return {
        f"{endpoint.name}.Row": row,
        f"{endpoint.name}.Columns": table,
        f"{endpoint.name}.Inputs": table | {"properties": {name: _loose(schema) for name, schema in columns.items()}},
        f"{endpoint.name}.Request": request,
        f"{endpoint.name}.Answer": _answer(signature),
    }


def _loose(column: dict[str, Any]) -> dict[str, Any]:
    """A column as MLflow takes it: a list of values, or of lists of one, or a single value."""
    boxed = {"type": "array", "items": column, "minItems": 1, "maxItems": 1}
    return {"anyOf": [_rows(column), _rows(boxed), column]}


def _column(feature: Feature, endpoint: ServedEndpoint) -> dict[str, Any]:
    kinds = _TYPES[feature.type]
    if endpoint.rules.refuse_missing_values:
        kinds = [kind for kind in kinds if kind != "null"]
    schema: dict[str, Any] = {"type": kinds, "x-column-type": str(feature.type)}
    if feature.categories and endpoint.rules.refuse_unknown_categories:
        schema["enum"] = [*feature.categories, *([None] if "null" in kinds else [])]
    elif feature.categories:
        schema["examples"] = list(feature.categories)
    return schema


def _answer(signature: Signature) -> dict[str, Any]:
    numbers = _list({"type": "number"})
    prediction: dict[str, Any] = {"type": "string", "enum": list(signature.classes)}
    if not signature.classes:
        prediction = {"type": "number"}
    text = {"type": "string"}
    properties = {
        "id": text, "model": text, "version": {"type": "integer"}, "role": text, "scores": numbers,
        "predictions": {"type": "array", "items": prediction},
        "inference_ids": {"type": "array", "items": text, "description": "What labels are sent for, one per row."},
        "probabilities": _object(dict.fromkeys(signature.classes, numbers), list(signature.classes)),
    }  # fmt: skip
    return _object(properties, list(properties))


def _paths(endpoint: ServedEndpoint, prefix: str) -> dict[str, Any]:
    return {
        f"{prefix}/predict": {"post": _predict(endpoint)},
        f"{prefix}/invocations": {"post": _invoke(endpoint)},
        f"{prefix}/feedback": {"post": _feedback(endpoint)},
    }


def _predict(endpoint: ServedEndpoint) -> dict[str, Any]:
    row = example_row(endpoint.version(endpoint.route.primary).signature)
    request = {"schema": _ref(f"{endpoint.name}.Request"), "example": {"records": [row]}}
    binary = {"schema": {"type": "string", "contentMediaType": ARROW_TYPE}}
    return {
        "summary": f"Predict with {endpoint.name}",
        "description": f"Up to {MAX_ROWS:,} rows as JSON, CSV with a header, Arrow IPC or Parquet; in tables the query "
        "parameter `ids` names the column with your ids of the rows. Answers Arrow when it is accepted.",
        "tags": [endpoint.name],
        "requestBody": _body({JSON_TYPE: request}, CSV_TYPE, ARROW_TYPE, _PARQUET_TYPE),
        "responses": _responses({JSON_TYPE: {"schema": _ref(f"{endpoint.name}.Answer")}, ARROW_TYPE: binary}, "Error"),
    }


def _invoke(endpoint: ServedEndpoint) -> dict[str, Any]:
    row, values = _ref(f"{endpoint.name}.Row"), {"type": "array"}
    records, rows = _rows(row), _rows({"anyOf": [row, values, _object({"features": values}, ["features"])]})
    split = _object({"columns": _list({"type": "string"}), "data": _list(values)}, ["columns", "data"])
    forms = {
        "dataframe_records": records,
        "dataframe_split": split,
        "instances": rows,
        "inputs": {"anyOf": [_ref(f"{endpoint.name}.Inputs"), rows]},
    }
    request = {"schema": {"oneOf": [_object({name: schema}, [name]) for name, schema in forms.items()]}}
    answer = {"schema": _object({"predictions": {"type": "array"}}, ["predictions"])}
    return {
        "summary": f"Predict with {endpoint.name} (MLflow, SageMaker)",
        "tags": [endpoint.name],
        "requestBody": _body({JSON_TYPE: request}, CSV_TYPE, _PARQUET_TYPE),
        "responses": _responses({JSON_TYPE: answer}, "MlflowError"),
    }


def _feedback(endpoint: ServedEndpoint) -> dict[str, Any]:
    label = _object({"id": _ID, "label": _LABEL}, ["id", "label"])
    beside = {"labels": _list(_LABEL), "ids": _list(_ID)}
    forms = [_object({"labels": _list(label)}, ["labels"]), _object(beside, list(beside))]
    request = {"schema": {"anyOf": forms}}
    answer = {"schema": _object({"accepted": {"type": "integer"}}, ["accepted"])}
    responses = _responses({JSON_TYPE: answer}, "Error")
    responses |= {"401": _failure("A token is needed.", "Error"), "403": _failure("Feedback is switched off.", "Error")}
    return {
        "summary": f"Labels for predictions of {endpoint.name}",
        "tags": [endpoint.name],
        "security": [{"token": []}],
        "requestBody": _body({JSON_TYPE: request}),
        "responses": responses,
    }


def _infer(endpoint: ServedEndpoint, signature: Signature) -> dict[str, Any]:
    tensor = _object(
        {"name": {"type": "string", "enum": [feature.name for feature in signature.features]},
         "shape": _list({"type": "integer", "minimum": 0}) | {"minItems": 1, "maxItems": 2},
         "datatype": {"type": "string", "enum": sorted(DATATYPES)},
         "data": {"type": "array"}},
        ["name", "shape", "datatype", "data"],
    )  # fmt: skip
    inputs = _list(tensor) | {"minItems": 1}
    request = {"schema": _object({"id": {"type": ["string", "null"]}, "inputs": inputs}, ["inputs"])}
    answer = {"schema": _object({"outputs": {"type": "array"}, "id": {"type": "string"}}, ["outputs", "id"])}
    return {
        "summary": f"Predict with {endpoint.name} (Open Inference Protocol V2)",
        "tags": [endpoint.name],
        "requestBody": _body({JSON_TYPE: request}),
        "responses": _responses({JSON_TYPE: answer}, "Error"),
    }


def _get(summary: str) -> dict[str, Any]:
    content: dict[str, Any] = {JSON_TYPE: {"schema": {}}}
    return {
        "summary": summary,
        "tags": ["state"],
        "responses": {
            "200": {"description": "Yes.", "content": content},
            "503": {"description": "Not ready.", "content": content},
        },
    }


def _body(content: dict[str, Any], *tables: str) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1}
    return {"required": True, "content": content | {kind: {"schema": schema} for kind in tables}}


def _responses(content: dict[str, Any], error: str) -> dict[str, Any]:
    answered = {"200": {"description": "The answer.", "content": content}}
    return answered | {status: _failure(text, error) for status, text in _ERRORS.items()}


def _failure(text: str, error: str) -> dict[str, Any]:
    return {"description": text, "content": {JSON_TYPE: {"schema": _ref(error)}}}


def _error(*names: str) -> dict[str, Any]:
    return _object({name: {"type": "string"} for name in names}, list(names))


def _rows(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": MAX_ROWS}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}
