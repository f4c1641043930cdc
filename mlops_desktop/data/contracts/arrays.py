"""Arrow arrays from Python's and NumPy's values; Arrow's own conversions would import pandas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_desktop.data.hashing import numpy_values

Mask = NDArray[np.bool_]


def text_array(values: Sequence[str]) -> pa.Array:
    encoded = [value.encode() for value in values]
    offsets = np.cumsum([0, *(len(value) for value in encoded)], dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)


def integer_array(values: Sequence[int] | NDArray[Any]) -> pa.Array:
    plain = np.asarray(values, dtype=np.int64)
    return pa.Array.from_buffers(pa.int64(), len(plain), [None, pa.py_buffer(plain)])


def boolean_array(mask: Mask) -> pa.Array:
    bits = pa.py_buffer(np.packbits(mask, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), len(mask), [None, bits])


def mask_of(column: pa.Array) -> Mask:
    """An array of booleans as a mask; a null counts as false."""
    mask = numpy_values(column).astype(np.bool_)
    return mask & numpy_values(column.is_valid()).astype(np.bool_) if column.null_count else mask


def missing_mask(column: pa.Array) -> Mask | None:
    """Where values are missing, NaN included; None where none is."""
    if pa.types.is_floating(column.type):
        missing = mask_of(column.is_null(nan_is_null=True))
    elif column.null_count:
        missing = mask_of(column.is_null())
    else:
        return None
    return missing if missing.any() else None


def with_nulls(column: pa.Array, missing: Mask) -> pa.Array:
    """The column with nulls where the mask says so."""
    present = boolean_array(~missing)
    return pc.if_else(present, column, pa.nulls(len(column), column.type))
