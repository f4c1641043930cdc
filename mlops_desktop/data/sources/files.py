"""A single file of rows, opened by its format: which is told by the options, its extension, or its content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePath

import pyarrow as pa

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.schema import check_names
from mlops_desktop.data.sources.base import Source, opening
from mlops_desktop.data.sources.columnar import open_arrow, open_parquet
from mlops_desktop.data.sources.delimited import open_delimited
from mlops_desktop.data.sources.excel import open_excel
from mlops_desktop.data.sources.json_files import open_json

Opener = Callable[[Path, ReadOptions, pa.Schema | None], Source]

FORMATS: dict[str, Opener] = {
    "csv": open_delimited,
    "json": open_json,
    "jsonl": open_json,
    "parquet": open_parquet,
    "arrow": open_arrow,
    "excel": open_excel,
}
BY_EXTENSION = {
    ".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".txt": "csv", ".tsv": "csv", ".tab": "csv",
    ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json",
    ".xlsx": "excel", ".xlsm": "excel", ".xls": "excel", ".xlsb": "excel", ".ods": "excel",
}  # fmt: skip
EXTENSIONS = tuple(BY_EXTENSION)


def format_of(name: str) -> str:
    """The format of a file by its extension; empty where that says nothing."""
    return BY_EXTENSION.get(PurePath(name).suffix.lower(), "")


def open_file(path: Path, options: ReadOptions, hints: pa.Schema | None = None) -> Source:
    """Open a file and read its columns, not its rows. Raises `InvalidInput`, `EnvironmentProblem`."""
    found = options.format or format_of(path.name)
    opener = FORMATS.get(found)
    if opener is None:
        raise InvalidInput(
            f"{path.name} is of no known kind ({path.suffix or 'no extension'}).",
            hint=f"Give a file that ends in {', '.join(EXTENSIONS)}.",
        )
    with opening(path):
        if path.is_file() and not path.stat().st_size:
            raise InvalidInput(f"{path.name} is empty.", hint="Give a file with a header and rows.")
        source = opener(path, options, hints)
    check_names(source.schema.names, where=path.name)
    return source
