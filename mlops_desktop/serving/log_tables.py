"""What is logged of a large request: its features and results as one Arrow stream within the record."""

from __future__ import annotations

from typing import Any

from mlops_desktop.serving.outcomes import Outcome
from mlops_desktop.serving.redaction import Redaction, Redactor

ARROW_FILE_MAGIC = b"ARROW1"
_FEATURE = "feature."


def log_table(
    features: dict[str, Any], outcome: Outcome, entity_ids: list[str] | None, redaction: dict[str, str], key: bytes
) -> memoryview:
    """The columns of a record as an Arrow stream. `features` are pyarrow arrays or lists; `redaction` says how
    columns are redacted first.
    """
    import pyarrow as pa

    redactor = Redactor({name: Redaction(how) for name, how in redaction.items()}, key)
    hidden = redactor.features({name: _as_list(features[name]) for name in redaction if name in features})
    columns = {_FEATURE + name: _as_array(hidden.get(name, values)) for name, values in features.items()}
    columns["score"] = pa.array(outcome.scores)
    columns["prediction"] = prediction_array(outcome)
    kept_ids = redactor.entity_ids(entity_ids)
    if kept_ids is not None:
        columns["entity"] = pa.array(kept_ids, pa.string())
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return memoryview(sink.getvalue())


def prediction_array(outcome: Outcome) -> Any:
    """Predictions as a pyarrow array: each class once and its index per row, or a regression's values."""
    import pyarrow as pa

    if not outcome.classes:
        return pa.array(outcome.scores)
    return pa.DictionaryArray.from_arrays(pa.array(outcome.picks), pa.array(list(outcome.classes)))


def _as_list(values: Any) -> list[Any]:
    return values if isinstance(values, list) else list(values.to_pylist())


def _as_array(values: Any) -> Any:
    """A column that came in JSON as it came, unless it mixes kinds; then as floats, as the model sees it."""
    import pyarrow as pa

    if not isinstance(values, list):
        return values
    try:
        return pa.array(values)
    except pa.ArrowInvalid:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())


def read_log_table(
    content: bytes | memoryview, last: int | None = None, body: bytes = b""
) -> tuple[dict[str, list[Any]], list[float], list[Any], list[str] | None]:
    """Features by name, scores, predictions and entities' ids of a record's table, or of its `last` rows.

    The features may lie in the request's `body` instead.
    """
    import pyarrow as pa

    values = _last_values(pa.ipc.open_stream(content).read_all(), last)
    features = {name.removeprefix(_FEATURE): column for name, column in values.items() if name.startswith(_FEATURE)}
    if body:
        opened = pa.ipc.open_file if body.startswith(ARROW_FILE_MAGIC) else pa.ipc.open_stream
        features = _last_values(opened(body).read_all(), last)
    return features, values["score"], values["prediction"], values.get("entity")


def _last_values(table: Any, last: int | None) -> dict[str, list[Any]]:
    table = table if last is None else table.slice(max(0, table.num_rows - last))
    return {name: table[name].to_pylist() for name in table.column_names}
