"""A table's columns, checked against the signature and turned into arrays for the model; mostly without copying."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.models import Feature, Signature
from mlops_desktop.serving.gateway.checks import (
    LARGEST_NUMBER,
    check_names,
    endless_number,
    missing_value,
    unknown_category,
    wrong_type,
)
from mlops_desktop.serving.predictors import MISSING_TEXT, Column
from mlops_desktop.serving.rules import InputRules
from mlops_desktop.serving.texts import WIDEST, PaddedTexts, Texts

_MISSING_NUMBERS = ["NaN", "nan", "NA", "N/A", "null", "NULL", "None"]
_TRUTHS = {"true": "1", "false": "0"}


def features_of(table: pa.Table, signature: Signature, rules: InputRules, *, is_text: bool) -> dict[str, pa.Array]:
    """The features' columns by name, whole and of the right kind. Raises `HttpError` 400 that names what is wrong."""
    check_names(table.column_names, signature, rules)
    found: dict[str, pa.Array] = {}
    for feature in signature.features:
        chunks = table[feature.name]
        column = chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = column.chunk(0)
        found[feature.name] = _of_kind(feature, column, is_text=is_text)
        _check_values(feature, found[feature.name], rules)
    return found


def array_of(column: pa.Array, dtype: Any) -> Column:
    """Shape [n, 1]. A null or infinite number becomes NaN, a null text the marker, as in training."""
    if dtype is not object:
        return _numbers(column, dtype).reshape(-1, 1)
    padded = _padded(column)
    return _texts(column) if padded is None else padded


def _of_kind(feature: Feature, column: pa.Array, *, is_text: bool) -> pa.Array:
    kind = column.type
    if pa.types.is_dictionary(kind) and feature.type is not ColumnType.TEXT:
        column = column.dictionary_decode()
        kind = column.type
    if feature.type is ColumnType.TEXT:
        inner = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not (_is_string(inner) or pa.types.is_null(kind)):
            raise wrong_type(feature, str(kind))
        return column.cast(pa.string()) if pa.types.is_string_view(inner) or pa.types.is_null(kind) else column
    if is_text and _is_string(kind):
        return _numbers_of_texts(feature, column)
    if feature.type is ColumnType.TIME and pa.types.is_timestamp(kind):
        return pc.divide(column.cast(pa.timestamp("us"), safe=False).cast(pa.int64()).cast(pa.float64()), 1e6)
    if pa.types.is_decimal(kind) or pa.types.is_null(kind):
        return column.cast(pa.float64())
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise wrong_type(feature, "text" if _is_string(kind) else str(kind))
    return column


def _is_string(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _numbers_of_texts(feature: Feature, column: pa.Array) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(column)
    missing = pc.is_in(trimmed, value_set=pa.array([*_MISSING_NUMBERS, ""], pa.string()))
    trimmed = pc.if_else(missing, pa.scalar(None, pa.string()), trimmed)
    if feature.type is ColumnType.BOOLEAN:
        lower = pc.utf8_lower(trimmed)
        for word, number in _TRUTHS.items():
            trimmed = pc.if_else(pc.equal(lower, word), number, trimmed)
    try:
        return trimmed.cast(pa.float64())
    except pa.ArrowInvalid:
        for row, text in enumerate(trimmed.to_pylist()):
            if text is not None and not _is_number(text):
                raise wrong_type(feature, f"'{text[:40]}'", row) from None
        raise


def _is_number(text: str) -> bool:
    try:
        pa.array([text], pa.string()).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _check_values(feature: Feature, column: pa.Array, rules: InputRules) -> None:
    if rules.refuse_missing_values:
        missing = pc.is_null(column, nan_is_null=True)
        row = pc.index(missing, True).as_py()
        if row >= 0:
            raise missing_value(feature, row)
        if column.type in (pa.float32(), pa.float64()):
            row = pc.index(pc.greater(pc.abs(column), LARGEST_NUMBER), True).as_py()
            if row >= 0:
                raise endless_number(feature, row)
    if rules.refuse_unknown_categories and feature.categories:
        texts = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        known = pa.array(list(feature.categories), pa.string()).cast(texts.type)
        is_known = pc.or_(pc.is_in(texts, value_set=known), pc.is_null(texts))
        row = pc.index(is_known, False).as_py()
        if row >= 0:
            raise unknown_category(feature, str(texts[row].as_py()), row)


def _numbers(column: pa.Array, dtype: Any) -> NDArray[Any]:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    if column.null_count:
        column = pc.fill_null(column.cast(pa.float64(), safe=False), float("nan"))
    name = {"halffloat": "float16", "float": "float32", "double": "float64"}.get(str(column.type), str(column.type))
    data = column.buffers()[1]
    values: NDArray[Any] = np.frombuffer(data if data is not None else b"", dtype=name)
    values = values[column.offset : column.offset + len(column)]
    with np.errstate(over="ignore", invalid="ignore"):
        wanted = values.astype(dtype, copy=False)
    if wanted.dtype.kind == "f":
        endless = np.isinf(wanted)
        if endless.any():
            wanted = np.where(endless, np.asarray(np.nan, dtype=wanted.dtype), wanted)
    return wanted


def _padded(column: pa.Array) -> PaddedTexts | None:
    """Short texts without looking for equal ones; None where they are long, have zeros or are looked up already."""
    if pa.types.is_dictionary(column.type):
        return None
    filled = pc.fill_null(column, MISSING_TEXT) if column.null_count else column
    characters = filled.buffers()[2]
    width = (pc.max(pc.binary_length(filled)).as_py() or 0) + 1
    if not characters or width > WIDEST or not np.frombuffer(characters, np.uint8).all():
        return None
    padded = pc.ascii_rpad(filled, width, "\0")  # counts bytes, whatever they stand for
    laid_out = np.frombuffer(padded.buffers()[2], f"S{width}", count=len(padded))
    return PaddedTexts(laid_out, lambda: _texts(column).objects())


def _texts(column: pa.Array) -> Texts:
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    known = [MISSING_TEXT if text is None else text for text in encoded.dictionary.to_pylist()]
    places = encoded.indices
    if places.null_count:
        places, known = pc.fill_null(places.cast(pa.int64()), len(known)), [*known, MISSING_TEXT]
    values: NDArray[Any] = np.frombuffer(places.buffers()[1], dtype=str(places.type))
    return Texts(known, values[places.offset : places.offset + len(places)])
