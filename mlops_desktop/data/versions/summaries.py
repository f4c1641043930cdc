"""Summaries of the chunks of one version, on disk where they are many, to be merged column by column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import overload

import msgspec
import zstandard

from mlops_desktop.data.intake.temporary import temporary_space
from mlops_desktop.data.profiles.summary import ColumnSummary, Summary

_IN_MEMORY = 32 << 20
_decoder = msgspec.msgpack.Decoder(ColumnSummary)


class Summaries:
    """Collects summaries; iterating gives for each chunk a sequence that reads one column at a time."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 (closed by `__exit__`)
        self._chunks: list[_OfChunk] = []
        self._end = 0

    def __enter__(self) -> Summaries:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, summary: Summary) -> None:
        """Keep the summary of the next chunk. Raises `EnvironmentProblem` where the disk is full."""
        packer = zstandard.ZstdCompressor(level=1)
        columns = [packer.compress(msgspec.msgpack.encode(column)) for column in summary]
        places = list(accumulate(map(len, columns), initial=self._end))
        with temporary_space():
            self._file.seek(self._end)
            self._file.write(b"".join(columns))
        self._end = places[-1]
        self._chunks.append(_OfChunk(self._file, tuple(places)))

    def __iter__(self) -> Iterator[Sequence[ColumnSummary]]:
        return iter(self._chunks)

    def __len__(self) -> int:
        return len(self._chunks)


class _OfChunk(Sequence[ColumnSummary]):
    def __init__(self, file: SpooledTemporaryFile[bytes], places: tuple[int, ...]) -> None:
        self._file = file
        self._places = places

    @overload
    def __getitem__(self, position: int) -> ColumnSummary: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[ColumnSummary]: ...
    def __getitem__(self, position: int | slice) -> ColumnSummary | Sequence[ColumnSummary]:
        if isinstance(position, slice):
            return [self[at] for at in range(*position.indices(len(self)))]
        start, end = self._places[position], self._places[position + 1]
        self._file.seek(start)
        return _decoder.decode(zstandard.decompress(self._file.read(end - start)))

    def __len__(self) -> int:
        return len(self._places) - 1
