"""Summaries of columns that merge, so that a version's profile costs what changed.

Each chunk carries the summary of its own rows; the profile of a version is the merger of its chunks' summaries. Counts,
extremes, moments and histograms merge exactly. Quantiles come from `POINTS` equally spaced order statistics per chunk
(rank error below 1 / (2 * POINTS), and smaller over several chunks). The most frequent values are exact while a chunk
has at most `KEPT_VALUES` different ones.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct
from numpy.typing import NDArray

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.data.hashing import finish, number_words, numpy_values, value_words
from mlops_desktop.data.profiles.coverage import Stretches, stretches_of
from mlops_desktop.data.profiles.distinct import Distinct, distinct_of
from mlops_desktop.data.profiles.histogram import Histogram, histogram_of
from mlops_desktop.data.profiles.moments import Moments, moments_of
from mlops_desktop.data.schema import checked_type

POINTS = 100
KEPT_VALUES = 64
_KEPT_CHARACTERS = 80
_EPOCH = datetime(1970, 1, 1)


class ColumnSummary(Struct, array_like=True, frozen=True):
    """One column over some rows. `missing` counts nulls and NaN.

    Times are in seconds since 1970, but for `low` and `high`, which are integers as stored.
    """

    type: ColumnType
    rows: int
    missing: int
    low: int | float | str | None = None
    high: int | float | str | None = None
    moments: Moments = Moments()
    points: bytes = b""
    histogram: Histogram = Histogram()
    distinct: Distinct = Distinct()
    values: tuple[tuple[str, int], ...] = ()
    stretches: Stretches = Stretches()


Summary = tuple[ColumnSummary, ...]
_decoder = msgspec.msgpack.Decoder(Summary)


def summary_of(table: pa.Table) -> Summary:
    """One summary per column of a table in plain storage types, which should be no longer than a chunk.

    Texts may be dictionary-encoded, where each entry of the dictionary is used.
    """
    return tuple(_column(column, str(column.type)) for column in table.combine_chunks().columns)


def pack(summary: Summary) -> str:
    """As text that fits the key-value metadata of a Parquet file."""
    raw = msgspec.msgpack.encode(summary)
    packed = pa.Codec("zstd").compress(raw, asbytes=True)
    return f"{len(raw)}:{base64.b64encode(packed).decode()}"


def unpack(text: str) -> Summary:
    """Inverse of `pack`. Raises `ValueError` (or a subclass) for anything else."""
    size, _, packed = text.partition(":")
    raw = pa.Codec("zstd").decompress(base64.b64decode(packed), int(size), asbytes=True)
    return _decoder.decode(raw)


def _column(column: pa.ChunkedArray, storage: str) -> ColumnSummary:
    kind = checked_type(column.type)
    flat = column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.nulls(0, column.type)])
    return _text(flat) if kind is ColumnType.TEXT else _numeric(flat, kind, storage)


def _text(flat: pa.Array) -> ColumnSummary:
    rows, missing = len(flat), flat.null_count
    encoded = flat if pa.types.is_dictionary(flat.type) else flat.dictionary_encode()
    if rows == missing:
        return ColumnSummary(ColumnType.TEXT, rows, rows)
    different = encoded.dictionary
    counts = np.bincount(numpy_values(encoded.indices.drop_null()), minlength=len(different))
    extremes = pc.min_max(different).as_py()
    return ColumnSummary(
        ColumnType.TEXT,
        rows,
        missing,
        low=_shortened(extremes["min"]),
        high=_shortened(extremes["max"]),
        distinct=distinct_of(value_words(different)),
        values=tuple(
            (_shortened(different[at].as_py()), count) for at, count in _frequent(np.arange(len(counts)), counts)
        ),
    )


def _numeric(flat: pa.Array, kind: ColumnType, storage: str) -> ColumnSummary:
    different, counts = _counted(_native(flat.drop_null()))
    if kind is ColumnType.NUMBER and len(different) and np.isnan(different[-1]):  # NaN sorts last
        number = int(np.searchsorted(different, np.nan))
        different, counts = different[:number], counts[:number]
    if not len(different):
        return ColumnSummary(kind, len(flat), len(flat))
    finite, times = _finite(_as_doubles(different, storage), counts)
    extremes = different if kind is ColumnType.TIME else finite
    return ColumnSummary(
        kind,
        len(flat),
        len(flat) - int(counts.sum()),
        low=extremes[0].item() if len(extremes) else None,
        high=extremes[-1].item() if len(extremes) else None,
        moments=moments_of(finite, times),
        points=_points(finite, times).astype("<f8").tobytes(),
        histogram=histogram_of(finite, times, whole=kind in (ColumnType.INTEGER, ColumnType.BOOLEAN)),
        distinct=distinct_of(finish(number_words(different))),
        values=tuple((_said(value, kind, storage), count) for value, count in _frequent(different, counts)),
        stretches=stretches_of(different) if kind is ColumnType.TIME else Stretches(),
    )


def _counted(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The different values, ascending, and how often each comes. Each NaN is one of its own."""
    if np.all(values[1:] > values[:-1]):
        return values, np.ones(len(values), dtype=np.int64)
    if values.dtype.kind in "iu":
        low, high = values.min(), values.max()
        if int(high) - int(low) < len(values):
            counts = np.bincount((values - low).astype(np.intp, copy=False))
            found = np.flatnonzero(counts)
            return found.astype(values.dtype) + low, counts[found]
    ordered = np.sort(values)
    is_last = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=is_last[:-1])
    lasts = np.flatnonzero(is_last)
    return ordered[lasts], np.diff(lasts, prepend=-1)


def _finite(ordered: NDArray[np.float64], counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Without the infinite ones, which are at the ends."""
    start, end = int(ordered[0] == -np.inf), len(ordered) - int(ordered[-1] == np.inf)
    return ordered[start:end], counts[start:end]


def _native(present: pa.Array) -> NDArray[Any]:
    values = numpy_values(present)
    return values + values.dtype.type(0) if values.dtype.kind == "f" else values


def _as_doubles(ordered: NDArray[Any], storage: str) -> NDArray[np.float64]:
    doubles: NDArray[np.float64] = ordered.astype(np.float64)
    if storage.startswith("date32"):
        doubles *= 86_400.0
    elif storage.startswith("timestamp"):
        doubles /= per_second(storage)
    return doubles


def per_second(storage: str) -> float:
    """How many units of a column of times are a second."""
    if storage.startswith("date32"):
        return 1 / 86_400
    return 1e9 if storage.startswith("timestamp[ns") else 1e6


def _points(ordered: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    reached = np.cumsum(counts)
    number = int(reached[-1]) if len(reached) else 0
    if number <= POINTS:
        return np.repeat(ordered, counts)
    wanted = ((np.arange(POINTS) + 0.5) / POINTS * number).astype(np.intp)
    return ordered[np.searchsorted(reached, wanted, side="right")]


def _frequent(different: NDArray[Any], counts: NDArray[np.int64]) -> Iterator[tuple[Any, int]]:
    """The most frequent values with their counts; beyond `KEPT_VALUES` different ones those that repeat."""
    if len(counts) > KEPT_VALUES:
        if counts.max() == 1:
            return iter(())
        largest = np.sort(np.argpartition(counts, -KEPT_VALUES)[-KEPT_VALUES:])
        largest = largest[counts[largest] > 1]
        different, counts = different[largest], counts[largest]
    return zip(different.tolist(), counts.tolist(), strict=True)


def _said(value: Any, kind: ColumnType, storage: str) -> str:
    if kind is ColumnType.BOOLEAN:
        return "true" if value else "false"
    if kind is ColumnType.NUMBER:
        return f"{value:.7g}" if storage == "float" else f"{value:.15g}"
    return time_text(int(value), storage) if kind is ColumnType.TIME else str(value)


def time_text(value: int, storage: str) -> str:
    """A stored time as ISO 8601, in UTC where its column has a time zone; empty outside of the years 1 to 9999."""
    try:
        if storage.startswith("date32"):
            return (date(1970, 1, 1) + timedelta(days=value)).isoformat()
        moment = _EPOCH + timedelta(microseconds=value // 1000 if storage.startswith("timestamp[ns") else value)
    except OverflowError:
        return ""
    zoned = moment.replace(tzinfo=UTC) if "tz=" in storage else moment
    return zoned.isoformat(timespec="microseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")


def _shortened(text: str) -> str:
    return text if len(text) <= _KEPT_CHARACTERS else text[: _KEPT_CHARACTERS - 1] + "…"
