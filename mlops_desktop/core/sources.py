"""Values about sources of rows: how one is read, and what a look at it shows."""

from __future__ import annotations

from msgspec import Struct

from mlops_desktop.core.datasets import ColumnType


class ReadOptions(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How a source is read. What is left empty is found out from the source itself.

    Attributes:
        format: `csv`, `json`, `jsonl`, `parquet`, `arrow` or `excel`.
        delimiter: one character between values of a delimited text; `quote`: the character around them, or `none`.
        encoding: of text, as Python names it.
        decimal: `.` or `,`; `thousands`: the character that groups digits.
        has_header: whether the first row holds the names of the columns.
        skip_rows: rows (of text or of a sheet) before the header or the first row.
        nulls: texts that stand for a missing value, beside an empty one.
        date_formats: formats of `strptime`, tried in order for columns of times.
        types: by column, what it is read as: a `ColumnType`, or the name of a storage type such as `int32`.
        names: by column as it comes, or by position such as `#3`, the name it gets.
        columns: those to read; empty for all.
        sheet: of a workbook, by name; empty for the first.
        member: which files of an archive, folder or glob to read, as a glob such as `2024-*.csv`.
        query: SQL text, for a database.
        fill_missing: columns that some files of an archive or folder lack are missing values there, not an error.
    """

    format: str = ""
    delimiter: str = ""
    quote: str = ""
    encoding: str = ""
    decimal: str = ""
    thousands: str = ""
    has_header: bool | None = None
    skip_rows: int = 0
    nulls: tuple[str, ...] = ()
    date_formats: tuple[str, ...] = ()
    types: dict[str, str] = {}
    names: dict[str, str] = {}
    columns: tuple[str, ...] = ()
    sheet: str = ""
    member: str = ""
    query: str = ""
    fill_missing: bool = False


class PreviewColumn(Struct, frozen=True):
    """A column as it would be read: `storage` is the Arrow type's name, `note` what a person should know of it."""

    name: str
    type: ColumnType
    storage: str
    note: str = ""


class SourcePreview(Struct, frozen=True):
    """A look at the start of a source, as it would be read with `settings`.

    Attributes:
        settings: the options with everything that was found out filled in.
        cells: the first rows as text, None where a value is missing.
        rows: how many rows there are, or about; 0 where unknown. `size`: bytes as they come, 0 where unknown.
        sheets: names of a workbook's sheets; `members`: names of the files in an archive or folder.
        warnings: what a person should look at before going on.
        problem: why the source cannot be read with these settings; empty where it can. Cells may be empty then.
    """

    name: str
    kind: str
    settings: ReadOptions
    columns: tuple[PreviewColumn, ...] = ()
    cells: tuple[tuple[str | None, ...], ...] = ()
    rows: int = 0
    size: int = 0
    sheets: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    problem: str = ""
