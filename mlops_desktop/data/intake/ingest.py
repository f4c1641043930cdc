"""From a source to a dataset version: read, held to the contract, stored, with every attempt on the record."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
from msgspec import Struct

from mlops_desktop.core.contracts import ContractMode
from mlops_desktop.core.datasets import ColumnType, Origin
from mlops_desktop.core.errors import Cancelled, EnvironmentProblem, InvalidInput
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.contracts.coerce import STANDARD_STORAGE, target_type
from mlops_desktop.data.intake.programs import rows_of_program, table_origin
from mlops_desktop.data.intake.taking import Ingested, Taking
from mlops_desktop.data.intake.temporary import temporary_space
from mlops_desktop.data.schema import to_arrow
from mlops_desktop.data.sources import STANDARD, Source, name_of, open_source
from mlops_desktop.data.sources.base import FileIdentity, user_name
from mlops_desktop.data.versions.store import check_dataset_name, latest
from mlops_desktop.registry import Registry

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Ingested", "ingest", "ingest_rows"]


def ingest(
    registry: Registry,
    location: Path | str,
    dataset: str,
    *,
    options: ReadOptions = STANDARD,
    time_column: str = "",
    mode: ContractMode | str | None = None,
    note: str = "",
    tags: Sequence[str] = (),
    progress: Progress = no_progress,
) -> Ingested:
    """Read a source and store its rows as the next version of `dataset`, as far as its contract lets them.

    Columns are read in the types of the contract, else of the latest version, where every value fits. `mode` takes the
    place of the contract's own. `time_column` is, unless given, the contract's, else the latest version's.
    Raises `InvalidInput` (`ContractBroken` where a contract refuses), `EnvironmentProblem` and `Cancelled`; each failed
    attempt is an event of the journal.
    """
    check_dataset_name(dataset)
    with _on_record(registry, dataset, name_of(location)) as attempt, registry.objects.in_use():
        attempt.size = _size_of(location)
        hints = _hints(registry, dataset)
        source = open_source(location, options, hints, progress)
        attempt.name, attempt.size = source.name, source.size or attempt.size
        with _origin_of(source, progress) as origin:
            known = Origin("", source.name, size=source.size)
            taking = Taking(registry, dataset, known, time_column, _mode(mode), progress)
            taken = taking.take(_Unchanging(source), source.rows, lambda: _read_as(origin(), source))
        return taking.recorded(taken, note, tags, source.warnings)


def ingest_rows(
    registry: Registry,
    rows: pd.DataFrame | pa.Table | pa.RecordBatch | Iterable[pa.RecordBatch],
    dataset: str,
    *,
    name: str = "",
    time_column: str = "",
    mode: ContractMode | str | None = None,
    parents: Sequence[str] = (),
    note: str = "",
    tags: Sequence[str] = (),
    progress: Progress = no_progress,
) -> Ingested:
    """Like `ingest`, for rows that a program has: a DataFrame, a table, or batches, which are read once as a stream.

    `name` says what they are, `parents` are references of the versions that they were made from.
    """
    check_dataset_name(dataset)
    label = name or "rows of a program"
    may_repeat = registry.contracts.newest(dataset) is not None
    with (
        _on_record(registry, dataset, label) as attempt,
        registry.objects.in_use(),
        rows_of_program(rows, may_repeat=may_repeat) as given,
    ):
        attempt.size = given.size
        origin = table_origin(label, tuple(registry.datasets.get(parent).reference for parent in parents), given.size)
        taking = Taking(registry, dataset, origin, time_column, _mode(mode), progress)
        return taking.recorded(taking.take(given, given.rows, lambda: origin), note, tags, ())


@contextmanager
def _origin_of(source: Source, progress: Progress) -> Iterator[Callable[[], Origin]]:
    """What gives the origin of a source: a file is hashed in a thread while its rows are read."""
    if not isinstance(source.identity, FileIdentity):
        found = source.origin(progress)
        yield lambda: found
        return
    is_over = Event()

    def watch(fraction: float | None, message: str = "") -> None:  # noqa: ARG001 (it only stops)
        if is_over.is_set():
            raise Cancelled

    with ThreadPoolExecutor(1, thread_name_prefix="hash") as pool:
        hashed = pool.submit(source.origin, watch)
        try:
            yield hashed.result
        finally:
            is_over.set()


class _Attempt(Struct):
    name: str
    size: int = 0


@contextmanager
def _on_record(registry: Registry, dataset: str, name: str) -> Iterator[_Attempt]:
    """An attempt that fails goes on record with its reason; one that succeeds is recorded with its version."""
    started = time.monotonic()
    attempt = _Attempt(name)
    try:
        with temporary_space():
            yield attempt
    except (Exception, KeyboardInterrupt) as error:
        is_cancelled = isinstance(error, Cancelled | KeyboardInterrupt)
        reason = "cancelled" if is_cancelled else str(error) or type(error).__name__
        with suppress(EnvironmentProblem):  # where nothing can be recorded, what went wrong still matters more
            registry.datasets.record_failure(
                dataset,
                attempt.name,
                reason,
                time.monotonic() - started,
                size=attempt.size,
                is_cancelled=is_cancelled,
                user=user_name(),
                host=platform.node(),
            )
        raise


class _Unchanging:
    """The rows of a source that must not change while they are read, as it is on record by its hash."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def schema(self) -> pa.Schema:
        return self._source.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._source
        except InvalidInput:
            self._source.identity.check_unchanged()  # which may be why it cannot be read any more
            raise
        except OSError as error:
            self._source.identity.check_unchanged()
            raise EnvironmentProblem(
                f"{self._source.name} could not be read to its end ({error.strerror or error}).",
                hint="Check the disk or the network drive that it is on, then try again.",
            ) from error
        self._source.identity.check_unchanged()


def _hints(registry: Registry, dataset: str) -> pa.Schema | None:
    """The types that columns should be read in: the contract's, as the latest version stores them, else that one's."""
    before, contract = latest(registry, dataset), registry.contracts.newest(dataset)
    found = {field.name: field.type for field in to_arrow(before.schema)} if before else {}
    for rule in contract.contract.columns if contract else ():
        if rule.name in found:
            found[rule.name] = target_type(found[rule.name], rule.type)
        elif rule.type is not None and rule.type is not ColumnType.TIME:  # whether with a zone shows in the values
            found[rule.name] = STANDARD_STORAGE[rule.type]
    return pa.schema(list(found.items())) if found else None


def _mode(mode: ContractMode | str | None) -> ContractMode | None:
    try:
        return ContractMode(mode) if mode else None
    except ValueError:
        known = ", ".join(ContractMode)
        raise InvalidInput(f"{mode!r} is no mode of a contract.", hint=f"Modes are {known}.") from None


def _size_of(location: Path | str) -> int:
    """Bytes of a file, for the record of an attempt that fails before it is open; 0 for anything else."""
    try:
        return Path(location).stat().st_size if Path(location).is_file() else 0
    except (OSError, ValueError):
        return 0


def _read_as(origin: Origin, source: Source) -> Origin:
    """The origin with the settings that the source turned out to need."""
    source.identity.check_unchanged()
    return msgspec.structs.replace(origin, settings=msgspec.to_builtins(source.settings))
