"""The profile of a table or of a dataset version, merged from the summaries of its chunks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa

from mlops_desktop.core.datasets import ColumnProfile, ColumnType, Gap, Profile
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.data.profiles.coverage import gaps, whole_stretch
from mlops_desktop.data.profiles.distinct import merged_distinct
from mlops_desktop.data.profiles.histogram import merged_histogram
from mlops_desktop.data.profiles.moments import kurtosis, merged_moments, skewness
from mlops_desktop.data.profiles.summary import ColumnSummary, Summary, per_second, summary_of, time_text
from mlops_desktop.data.schema import as_plain, checked_type, plain_schema
from mlops_desktop.data.versions.chunking import BATCH_ROWS

QUANTILE_LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
TOP_VALUES = 20
THREADS = 2


def profile_table(table: pa.Table, *, time_column: str = "", progress: Progress = no_progress) -> Profile:
    """Profile a table in memory, in one pass over each column. Raises `InvalidInput` for unsupported columns."""
    schema = plain_schema(table.schema)
    plain = pa.Table.from_batches((as_plain(batch, schema) for batch in table.to_batches()), schema=schema)
    pieces = [plain.slice(start, BATCH_ROWS) for start in range(0, plain.num_rows, BATCH_ROWS)]
    summaries: list[Summary] = []
    with ThreadPoolExecutor(THREADS) as pool:
        for done, summary in enumerate(pool.map(summary_of, pieces), 1):
            progress(done / len(pieces), "Profiling")
            summaries.append(summary)
    return profile_of(schema, summaries, time_column=time_column)


def profile_of(schema: pa.Schema, summaries: Iterable[Sequence[ColumnSummary]], *, time_column: str = "") -> Profile:
    """Merge the summaries of consecutive runs of rows that have the storage schema `schema`.

    Quantiles are at `QUANTILE_LEVELS` and, as the inverse of the cumulated shares, always values that occur. Those of
    times, and the edges of their histograms, are in seconds since 1970. `nulls` counts what is missing, NaN included.
    Raises `InvalidInput` where `time_column` holds no times.
    """
    check_time_column(schema, time_column)
    parts = list(summaries) or [summary_of(pa.Table.from_batches([], schema=schema))]
    columns = tuple(_merged(field, [summary[position] for summary in parts]) for position, field in enumerate(schema))
    covered = next((column for column in columns if column.name == time_column), None)
    at = schema.get_field_index(time_column) if covered else -1
    return Profile(
        rows=sum(summary[0].rows for summary in parts),
        columns=columns,
        time_column=time_column,
        time_start=str(covered.minimum or "") if covered else "",
        time_end=str(covered.maximum or "") if covered else "",
        gaps=_gaps(schema.field(at), [summary[at] for summary in parts], covered.distinct) if covered else (),
    )


def check_time_column(schema: pa.Schema, name: str) -> None:
    """Raise `InvalidInput` unless `name` is empty or a column of times."""
    times = [field.name for field in schema if checked_type(field.type, field.name) is ColumnType.TIME]
    if name and name not in times:
        known = f"Columns of times: {', '.join(times)}." if times else "This table has no column of times."
        raise InvalidInput(f"Column {name!r} cannot be the time column: it holds no times or is not there.", hint=known)


def _merged(field: pa.Field, parts: Sequence[ColumnSummary]) -> ColumnProfile:
    rows, missing = sum(part.rows for part in parts), sum(part.missing for part in parts)
    moments = merged_moments([part.moments for part in parts])
    has_moments = moments.n > 0 and parts[0].type is not ColumnType.TIME
    histogram = merged_histogram([part.histogram for part in parts])
    values: Counter[str] = Counter()
    for part in parts:
        for value, count in part.values:
            values[value] += count
    return ColumnProfile(
        name=field.name,
        type=parts[0].type,
        count=rows - missing,
        nulls=missing,
        distinct=min(merged_distinct([part.distinct for part in parts]), rows - missing),
        minimum=_extreme(min, [part.low for part in parts], field),
        maximum=_extreme(max, [part.high for part in parts], field),
        mean=moments.mean if has_moments else None,
        std=(moments.squares / (moments.n - 1)) ** 0.5 if has_moments and moments.n > 1 else None,
        skewness=skewness(moments) if has_moments else None,
        kurtosis=kurtosis(moments) if has_moments else None,
        quantiles=_quantiles(parts),
        edges=histogram.edges if histogram.counts else (),
        counts=histogram.counts,
        top=tuple(sorted(values.items(), key=lambda item: (-item[1], item[0]))[:TOP_VALUES]),
    )


def _extreme(choose: Callable[[Any], Any], found: Sequence[float | str | None], field: pa.Field) -> float | str | None:
    known = [value for value in found if value is not None]
    extreme = choose(known) if known else None
    if isinstance(extreme, int) and checked_type(field.type) is ColumnType.TIME:
        return time_text(extreme, str(field.type))
    return extreme if extreme is None or isinstance(extreme, str) else float(extreme)


def _gaps(field: pa.Field, parts: Sequence[ColumnSummary], different: int) -> tuple[Gap, ...]:
    storage = str(field.type)
    known = [part for part in parts if part.low is not None]
    stretches = [
        part.stretches if part.stretches.bounds else whole_stretch(int(part.low or 0), int(part.high or 0))
        for part in known
    ]
    found = gaps(stretches, different, per_second(storage))
    return tuple(
        Gap(time_text(start, storage), time_text(end, storage), (end - start) / per_second(storage))
        for start, end in found
    )


def _quantiles(parts: Sequence[ColumnSummary]) -> tuple[float, ...]:
    points = [np.frombuffer(part.points, dtype="<f8") for part in parts if part.points]
    if not points:
        return ()
    sizes = [sum(part.histogram.counts) for part in parts if part.points]
    weights = np.concatenate([np.full(len(p), size / len(p)) for p, size in zip(points, sizes, strict=True)])
    values = np.concatenate(points)
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    found = np.searchsorted(reached, np.multiply(QUANTILE_LEVELS, reached[-1]) * (1 - 1e-12))
    return tuple(values[order][found].tolist())
