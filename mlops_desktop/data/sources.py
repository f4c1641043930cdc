"""Files of rows: Parquet, CSV, TSV, Arrow or Feather, and JSON lines, by their extension.

Whatever is wrong with a file is an `InvalidInput` that names the file and, where known, the line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.json as pajson
import pyarrow.parquet as pq
from msgspec import Struct

from mlops_desktop.core.errors import EnvironmentProblem, InvalidInput
from mlops_desktop.data.chunking import BATCH_ROWS
from mlops_desktop.data.csv_files import CsvFile, Restarted
from mlops_desktop.data.schema import check_names

__all__ = ["EXTENSIONS", "Restarted", "Source", "open_source", "read_source"]


class Source(Struct):
    """An open file of rows. Iterating reads it from the start and may raise `Restarted`, then `schema` has changed.

    `rows` is exact or, for CSV, an estimate for showing progress.
    """

    path: Path
    kind: str
    rows: int
    _schema: Callable[[], pa.Schema]
    _batches: Callable[[], Iterable[pa.RecordBatch]]

    @property
    def schema(self) -> pa.Schema:
        return self._schema()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return iter(self._batches())


def open_source(path: Path) -> Source:
    """Open a file and read its columns, not its rows. Raises `InvalidInput`, `EnvironmentProblem`."""
    opener = _OPENERS.get(path.suffix.lower())
    if opener is None:
        raise InvalidInput(
            f"{path.name} is of no known kind ({path.suffix or 'no extension'}).",
            hint=f"Give a file that ends in {', '.join(EXTENSIONS)}.",
        )
    try:
        if path.is_file() and not path.stat().st_size:
            raise InvalidInput(f"{path.name} is empty.", hint="Give a file with a header and rows.")
        source = opener(path)
    except FileNotFoundError as error:
        raise InvalidInput(f"There is no file {path}.", hint="Check the folder and the name.") from error
    except (PermissionError, IsADirectoryError) as error:
        raise EnvironmentProblem(
            f"{path} cannot be opened ({error.strerror}).", hint="Check that it is a file that you may read."
        ) from error
    check_names(source.schema.names, where=path.name)
    return source


def read_source(path: Path) -> pa.Table:
    """All rows of a file in memory. Raises `InvalidInput`, `EnvironmentProblem`."""
    source = open_source(path)
    while True:
        try:
            return pa.Table.from_batches(list(source), schema=source.schema)
        except Restarted:
            continue


def _open_csv(path: Path) -> Source:
    file = CsvFile(path, "\t" if path.suffix.lower() in (".tsv", ".tab") else "")
    return Source(path, "csv", file.estimated_rows(), lambda: file.schema, lambda: file)


def _open_parquet(path: Path) -> Source:
    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise _broken(path, "Parquet", error) from error

    def batches() -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(path) as opened:
            yield from opened.iter_batches(BATCH_ROWS)

    return Source(path, "parquet", _some(path, rows), lambda: schema, _checked(path, "Parquet", batches))


def _open_arrow(path: Path) -> Source:
    """The file format (Feather 2) or the stream format, whichever it is."""
    try:
        with pa.memory_map(str(path)) as mapped:
            is_file = mapped.read(6) == b"ARROW1"
            mapped.seek(0)
            opened = pa.ipc.open_file(mapped) if is_file else pa.ipc.open_stream(mapped)
            schema = opened.schema
            count = opened.num_record_batches if is_file else 0
            rows = sum(opened.get_batch(i).num_rows for i in range(count)) if is_file else sum(len(b) for b in opened)
    except (pa.ArrowInvalid, OSError) as error:
        if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
            raise
        raise _broken(path, "Arrow", error) from error

    def batches() -> Iterator[pa.RecordBatch]:
        with pa.OSFile(str(path)) as file:
            if is_file:
                reader = pa.ipc.open_file(file)
                yield from (reader.get_batch(i) for i in range(reader.num_record_batches))
            else:
                yield from pa.ipc.open_stream(file)

    return Source(path, "arrow", _some(path, rows), lambda: schema, _checked(path, "Arrow", batches))


def _open_json(path: Path) -> Source:
    with path.open("rb") as file:
        start = file.read(1)
    if start == b"[":
        raise InvalidInput(f"{path.name} is one JSON array.", hint="Give JSON lines: one object per line.")
    try:
        options = pajson.ReadOptions(block_size=1 << 24)
        table = pajson.read_json(str(path), options)
        table.validate(full=True)
    except pa.ArrowInvalid as error:
        raise _broken_json(path, error) from error
    return Source(path, "json", _some(path, table.num_rows), lambda: table.schema, table.to_batches)


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


def _checked(
    path: Path, kind: str, batches: Callable[[], Iterator[pa.RecordBatch]]
) -> Callable[[], Iterator[pa.RecordBatch]]:
    """Damage that shows only in the rows is the file's fault too."""

    def checked() -> Iterator[pa.RecordBatch]:
        stream = batches()
        while True:
            try:
                batch = next(stream, None)
                if batch is not None:
                    batch.validate(full=True)
            except (pa.ArrowInvalid, OSError) as error:
                raise _broken(path, kind, error) from error
            if batch is None:
                return
            yield batch

    return checked


def _some(path: Path, rows: int) -> int:
    if not rows:
        raise InvalidInput(f"{path.name} has columns but no rows.", hint="Give a file with at least one row.")
    return rows


def _broken(path: Path, kind: str, error: Exception) -> InvalidInput:
    reason = str(error).strip().rstrip(".")
    return InvalidInput(
        f"{path.name} is not a whole {kind} file: {reason}.", hint="Copy or export the file again and try once more."
    )


_OPENERS: dict[str, Callable[[Path], Source]] = {
    ".parquet": _open_parquet,
    ".pq": _open_parquet,
    ".csv": _open_csv,
    ".txt": _open_csv,
    ".tsv": _open_csv,
    ".tab": _open_csv,
    ".arrow": _open_arrow,
    ".feather": _open_arrow,
    ".ipc": _open_arrow,
    ".jsonl": _open_json,
    ".ndjson": _open_json,
    ".json": _open_json,
}
EXTENSIONS = tuple(_OPENERS)
