"""Read some rows of a stored object."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mlops_desktop.core.datasets import StoredObject
from mlops_desktop.data.versions.chunks import damaged, open_object, read_object
from mlops_desktop.registry import Registry

# From this share of its rows on an object is read as it is.
_MANY = 1 / 4


def read_rows(registry: Registry, stored: StoredObject, places: NDArray[np.int64], columns: list[str]) -> pa.Table:
    """The rows of an object at some places, in that order. Raises `NotFound` or `Damaged`.

    All pages of the columns are decompressed, but texts are only looked up for the rows that are wanted.
    """
    is_whole = len(places) == stored.rows and bool((np.diff(places) == 1).all())
    if is_whole or len(places) > _MANY * stored.rows:
        table = read_object(registry, stored, columns)
        return table if is_whole else table.take(indices(places))
    with open_object(registry, stored) as file:
        metadata, schema = file.metadata, file.schema_arrow
    path = registry.objects.path(stored.sha256)
    try:
        with pq.ParquetFile(path, metadata=metadata, read_dictionary=_coded(metadata, schema)) as file:
            table = file.read(columns).select(columns)
    except (pa.ArrowInvalid, OSError) as error:
        raise damaged(stored, path) from error
    plain = pa.schema([schema.field(name) for name in columns])
    return table.take(indices(places)).cast(plain)


def indices(places: NDArray[Any]) -> pa.Array:
    """As Arrow takes them; its own conversion from NumPy would import pandas."""
    return pa.Array.from_buffers(pa.int64(), len(places), [None, pa.py_buffer(places.astype(np.int64))])


def _coded(metadata: pq.FileMetaData, schema: pa.Schema) -> list[str]:
    """Columns of texts that are stored as codes into a dictionary."""
    if not metadata.num_row_groups:
        return []
    group = metadata.row_group(0)
    return [
        field.name
        for at, field in enumerate(schema)
        if pa.types.is_string(field.type) and "RLE_DICTIONARY" in group.column(at).encodings
    ]
