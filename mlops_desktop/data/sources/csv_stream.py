"""The bytes of a delimited text on their way to pyarrow's reader, looked at for what that reader does not tell."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_desktop.data.sources.dialect import Dialect
from mlops_desktop.data.sources.encoding import Utf8Stream

_EDGE = 64


class CsvStream(Utf8Stream):
    """A delimited text as UTF-8.

    Attributes:
        has_leading_zeros: whether a value such as 00123 passed, which must not become a number.
        quotes: how many quote characters passed; where they are odd at the end, one was never closed.
    """

    def __init__(self, path: Path, encoding: str, dialect: Dialect, *, seek_zeros: bool, limit: int) -> None:
        """`limit` is for a look at the start: about so many bytes, in whole lines; all of them where it is 0."""
        super().__init__(path, encoding)
        self._limit = limit
        self.has_leading_zeros = False
        self.quotes = 0
        self._quote = ord(dialect.quote) if dialect.quote else 0
        edges = re.escape(dialect.delimiter + dialect.quote) + r"\r\n"
        self._zeros = rf"[{edges}][-+]?0[0-9]+[{edges}]"
        self._seek_zeros = seek_zeros
        self._edge = b"\n"

    def read(self, size: int = -1) -> bytes:
        if not self._limit:
            return super().read(size)
        if self._limit < 0:
            return b""
        wanted, self._limit = min(size, self._limit), -1
        block = super().read(wanted)
        cut = block.rfind(b"\n") + 1 if len(block) == wanted else 0
        return block[:cut] if cut else block

    def seen(self, block: bytes) -> None:
        if self._quote:
            self.quotes += int(np.count_nonzero(np.frombuffer(block, np.uint8) == self._quote))
        if self._seek_zeros and not self.has_leading_zeros:
            across = self._edge + (block[:_EDGE] or b"\n")
            self.has_leading_zeros = self._holds_zeros(across) or self._holds_zeros(block)
            self._edge = (self._edge + block[-_EDGE:])[-_EDGE:]

    def _holds_zeros(self, block: bytes) -> bool:
        """Arrow's search runs without Python's lock, beside the reader."""
        ends = pa.py_buffer(np.array([0, len(block)], np.int64))
        text = pa.Array.from_buffers(pa.large_binary(), 1, [None, ends, pa.py_buffer(block)])
        return bool(pc.match_substring_regex(text, self._zeros)[0].as_py())
