"""Frames of a log's segments from the end on, so that what is new is found without reading what is old.

Frames can only be read forwards: within a piece of a segment the first one is looked for by its checksum, and counts
if frame follows frame from there to the piece's end.
"""

from __future__ import annotations

import contextlib
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mlops_desktop.serving.segments import COMPACTED, FRAME_HEADER, LARGEST_BODY, SUFFIX

Bodies = list[tuple[bytes, int]]

_PIECE = 128 * 1024
_ROWS = 4096
_RECORD = re.compile(rb"(?=(?:[\x90-\x9f]|\xdc..)\xa1[a-z])", re.DOTALL)
"""How a record's body begins in msgpack: an array, and in it the letter of its kind."""


def backwards(folder: Path, stem: str, offset: int = 0) -> Iterator[Bodies]:
    """The frames behind `offset`, each body with the offset after it: pieces from the end on, frames in their order.

    What is torn or damaged is left out. As with `bodies`, a segment may be compacted or removed at any moment.
    """
    compacted = folder / (stem + COMPACTED)
    if not compacted.exists():
        with contextlib.suppress(FileNotFoundError), (folder / (stem + SUFFIX)).open("rb") as stream:
            yield from _pieces(stream, offset)
            return
    if compacted.exists():
        yield from _compacted_pieces(compacted, offset)


def _pieces(stream: BinaryIO, start: int) -> Iterator[Bodies]:
    end, size = stream.seek(0, 2), _PIECE
    may_be_torn = True
    while end > start:
        begin = max(start, end - size)
        stream.seek(begin)
        found = _chain(stream.read(end - begin), is_whole=begin == start, may_be_torn=may_be_torn)
        if not found and begin > start:
            size *= 4  # a record that is larger than the piece
            continue
        if found:
            yield [(body, begin + after) for body, after in found]
            end, may_be_torn = begin + found[0][1] - len(found[0][0]) - FRAME_HEADER.size, False
        if begin == start:
            return
        size = min(size * 2, 32 * _PIECE)


def _chain(piece: bytes, *, is_whole: bool, may_be_torn: bool) -> Bodies:
    """The frames that follow each other to the end of a piece; those of a whole one begin with it."""
    if is_whole:
        return _frames(piece, 0)[0]
    known = 0
    for place in _RECORD.finditer(piece, FRAME_HEADER.size):
        begin = place.start() - FRAME_HEADER.size
        if begin < known:
            continue
        found, is_torn = _frames(piece, begin)
        if found:
            known = found[-1][1]
            if known == len(piece) or (may_be_torn and is_torn):
                return found
    return []


def _frames(piece: bytes, begin: int) -> tuple[Bodies, bool]:
    """Frames from a place on, and whether what follows them looks like one that is still being written."""
    found: Bodies = []
    view = memoryview(piece)
    while begin + FRAME_HEADER.size <= len(piece):
        length, checksum = FRAME_HEADER.unpack_from(piece, begin)
        end = begin + FRAME_HEADER.size + length
        if not 0 < length <= LARGEST_BODY:
            return found, False
        if end > len(piece):
            return found, True
        body = view[begin + FRAME_HEADER.size : end]
        if zlib.crc32(body) != checksum:
            return found, False
        found.append((bytes(body), end))
        begin = end
    return found, begin < len(piece)


def _compacted_pieces(path: Path, offset: int) -> Iterator[Bodies]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for group in reversed(range(file.num_row_groups)):
            table = file.read_row_group(group, columns=["end", "body"])
            for begin in reversed(range(0, table.num_rows, _ROWS)):
                part = table.slice(begin, _ROWS)
                ends, found = part["end"].to_pylist(), part["body"].to_pylist()
                news = [(body, end) for body, end in zip(found, ends, strict=True) if end > offset]
                if news:
                    yield news
                if len(news) < len(ends):
                    return
