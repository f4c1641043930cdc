"""From a file to a dataset version, with failures on the record."""

from __future__ import annotations

import getpass
import hashlib
import platform
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from mlops_desktop.core.datasets import DatasetVersion, Origin
from mlops_desktop.core.errors import Cancelled, InvalidInput
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.data.sources import Restarted, Source, open_source
from mlops_desktop.data.store import check_dataset_name, write_version
from mlops_desktop.registry import Registry


def ingest(
    registry: Registry, path: Path, dataset: str, *, time_column: str = "", progress: Progress = no_progress
) -> DatasetVersion:
    """Read a file and store its rows as the next version of `dataset`.

    Raises `InvalidInput`, `EnvironmentProblem` and `Cancelled`; each failed attempt is an event of the journal.
    """
    check_dataset_name(dataset)
    started = time.monotonic()
    try:
        return _ingested(registry, path, dataset, time_column, progress)
    except Cancelled:
        registry.datasets.record_failure(dataset, path.name, "cancelled", time.monotonic() - started)
        raise
    except Exception as error:
        reason = str(error) or type(error).__name__
        registry.datasets.record_failure(dataset, path.name, reason, time.monotonic() - started)
        raise


def _ingested(registry: Registry, path: Path, dataset: str, time_column: str, progress: Progress) -> DatasetVersion:
    source = open_source(path)
    before = path.stat()
    origin = file_origin(path, progress)
    while True:
        try:
            batches = _Unchanging(source, path, before.st_size, before.st_mtime_ns)
            return write_version(
                registry, dataset, batches, origin, time_column=time_column, total=source.rows, progress=progress
            )
        except Restarted:
            continue


class _Unchanging:
    """The rows of a file that must not change while they are read, as it is on record by its hash."""

    def __init__(self, source: Source, path: Path, size: int, modified: int) -> None:
        self._source = source
        self._path = path
        self._expected = (size, modified)

    @property
    def schema(self) -> pa.Schema:
        return self._source.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        yield from self._source
        now = self._path.stat()
        if (now.st_size, now.st_mtime_ns) != self._expected:
            raise InvalidInput(
                f"{self._path.name} changed while it was read.", hint="Wait until it is written, then try again."
            )


def file_origin(path: Path, progress: Progress = no_progress) -> Origin:
    """What is on record about a file: its hash as it came, and who took it in on which machine."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            progress(None, f"Hashing {path.name}")
            digest.update(block)
    return Origin(kind="file", name=path.name, sha256=digest.hexdigest(), host=platform.node(), user=user_name())


def user_name() -> str:
    """The account's name, or nothing where the system has none for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""
