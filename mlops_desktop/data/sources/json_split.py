"""Cuts JSON text into blocks of whole objects, without holding more of it than a block.

Where strings, objects and arrays begin and end is found for a whole block at once, by counting quotes and brackets
(G. Langdale and D. Lemire, Parsing gigabytes of JSON per second, VLDB Journal 2019), here with numpy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from msgspec import Struct

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.data.sources.encoding import Utf8Stream

BLOCK = 1 << 22
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_SPACE = re.compile(r"\s*")
_HINT = "Check that the file is complete."


class Layout(Struct, frozen=True):
    """`kind` is `lines`, `records` (an array of objects) or `whole`; `start` is where the array's content begins."""

    kind: str
    start: int = 0


class Block(Struct, frozen=True):
    """Whole objects with white space between them, and the line that the block starts in."""

    text: bytes
    line: int


def found_layout(start: bytes, *, is_lines: bool) -> Layout:
    """How the rows of a JSON text are laid out, by its first bytes."""
    text = start.decode("utf-8", "ignore")
    at = _after_space(text, 0)
    if text[at : at + 1] == "[":
        return Layout("records", len(text[: at + 1].encode()))
    if is_lines or _has_lines(text):
        return Layout("lines")
    records = _records_in(text, at)
    return Layout("records", len(text[:records].encode())) if records else Layout("whole")


def _has_lines(text: str) -> bool:
    lines = [line for line in text.split("\n")[:-1] if line.strip()]
    try:
        return bool(lines) and isinstance(json.loads(lines[0]), dict)
    except ValueError:
        return False


def _records_in(text: str, at: int) -> int:
    """Where the content of the first array of objects begins that is a value of the object at `at`; 0 if nowhere."""
    decoder, at = json.JSONDecoder(), at + 1
    try:
        while text[at := _after_space(text, at)] != "}":
            _, at = decoder.raw_decode(text, at)
            at = _after_space(text, _after_space(text, at) + 1)
            inner = _after_space(text, at + 1)
            if text[at] == "[" and text[inner] == "{":
                return at + 1
            _, at = decoder.raw_decode(text, at)
            at = _after_space(text, at)
            at += text[at] == ","
    except (ValueError, IndexError):
        return 0
    return 0


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def blocks_of(path: Path, encoding: str, layout: Layout, size: int = BLOCK) -> Iterator[Block]:
    """The objects of a file, in order. Raises `InvalidInput` where it ends too early or holds something else."""
    with Utf8Stream(path, encoding) as stream:
        if layout.kind == "lines":
            yield from _lines(stream, size)
        else:
            yield from _Records(path.name, stream, layout.start, size)


def _lines(stream: Utf8Stream, size: int) -> Iterator[Block]:
    rest, line = b"", 1
    while read := stream.read(size):
        cut = read.rfind(b"\n") + 1
        if cut:
            block, rest = rest + read[:cut], read[cut:]
            yield Block(block, line)
            line += block.count(b"\n")
        else:
            rest += read
    if rest.strip():
        yield Block(rest, line)


class _Records:
    """The objects of an array whose content starts at a byte of the stream."""

    def __init__(self, name: str, stream: Utf8Stream, start: int, size: int) -> None:
        self._name, self._stream, self._size = name, stream, size
        before = stream.read(start)
        self._line = before.count(b"\n") + 1
        self._column = len(before) - before.rfind(b"\n") - 1
        self._is_expected = False  # after a comma
        self._has_objects = False

    def __iter__(self) -> Iterator[Block]:
        rest = b""
        while read := self._stream.read(max(self._size, len(rest))):
            rest += read
            text, used, is_end = self._cut(rest)
            if text.strip():
                yield Block(text, self._line)
            self._line += rest.count(b"\n", 0, used)
            last = rest.rfind(b"\n", 0, used)
            self._column = self._column + used if last < 0 else used - last - 1
            rest = rest[used:]
            if is_end:
                return
        start = self._line + rest[: len(rest) - len(rest.lstrip(b", \t\r\n"))].count(b"\n")
        raise InvalidInput(f"{self._name} ends in the middle of what begins in line {start}.", hint=_HINT)

    def _cut(self, text: bytes) -> tuple[bytes, int, bool]:
        """The whole objects that `text` starts with, how many bytes they take, and whether the array ends there."""
        codes = np.frombuffer(_ESCAPED.sub(b"..", text), np.uint8)
        outside = (np.cumsum(codes == 34, dtype=np.int32) & 1) == 0
        folded = codes | 0x20  # brackets and braces are 32 apart
        steps = ((folded == 0x7B) & outside).astype(np.int32) - ((folded == 0x7D) & outside)
        depth = np.cumsum(steps)
        ends = np.flatnonzero(depth < 0)
        end = int(ends[0]) if len(ends) else len(codes)
        closed = np.flatnonzero((depth[:end] == 0) & (steps[:end] == -1))
        used = int(closed[-1]) + 1 if len(closed) else 0
        if len(ends):
            used = end
        top = (depth[:used] == 0) & outside[:used] & (steps[:used] == 0)
        opened = np.flatnonzero((depth[:used] == 1) & (steps[:used] == 1))
        self._check(text, codes[:used], top, opened)
        objects = np.frombuffer(text, np.uint8)[:used].copy()
        objects[top & (objects == 44)] = 32
        return objects.tobytes(), min(used + bool(len(ends)), len(text)), bool(len(ends))

    def _check(self, text: bytes, codes: np.ndarray, top: np.ndarray, opened: np.ndarray) -> None:
        """Between the objects there must be one comma and white space, nothing else."""
        is_comma = top & (codes == 44)
        is_strange = top & ~is_comma & ~np.isin(codes, (32, 9, 10, 13))
        strange = np.concatenate([np.flatnonzero(is_strange), opened[codes[opened] != 0x7B]])
        # Commas and objects take turns, so the count of one runs beside that of the other.
        marks = np.sort(np.concatenate([np.flatnonzero(is_comma), opened]))
        expected = codes[marks] == 44
        first = self._has_objects and not self._is_expected
        wrong = np.flatnonzero(expected != ((np.arange(len(marks)) % 2 == 0) == first))
        strange = np.concatenate([strange, marks[wrong[:1]]])
        if len(strange):
            at = int(strange.min())
            line = self._line + text.count(b"\n", 0, at)
            column = at - text.rfind(b"\n", 0, at) + (self._column if line == self._line else 0)
            raise InvalidInput(
                f"{self._name}, line {line}, column {column}: here an object or a comma should be, not"
                f" {text[at : at + 20].decode('utf-8', 'replace')!r}.",
                hint="Give an array of objects, one for each row, with commas between them.",
            )
        if len(marks):
            self._is_expected = bool(expected[-1])
            self._has_objects = True
