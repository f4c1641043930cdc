"""Delimited text (CSV, TSV) as a source."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.sources.base import FileIdentity, Source
from mlops_desktop.data.sources.csv_files import CsvFile


def open_delimited(path: Path, options: ReadOptions, hints: pa.Schema | None = None) -> Source:  # noqa: ARG001
    identity = FileIdentity(path)
    file = CsvFile(path, "\t" if path.suffix.lower() in (".tsv", ".tab") else "")
    return Source(
        name=path.name,
        kind="csv",
        rows=file.estimated_rows(),
        identity=identity,
        _schema=lambda: file.schema,
        _batches=lambda: file,
        size=path.stat().st_size,
        settings=ReadOptions(format="csv"),
    )
