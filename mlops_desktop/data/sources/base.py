"""What every source of rows offers, whatever it reads."""

from __future__ import annotations

import getpass
import platform
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import msgspec
import pyarrow as pa
from msgspec import Struct

from mlops_desktop.core.datasets import Origin
from mlops_desktop.core.errors import EnvironmentProblem, InvalidInput
from mlops_desktop.core.filehash import file_sha256
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.core.sources import ReadOptions

NULLS = ("NULL", "null", "NA", "N/A", "n/a", "#N/A", "<NA>")  # texts that people mean nothing by, beside an empty one


class Restarted(Exception):
    """The rows yielded so far are void: read again from the start, the types now fit. Caught inside this room."""


class Identity(Protocol):
    """What goes on record about a source, and whether it is still what it was when it was opened."""

    def origin(self, progress: Progress) -> Origin: ...

    def check_unchanged(self) -> None:
        """Raise `InvalidInput` where the source changed since it was opened."""


class Source(Struct):
    """Rows to be read. Iterating reads them from the start and may raise `Restarted`, then `schema` has changed.

    Attributes:
        kind: the format, for people.
        rows: exact, or an estimate for showing progress; 0 where unknown. `size`: bytes as they come.
        settings: the options it is read with, those that were found out filled in.
        warnings: what a person should know of how it is read. They and `settings` are final once all rows are read.
        notes: by column, what a person should know of how it is read; final with `warnings`, which repeat them.
        sheets: names of a workbook's sheets; `members`: names of the files in an archive, folder or glob.
    """

    name: str
    kind: str
    rows: int
    identity: Identity
    _schema: Callable[[], pa.Schema]
    _batches: Callable[[], Iterable[pa.RecordBatch]]
    size: int = 0
    settings: ReadOptions = ReadOptions()
    warnings: tuple[str, ...] = ()
    sheets: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    notes: dict[str, str] = {}
    _start: Callable[[], pa.RecordBatch] | None = None

    @property
    def schema(self) -> pa.Schema:
        return self._schema()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return iter(self._batches())

    def start(self) -> pa.RecordBatch | None:
        """The first rows by as much as was looked at already; None where that takes reading."""
        return self._start() if self._start else None

    def origin(self, progress: Progress = no_progress) -> Origin:
        found = self.identity.origin(progress)
        return msgspec.structs.replace(found, settings=msgspec.to_builtins(self.settings))


class FileIdentity:
    """A file by its size, time of change and SHA-256."""

    def __init__(self, path: Path) -> None:
        self._path = path
        status = path.stat()
        self._expected = (status.st_size, status.st_mtime_ns)

    def origin(self, progress: Progress) -> Origin:
        return Origin(
            kind="file",
            name=self._path.name,
            sha256=file_sha256(self._path, progress),
            host=platform.node(),
            user=user_name(),
            size=self._expected[0],
            modified=_moment(self._expected[1]),
        )

    def check_unchanged(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError as error:
            raise InvalidInput(
                f"{self._path.name} vanished while it was read.", hint="Keep the file where it is, then try again."
            ) from error
        if (status.st_size, status.st_mtime_ns) != self._expected:
            raise InvalidInput(
                f"{self._path.name} changed while it was read.", hint="Wait until it is written, then try again."
            )


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """Says in words why a file cannot be opened. Raises `InvalidInput`, `EnvironmentProblem`."""
    try:
        yield
    except FileNotFoundError as error:
        raise InvalidInput(f"There is no file {path}.", hint="Check the folder and the name.") from error
    except OSError as error:
        raise EnvironmentProblem(
            f"{path} cannot be opened ({error.strerror or error}).", hint="Check that it is a file that you may read."
        ) from error


def _moment(nanoseconds: int) -> str:
    """A file's time of change; nothing for a time that no calendar has, which file systems do hold."""
    try:
        return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return ""


def user_name() -> str:
    """The account's name, or nothing where the system has none for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""


def some_rows(name: str, rows: int) -> int:
    """The number of rows itself; raises `InvalidInput` where there are none."""
    if not rows:
        raise InvalidInput(f"{name} has columns but no rows.", hint="Give a file with at least one row.")
    return rows
