"""Delimited text (CSV, TSV) as a source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.sources.base import FileIdentity, Source
from mlops_desktop.data.sources.csv_files import CsvFile


def open_delimited(path: Path, options: ReadOptions, hints: pa.Schema | None = None) -> Source:
    identity = FileIdentity(path)
    file = CsvFile(path, options, hints)

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from file
        finally:
            source.settings, source.warnings, source.notes = file.settings, file.warnings, dict(file.notes)

    source = Source(
        name=path.name,
        kind="csv",
        rows=file.estimated_rows(),
        identity=identity,
        _schema=lambda: file.schema,
        _batches=batches,
        size=path.stat().st_size,
        settings=file.settings,
        warnings=file.warnings,
        notes=dict(file.notes),
        _start=file.start,
    )
    return source
