"""Sources of rows: files, archives, folders, databases.

Whatever is wrong with a source is an `InvalidInput` that names it and, where known, the line.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.sources.archives import EXTENSIONS
from mlops_desktop.data.sources.base import Restarted, Source
from mlops_desktop.data.sources.credentials import without_password
from mlops_desktop.data.sources.databases import DIALECTS, open_database
from mlops_desktop.data.sources.folders import open_path

__all__ = ["EXTENSIONS", "Restarted", "Source", "name_of", "open_source", "read_source", "register_scheme"]

STANDARD = ReadOptions()

SchemeOpener = Callable[[str, ReadOptions, pa.Schema | None], Source]
_SCHEMES: dict[str, SchemeOpener] = {}


def register_scheme(scheme: str, opener: SchemeOpener) -> None:
    """Have `opener` called for locations that start with `scheme` and a colon, such as `log:flights`."""
    _SCHEMES[scheme] = opener


def open_source(
    location: Path | str,
    options: ReadOptions = STANDARD,
    hints: pa.Schema | None = None,
    progress: Progress = no_progress,
) -> Source:
    """Open a source and read its columns, not its rows. Raises `InvalidInput`, `EnvironmentProblem`.

    A location is a file, an archive, a folder, a path with `*`, `?` or `**`, or one of a registered scheme, such as the
    URL of a database. `hints` are the types that columns had before; they are followed where every value fits.
    `progress` is for what takes long before the first row: unpacking an archive.
    """
    if isinstance(location, Path):
        return open_path(location, options, hints, progress)
    if not location.strip():
        raise InvalidInput("There is no name of a file or another source.", hint="Give one, such as flights.csv.")
    scheme = _scheme_of(location)
    if scheme in _SCHEMES:
        return _SCHEMES[scheme](location, options, hints)
    if "://" in location:  # not shown: it may hold a password
        raise InvalidInput(f"There is no kind of source named {scheme}:.", hint=f"Known are {', '.join(_SCHEMES)}.")
    return open_path(Path(location), options, hints, progress)


def name_of(location: Path | str) -> str:
    """What a location is called where it is recorded: never with the password of a database."""
    text = str(location)
    if "://" not in text and _scheme_of(text) not in _SCHEMES:
        return Path(text).name
    try:
        return without_password(text)
    except InvalidInput:
        return f"{_scheme_of(text)}:…" if "@" in text or "=" in text else text


def _scheme_of(location: str) -> str:
    return location.partition(":")[0].partition("+")[0].lower()


def read_source(location: Path | str, options: ReadOptions = STANDARD, hints: pa.Schema | None = None) -> pa.Table:
    """All rows of a source in memory. Raises `InvalidInput`, `EnvironmentProblem`."""
    source = open_source(location, options, hints)
    while True:
        try:
            return pa.Table.from_batches(list(source), schema=source.schema)
        except Restarted:
            continue


for _scheme in DIALECTS:
    register_scheme(_scheme, open_database)
