"""Take rows into a dataset: hold them to its contract, store them, record what came of it in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import msgspec
import pyarrow as pa
from msgspec import Struct

from mlops_desktop.core.contracts import ContractMode, ContractReport, ContractVersion
from mlops_desktop.core.datasets import ColumnType, DatasetVersion, Origin
from mlops_desktop.core.events import DatasetContractChecked
from mlops_desktop.core.progress import Progress
from mlops_desktop.data.contracts.enforce import ContractBroken, Enforced
from mlops_desktop.data.contracts.examine import is_typed
from mlops_desktop.data.contracts.quarantine import SUFFIX
from mlops_desktop.data.schema import to_arrow
from mlops_desktop.data.sources import Restarted
from mlops_desktop.data.versions.store import Rows, Staged, latest, record_version, stage_version, time_column_of
from mlops_desktop.registry import Registry


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


class Taken(Struct, frozen=True):
    """Rows that are stored and not yet recorded."""

    staged: Staged
    put_aside: Staged | None
    report: ContractReport | None


class Taking:
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

    def take(self, rows: Rows, total: int, origin: Callable[[], Origin]) -> Taken:
        """Store the rows; `origin` is asked once they are all read."""
        paced = _Paced(rows, total, self._origin.size, self._progress)
        if self._contract is None:
            return Taken(self._restarting(paced, paced, total, origin), None, None)
        stored = to_arrow(self._before.schema) if self._before else None
        now = self._registry.clock.now()
        enforced = Enforced(paced, self._contract, mode=self._mode, stored=stored, now=now, name=self._origin.name)
        try:
            staged = self._restarting(enforced, paced, total, origin)
            return Taken(staged, self._quarantined(enforced, staged.origin), enforced.report)
        except ContractBroken as broken:
            self._checked(self._dataset, self._contract, broken.report, "refused")
            raise
        finally:
            enforced.close()

    def recorded(self, taken: Taken, note: str, tags: Sequence[str], warnings: Sequence[str]) -> Ingested:
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

    def _restarting(self, rows: Rows, paced: _Paced, total: int, origin: Callable[[], Origin]) -> Staged:
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
        wanted = by_contract or time_column_of(self._registry, self._before)
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


class _Paced:
    """Rows that are counted as they are read, and a progress that says how many there were and how fast."""

    def __init__(self, rows: Rows, total: int, size: int, progress: Progress) -> None:
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


def _child_of(staged: Staged, parent: DatasetVersion | None) -> Staged:
    parents = (parent.reference,) if parent else ()
    return msgspec.structs.replace(staged, origin=msgspec.structs.replace(staged.origin, parents=parents))


def _warnings(report: ContractReport | None, aside: DatasetVersion | None) -> list[str]:
    if report is None or report.is_kept:
        return []
    where = f"{aside.rows:,} rows that break the contract are in {aside.reference}." if aside else ""
    return [text for text in (where, *(violation.message for violation in report.violations)) if text]
