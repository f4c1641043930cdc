"""The sample's recorded flights as the requests and labels that would have come in, day by day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec import Struct

from mlops_desktop.core.errors import InvalidInput

DAY = timedelta(days=1)


class Request(Struct, frozen=True):
    """One request: the flights that leave one airport within one hour. `time` is that hour."""

    time: datetime
    ids: list[str]
    columns: dict[str, list[Any]]


class DayOfTraffic(Struct, frozen=True):
    """A day's requests and the labels of its flights, which only become known later."""

    day: datetime
    requests: list[Request]
    ids: list[str]
    labels: list[int]


class Traffic:
    """Reads the sample once; a day at a time is turned into requests."""

    def __init__(self, path: Path, *, time: str, id: str, target: str, group: str) -> None:
        try:
            self._table = pq.read_table(path)
        except FileNotFoundError:
            raise InvalidInput(f"The sample {path} is missing.", hint="Restore it from the repository.") from None
        except (pa.ArrowException, OSError) as error:
            raise InvalidInput(
                f"The sample {path} cannot be read: {error}.", hint="Restore it from the repository."
            ) from error
        self._time, self._id, self._target, self._group = time, id, target, group
        moments = pc.cast(self._table.column(time), pa.timestamp("ms", tz="UTC"))
        self._days = np.asarray(moments).astype("datetime64[D]")

    def days(self, start: datetime, end: datetime) -> Iterator[datetime]:
        day = start
        while day < end:
            yield day
            day += DAY

    def of_day(self, day: datetime) -> DayOfTraffic:
        """The day's flights; empty where there were none."""
        date = np.datetime64(day.date())
        first, last = np.searchsorted(self._days, [date, date + 1])
        table = self._table.slice(int(first), int(last - first))
        ids = table.column(self._id).to_pylist()
        labels = table.column(self._target).to_pylist()
        return DayOfTraffic(day, list(self._requests(table)), ids, [int(label) for label in labels])

    def _requests(self, table: pa.Table) -> Iterator[Request]:
        hidden = {self._time, self._id, self._target}
        names = [name for name in table.column_names if name not in hidden]
        columns = {name: table.column(name).to_pylist() for name in names}
        ids = table.column(self._id).to_pylist()
        hours = [moment.replace(minute=0, second=0) for moment in table.column(self._time).to_pylist()]
        groups: dict[tuple[datetime, str], list[int]] = {}
        for row, key in enumerate(zip(hours, columns[self._group], strict=True)):
            groups.setdefault(key, []).append(row)
        for (hour, _), rows in groups.items():
            picked = {name: [values[row] for row in rows] for name, values in columns.items()}
            yield Request(hour.astimezone(UTC), [ids[row] for row in rows], picked)
