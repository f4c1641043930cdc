"""Tables of plain columns from JSON objects: nested ones are spread over columns, lists become JSON text."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pajson

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.data.sources.json_split import Block
from mlops_desktop.data.sources.values import Kind, array_of, common_kind, kinds_of

DEPTH = 5
_INEXACT = 2.0**53
_SPACE = re.compile(r"\s*")
Path = tuple[str, ...]


class Flattener:
    """Makes tables of blocks; the same path of keys becomes the same column in each.

    Attributes:
        listed: columns that hold lists or deep objects, as JSON text.
        mixed: columns in which values of several types met within a block.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._names: dict[Path, str] = {}
        self._texts: dict[str, pa.DataType] = {}
        self.listed: set[str] = set()
        self.mixed: set[str] = set()

    def table(self, block: Block) -> tuple[int, dict[str, pa.Array]]:
        """The number of rows, and the columns by name.

        Raises `InvalidInput` where the block is no JSON, with line and column.
        """
        try:
            table = self._read(block.text)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
            return self._slowly(block)
        except RecursionError:
            raise self._too_deep(block) from None
        found: dict[str, pa.Array] = {}
        for name in table.column_names:
            self._flat((name,), table[name].combine_chunks(), found)
        return self._slowly(block) if any(map(_may_lose_digits, found.values())) else (table.num_rows, found)

    def _read(self, text: bytes) -> pa.Table:
        """By pyarrow, which takes texts for times; they are read again as texts, as their zones would be lost."""
        table = self._parsed(text)
        times = {field.name: _without_times(field.type) for field in table.schema}
        times = {name: kind for name, kind in times.items() if kind != table.schema.field(name).type}
        if not times:
            return table
        self._texts |= times
        return self._parsed(text).select(table.column_names)

    def _parsed(self, text: bytes) -> pa.Table:
        parsing = pajson.ParseOptions(explicit_schema=pa.schema(list(self._texts.items())), newlines_in_values=True)
        reading = pajson.ReadOptions(block_size=len(text) + 1, use_threads=False)
        table = pajson.read_json(io.BytesIO(text), reading, parsing)
        table.validate(full=True)
        return table

    def _flat(self, path: Path, column: pa.Array, found: dict[str, pa.Array]) -> None:
        kind = column.type
        if pa.types.is_struct(kind) and len(path) <= DEPTH and kind.num_fields:
            for field, child in zip(kind, column.flatten(), strict=True):
                self._flat((*path, field.name), child, found)
        elif pa.types.is_nested(kind):
            name = self._name_of(path)
            self.listed.add(name)
            texts = [None if value is None else _json(value) for value in column.to_pylist()]
            found[name] = pa.array(texts, pa.string())
        else:
            found[self._name_of(path)] = column

    def _name_of(self, path: Path) -> str:
        if path not in self._names:
            taken, name, number = set(self._names.values()), ".".join(path), 2
            while name in taken:
                name, number = f"{'.'.join(path)}_{number}", number + 1
            self._names[path] = name
        return self._names[path]

    def _slowly(self, block: Block) -> tuple[int, dict[str, pa.Array]]:
        """By Python's parser, which takes what pyarrow's refuses: values of several types, large integers, NaN."""
        columns: dict[Path, list[Any]] = {}
        rows = 0
        for record in self._objects(block):
            for path, value in _leaves((), record):
                column = columns.setdefault(path, [])
                column += [None] * (rows - len(column))
                column.append(value)
            rows += 1
        return rows, {
            self._name_of(path): self._array(path, column + [None] * (rows - len(column)))
            for path, column in columns.items()
        }

    def _array(self, path: Path, values: list[Any]) -> pa.Array:
        if any(isinstance(value, list | dict) for value in values):
            self.listed.add(self._name_of(path))
            values = [_json(value) if isinstance(value, list | dict) else value for value in values]
        values = [_kept(value) if type(value) is int else value for value in values]
        kinds = kinds_of(values)
        kind = common_kind(kinds)
        if kinds == {Kind.INTEGER, Kind.UNSIGNED}:
            kind = Kind.UNSIGNED if min(value for value in values if value is not None) >= 0 else Kind.TEXT
        if len(kinds) > 1 and kind is Kind.TEXT:
            self.mixed.add(self._name_of(path))
        return array_of(values, kind)

    def _objects(self, block: Block) -> Iterator[dict[str, Any]]:
        decoder, at = json.JSONDecoder(), 0
        text = self._decoded(block)
        while (at := _skip(text, at)) < len(text):
            try:
                record, end = decoder.raw_decode(text, at)
            except json.JSONDecodeError as error:
                line = block.line + error.lineno - 1
                raise InvalidInput(
                    f"{self._name}, line {line}, column {error.colno}: {error.msg}.", hint="Correct that line."
                ) from error
            except RecursionError:
                raise self._too_deep(block) from None
            except ValueError as error:  # an integer that Python refuses to read
                line = block.line + text.count("\n", 0, at)
                raise InvalidInput(
                    f"{self._name}, line {line}: a number of more digits than can be read.",
                    hint="Give it as text, in quotes.",
                ) from error
            if not isinstance(record, dict):
                line = block.line + text.count("\n", 0, at)
                raise InvalidInput(
                    f"{self._name}, line {line} is not a JSON object.", hint="Give one object for each row."
                )
            yield record
            at = end

    def _too_deep(self, block: Block) -> InvalidInput:
        return InvalidInput(
            f"{self._name}, from line {block.line} on: objects or lists are nested too deeply to be read.",
            hint="Give objects of plain values.",
        )

    def _decoded(self, block: Block) -> str:
        try:
            return block.text.decode()
        except UnicodeDecodeError as error:
            line = block.line + block.text.count(b"\n", 0, error.start)
            byte = error.start - block.text.rfind(b"\n", 0, error.start)
            raise InvalidInput(
                f"{self._name}, line {line}, byte {byte} is not UTF-8 text.", hint="Save the file as UTF-8."
            ) from error


def _may_lose_digits(column: pa.Array) -> bool:
    """Whether a double may have been an integer of more digits than it holds."""
    if not pa.types.is_floating(column.type):
        return False
    found = pc.min_max(column)
    return any(abs(found[end].as_py() or 0.0) >= _INEXACT for end in ("min", "max"))


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _leaves(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and len(path) <= DEPTH and (value or not path):
        for key, inner in value.items():
            yield from _leaves((*path, key), inner)
    else:
        yield path, value


def _without_times(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_temporal(kind):
        return pa.string()
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _without_times(field.type)) for field in kind])
    return pa.list_(_without_times(kind.value_type)) if pa.types.is_list(kind) else kind


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _kept(value: int) -> int | float | str:
    """An integer beyond 64 bits as a double where that gives its digits back, else as text."""
    if -(2**63) <= value < 2**64:
        return value
    try:
        return float(value) if int(Decimal(repr(float(value)))) == value else str(value)
    except OverflowError:
        return str(value)
