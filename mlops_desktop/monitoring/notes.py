"""What a reader of drift figures should know before trusting them: seasons, order of rows, span of the reference."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.monitoring.columns import joined_numbers, type_of
from mlops_desktop.monitoring.grid import category_grid
from mlops_desktop.monitoring.resampling import DAY_US

LEAST_ROWS = 100
SLICES = 10
# Share of a column's variance that lies between tenths of the rows; 10 independent tenths of 100 rows give 0.09.
SORTED_SHARE = 0.5
YEAR_DAYS = 330
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def reference_notes(
    columns: Mapping[str, pa.ChunkedArray], moments: NDArray[np.int64] | None, *, by_day: bool
) -> tuple[str, ...]:
    """Notes on a reference: rows in groups, and noise that could not be learnt by day."""
    notes = []
    if moments is None:
        if grouped := grouped_columns(columns):
            notes.append(
                f"The rows are ordered by {_listed(grouped)}: windows cut by position would seem to drift. "
                "Name a time column, or shuffle the rows."
            )
        notes.append("No times are known, so rows count as independent; noise between days is not allowed for.")
    elif not by_day:
        notes.append("The reference spans less than a week; noise between days is not allowed for.")
    return tuple(notes)


def season_note(months: tuple[int, ...], start: datetime, end: datetime) -> str:
    """A sentence where the window lies in months that the reference has no rows of; else empty."""
    first = start.month
    span = (end.year - start.year) * 12 + end.month - start.month
    window = {(first - 1 + step) % 12 + 1 for step in range(min(span, 11) + 1)}
    if not months or window & set(months):
        return ""
    names = _listed([MONTHS[month - 1] for month in sorted(window)])
    return f"The reference holds no rows of {names}: what changes with the season differs for that reason alone."


def grouped_columns(columns: Mapping[str, pa.ChunkedArray]) -> list[str]:
    """Columns by which the rows seem to be sorted: most of their variance lies between tenths of the rows."""
    return [
        name
        for name, column in columns.items()
        if type_of(column.type) != ColumnType.TIME and _share_between(_ranked(column)) > SORTED_SHARE
    ]


def same_season(
    moments: NDArray[np.int64], start: datetime, end: datetime, *, margin_days: int = 15
) -> NDArray[np.bool_]:
    """Rows of the same time of the year as the window, in any year, with a margin; shape (n,).

    All rows where the data span less than a year or the season has fewer than 100 rows: there is no such comparison
    then. Use it to choose the rows that a reference is built from.
    """
    everything = np.ones(len(moments), bool)
    if not len(moments) or int(moments.max() - moments.min()) < YEAR_DAYS * DAY_US:
        return everything
    days = moments.astype("datetime64[us]").astype("datetime64[D]")
    of_year = (days - days.astype("datetime64[Y]")).astype(int)
    first = start.timetuple().tm_yday - 1 - margin_days
    length = (end - start).days + 2 * margin_days
    chosen = (of_year - first) % 365 <= length
    return chosen if chosen.sum() >= LEAST_ROWS else everything


def _ranked(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Values as ranks (numbers) or places in the list of categories, without the missing ones."""
    if type_of(column.type) in (ColumnType.TEXT, ColumnType.BOOLEAN):
        codes = category_grid(column).codes(column)
        return codes[codes >= 0].astype(np.float64)
    numbers = joined_numbers(column)
    return np.unique(numbers[~np.isnan(numbers)], return_inverse=True)[1].astype(np.float64)


def _share_between(values: NDArray[np.float64]) -> float:
    if len(values) < LEAST_ROWS or values.var() == 0:
        return 0.0
    means = np.array([part.mean() for part in np.array_split(values, SLICES)])
    return float(means.var() / values.var())


def _listed(names: list[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]
