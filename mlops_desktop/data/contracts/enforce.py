"""Rows on their way into a dataset, held to its contract."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from mlops_desktop.core.contracts import Contract, ContractMode, ContractReport, ContractVersion, ExtraColumns
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.data.contracts.arrays import boolean_array
from mlops_desktop.data.contracts.examine import Examination, Examined, Suspects
from mlops_desktop.data.contracts.quarantine import REASONS, ROW, PutAside
from mlops_desktop.data.sources.base import Restarted

_NAMED = 3


class ContractBroken(InvalidInput):
    """Rows are refused by a contract. `report` says all that they break."""

    def __init__(self, message: str, report: ContractReport, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.report = report


class Rows(Protocol):
    """Rows that can be read more than once."""

    @property
    def schema(self) -> pa.Schema: ...

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...


class Enforced:
    """The rows that a contract lets through, to be stored: those of a source, in the types of the contract.

    Refusing and quarantine let the rows that keep it through, accepting lets all; a column with a cell that does not
    fit its type then stays as it came. Iterating may raise `Restarted`, as a source does, when rows must be read again:
    to compare keys that may repeat, or to leave such a column as it came. After the last row there is a `report`; where
    the rows are refused, `ContractBroken` is raised in its place.
    """

    def __init__(
        self,
        rows: Rows,
        version: ContractVersion,
        *,
        mode: ContractMode | None = None,
        stored: pa.Schema | None = None,
        now: datetime,
        name: str = "The table",
    ) -> None:
        self._rows = rows
        self._version = version
        self._contract = version.contract
        self.mode = mode or version.contract.mode
        self._stored = stored
        self._now = now
        self._name = name
        self._as_they_come: set[str] = set()
        self._suspects: Suspects | None = None
        self.report: ContractReport | None = None
        self.put_aside = PutAside(rows.schema)

    @property
    def schema(self) -> pa.Schema:
        return self._let_through(Examination(self._contract, self._rows.schema, stored=self._stored))

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        self.put_aside.close()
        self.put_aside = PutAside(self._rows.schema)
        examination = Examination(self._contract, self._rows.schema, stored=self._stored, suspects=self._suspects)
        try:
            yield from self._examined(examination)
            self._read_again_for_keys(examination)
        finally:
            examination.close()
        report = examination.report(self._now)
        if refusal := self._refusal(report):
            raise refusal
        self.report = report

    def close(self) -> None:
        self.put_aside.close()

    def _examined(self, examination: Examination) -> Iterator[pa.RecordBatch]:
        schema = self._let_through(examination)
        for batch in self._rows:
            first = examination.rows + 1
            examined = examination.examine(batch)
            if self.mode is ContractMode.ACCEPT:
                self._leave_unfit_columns(examined)
            elif examined.bad is not None and self.mode is ContractMode.QUARANTINE:
                self.put_aside.add(examined, first)
            if self.mode is ContractMode.REFUSE and examination.bad_rows:
                continue  # it will be refused: only what else is wrong matters now
            let = self._kept_rows(examined, schema)
            if let.num_rows:
                yield let

    def _kept_rows(self, examined: Examined, schema: pa.Schema) -> pa.RecordBatch:
        columns = [
            (examined.plain if name in self._as_they_come else examined.typed).column(
                examined.typed.schema.get_field_index(name)
            )
            for name in schema.names
        ]
        batch = pa.RecordBatch.from_arrays(columns, schema=schema)
        if examined.bad is None or self.mode is ContractMode.ACCEPT:
            return batch
        return batch.filter(boolean_array(~examined.bad))

    def _let_through(self, examination: Examination) -> pa.Schema:
        """The schema of what is let through."""
        dropped = set(examination.extra) if self._contract.extra_columns is ExtraColumns.DROP else set()
        if {ROW, REASONS} <= set(examination.extra):  # rows that come back from quarantine
            dropped |= {ROW, REASONS}
        plain = examination.plain
        return pa.schema(
            [
                plain.field(field.name) if field.name in self._as_they_come else field
                for field in examination.schema
                if field.name not in dropped
            ]
        )

    def _leave_unfit_columns(self, examined: Examined) -> None:
        unfit = {failure.rule.name for failure in examined.failures if failure.broken == "type"} - self._as_they_come
        if unfit:
            self._as_they_come |= unfit
            raise Restarted

    def _read_again_for_keys(self, examination: Examination) -> None:
        if self._suspects is None:
            suspects = examination.suspects()
            if suspects:
                self._suspects = suspects
                raise Restarted

    def _refusal(self, report: ContractReport) -> ContractBroken | None:
        if self.mode is ContractMode.ACCEPT or report.is_kept:
            return None
        concerns_table = any(not violation.rows for violation in report.violations)
        share = report.bad_rows / max(report.rows, 1)
        if self.mode is ContractMode.QUARANTINE and not concerns_table and share <= self._contract.max_bad_share:
            return None
        hint = "Correct the rows, change the contract, or ingest with the mode `quarantine` or `accept`."
        if self.mode is ContractMode.QUARANTINE:
            hint = (
                "What concerns the table as a whole cannot be put into quarantine: correct it, or change the contract."
            )
            if not concerns_table:
                hint = f"At most {self._contract.max_bad_share:.0%} of the rows may go into quarantine (max_bad_share)."
        return ContractBroken(refusal_text(self._name, self._version, report), report, hint=hint)


def refusal_text(name: str, version: ContractVersion, report: ContractReport) -> str:
    """What is wrong, in one line: how many rows, and the first violations."""
    rows = f", {report.bad_rows:,} of {report.rows:,} rows" if report.bad_rows else ""
    named = " ".join(violation.message for violation in report.violations[:_NAMED])
    others = len(report.violations) - _NAMED
    further = f" And {others} more." if others > 0 else ""
    return f"{name} breaks the contract {version.reference}{rows}. {named}{further}"


def examined_whole(rows: Rows, contract: Contract, now: datetime, stored: pa.Schema | None = None) -> ContractReport:
    """How rows stand against a contract. They are read once, or twice where keys may repeat."""
    suspects: Suspects | None = None
    while True:
        examination = Examination(contract, rows.schema, stored=stored, suspects=suspects)
        try:
            for batch in rows:
                examination.examine(batch)
            found = examination.suspects() if suspects is None else {}
        finally:
            examination.close()
        if not found:
            return examination.report(now)
        suspects = found
