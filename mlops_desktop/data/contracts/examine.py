"""Hold one table, that comes in batches, to a contract: what its rows break, and what it breaks as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from mlops_desktop.core.contracts import ColumnRule, Contract, ContractReport, ExtraColumns, Violation
from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.data.contracts.arrays import Mask, missing_mask
from mlops_desktop.data.contracts.coerce import coerced, target_type
from mlops_desktop.data.contracts.judge import Failure, judged
from mlops_desktop.data.contracts.keys import NO_HASHES, Uniqueness
from mlops_desktop.data.contracts.rules import effective_rules
from mlops_desktop.data.contracts.screen import uncleared
from mlops_desktop.data.contracts.tally import Tally
from mlops_desktop.data.hashing import Words, as_numbers
from mlops_desktop.data.schema import as_plain, checked_type, plain_schema

Suspects = Mapping[ColumnRule, Words]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Examined(Struct, frozen=True):
    """A batch as it came, in the types of the contract (null where a cell does not fit), and what it breaks."""

    plain: pa.RecordBatch
    typed: pa.RecordBatch
    failures: list[Failure]
    bad: Mask | None


class Examination:
    """Batches of one table against a contract, in order; `schema` is theirs with the types of the contract.

    Whether values and keys occur once only shows after all rows: then `suspects` holds the hashes that repeat, and the
    table is to be examined again with them. They are empty where no key is in doubt.
    """

    def __init__(
        self,
        contract: Contract,
        schema: pa.Schema,
        *,
        stored: pa.Schema | None = None,
        suspects: Suspects | None = None,
    ) -> None:
        self._contract = contract
        self.plain = plain_schema(schema)
        names = set(self.plain.names)
        rules = effective_rules(contract)
        self._missing = [rule.name for rule in rules if rule.is_required and rule.name not in names]
        self._rules = [rule for rule in rules if rule.name in names]
        self.extra = [name for name in self.plain.names if name not in {rule.name for rule in rules}]
        self.schema = self._typed_schema(stored)
        self._unique = {
            rule: Uniqueness(columns, None if suspects is None else suspects.get(rule, NO_HASHES))
            for rule, columns in self._unique_rules(names)
        }
        self._tally = Tally()
        self._absent = dict.fromkeys((rule.name for rule in self._rules if rule.max_missing < 1), 0)
        self._newest: int | None = None
        self.rows = 0
        self.bad_rows = 0

    def examine(self, batch: pa.RecordBatch) -> Examined:
        """Batches must come in order, each once."""
        plain = as_plain(batch, self.plain)
        typed, unfit = self._typed(plain)
        failures = list(self._of_values(typed, unfit))
        for rule, uniqueness in self._unique.items():
            again = uniqueness.repeats(typed)
            if again is not None:
                failures.append(Failure(rule, "unique" if rule.unique else "key", np.flatnonzero(again)))
        bad = None
        if failures:
            bad = np.zeros(plain.num_rows, dtype=np.bool_)
            for failure in failures:
                bad[failure.rows] = True
                self._tally.add(failure, plain, self.rows + 1, self._columns_of(failure))
            self.bad_rows += int(bad.sum())
        self._count(typed, unfit)
        self.rows += plain.num_rows
        return Examined(plain, typed, failures, bad)

    def suspects(self) -> Suspects:
        """After the first reading: by rule, hashes of keys that may repeat."""
        found = {rule: uniqueness.found() for rule, uniqueness in self._unique.items()}
        return {rule: hashes for rule, hashes in found.items() if len(hashes)}

    def report(self, now: datetime) -> ContractReport:
        """After all rows. `now` is what the age of the newest row is measured from."""
        violations = (*self._of_table(now), *self._tally.violations())
        return ContractReport(self.rows, self.bad_rows, violations)

    def close(self) -> None:
        for uniqueness in self._unique.values():
            uniqueness.close()

    def _typed_schema(self, stored: pa.Schema | None) -> pa.Schema:
        by_name = {rule.name: rule.type for rule in self._rules}
        known = {field.name: field.type for field in stored or ()}
        fields = (
            pa.field(field.name, target_type(field.type, by_name.get(field.name), known.get(field.name)))
            for field in self.plain
        )
        return pa.schema(list(fields))

    def _unique_rules(self, names: set[str]) -> Iterator[tuple[ColumnRule, tuple[str, ...]]]:
        for rule in self._rules:
            if rule.unique:
                yield rule, (rule.name,)
        key = self._contract.key
        if key and names.issuperset(key):
            yield ColumnRule(", ".join(key)), key

    def _columns_of(self, failure: Failure) -> tuple[str, ...]:
        return self._contract.key if failure.broken == "key" else (failure.rule.name,)

    def _typed(self, plain: pa.RecordBatch) -> tuple[pa.RecordBatch, dict[str, Mask]]:
        unfit: dict[str, Mask] = {}
        if plain.schema.equals(self.schema):
            return plain, unfit
        columns = []
        for field, column in zip(self.schema, plain.columns, strict=True):
            typed, failed = (column, None) if column.type.equals(field.type) else coerced(column, field.type)
            columns.append(typed)
            if failed is not None:
                unfit[field.name] = failed
        return pa.RecordBatch.from_arrays(columns, schema=self.schema), unfit

    def _of_values(self, typed: pa.RecordBatch, unfit: dict[str, Mask]) -> Iterator[Failure]:
        by_name = {rule.name: rule for rule in self._rules}
        for name, failed in unfit.items():
            yield Failure(by_name[name], "type", np.flatnonzero(failed))
        doubtful = uncleared(typed, self._rules)
        for rule, broken, found in judged(typed, doubtful) if doubtful else ():
            # Where a cell does not fit its type there is a null, which is not what is wrong with it.
            rows = found[~unfit[rule.name][found]] if broken == "nullable" and rule.name in unfit else found
            if len(rows):
                yield Failure(rule, broken, rows)

    def _count(self, typed: pa.RecordBatch, unfit: dict[str, Mask]) -> None:
        for name in self._absent:
            missing = missing_mask(typed.column(typed.schema.get_field_index(name)))
            if missing is not None:
                self._absent[name] += int(missing.sum()) - int(unfit[name].sum() if name in unfit else 0)
        name = self._contract.time_column
        if self._contract.max_age_hours and name in typed.schema.names:
            newest = pc.max(as_numbers(typed.column(typed.schema.get_field_index(name)))).as_py()
            if newest is not None:
                self._newest = newest if self._newest is None else max(self._newest, newest)

    def _of_table(self, now: datetime) -> Iterator[Violation]:
        for name in self._missing:
            yield Violation(name, "missing column", f"The column {name!r} is missing.")
        if self._contract.extra_columns is ExtraColumns.REFUSE:
            for name in self.extra:
                yield Violation(name, "extra column", f"The contract does not know the column {name!r}.")
        low, high = self._contract.min_rows, self._contract.max_rows
        if self.rows < low:
            yield Violation("", "rows", f"There are {self.rows:,} rows, fewer than the {low:,} that must be there.")
        if high and self.rows > high:
            yield Violation("", "rows", f"There are {self.rows:,} rows, more than the {high:,} that may be there.")
        for rule in self._rules:
            share = self._absent.get(rule.name, 0) / max(self.rows, 1)
            if share > rule.max_missing:
                words = f"{rule.name!r} is missing in {share:.2%} of the rows, allowed are {rule.max_missing:.2%}."
                yield Violation(rule.name, "max_missing", words)
        if self._contract.max_age_hours and self._contract.time_column in self.schema.names:
            yield from self._of_age(now)

    def _of_age(self, now: datetime) -> Iterator[Violation]:
        name, limit = self._contract.time_column, self._contract.max_age_hours
        if self._newest is None:
            yield Violation(name, "freshness", f"No row has a time in {name!r}.")
            return
        newest = _moment(self._newest, self.schema.field(name).type)
        hours = (now - newest) / timedelta(hours=1)
        if hours > limit:
            words = f"The newest row is of {newest:%Y-%m-%d %H:%M} UTC, {hours:,.1f} h old; allowed are {limit:g} h."
            yield Violation(name, "freshness", words)


def _moment(value: int, kind: pa.DataType) -> datetime:
    if pa.types.is_date(kind):
        return _EPOCH + timedelta(days=value)
    return _EPOCH + timedelta(microseconds=value // 1_000 if kind.unit == "ns" else value)


def is_typed(schema: pa.Schema, name: str, kind: ColumnType) -> bool:
    """Whether the schema has such a column."""
    return name in schema.names and checked_type(schema.field(name).type) is kind
