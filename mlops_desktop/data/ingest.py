"""From a source to a dataset version: read, held to the contract, stored, with every attempt on the record."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec
import pyarrow as pa
from msgspec import Struct

from mlops_desktop.core.contracts import ContractMode, ContractReport, ContractVersion
from mlops_desktop.core.datasets import ColumnType, DatasetVersion, Origin
from mlops_desktop.core.errors import Cancelled, InvalidInput
from mlops_desktop.core.events import DatasetContractChecked
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.contracts.coerce import STANDARD_STORAGE, target_type
from mlops_desktop.data.contracts.enforce import ContractBroken, Enforced
from mlops_desktop.data.contracts.examine import is_typed
from mlops_desktop.data.contracts.quarantine import SUFFIX
from mlops_desktop.data.manifests import read_profile
from mlops_desktop.data.programs import rows_of_program, table_origin
from mlops_desktop.data.schema import to_arrow
from mlops_desktop.data.sources import STANDARD, Restarted, Source, name_of, open_source
from mlops_desktop.data.sources.base import user_name
from mlops_desktop.data.store import Staged, check_dataset_name, latest, record_version, stage_version
from mlops_desktop.registry import Registry

if TYPE_CHECKING:
    import pandas as pd


class Ingested(Struct, frozen=True):
    """What became of rows that came.

    Attributes:
        version: what holds them now: the new version or, for a repeat, the latest; None where no row kept the contract.
        quarantined: the version of the rows that broke the contract, where there are such.
        report: how the rows stood against the contract; None where the dataset has none.
        outcome: `stored`, `repeated` (the latest version has the same rows) or `quarantined` (all of them).
        warnings: what a person should know of how they were read, and what they break.
    """

    version: DatasetVersion | None
    quarantined: DatasetVersion | None = None
    report: ContractReport | None = None
    outcome: str = "stored"
    warnings: tuple[str, ...] = ()


class _Rows(Protocol):
    @property
    def schema(self) -> pa.Schema: ...

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...


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
        origin = source.origin(progress)
        taking = _Taking(registry, dataset, origin, time_column, _mode(mode), progress)
        taken = taking.take(_Unchanging(source), source.rows, lambda: _read_as(origin, source))
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
        taking = _Taking(registry, dataset, origin, time_column, _mode(mode), progress)
        return taking.recorded(taking.take(given, given.rows, lambda: origin), note, tags, ())


class _Taken(Struct, frozen=True):
    """Rows that are stored and not yet recorded."""

    staged: Staged
    put_aside: Staged | None
    report: ContractReport | None


class _Taking:
    """One attempt to take rows into a dataset."""

    def __init__(
        self,
        registry: Registry,
        dataset: str,
        origin: Origin,
        time_column: str,
        mode: ContractMode | None,
        progress: Progress,
    ) -> None:
        self._registry = registry
        self._dataset = dataset
        self._origin = origin
        self._asked_time = time_column
        self._progress = progress
        self._contract = registry.contracts.newest(dataset)
        self._mode = mode or (self._contract.contract.mode if self._contract else ContractMode.REFUSE)
        self._before = latest(registry, dataset)
        self._started = time.monotonic()

    def take(self, rows: _Rows, total: int, origin: Callable[[], Origin]) -> _Taken:
        """Store the rows; `origin` is asked once they are all read."""
        paced = _Paced(rows, total, self._origin.size, self._progress)
        if self._contract is None:
            return _Taken(self._restarting(paced, paced, total, origin), None, None)
        stored = to_arrow(self._before.schema) if self._before else None
        now = self._registry.clock.now()
        enforced = Enforced(paced, self._contract, mode=self._mode, stored=stored, now=now, name=self._origin.name)
        try:
            staged = self._restarting(enforced, paced, total, origin)
            return _Taken(staged, self._quarantined(enforced, staged.origin), enforced.report)
        except ContractBroken as broken:
            self._checked(self._dataset, self._contract, broken.report, "refused")
            raise
        finally:
            enforced.close()

    def recorded(self, taken: _Taken, note: str, tags: Sequence[str], warnings: Sequence[str]) -> Ingested:
        """Make versions of it, all in one transaction."""
        reference = self._contract.reference if self._contract else ""
        with self._registry.transaction():
            before = latest(self._registry, self._dataset)
            version = None
            if taken.staged.rows or taken.put_aside is None:
                version = record_version(self._registry, taken.staged, contract=reference, note=note, tags=tags)
            aside = None
            if taken.put_aside is not None:
                parent = version or before
                aside = record_version(self._registry, _child_of(taken.put_aside, parent), contract=reference)
            if self._contract is not None and taken.report is not None:
                subject = version.reference if version else self._dataset
                outcome = "quarantined" if aside else "kept" if taken.report.is_kept else "accepted"
                self._checked(subject, self._contract, taken.report, outcome, aside)
        is_repeat = version is not None and before is not None and version.id == before.id
        outcome = "quarantined" if version is None else "repeated" if is_repeat else "stored"
        return Ingested(version, aside, taken.report, outcome, (*warnings, *_warnings(taken.report, aside)))

    def _restarting(self, rows: _Rows, paced: _Paced, total: int, origin: Callable[[], Origin]) -> Staged:
        while True:
            try:
                staged = stage_version(
                    self._registry,
                    self._dataset,
                    rows,
                    self._origin,
                    time_column=self._time_column(rows.schema),
                    total=total,
                    progress=paced.progress,
                )
                return msgspec.structs.replace(staged, origin=origin(), seconds=time.monotonic() - self._started)
            except Restarted:
                continue

    def _quarantined(self, enforced: Enforced, origin: Origin) -> Staged | None:
        aside = enforced.put_aside
        if not aside.rows:
            return None
        kind = msgspec.structs.replace(origin, kind="quarantine")
        name = self._dataset + SUFFIX
        return stage_version(self._registry, name, aside, kind, total=aside.rows, progress=self._progress)

    def _time_column(self, schema: pa.Schema) -> str:
        if self._asked_time:
            return self._asked_time
        by_contract = self._contract.contract.time_column if self._contract else ""
        by_version = read_profile(self._registry, self._before).time_column if self._before else ""
        wanted = by_contract or by_version
        return wanted if is_typed(schema, wanted, ColumnType.TIME) else ""

    def _checked(
        self,
        subject: str,
        contract: ContractVersion,
        report: ContractReport,
        outcome: str,
        aside: DatasetVersion | None = None,
    ) -> None:
        event = DatasetContractChecked(
            contract=contract.reference,
            mode=self._mode.value,
            outcome=outcome,
            origin=self._origin.name,
            rows=report.rows,
            bad_rows=report.bad_rows,
            report=self._registry.objects.put_bytes(msgspec.json.encode(report)),
            quarantine=aside.reference if aside else "",
        )
        self._registry.record(event, subject)


class _Attempt(Struct):
    name: str
    size: int = 0


@contextmanager
def _on_record(registry: Registry, dataset: str, name: str) -> Iterator[_Attempt]:
    """An attempt that fails goes on record with its reason; one that succeeds is recorded with its version."""
    started = time.monotonic()
    attempt = _Attempt(name)
    try:
        yield attempt
    except Exception as error:
        is_cancelled = isinstance(error, Cancelled)
        reason = "cancelled" if is_cancelled else str(error) or type(error).__name__
        seconds = time.monotonic() - started
        registry.datasets.record_failure(
            dataset,
            attempt.name,
            reason,
            seconds,
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
        yield from self._source
        self._source.identity.check_unchanged()


class _Paced:
    """Rows that are counted as they are read, and a progress that says how many there were and how fast."""

    def __init__(self, rows: _Rows, total: int, size: int, progress: Progress) -> None:
        self._rows = rows
        self._total = total
        self._size = size
        self._progress = progress
        self._number = 0
        self._started = time.monotonic()

    @property
    def schema(self) -> pa.Schema:
        return self._rows.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        self._number, self._started = 0, time.monotonic()
        for batch in self._rows:
            self._number += batch.num_rows
            self.progress(None)
            yield batch

    def progress(self, fraction: float | None, message: str = "") -> None:  # noqa: ARG002 (the pace says more)
        share = min(self._number / self._total, 1.0) if self._total else None
        text = f"{self._number:,} rows"
        seconds = time.monotonic() - self._started
        if share and self._size and seconds > 0:
            text += f", {share * self._size / 1e6 / seconds:,.0f} MB/s"
        self._progress(share, text)


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
    return msgspec.structs.replace(origin, settings=msgspec.to_builtins(source.settings))


def _child_of(staged: Staged, parent: DatasetVersion | None) -> Staged:
    parents = (parent.reference,) if parent else ()
    return msgspec.structs.replace(staged, origin=msgspec.structs.replace(staged.origin, parents=parents))


def _warnings(report: ContractReport | None, aside: DatasetVersion | None) -> list[str]:
    if report is None or report.is_kept:
        return []
    where = f"{aside.rows:,} rows that break the contract are in {aside.reference}." if aside else ""
    return [text for text in (where, *(violation.message for violation in report.violations)) if text]
