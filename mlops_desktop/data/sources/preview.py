"""A look at the start of a source, for a person who decides how it is read."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.errors import AppError
from mlops_desktop.core.sources import PreviewColumn, ReadOptions, SourcePreview
from mlops_desktop.data.schema import checked_type, plain_type
from mlops_desktop.data.sources import STANDARD, Restarted, Source, name_of, open_source
from mlops_desktop.data.sources.csv_layout import raw_rows
from mlops_desktop.data.sources.files import format_of

ROWS = 100


def preview_source(location: Path | str, options: ReadOptions = STANDARD, rows: int = ROWS) -> SourcePreview:
    """The first rows of a source and how its columns would be read.

    Reads a few megabytes at most of a file. What is wrong with the source is said in `problem`, not raised; where its
    rows can be told apart all the same, the cells hold their texts as they come.
    """
    try:
        source = open_source(location, options)
    except AppError as error:
        return _unreadable(location, options, rows, str(error))
    problem = ""
    try:
        start = _start_of(source, rows)
        columns = tuple(_column(field, source.notes) for field in source.schema)
    except AppError as error:
        start, columns, problem = None, (), str(error)
    return SourcePreview(
        name=source.name,
        kind=source.kind,
        settings=source.settings,
        columns=columns,
        cells=_cells(start) if start is not None else (),
        rows=source.rows,
        size=source.size,
        sheets=source.sheets,
        members=source.members,
        warnings=source.warnings,
        problem=problem,
    )


def _start_of(source: Source, rows: int) -> pa.Table:
    start = source.start()
    if start is not None:
        return pa.Table.from_batches([start]).slice(0, rows)
    while True:
        batches: list[pa.RecordBatch] = []
        try:
            for batch in source:
                batches.append(batch.slice(0, rows))
                if sum(each.num_rows for each in batches) >= rows:
                    break
            return pa.Table.from_batches(batches, schema=source.schema).slice(0, rows)
        except Restarted:
            continue


def _column(field: pa.Field, notes: dict[str, str]) -> PreviewColumn:
    """Raises `InvalidInput` for a type that no dataset holds."""
    kind = checked_type(field.type, field.name)
    return PreviewColumn(field.name, kind, str(plain_type(field.type)), notes.get(field.name, ""))


def _cells(table: pa.Table) -> tuple[tuple[str | None, ...], ...]:
    texts = [_as_texts(column) for column in table.columns]
    return tuple(zip(*texts, strict=True))


def _as_texts(column: pa.ChunkedArray) -> list[str | None]:
    plain = pc.cast(column, plain_type(column.type) or column.type)
    return list(pc.cast(plain, pa.string()).to_pylist())


def _unreadable(location: Path | str, options: ReadOptions, rows: int, problem: str) -> SourcePreview:
    is_url = isinstance(location, str) and "://" in location  # it may hold a password
    path = Path(str(location))
    kind = options.format or format_of(path.name)
    names, cells, settings = raw_rows(path, options, rows) if kind == "csv" and not is_url else ([], [], options)
    return SourcePreview(
        name=name_of(location),
        kind=kind,
        settings=settings,
        columns=tuple(PreviewColumn(name, ColumnType.TEXT, "string") for name in names),
        cells=tuple(cells),
        problem=problem,
    )
