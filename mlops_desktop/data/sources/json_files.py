"""JSON files, read as a stream: one object per line, an array of objects, or an object that holds one.

Types are those of the first block. Where a later one needs others, they are taken from the whole file and reading
starts over (`Restarted`); text is at the end of that ladder, so it terminates.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.schema import check_names
from mlops_desktop.data.sources.base import FileIdentity, Restarted, Source
from mlops_desktop.data.sources.disguise import check_is_text
from mlops_desktop.data.sources.encoding import SAMPLE, Utf8Stream, found_encoding, guess_warnings, known_encoding
from mlops_desktop.data.sources.fitting import Fitting
from mlops_desktop.data.sources.joined import common_type
from mlops_desktop.data.sources.json_split import BLOCK, Block, blocks_of, found_layout
from mlops_desktop.data.sources.json_tables import Flattener
from mlops_desktop.data.sources.readings import AS_TEXT, TEXT, Reading, moments
from mlops_desktop.data.sources.shaping import shaped

_ROWS = 10_000
Columns = dict[str, pa.Array]


class JsonFile:
    """One JSON file.

    Attributes:
        schema: the columns as they are read now; it may change when reading is restarted.
        notes: by column, what a person should know of how it is read.
    """

    def __init__(self, path: Path, options: ReadOptions, hints: pa.Schema | None = None) -> None:
        self._path = path
        self._given = options
        self._hints = {field.name: field.type for field in hints or ()}
        with path.open("rb") as file:
            start = file.read(SAMPLE)
        check_is_text(start, path.name)
        self._encoding = known_encoding(options.encoding, start) if options.encoding else found_encoding(start)
        is_lines = options.format == "jsonl" or (not options.format and path.suffix.lower() != ".json")
        with Utf8Stream(path, self._encoding) as stream:
            self._layout = found_layout(stream.read(SAMPLE), is_lines=is_lines)
        self._flattener = Flattener(path.name)
        self._kinds: dict[str, pa.DataType] = {}
        self._times: dict[str, Reading] = {}
        self._unhinted: set[str] = set()
        self._mixed: set[str] = set()
        self._is_all_known = False
        self._first = (0, 0)
        self._learn(block for block, _ in zip(self._blocks(), range(1), strict=False))
        check_names(list(self._kinds), path.name)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([(name, self._kind(name)) for name in self._kinds])

    @property
    def settings(self) -> ReadOptions:
        found = "jsonl" if self._layout.kind == "lines" else "json"
        return msgspec.structs.replace(self._given, format=found, encoding=self._encoding)

    @property
    def notes(self) -> dict[str, str]:
        listed = dict.fromkeys(sorted(self._flattener.listed), "kept as JSON text: it holds lists or deep objects")
        mixed = dict.fromkeys(
            sorted(self._mixed | self._flattener.mixed), "kept as text: it holds values of several types"
        )
        return listed | mixed

    @property
    def warnings(self) -> tuple[str, ...]:
        columns = tuple(f"Column {name!r} is {note}." for name, note in self.notes.items())
        return (*guess_warnings(self._encoding, self._given.encoding), *columns)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for block in self._blocks():
            arrays, misfit = self._fitted(*self._flattener.table(block))
            if misfit:
                self._widen(misfit)
                raise Restarted
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def estimated_rows(self) -> int:
        """From the first block; for progress alone."""
        rows, size = self._first
        return max(1, round(rows * self._path.stat().st_size / max(size, 1)))

    def _blocks(self) -> Iterator[Block]:
        if self._layout.kind == "whole":
            return _blocks_of_columns(self._path, self._encoding)
        return blocks_of(self._path, self._encoding, self._layout, BLOCK)

    def _learn(self, blocks: Iterable[Block]) -> None:
        """Take the columns and their types from some blocks."""
        fittings: dict[str, Fitting] = {}
        for block in blocks:
            rows, columns = self._flattener.table(block)
            self._first = self._first if any(self._first) else (rows, len(block.text))
            for name, column in columns.items():
                before = self._kinds.get(name, pa.null())
                self._kinds[name] = _wider(before, column.type)
                if self._kinds[name] == TEXT and not {before, column.type} <= {TEXT, pa.null()}:
                    self._mixed.add(name)
                if pa.types.is_string(column.type):
                    fitting = fittings.setdefault(name, Fitting([*moments(self._given.date_formats), AS_TEXT]))
                    fitting.show(column, column)
        if not self._kinds:
            raise InvalidInput(
                f"{self._path.name} has no rows.", hint="Give a file with at least one object that has keys."
            )
        for name, fitting in fittings.items():
            best = fitting.best
            if self._kinds[name] == TEXT and name not in self._mixed and name not in self._given.types:
                self._times |= {name: best} if best not in (None, AS_TEXT) else {}

    def _kind(self, name: str) -> pa.DataType:
        found = self._times[name].storage if name in self._times else self._kinds[name]
        hint = self._hints.get(name)
        return hint if hint is not None and name not in self._unhinted and _may_follow(found, hint) else found

    def _fitted(self, rows: int, columns: Columns) -> tuple[list[pa.Array], str]:
        """The columns in the types that they have now, or the name of the first that does not fit."""
        arrays = []
        strange = next((name for name in columns if name not in self._kinds), "")
        for name in () if strange else self._kinds:
            column = columns.get(name, pa.nulls(rows))
            if _wider(self._kinds[name], column.type) != self._kinds[name]:
                return [], name
            try:
                arrays.append(self._converted(name, column))
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                return [], name
        return arrays, strange

    def _widen(self, misfit: str) -> None:
        """Take the types from the whole file; what still does not fit then is text."""
        if misfit in self._hints and misfit not in self._unhinted:
            self._unhinted.add(misfit)
        elif not self._is_all_known:
            self._is_all_known = True
            self._kinds, self._times = dict.fromkeys(self._kinds, pa.null()), {}
            self._learn(self._blocks())
        else:
            self._kinds[misfit] = TEXT
            self._mixed.add(misfit)
            self._times.pop(misfit, None)

    def _converted(self, name: str, column: pa.Array) -> pa.Array:
        if name in self._times and not pa.types.is_null(column.type):
            if not pa.types.is_string(column.type):
                raise pa.ArrowInvalid("a value is no text, and so no time")
            column = self._times[name].parse(column)
        return pc.cast(column, self._kind(name))


def _wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The narrowest type that holds the values of both, as far as types tell."""
    return pa.uint64() if {one, other} == {pa.int64(), pa.uint64()} else common_type(one, other)


def _may_follow(found: pa.DataType, hint: pa.DataType) -> bool:
    """Whether values of a type are tried as the type that the column had before."""
    is_number = pa.types.is_integer(hint) or pa.types.is_floating(hint)
    were_numbers = pa.types.is_integer(found) or pa.types.is_floating(found)
    are_times = pa.types.is_temporal(found) and pa.types.is_temporal(hint)
    return bool(pa.types.is_null(found) or hint == TEXT or (is_number and were_numbers) or are_times)


def open_json(path: Path, options: ReadOptions, hints: pa.Schema | None = None) -> Source:
    identity = FileIdentity(path)
    file = JsonFile(path, options, hints)

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from file
        finally:
            source.settings, source.warnings, source.notes = file.settings, file.warnings, file.notes

    source = Source(
        name=path.name,
        kind="json",
        rows=file.estimated_rows(),
        identity=identity,
        _schema=lambda: file.schema,
        _batches=batches,
        size=path.stat().st_size,
        settings=file.settings,
        warnings=file.warnings,
        notes=file.notes,
    )
    return shaped(source, options)


def _blocks_of_columns(path: Path, encoding: str) -> Iterator[Block]:
    """The rows of an object of columns, each a list or, as pandas writes it, an object by row; or of a single row."""
    with Utf8Stream(path, encoding) as stream:
        try:
            found = json.loads(stream.read())
        except UnicodeDecodeError as error:
            raise InvalidInput(
                f"{path.name}, byte {error.start + 1} is not UTF-8 text.", hint="Save it as UTF-8."
            ) from error
        except json.JSONDecodeError as error:
            raise InvalidInput(
                f"{path.name}, line {error.lineno}, column {error.colno}: {error.msg}.", hint="Correct that line."
            ) from error
    if not isinstance(found, dict):
        raise InvalidInput(
            f"{path.name} is not a JSON object.", hint="Give an array of objects, or one object per line."
        )
    for rows in _in_blocks(_rows_of(found, path.name)):
        yield Block(b"\n".join(json.dumps(row).encode() for row in rows), 1)


def _rows_of(found: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    columns = list(found.values())
    if columns and all(isinstance(column, dict) for column in columns):
        keys = list(dict.fromkeys(key for column in columns for key in column))
        return ({column: values.get(key) for column, values in found.items()} for key in keys)
    if not columns or not all(isinstance(column, list) for column in columns):
        return iter([found])
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        said = ", ".join(f"{key!r} has {len(column)}" for key, column in list(found.items())[:5])
        raise InvalidInput(
            f"{name}: its columns are not of the same length ({said}).", hint="Give each the same number of values."
        )
    return (dict(zip(found, row, strict=True)) for row in zip(*columns, strict=True))


def _in_blocks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while block := [row for row, _ in zip(rows, range(_ROWS), strict=False)]:
        yield block
