"""What every writer of a file format offers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct


class Writer:
    """Writes batches of one schema, in plain storage types, to a file that it does not own.

    Attributes:
        losses: what the format could not carry: by a sentence with `{n}`, how many values.
    """

    def __init__(self) -> None:
        self.losses: Counter[str] = Counter()

    def write(self, batch: pa.RecordBatch) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Write what belongs after the last row."""

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(sentence.replace("{n}", f"{number:,}") for sentence, number in self.losses.items() if number)


class Format(Struct, frozen=True):
    """A file format. `most_rows` and `most_columns` are what it can hold, 0 for no limit."""

    name: str
    extensions: tuple[str, ...]
    open: Callable[[BinaryIO, pa.Schema], Writer]
    most_rows: int = 0
    most_columns: int = 0


def text(value: str) -> pa.Scalar:
    """A text as kernels of Arrow take it; its own conversion would import pandas."""
    content = value.encode()
    bounds = len(content).to_bytes(8, "little")[:4]
    return pa.StringArray.from_buffers(1, pa.py_buffer(bytes(4) + bounds), pa.py_buffer(content))[0]


def without(column: pa.Array, is_lost: pa.Array) -> pa.Array:
    """The column with nulls in some places."""
    return pc.if_else(is_lost, pa.nulls(1, column.type)[0], column)
