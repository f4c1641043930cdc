"""From a source to a dataset version, with every attempt on the record."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from mlops_desktop.core.datasets import DatasetVersion
from mlops_desktop.core.errors import Cancelled
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.sources import STANDARD, Restarted, Source, open_source
from mlops_desktop.data.store import check_dataset_name, write_version
from mlops_desktop.registry import Registry


def ingest(
    registry: Registry,
    location: Path | str,
    dataset: str,
    *,
    options: ReadOptions = STANDARD,
    time_column: str = "",
    progress: Progress = no_progress,
) -> DatasetVersion:
    """Read a source and store its rows as the next version of `dataset`.

    Raises `InvalidInput`, `EnvironmentProblem` and `Cancelled`; each failed attempt is an event of the journal.
    """
    check_dataset_name(dataset)
    started = time.monotonic()
    try:
        source = open_source(location, options)
        with registry.objects.in_use():
            return _stored(registry, source, dataset, time_column, progress)
    except Exception as error:
        reason = "cancelled" if isinstance(error, Cancelled) else str(error) or type(error).__name__
        registry.datasets.record_failure(dataset, Path(location).name, reason, time.monotonic() - started)
        raise


def _stored(registry: Registry, source: Source, dataset: str, time_column: str, progress: Progress) -> DatasetVersion:
    origin = source.origin(progress)
    while True:
        try:
            rows = _Unchanging(source)
            return write_version(
                registry, dataset, rows, origin, time_column=time_column, total=source.rows, progress=progress
            )
        except Restarted:
            continue


class _Unchanging:
    """The rows of a source that must not change while they are read, as it is on record by its hash."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def schema(self) -> pa.Schema:
        return self._source.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        yield from self._source
        self._source.identity.check_unchanged()
