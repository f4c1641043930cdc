"""Counting what breaks a contract, and saying it: one violation per column and rule, with a few examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from mlops_desktop.core.contracts import ColumnRule, Violation
from mlops_desktop.data.contracts.arrays import integer_array
from mlops_desktop.data.contracts.judge import Failure
from mlops_desktop.data.contracts.rules import requirement

_EXAMPLES = 5
_SHOWN = 3
_KEPT_CHARACTERS = 80


class _Count(Struct):
    rule: ColumnRule
    rows: int
    examples: list[tuple[int, str]]


class Tally:
    """Failures of batches that come in order."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], _Count] = {}

    def add(self, failure: Failure, batch: pa.RecordBatch, first: int, columns: Sequence[str]) -> None:
        """`batch` is as it came, `first` its first row's number; the examples are from `columns`."""
        key = (failure.rule.name, failure.broken)
        count = self._counts.setdefault(key, _Count(failure.rule, 0, []))
        wanted = failure.rows[: _EXAMPLES - len(count.examples)]
        if len(wanted):
            texts = zip(*(_texts(batch.column(name), wanted) for name in columns), strict=True)
            examples = zip((int(row) + first for row in wanted), (", ".join(parts) for parts in texts), strict=True)
            count.examples.extend(examples)
        count.rows += len(failure.rows)

    def violations(self) -> tuple[Violation, ...]:
        return tuple(
            Violation(column, broken, _sentence(count, broken), count.rows, tuple(count.examples))
            for (column, broken), count in self._counts.items()
        )


def reasons(failures: Sequence[Failure], bad: np.ndarray) -> list[str]:
    """For each row that the mask names, all that it breaks, as text."""
    said: dict[int, list[str]] = {int(row): [] for row in np.flatnonzero(bad)}
    for failure in failures:
        words = f"{failure.rule.name} must {requirement(failure.rule, failure.broken)}"
        for row in failure.rows.tolist():
            said[row].append(words)
    return ["; ".join(words) for words in said.values()]


def _sentence(count: _Count, broken: str) -> str:
    rows = f"{count.rows:,} row{' breaks' if count.rows == 1 else 's break'} that"
    shown = ", ".join(f"{text or 'nothing'} (row {row:,})" for row, text in count.examples[:_SHOWN])
    further = ", …" if count.rows > _SHOWN else ""
    return f"{count.rule.name!r} must {requirement(count.rule, broken)}; {rows}: {shown}{further}."


def _texts(column: pa.Array, rows: np.ndarray) -> list[str]:
    found = pc.cast(column.take(integer_array(rows)), pa.string()).to_pylist()
    return ["" if text is None else text[:_KEPT_CHARACTERS] for text in found]
