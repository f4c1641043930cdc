"""Parquet, Arrow and Feather files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.sources.base import FileIdentity, Source, some_rows
from mlops_desktop.data.sources.shaping import shaped
from mlops_desktop.data.versions.chunking import BATCH_ROWS

Batches = Callable[[], Iterator[pa.RecordBatch]]


def open_parquet(path: Path, options: ReadOptions, hints: pa.Schema | None = None) -> Source:  # noqa: ARG001
    identity = FileIdentity(path)
    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise _broken(path, "Parquet", error) from error

    def batches() -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(path) as opened:
            yield from opened.iter_batches(BATCH_ROWS)

    return shaped(_source(path, "parquet", some_rows(path.name, rows), schema, batches, identity), options)


def open_arrow(path: Path, options: ReadOptions, hints: pa.Schema | None = None) -> Source:  # noqa: ARG001
    """The file format (Feather 2) or the stream format, whichever it is."""
    identity = FileIdentity(path)
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

    return shaped(_source(path, "arrow", some_rows(path.name, rows), schema, batches, identity), options)


def _source(path: Path, kind: str, rows: int, schema: pa.Schema, batches: Batches, identity: FileIdentity) -> Source:
    return Source(
        name=path.name,
        kind=kind,
        rows=rows,
        identity=identity,
        _schema=lambda: schema,
        _batches=_checked(path, kind.title(), batches),
        size=path.stat().st_size,
        settings=ReadOptions(format=kind),
    )


def _checked(path: Path, kind: str, batches: Batches) -> Batches:
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


def _broken(path: Path, kind: str, error: Exception) -> InvalidInput:
    reason = str(error).strip().rstrip(".")
    return InvalidInput(
        f"{path.name} is not a whole {kind} file: {reason}.", hint="Copy or export the file again and try once more."
    )
