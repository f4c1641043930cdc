"""Values and keys that may occur once only in a whole table, which is read as a stream.

The first reading keeps a 64-bit hash of each key. Where no hash repeats, no key does, and that is all. Otherwise the
table is read again, and the rows whose hash repeats are compared by their values. Of equal keys the first row stands.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from typing import IO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.data.contracts.arrays import Mask, boolean_array, missing_mask
from mlops_desktop.data.hashing import Words, as_numbers, row_hashes
from mlops_desktop.data.schema import checked_type

MOST_IN_MEMORY = 20_000_000
MOST_COMPARED = 1_000_000
_PARTITION_BITS = 6
NO_HASHES: Words = np.empty(0, dtype=np.uint64)


class HashLog:
    """Hashes of a stream. Beyond `most` of them they are kept in temporary files, parted by their first bits."""

    def __init__(self, most: int = MOST_IN_MEMORY) -> None:
        self._most = most
        self._held: list[Words] = []
        self._number = 0
        self._files: list[IO[bytes]] = []
        self._stack = ExitStack()

    def add(self, hashes: Words) -> None:
        self._held.append(hashes)
        self._number += len(hashes)
        if self._number > self._most:
            self._spill()

    def repeated(self) -> Words:
        """Those that occur more than once, each once, ascending. The log is empty afterwards."""
        with self._stack:
            if self._files:
                self._spill()
                return np.concatenate([_repeated(_content(file)) for file in self._files])
            held, self._held = self._held, []
            return _repeated(np.concatenate(held) if held else NO_HASHES.copy())

    def close(self) -> None:
        self._held = []
        self._stack.close()

    def _spill(self) -> None:
        if not self._files:
            parts = range(1 << _PARTITION_BITS)
            self._files = [self._stack.enter_context(tempfile.TemporaryFile()) for _ in parts]  # noqa: SIM115
        words = np.concatenate(self._held) if self._held else NO_HASHES.copy()
        words.sort()
        ends = np.searchsorted(words >> np.uint64(64 - _PARTITION_BITS), np.arange(len(self._files) + 1))
        for file, (start, end) in zip(self._files, pairwise(ends), strict=True):
            file.write(words[start:end].tobytes())
        self._held, self._number = [], 0


class Uniqueness:
    """That the values of some columns together occur once only. Rows with a missing value among them are left out.

    Without `suspects` the first reading, which finds them (`found`); with them the second, which names the rows. Up to
    `MOST_COMPARED` different suspects are compared by value; what comes beyond is taken for equal where the hash is.
    """

    def __init__(self, columns: Sequence[str], suspects: Words | None = None) -> None:
        self._columns = list(columns)
        self._suspects = suspects
        self._log = HashLog()
        self._seen: set[tuple[object, ...]] = set()
        self._has_come = np.zeros(0 if suspects is None else len(suspects), dtype=np.bool_)

    def repeats(self, batch: pa.RecordBatch) -> Mask | None:
        """Where the batch repeats an earlier row's key; always None in the first reading."""
        keys = batch.select(self._columns)
        missing = [mask for mask in map(missing_mask, keys.columns) if mask is not None]
        hashes = row_hashes(keys)
        present = ~np.logical_or.reduce(missing) if missing else None
        if self._suspects is None:
            self._log.add(hashes if present is None else hashes[present])
            return None
        if not len(self._suspects):
            return None
        places = np.minimum(np.searchsorted(self._suspects, hashes), len(self._suspects) - 1)
        suspicious = self._suspects[places] == hashes
        if present is not None:
            suspicious &= present
        return self._compared(keys, places, suspicious) if suspicious.any() else None

    def found(self) -> Words:
        """Hashes that repeat, after the first reading."""
        return self._log.repeated() if self._suspects is None else self._suspects

    def close(self) -> None:
        self._log.close()

    def _compared(self, keys: pa.RecordBatch, places: NDArray[np.intp], suspicious: Mask) -> Mask | None:
        picked = boolean_array(suspicious)
        columns = [_plain(column.filter(picked)).to_pylist() for column in keys.columns]
        again = np.zeros(len(suspicious), dtype=np.bool_)
        for position, key in zip(np.flatnonzero(suspicious), zip(*columns, strict=True), strict=True):
            place = places[position]
            if key in self._seen or self._has_come[place]:
                again[position] = True
            elif len(self._seen) < MOST_COMPARED:
                self._seen.add(key)
            else:
                self._has_come[place] = True
        return again if again.any() else None


def _plain(column: pa.Array) -> pa.Array:
    return as_numbers(column) if checked_type(column.type) is ColumnType.TIME else column


def _content(file: IO[bytes]) -> Words:
    file.seek(0)
    return np.frombuffer(file.read(), dtype=np.uint64).copy()


def _repeated(words: Words) -> Words:
    words.sort()
    return np.unique(words[1:][words[1:] == words[:-1]])
