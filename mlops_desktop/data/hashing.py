"""Hashes of rows and of runs of rows, by value.

Two hashes serve two ends. `row_hashes` is a fast 64-bit hash per row: it says where chunks end and counts rows that
were added or removed. `content_hash` is a SHA-256 over the values of a run of rows: it names a chunk.

What counts as the same value: text by its UTF-8 bytes (no normalisation); every NaN is the same NaN; -0.0 is 0.0;
a null is neither NaN nor 0 nor the empty text. Dictionary encoding, chunk layout and slicing do not matter, as columns
come in plain storage types (see `schema`). For `row_hashes` the width of a number does not matter either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_desktop.data.schema import fingerprint

Words = NDArray[np.uint64]

_SEED = np.uint64(0x9E3779B97F4A7C15)
_STEP = np.uint64(0xD6E8FEB86659FD93)
_NULL = np.uint64(0xA0761D6478BD642F)
_LONG_TEXT = 512
_MASKS = np.array([(1 << (8 * count)) - 1 for count in range(9)], dtype=np.uint64)


class Canonical(NamedTuple):
    """A column's values with equal values made equal bytes. `nulls` is None where there are none."""

    nulls: NDArray[np.bool_] | None
    values: NDArray[Any]
    text: memoryview | None = None


def absorb(state: Words, words: Words) -> None:
    """Mix `words` into `state` in place: a bijection of either, so that one changed word always changes the hash."""
    state ^= words
    state *= _STEP
    state ^= state >> np.uint64(29)


def finish(state: Words) -> Words:
    """Spread every bit over the whole word, in place: the finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""
    state ^= state >> np.uint64(30)
    state *= np.uint64(0xBF58476D1CE4E5B9)
    state ^= state >> np.uint64(27)
    state *= np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return state


def row_hashes(batch: pa.RecordBatch) -> Words:
    """One 64-bit hash per row of a batch in plain storage types; the order of the columns matters."""
    state = np.full(batch.num_rows, _SEED, dtype=np.uint64)
    for column in batch.columns:
        absorb(state, value_words(column))
    return finish(state)


def text_sizes(batch: pa.RecordBatch) -> NDArray[np.int64]:
    """Bytes of text per row."""
    sizes = np.zeros(batch.num_rows, dtype=np.int64)
    for column in batch.columns:
        if pa.types.is_string(column.type):
            sizes += np.diff(canonical_values(column).values)
    return sizes


def value_words(column: pa.Array) -> Words:
    """One word per value: the value itself widened to 64 bits, or the hash of a text."""
    canonical = canonical_values(column)
    if canonical.text is not None:
        words = _text_words(canonical.values, np.frombuffer(canonical.text, dtype=np.uint8))
    else:
        words = number_words(canonical.values)
    return words if canonical.nulls is None else np.where(canonical.nulls, _NULL, words)


def number_words(values: NDArray[Any]) -> Words:
    """Numbers widened to 64 bits."""
    wide = {"f": np.float64, "i": np.int64}.get(values.dtype.kind, np.uint64)
    return values.astype(wide).view(np.uint64)


def canonical_values(column: pa.Array) -> Canonical:
    """Numbers as they are stored, times and booleans as integers, texts as offsets plus bytes; nulls become 0 or ''."""
    nulls = None
    if column.null_count:
        nulls = numpy_values(column.is_null()).astype(np.bool_)
    if pa.types.is_string(column.type):
        return _canonical_text(column, nulls)
    values = numpy_values(column)
    if values.dtype.kind == "f":
        values = values + values.dtype.type(0)  # -0.0 becomes 0.0
        values[np.isnan(values)] = np.nan
    return Canonical(nulls, values if nulls is None else np.where(nulls, values.dtype.type(0), values))


def numpy_values(column: pa.Array) -> NDArray[Any]:
    """The values of a column of anything but text, mostly without copying; what is under a null is arbitrary.

    Arrow's own conversion would import pandas, which the window's process must not.
    """
    column = as_numbers(column)
    data = column.buffers()[1]
    name = {"float": "float32", "double": "float64"}.get(str(column.type), str(column.type))
    if data is None:
        return np.empty(0, dtype=name)
    values: NDArray[Any] = np.frombuffer(data, dtype=name)[column.offset : column.offset + len(column)]
    return values


def as_numbers(column: pa.Array) -> pa.Array:
    """Times as integers, booleans as 0 and 1, numbers as they are."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return column.cast(pa.uint8())
    if pa.types.is_timestamp(kind):
        return column.view(pa.int64())
    return column.view(pa.int32()) if pa.types.is_date32(kind) else column


def _canonical_text(column: pa.Array, nulls: NDArray[np.bool_] | None) -> Canonical:
    bounds = _bounds(column)
    if nulls is not None and np.diff(bounds)[nulls].any():
        column = pc.fill_null(column, "")  # rare: there is text under a null
        bounds = _bounds(column)
    data = column.buffers()[2]
    text = memoryview(data if data is not None else b"")[bounds[0] : bounds[-1]]
    return Canonical(nulls, bounds - bounds[0], text)


def _bounds(column: pa.Array) -> NDArray[np.int64]:
    """Where each text starts in the data, and where the last one ends."""
    if not len(column):
        return np.zeros(1, dtype=np.int64)
    offsets = np.frombuffer(column.buffers()[1], dtype="<i4")
    return offsets[column.offset : column.offset + len(column) + 1].astype(np.int64)


def _text_words(bounds: NDArray[np.int64], data: NDArray[np.uint8]) -> Words:
    """A hash per text, eight bytes at a time over all texts at once; long texts one by one by BLAKE2."""
    starts, lengths = bounds[:-1], np.diff(bounds)
    state = np.full(len(lengths), _SEED, dtype=np.uint64)
    absorb(state, lengths.astype(np.uint64))
    padded = np.concatenate([data, np.zeros(8, dtype=np.uint8)])
    words: Words = np.ndarray(shape=(len(data) + 1,), dtype="<u8", buffer=padded.data, strides=(1,))
    short = lengths <= _LONG_TEXT
    for first in range(0, min(int(lengths.max(initial=0)), _LONG_TEXT), 8):
        is_active = short & (lengths > first)
        if is_active.all():  # no need to pick them
            absorb(state, words[starts + first] & _MASKS[np.minimum(lengths - first, 8)])
            continue
        active = np.flatnonzero(is_active)
        if not len(active):
            break
        word = words[starts[active] + first] & _MASKS[np.minimum(lengths[active] - first, 8)]
        part = state[active]
        absorb(part, word)
        state[active] = part
    for index in np.flatnonzero(~short):
        digest = hashlib.blake2b(data[bounds[index] : bounds[index + 1]].data, digest_size=8).digest()
        state[index] = int.from_bytes(digest, "little")
    return finish(state)


def content_hash(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> str:
    """SHA-256, in hex, over the schema and all values of some rows, column by column."""
    filled = [batch for batch in batches if batch.num_rows]
    digest = hashlib.sha256(fingerprint(schema))
    digest.update(sum(batch.num_rows for batch in filled).to_bytes(8, "little"))
    for position in range(len(schema)):
        column = [canonical_values(batch.column(position)) for batch in filled]
        has_nulls = any(piece.nulls is not None for piece in column)
        digest.update(b"\1" if has_nulls else b"\0")
        for piece in column if has_nulls else ():
            digest.update(bytes(_length(piece)) if piece.nulls is None else piece.nulls.data)
        for piece in column:
            digest.update(_little_endian(piece.values if piece.text is None else np.diff(piece.values)))
        for piece in column:
            digest.update(piece.text or b"")
    return digest.hexdigest()


def _length(piece: Canonical) -> int:
    return len(piece.values) - (piece.text is not None)


def _little_endian(values: NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"), copy=False)).data
