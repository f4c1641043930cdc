"""Workbooks: .xlsx, .xlsm, .xls, .xlsb and .ods.

A sheet is read whole, as workbooks are packed, and stays in memory while its rows are read in blocks. Its columns'
types are taken from all rows before the first is given.

A cell without a value is missing; so is one with an error such as #DIV/0!, and a text such as `NA` in a column that
otherwise holds no texts.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.schema import check_names
from mlops_desktop.data.sources.base import NULLS, FileIdentity, Source, some_rows
from mlops_desktop.data.sources.cellerrors import error_cells
from mlops_desktop.data.sources.shaping import shaped
from mlops_desktop.data.sources.values import ARROW, Kind, array_of, common_kind, kinds_of

WORKBOOK_BYTES = 8 << 30
_BLOCK_ROWS = 8_192
_COMPOUND_FILE = b"\xd0\xcf\x11\xe0"  # that of .xls; a packed workbook in one is encrypted
_PACKED = (".xlsx", ".xlsm", ".xlsb")
_EXACT = 2.0**53


def open_excel(path: Path, options: ReadOptions, hints: pa.Schema | None = None) -> Source:  # noqa: ARG001
    """Open one sheet of a workbook. Raises `InvalidInput`."""
    identity = FileIdentity(path)
    _check_encryption(path)
    _check_size(path)
    with _damage_said(path):
        from python_calamine import CalamineWorkbook, SheetTypeEnum

        with CalamineWorkbook.from_path(str(path)) as book:
            names = tuple(each.name for each in book.sheets_metadata if each.typ == SheetTypeEnum.WorkSheet)
            name = _chosen_sheet(path, names, options.sheet)
            sheet = book.get_sheet_by_name(name)
    table = SheetTable(sheet, f"Sheet {name!r} of {path.name}", options)
    found = Source(
        name=path.name,
        kind="excel",
        rows=some_rows(path.name, table.rows),
        identity=identity,
        _schema=lambda: table.schema,
        _batches=lambda: table,
        size=path.stat().st_size,
        settings=ReadOptions(
            format="excel",
            sheet=name,
            skip_rows=options.skip_rows,
            has_header=options.has_header is not False,
            nulls=options.nulls,
        ),
        warnings=(*table.warnings, *_said_errors(error_cells(path, name))),
        sheets=names,
    )
    return shaped(found, options)


class SheetTable:
    """The rows of a sheet below its header; empty rows at the end and empty columns at the edges are left out.

    Attributes:
        schema: the columns; `rows`: how many rows there are.
        warnings: what a person should know of how they are read.
    """

    def __init__(self, sheet: Any, where: str, options: ReadOptions) -> None:
        self._sheet = sheet
        self._where = where
        self._nulls = frozenset(options.nulls)
        self._start = options.skip_rows
        self.warnings: list[str] = []
        header = self._header(has_header=options.has_header is not False)
        self._facts = [_ColumnFacts(self._nulls) for _ in header]
        self.rows = self._look()
        self._columns = self._used_columns(header)
        self.names = self._named(header)
        check_names(self.names, where=where)
        self._kinds = [self._kind(name, self._facts[at]) for name, at in zip(self.names, self._columns, strict=True)]
        self.schema = pa.schema(list(zip(self.names, (ARROW[kind] for kind in self._kinds), strict=True)))

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        left = self.rows
        for block in self._blocks():
            columns = list(zip(*block[:left], strict=True))
            arrays = [
                self._facts[at].array(columns[at], kind) for at, kind in zip(self._columns, self._kinds, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)
            left -= len(block)
            if left <= 0:
                return

    def _header(self, *, has_header: bool) -> Sequence[Any]:
        """The first row that is not empty; the rows start below it, or with it where it holds values."""
        for at, row in enumerate(self._sheet.iter_rows()):
            if at >= self._start and any(cell != "" for cell in row):
                self._start = at + has_header
                self._header_row = at if has_header else -1
                return row if has_header else [f"column_{number}" for number in range(1, len(row) + 1)]
        raise InvalidInput(f"{self._where} is empty.", hint="Choose another sheet, or skip fewer rows.")

    def _blocks(self) -> Iterator[list[Sequence[Any]]]:
        rows = islice(self._sheet.iter_rows(), self._start, None)
        while block := list(islice(rows, _BLOCK_ROWS)):
            yield block

    def _look(self) -> int:
        """Take the facts of all columns; the number of rows up to the last that is not empty."""
        rows = seen = 0
        for block in self._blocks():
            for facts, values in zip(self._facts, zip(*block, strict=True), strict=True):
                facts.add(values)
            filled = next((at for at in range(len(block), 0, -1) if any(cell != "" for cell in block[at - 1])), 0)
            rows = seen + filled if filled else rows
            seen += len(block)
        return rows

    def _used_columns(self, header: Sequence[Any]) -> list[int]:
        used = [
            at
            for at, facts in enumerate(self._facts)
            if facts.has_values or (self._header_row >= 0 and header[at] != "")
        ]
        return list(range(used[0], used[-1] + 1))

    def _named(self, header: Sequence[Any]) -> list[str]:
        """A header over several columns, as merged cells give it, names them `Sales`, `Sales (2)`, `Sales (3)`."""
        names = [str(_whole(cell)).strip() for cell in header]
        left = (self._sheet.start or (0, 0))[1]
        for (top, first), (bottom, last) in self._sheet.merged_cell_ranges or ():
            if top <= self._header_row <= bottom and first < last:
                spread = range(first - left, last - left + 1)
                name = names[spread[0]] if 0 <= spread[0] < len(names) else ""
                for number, at in enumerate(spread, 1):
                    if name and number > 1 and at < len(names) and not names[at]:
                        names[at] = f"{name} ({number})"
                self.warnings.append(f"The header {name!r} spans {len(spread)} columns, which are numbered.")
        return [names[at] for at in self._columns]

    def _kind(self, name: str, facts: _ColumnFacts) -> Kind:
        if facts.is_mixed:
            held = " and ".join(sorted(facts.kinds))
            self.warnings.append(f"Column {name!r} holds {held}; it is read as text.")
        if facts.has_durations:
            self.warnings.append(f"Column {name!r} holds durations; they are given in seconds.")
        return facts.kind


class _ColumnFacts:
    """What is known of a column's cells once all were added."""

    def __init__(self, nulls: frozenset[str]) -> None:
        self._nulls = nulls
        self._soft_nulls = nulls | {"", *NULLS}
        self._are_whole = True
        self.kinds: set[Kind] = set()
        self.has_durations = False
        self._has_soft_nulls = False

    @property
    def has_values(self) -> bool:
        return bool(self.kinds) or self._has_soft_nulls

    @property
    def kind(self) -> Kind:
        if not self.kinds:
            return Kind.TEXT if self._has_soft_nulls else Kind.NONE
        found = common_kind(self.kinds)
        return Kind.INTEGER if found is Kind.NUMBER and self._are_whole else found

    @property
    def is_mixed(self) -> bool:
        return len(self.kinds) > 1 and self.kind is Kind.TEXT

    def add(self, cells: Sequence[Any]) -> None:
        kinds = kinds_of(cells)
        if Kind.OTHER in kinds:
            self.has_durations = True
            cells = _with_seconds(cells)
            kinds = kinds_of(cells)
        if Kind.TEXT in kinds:
            texts = {cell for cell in cells if type(cell) is str}
            self._has_soft_nulls |= bool(texts - {""} - self._nulls)
            if texts <= self._soft_nulls and not any(type(cell) is time for cell in cells):
                kinds.discard(Kind.TEXT)
        if Kind.NUMBER in kinds and self._are_whole:
            self._are_whole = all(
                cell.is_integer() and -_EXACT <= cell <= _EXACT for cell in cells if type(cell) is float
            )
        self.kinds |= kinds

    def array(self, cells: Sequence[Any], kind: Kind) -> pa.Array:
        if self.has_durations:
            cells = _with_seconds(cells)
        missing = {"", *self._nulls} if kind is Kind.TEXT else self._soft_nulls
        return array_of([None if type(cell) is str and cell in missing else cell for cell in cells], kind)


def _with_seconds(cells: Sequence[Any]) -> Sequence[Any]:
    return [cell.total_seconds() if isinstance(cell, timedelta) else cell for cell in cells]


def _whole(cell: Any) -> Any:
    """A year as the name of a column is 2024, not 2024.0."""
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell


def _chosen_sheet(path: Path, names: Sequence[str], asked: str) -> str:
    if not names:
        raise InvalidInput(f"{path.name} has no sheet with cells.", hint="Give a workbook with a table.")
    if asked and asked not in names:
        raise InvalidInput(f"{path.name} has no sheet {asked!r}.", hint=f"It has {', '.join(names)}.")
    return asked or names[0]


def _said_errors(cells: int) -> Iterator[str]:
    if cells:
        is_one = cells == 1
        yield f"{cells:,} {'cell holds' if is_one else 'cells hold'} an error such as #DIV/0!, read as a missing value."


def _check_size(path: Path) -> None:
    """Before it is unpacked in memory. Raises `InvalidInput`."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > WORKBOOK_BYTES:
        raise InvalidInput(
            f"{path.name} unfolds to more than {WORKBOOK_BYTES:,} bytes.",
            hint="If you trust it, save its sheet as CSV and give that.",
        )


def _check_encryption(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(len(_COMPOUND_FILE))
    if path.suffix.lower() in _PACKED and start == _COMPOUND_FILE:
        raise _encrypted(path)


@contextmanager
def _damage_said(path: Path) -> Iterator[None]:
    from python_calamine import CalamineError, PasswordError

    try:
        yield
    except PasswordError as error:
        raise _encrypted(path) from error
    except CalamineError as error:
        reason = str(error).strip().rstrip(".")
        raise InvalidInput(
            f"{path.name} is not a whole workbook: {reason}.", hint="Open and save it again, then try once more."
        ) from error


def _encrypted(path: Path) -> InvalidInput:
    return InvalidInput(f"{path.name} is encrypted.", hint="Save it without a password, then try again.")
