"""Dataset versions with some cells changed and rows added: how late labels reach what was stored before them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
from msgspec import Struct

from mlops_desktop.core.datasets import DatasetVersion, Origin
from mlops_desktop.data.read import iter_batches
from mlops_desktop.data.schema import aligned, to_arrow
from mlops_desktop.data.versions.manifests import read_profile
from mlops_desktop.data.versions.store import append_version, latest, record_version, stage_version
from mlops_desktop.registry import Registry

Cells = dict[str, Any]


class Change(Struct, frozen=True):
    """What becomes of a dataset: `cells` are new values of columns by row number, `added` the rows that follow."""

    cells: Mapping[int, Cells]
    added: pa.Table


def write_change(registry: Registry, parent: DatasetVersion, change: Change, origin: Origin) -> DatasetVersion | None:
    """The next version after `parent`; None where somebody else made one meanwhile: work the change out anew.

    Chunks without changed cells are kept as they are stored.
    """
    if not change.cells:
        if latest(registry, parent.dataset) != parent:
            return None
        return append_version(registry, parent.dataset, change.added, origin)
    with registry.objects.in_use():
        schema = to_arrow(parent.schema)
        batches = pa.RecordBatchReader.from_batches(schema, _changed(registry, parent, schema, change))
        time_column = read_profile(registry, parent).time_column
        rows = parent.rows + change.added.num_rows
        staged = stage_version(registry, parent.dataset, batches, origin, time_column=time_column, total=rows)
        with registry.transaction():
            return record_version(registry, staged) if latest(registry, parent.dataset) == parent else None


def _changed(registry: Registry, parent: DatasetVersion, schema: pa.Schema, change: Change) -> Iterator[pa.RecordBatch]:
    numbers = sorted(change.cells)
    place = start = 0
    for batch in iter_batches(registry, parent):
        here: dict[int, Cells] = {}
        while place < len(numbers) and numbers[place] < start + batch.num_rows:
            here[numbers[place] - start] = change.cells[numbers[place]]
            place += 1
        yield _with_cells(batch, here) if here else batch
        start += batch.num_rows
    if change.added.num_rows:
        yield from aligned(change.added, schema).to_batches()


def _with_cells(batch: pa.RecordBatch, cells: dict[int, Cells]) -> pa.RecordBatch:
    arrays = {name: batch.column(name) for name in batch.schema.names}
    for name in {name for changed in cells.values() for name in changed}:
        values = arrays[name].to_pylist()
        for row, changed in cells.items():
            if name in changed:
                values[row] = changed[name]
        arrays[name] = pa.array(values, arrays[name].type)
    return pa.RecordBatch.from_arrays(list(arrays.values()), schema=batch.schema)
