"""Rows of a version as texts, in tiles of some rows and columns, so that millions can be leafed through."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import accumulate
from typing import TYPE_CHECKING

from mlops_desktop.core.datasets import Column, DatasetVersion
from mlops_desktop.data.versions.pieces import Slice, slices_of
from mlops_desktop.registry import Registry
from mlops_desktop.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_desktop.data.versions.chunks import ObjectReader

TILE_ROWS = 256
TILE_COLUMNS = 32
LONGEST_TEXT = 2_000
_TINY = "0.0000"
_CACHE_BYTES = 24 << 20
_SMALL_BYTES = 16 << 20
_MOST_READERS = 6
_NEEDLESS_ZEROS = ((r"(\.\d*?[1-9])0+$", r"\1"), (r"\.0+$", ""))

Texts = list[str | None]
Place = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Tile:
    """Columns of texts, None where a value is missing; `place` counts tiles of rows and of columns from 0."""

    place: Place
    columns: list[Texts]


@dataclass(frozen=True, eq=False)
class Opened:
    """A version that is open for reading, with its first tile."""

    reader: RowReader
    tile: Tile


class RowReader:
    """Reads any rows of one version. May be asked from several threads, each with its own workspace.

    Decoded objects stay in memory while they fit, as a scroll bar asks for neighbours of what it asked for before.
    """

    def __init__(self, registry: Registry, version: DatasetVersion) -> None:
        from mlops_desktop.data.versions.manifests import read_manifest

        self.version = version
        self.columns: tuple[Column, ...] = version.schema.columns
        manifest = read_manifest(registry, version)
        self._slices = list(slices_of(manifest))
        # Opening a file of thousands of columns takes longer than reading it.
        self._reads_all = manifest.size <= _SMALL_BYTES
        self._ends = list(accumulate(part.rows for part in self._slices))
        self._readers: dict[tuple[int, int], ObjectReader] = {}
        self._lock = threading.Lock()

    @property
    def rows(self) -> int:
        return self._ends[-1] if self._ends else 0

    def tile(self, registry: Registry, place: Place) -> Tile:
        """Raises `NotFound` or `Damaged`."""
        row, block = place
        names = [column.name for column in self.columns[block * TILE_COLUMNS : (block + 1) * TILE_COLUMNS]]
        table = self._table(registry, block, names, row * TILE_ROWS, TILE_ROWS)
        return Tile(place, [texts(table.column(at)) for at in range(table.num_columns)])

    def _table(self, registry: Registry, block: int, names: list[str], offset: int, limit: int) -> pa.Table:
        import pyarrow as pa

        from mlops_desktop.data.schema import to_arrow

        parts = self._parts(offset, limit)
        if parts:
            if not self._reads_all:
                return self._reader(registry, block, names).slices(parts)
            return self._reader(registry, 0, list(self.version.schema.names)).slices(parts).select(names)
        schema = to_arrow(self.version.schema)
        return pa.schema([schema.field(name) for name in names]).empty_table()

    def _parts(self, offset: int, limit: int) -> list[Slice]:
        """The slices of stored objects that rows `offset` to `offset + limit` are in."""
        found = []
        at = bisect_right(self._ends, offset)
        while at < len(self._slices) and limit > 0:
            part = self._slices[at]
            skipped = max(offset - (self._ends[at] - part.rows), 0)
            taken = min(part.rows - skipped, limit)
            found.append(Slice(part.object, part.start + skipped, taken))
            limit -= taken
            at += 1
        return found

    def _reader(self, registry: Registry, block: int, names: list[str]) -> ObjectReader:
        from mlops_desktop.data.versions.chunks import ObjectReader

        key = (id(registry), block)
        with self._lock:
            reader = self._readers.pop(key, None) or ObjectReader(registry, names, _CACHE_BYTES)
            self._readers[key] = reader
            while len(self._readers) > _MOST_READERS:
                self._readers.pop(next(iter(self._readers)))
        return reader


def warm_up(_workspace: Workspace) -> None:
    """Import what reading rows needs: a fifth of a second, while the page is still being made."""
    import_module("mlops_desktop.data.versions.chunks")
    import_module("mlops_desktop.data.schema")


def open_rows(workspace: Workspace, reference: str) -> Opened:
    """Raises `NotFound` or `Damaged`."""
    reader = RowReader(workspace.registry, workspace.registry.datasets.get(reference))
    return Opened(reader, reader.tile(workspace.registry, (0, 0)))


def read_tiles(workspace: Workspace, reader: RowReader, places: Sequence[Place]) -> list[Tile]:
    """Raises `NotFound` or `Damaged`."""
    return [reader.tile(workspace.registry, place) for place in places]


def copied(workspace: Workspace, reference: str, first: int, rows: int, columns: Sequence[str]) -> str:
    """Rows as tab-separated text under a line of headers; missing values are empty."""
    from mlops_desktop.data.read import preview

    version = workspace.registry.datasets.get(reference)
    table = preview(workspace.registry, version, first, rows, columns=columns)
    return tab_separated(columns, [texts(table.column(at), None) for at in range(table.num_columns)])


def tab_separated(names: Sequence[str], columns: Sequence[Sequence[str | None]]) -> str:
    lines = ["\t".join(map(_cell, names))]
    lines += ["\t".join(_cell(value or "") for value in row) for row in zip(*columns, strict=True)]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """As spreadsheets take it: quoted where it holds what separates cells."""
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in '\t\n\r"') else text


def texts(column: pa.ChunkedArray, longest: int | None = LONGEST_TEXT) -> Texts:
    """Values as they are shown: numbers in full, times without needless zeros, None where one is missing.

    Arrow makes the texts, as its own values of times would import pandas. `longest` cuts texts that no cell can show.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_timestamp(kind):
        # All times are in UTC; without the zone no database of zones is needed.
        unzoned = pa.timestamp(kind.unit)
        plain = pa.chunked_array([part.view(pa.int64()).view(unzoned) for part in column.chunks], unzoned)
        found = plain.cast(pa.string())
        for pattern, kept in _NEEDLESS_ZEROS:
            found = pc.replace_substring_regex(found, pattern, kept)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        found = column if longest is None else pc.utf8_slice_codeunits(column, 0, longest)
    else:
        found = column.cast(pa.string())
    values: Texts = found.to_pylist()
    return [_short(value) for value in values] if pa.types.is_floating(kind) else values


def _short(text: str | None) -> str | None:
    """`0.0000010455960881199327` as `1.0455960881199327e-06`; other numbers as they are."""
    return repr(float(text)) if text is not None and text.lstrip("-").startswith(_TINY) else text
