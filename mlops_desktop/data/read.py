"""Read dataset versions: all rows, some columns, a span of time, or a page of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from mlops_desktop.core.datasets import DatasetVersion, Manifest, Profile, StoredObject
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.data.hashing import numpy_values
from mlops_desktop.data.profiles.profile import check_time_column
from mlops_desktop.data.schema import to_arrow
from mlops_desktop.data.versions.chunks import ObjectReader, open_object
from mlops_desktop.data.versions.manifests import read_manifest, read_profile
from mlops_desktop.data.versions.pieces import Slice, placed, slices_of
from mlops_desktop.registry import Registry

Moment = datetime | str | None
Between = tuple[str, Moment, Moment]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def resolve(registry: Registry, version: DatasetVersion | str) -> DatasetVersion:
    """A version itself, or by a reference such as `flights@3`. Raises `NotFound`."""
    return version if isinstance(version, DatasetVersion) else registry.datasets.get(version)


def manifest(registry: Registry, version: DatasetVersion | str) -> Manifest:
    """Which chunks a version consists of."""
    return read_manifest(registry, resolve(registry, version))


def profile(registry: Registry, version: DatasetVersion | str) -> Profile:
    """The version's profile, as it was stored with it."""
    return read_profile(registry, resolve(registry, version))


def read_table(
    registry: Registry,
    version: DatasetVersion | str,
    *,
    columns: Sequence[str] | None = None,
    between: Between | None = None,
) -> pa.Table:
    """The rows of a version, in order.

    `between` is a column of times, a start and an end: rows from the start up to but not including the end; None leaves
    a side open, a moment without a zone is in UTC. Objects whose statistics lie outside are not read.
    Raises `InvalidInput` for unknown columns, `NotFound`, `Damaged`.
    """
    found = resolve(registry, version)
    batches = list(iter_batches(registry, found, columns=columns, between=between))
    return pa.Table.from_batches(batches, schema=_schema(found, columns))


def iter_batches(
    registry: Registry,
    version: DatasetVersion | str,
    *,
    columns: Sequence[str] | None = None,
    between: Between | None = None,
) -> Iterator[pa.RecordBatch]:
    """Like `read_table`, chunk by chunk, so that memory holds one chunk at a time."""
    found = resolve(registry, version)
    schema = _schema(found, columns)
    if between is not None:
        check_time_column(to_arrow(found.schema), between[0])
    return _batches(registry, read_manifest(registry, found), schema.names, between)


def preview(
    registry: Registry,
    version: DatasetVersion | str,
    offset: int = 0,
    limit: int = 100,
    *,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """Rows `offset` to `offset + limit` of a version; reads only the objects they are in."""
    found = resolve(registry, version)
    schema = _schema(found, columns)
    parts = []
    start = 0
    for part in slices_of(read_manifest(registry, found)):
        first, last = max(offset - start, 0), min(offset + limit - start, part.rows)
        if first < last:
            parts.append(Slice(part.object, part.start + first, last - first))
        start += part.rows
        if start >= offset + limit:
            break
    if not parts:
        return pa.Table.from_batches([], schema=schema)
    return ObjectReader(registry, schema.names).slices(parts)


def _schema(version: DatasetVersion, columns: Sequence[str] | None) -> pa.Schema:
    schema = to_arrow(version.schema)
    if columns is None:
        return schema
    unknown = [name for name in columns if name not in schema.names]
    if unknown:
        raise InvalidInput(
            f"{version.reference} has no column {', '.join(map(repr, unknown))}.",
            hint=f"Its columns: {', '.join(schema.names)}.",
        )
    return pa.schema([schema.field(name) for name in columns])


def _batches(
    registry: Registry, found: Manifest, names: list[str], between: Between | None
) -> Iterator[pa.RecordBatch]:
    if between is None:
        reader = ObjectReader(registry, names)
        for chunk in placed(found):
            yield from reader.chunk(chunk).to_batches()
        return
    reader = ObjectReader(registry, list(dict.fromkeys([*names, between[0]])))
    may_hold = {stored.sha256: _may_hold(registry, stored, between) for stored in found.objects}
    for chunk in placed(found):
        slices = [part for part in chunk.slices if may_hold[part.object.sha256]]
        if slices:
            yield from _within(reader.slices(slices), between).select(names).to_batches()


def _may_hold(registry: Registry, stored: StoredObject, between: Between) -> bool:
    """Whether the object's Parquet statistics leave room for rows in the span."""
    with open_object(registry, stored) as file:
        index = file.schema_arrow.get_field_index(between[0])
        start, end = _bounds(between, file.schema_arrow.field(index).type)
        for group in range(file.metadata.num_row_groups):
            statistics = file.metadata.row_group(group).column(index).statistics
            if statistics is None or not statistics.has_min_max:
                return True
            if (start is None or statistics.max_raw >= start) and (end is None or statistics.min_raw < end):
                return True
    return False


def _within(table: pa.Table, between: Between) -> pa.Table:
    column = table.column(between[0]).combine_chunks()
    start, end = _bounds(between, column.type)
    values = numpy_values(column)
    mask = numpy_values(column.is_valid()).astype(np.bool_)
    if start is not None:
        mask &= values >= start
    if end is not None:
        mask &= values < end
    bits = pa.py_buffer(np.packbits(mask, bitorder="little"))
    return table.filter(pa.Array.from_buffers(pa.bool_(), len(mask), [None, bits]))


def _bounds(between: Between, kind: pa.DataType) -> tuple[int | None, int | None]:
    return _as_stored(between[1], kind), _as_stored(between[2], kind)


def _as_stored(moment: Moment, kind: pa.DataType) -> int | None:
    """The moment in the column's unit since 1970; for dates the first day that does not start before it."""
    if moment is None:
        return None
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            raise InvalidInput(f"{moment!r} is not a time.", hint="Write it as 2013-01-31T12:00.") from None
    zoned = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    microseconds = (zoned - _EPOCH) // timedelta(microseconds=1)
    if pa.types.is_date(kind):
        return -(-microseconds // 86_400_000_000)
    return microseconds * 1_000 if kind.unit == "ns" else microseconds
