"""JSON files."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.json as pajson

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.sources.base import FileIdentity, Source, some_rows


def open_json(path: Path, options: ReadOptions, hints: pa.Schema | None = None) -> Source:  # noqa: ARG001
    identity = FileIdentity(path)
    with path.open("rb") as file:
        start = file.read(1)
    if start == b"[":
        raise InvalidInput(f"{path.name} is one JSON array.", hint="Give JSON lines: one object per line.")
    try:
        read_options = pajson.ReadOptions(block_size=1 << 24)
        table = pajson.read_json(str(path), read_options)
        table.validate(full=True)
    except pa.ArrowInvalid as error:
        raise _broken_json(path, error) from error
    return Source(
        name=path.name,
        kind="json",
        rows=some_rows(path.name, table.num_rows),
        identity=identity,
        _schema=lambda: table.schema,
        _batches=table.to_batches,
        size=path.stat().st_size,
        settings=ReadOptions(format="jsonl"),
    )


def _broken_json(path: Path, error: Exception) -> InvalidInput:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                is_object = not line.strip() or isinstance(json.loads(line), dict)
            except ValueError as wrong:
                said = getattr(wrong, "msg", str(wrong))
                return InvalidInput(f"{path.name}, line {number}: {said}.", hint="Correct that line.")
            if not is_object:
                return InvalidInput(
                    f"{path.name}, line {number} is not a JSON object.", hint="Write one object per line."
                )
    return InvalidInput(
        f"{path.name} cannot be read as a table: {error}.", hint="Give each key the same type of value on every line."
    )
