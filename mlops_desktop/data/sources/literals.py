"""Arrow values made without `pa.array` and `pa.scalar`, which import pandas: slow, and not for the window."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def texts(values: Iterable[str]) -> pa.StringArray:
    """An array of texts, none of them null."""
    encoded = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded)))


@cache
def literal(text: str, storage: pa.DataType | None = None) -> pa.Scalar:
    """One value by its text."""
    made = texts([text])
    return made[0] if storage is None else pc.cast(made, storage)[0]


@cache
def missing(storage: pa.DataType) -> pa.Scalar:
    return pa.nulls(1, storage)[0]
