"""Training and test rows by time: the newest days test what the days before have taught."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_desktop.core.clock import to_text
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.training.specs import ProjectSpec
from mlops_desktop.training.tables import microseconds
from mlops_desktop.training.targets import known_targets

DAY = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Split:
    """Row numbers of training and test, ascending; `boundary` is the first moment of the test."""

    train: NDArray[np.intp]
    test: NDArray[np.intp]
    boundary: datetime


def moment(microsecond: int) -> datetime:
    """Microseconds since 1970 as an aware UTC datetime."""
    return _EPOCH + timedelta(microseconds=int(microsecond))


def split_latest(
    times: NDArray[np.int64], known: NDArray[np.bool_], as_of: datetime, train_days: int, test_days: int
) -> Split:
    """Split by whole UTC days, counted back from the newest labelled row before `as_of`.

    Args:
        times: microseconds since 1970, shape (n,).
        known: which rows have a label, shape (n,); the others are in neither part.
        as_of: rows at or after this moment do not exist yet.
        train_days, test_days: lengths of the two parts, which touch and never overlap.

    Either part may come out empty.
    """
    usable = known & (times > np.iinfo(np.int64).min) & (times < _micro(as_of))
    if not usable.any():
        return Split(np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp), as_of)
    end = (int(times[usable].max()) // DAY + 1) * DAY
    boundary = end - test_days * DAY
    train = usable & (times >= boundary - train_days * DAY) & (times < boundary)
    return Split(np.flatnonzero(train), np.flatnonzero(usable & (times >= boundary)), moment(boundary))


def split_table(spec: ProjectSpec, table: pa.Table, as_of: datetime) -> Split:
    """`split_latest` for a table. Raises `InvalidInput` when a part is empty, saying which and why."""
    times = microseconds(table, spec.data.time_column)
    known = known_targets(table, spec.model.target)
    split = split_latest(times, known, as_of, spec.split.train_days, spec.split.test_days)
    for part, rows in (("test", split.test), ("training", split.train)):
        if not rows.size:
            raise InvalidInput(
                f"There are no {part} rows: of {table.num_rows:,} rows {int(known.sum()):,} have a label"
                f"{_span(times, known)}, and it is {to_text(as_of)[:10]}.",
                hint="Change [split], ingest more data, or check the time column.",
            )
    return split


def _micro(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(microseconds=1)


def _span(times: NDArray[np.int64], known: NDArray[np.bool_]) -> str:
    labelled = times[known & (times > np.iinfo(np.int64).min)]
    if not labelled.size:
        return ""
    return f" from {to_text(moment(labelled.min()))[:10]} to {to_text(moment(labelled.max()))[:10]}"
