"""Rows as records of hashes, by which the rows of two versions are paired in bounded memory.

A record has a row's position, a hash of what names the row (its key, or all its values where there is no key), and 32
bits for each of its other cells. Records that may belong together fall into the same bucket; where there are many, the
buckets wait in temporary files (Grace hash join; Kitsuregawa, Tanaka and Moto-oka, 1983).
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_desktop.data.compare.comparable import Types, comparable
from mlops_desktop.data.hashing import Words, absorb, finish, row_hashes, value_words

BUCKET_BYTES = 1 << 26
_MOST_BUCKETS = 256
_HALF = np.uint64(32)

Records = NDArray[Any]


class Layout(NamedTuple):
    """How rows become records: the columns that name a row, the others, and the types they are compared in."""

    key: Types
    others: Types

    @property
    def columns(self) -> list[str]:
        return [*self.key, *self.others]

    @property
    def kind(self) -> np.dtype[Any]:
        return np.dtype([("name", "<u8"), ("at", "<i8"), ("cells", "<u4", (len(self.others),))])

    def records(self, positions: NDArray[np.int64], table: pa.Table) -> Records:
        """One record per row of a table, whose rows have these positions in their version."""
        made = np.empty(table.num_rows, dtype=self.kind)
        made["at"] = positions
        start = 0
        for batch in table.to_batches():
            part = made[start : start + batch.num_rows]
            part["name"] = row_hashes(comparable(batch, self.key))
            for place, column in enumerate(comparable(batch, self.others).columns if self.others else ()):
                words = finish(value_words(column))
                part["cells"][:, place] = words ^ (words >> _HALF)
            start += batch.num_rows
        return made


def whole_hashes(records: Records) -> Words:
    """A hash of the whole row: of its name and its other cells."""
    state: Words = records["name"].copy()
    for place in range(records["cells"].shape[1]):
        absorb(state, records["cells"][:, place].astype(np.uint64))
    return finish(state)


class Buckets:
    """The records of one version, divided by their names. To be closed; a context manager."""

    def __init__(self, kind: np.dtype[Any], number: int, folder: Path) -> None:
        self._kind = kind
        self._files = ExitStack()
        self._kept: list[Records] = []
        self._spilled = [
            self._files.enter_context(tempfile.TemporaryFile(dir=folder))  # noqa: SIM115
            for _ in range(number if number > 1 else 0)
        ]

    def __enter__(self) -> Buckets:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def add(self, records: Records) -> None:
        if not self._spilled:
            self._kept.append(records)
            return
        # Row hashes are spread over all 64 bits, so that the remainder divides them evenly.
        numbers = (records["name"] % np.uint64(len(self._spilled))).astype(np.intp)
        order = np.argsort(numbers, kind="stable")
        ends = np.cumsum(np.bincount(numbers, minlength=len(self._spilled)))
        start = 0
        for file, end in zip(self._spilled, ends.tolist(), strict=True):
            file.write(records[order[start:end]].tobytes())
            start = end

    def bucket(self, number: int) -> Records:
        """All records of a bucket."""
        if not self._spilled:
            return np.concatenate([np.empty(0, dtype=self._kind), *self._kept])
        file = self._spilled[number]
        file.seek(0)
        return np.frombuffer(file.read(), dtype=self._kind)


def buckets_for(rows: int, kind: np.dtype[Any]) -> int:
    """How many buckets keep each within `BUCKET_BYTES`, about."""
    return min(max(1, -(-rows * kind.itemsize // BUCKET_BYTES)), _MOST_BUCKETS)
