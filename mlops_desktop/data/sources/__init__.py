"""Sources of rows: files, archives, folders, databases.

Whatever is wrong with a source is an `InvalidInput` that names it and, where known, the line.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.sources.base import Restarted, Source
from mlops_desktop.data.sources.files import EXTENSIONS, open_file

__all__ = ["EXTENSIONS", "Restarted", "Source", "open_source", "read_source"]

STANDARD = ReadOptions()


def open_source(location: Path | str, options: ReadOptions = STANDARD, hints: pa.Schema | None = None) -> Source:
    """Open a source and read its columns, not its rows. Raises `InvalidInput`, `EnvironmentProblem`.

    `hints` are the types that columns had before; they are followed where every value fits.
    """
    return open_file(Path(location), options, hints)


def read_source(location: Path | str, options: ReadOptions = STANDARD, hints: pa.Schema | None = None) -> pa.Table:
    """All rows of a source in memory. Raises `InvalidInput`, `EnvironmentProblem`."""
    source = open_source(location, options, hints)
    while True:
        try:
            return pa.Table.from_batches(list(source), schema=source.schema)
        except Restarted:
            continue
