"""JSON: an array of objects, or one object per line. Texts are put together by Arrow, a batch at a time."""

from __future__ import annotations

from typing import BinaryIO

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_desktop.data.writers.base import Format, Writer, text, without


class JsonWriter(Writer):
    """Each row as an object with all columns.

    JSON has no NaN and no infinity: both become null. Times are ISO 8601 texts.
    """

    def __init__(self, sink: BinaryIO, schema: pa.Schema, *, is_array: bool) -> None:
        super().__init__()
        self._sink = sink
        self._is_array = is_array
        self._is_first = True
        keys = [msgspec.json.encode(name).decode() for name in schema.names]
        self._before = [text(f"{'{' if at == 0 else ','}{key}:") for at, key in enumerate(keys)]
        if is_array:
            sink.write(b"[\n")

    def write(self, batch: pa.RecordBatch) -> None:
        if not batch.num_rows:
            return
        parts: list[pa.Array | pa.Scalar] = []
        for before, field, column in zip(self._before, batch.schema, batch.columns, strict=True):
            parts += [before, self._texts(field, column)]
        start = ",\n" if self._is_array else ""
        end = "}" if self._is_array else "}\n"
        lines = _joined(text(start), *parts, text(end))
        skipped = len(start) if self._is_first else 0
        offsets = memoryview(lines.buffers()[1]).cast("i")
        first, last = offsets[lines.offset], offsets[lines.offset + len(lines)]
        self._sink.write(memoryview(lines.buffers()[2])[first + skipped : last])
        self._is_first = False

    def close(self) -> None:
        if self._is_array:
            self._sink.write(b"\n]\n")

    def _texts(self, field: pa.Field, column: pa.Array) -> pa.Array:
        kind = column.type
        if pa.types.is_string(kind):
            texts = _quoted(column)
        elif pa.types.is_floating(kind):
            texts = self._numbers(field.name, column)
        elif pa.types.is_temporal(kind):
            quote = text('"')
            texts = pc.binary_join_element_wise(quote, _iso(column), quote, text(""))
        else:
            texts = column.cast(pa.string())
        return texts

    def _numbers(self, name: str, column: pa.Array) -> pa.Array:
        is_lost = pc.invert(pc.is_finite(column))
        if lost := pc.sum(is_lost).as_py():
            self.losses[f"{{n}} values of {name!r} are NaN or infinite and were written as missing."] += lost
            column = without(column, is_lost)
        # A whole number keeps its point, so that the column is read as numbers, not as integers.
        return pc.replace_substring_regex(column.cast(pa.string()), r"^(-?\d+)$", r"\1.0")


def _joined(*parts: pa.Array | pa.Scalar) -> pa.Array:
    return pc.binary_join_element_wise(*parts, text(""), null_handling="replace", null_replacement="null")


def _quoted(column: pa.Array) -> pa.Array:
    encoded = column.dictionary_encode()
    texts = [msgspec.json.encode(value) for value in encoded.dictionary.to_pylist()]
    bounds = np.cumsum([0, *map(len, texts)], dtype=np.int32)
    # Put together from buffers, as a list would go by way of pandas.
    quoted = pa.StringArray.from_buffers(len(texts), pa.py_buffer(bounds), pa.py_buffer(b"".join(texts)))
    return quoted.take(encoded.indices)


def _iso(column: pa.Array) -> pa.Array:
    texts = column.cast(pa.string())
    if pa.types.is_date(column.type):
        return texts
    texts = pc.replace_substring(texts, " ", "T", max_replacements=1)
    return pc.replace_substring_regex(texts, r"([+-]\d\d)(\d\d)$", r"\1:\2") if column.type.tz else texts


JSON = Format("json", (".json",), lambda sink, schema: JsonWriter(sink, schema, is_array=True))
JSON_LINES = Format("jsonl", (".jsonl", ".ndjson"), lambda sink, schema: JsonWriter(sink, schema, is_array=False))
