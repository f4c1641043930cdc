"""What is known of a delimited text before its values are read: encoding, dialect, names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.schema import check_names
from mlops_desktop.data.sources.base import NULLS
from mlops_desktop.data.sources.dialect import NO_QUOTE, Dialect, found_dialect, rows_of
from mlops_desktop.data.sources.disguise import check_is_text
from mlops_desktop.data.sources.encoding import (
    SAMPLE,
    found_encoding,
    guess_warnings,
    known_encoding,
    lines_of,
    not_in_encoding,
)

_START = 1 << 20
_TABBED = (".tsv", ".tab")


class Layout(Struct, frozen=True):
    """Attributes:
    names: those of all columns as they come; `columns`: by position, from 0, the names of those to be read.
    """

    encoding: str
    dialect: Dialect
    names: tuple[str, ...]
    columns: dict[int, str]
    nulls: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def settings(self, given: ReadOptions) -> ReadOptions:
        return msgspec.structs.replace(
            given,
            format="csv",
            encoding=self.encoding,
            delimiter=self.dialect.delimiter,
            quote=self.dialect.quote or NO_QUOTE,
            skip_rows=self.dialect.skip_rows,
            has_header=self.dialect.has_header,
            nulls=self.nulls,
        )


def found_layout(path: Path, options: ReadOptions, encoding: str = "") -> Layout:
    """Look at the start of a file; `encoding` is what it turned out to have. Raises `InvalidInput`."""
    encoding = encoding or _encoding(path, options)
    text = start_of(path, encoding)
    dialect = found_dialect(text, options, _preferred(path))
    first = header_of(text, dialect)
    if not first:
        raise InvalidInput(f"{path.name} is empty.", hint="Give a file with a header and rows.")
    if any("\ufffd" in name for name in first):
        raise not_in_encoding(path, encoding)
    names = _names(first, dialect)
    return Layout(
        encoding,
        dialect,
        tuple(names),
        chosen_columns(names, options, path.name),
        options.nulls or NULLS,
        tuple(_warnings(encoding, dialect, options)),
    )


def raw_rows(
    path: Path, options: ReadOptions, rows: int
) -> tuple[list[str], list[tuple[str | None, ...]], ReadOptions]:
    """The names and first rows of a text that cannot be read as a table, each as wide as the first, and the settings
    found out as far as possible."""
    try:
        encoding = _encoding(path, options)
        text = start_of(path, encoding)
        dialect = found_dialect(text, options, _preferred(path))
    except (InvalidInput, OSError):
        return [], [], options
    found = rows_of(text, dialect.delimiter, dialect.quote, rows + 1, dialect.skip_rows)
    names = _names(found[0], dialect) if found else []
    cells = [
        tuple(row[at] if at < len(row) else None for at in range(len(names)))
        for row in found[int(dialect.has_header) :][:rows]
    ]
    layout = Layout(encoding, dialect, tuple(names), {}, options.nulls or NULLS)
    return names, cells, layout.settings(options)


def _encoding(path: Path, options: ReadOptions) -> str:
    with path.open("rb") as file:
        start = file.read(SAMPLE)
    check_is_text(start, path.name)
    return known_encoding(options.encoding, start) if options.encoding else found_encoding(start)


def _preferred(path: Path) -> str:
    return "\t" if path.suffix.lower() in _TABBED else ""


def _names(first: list[str], dialect: Dialect) -> list[str]:
    return first if dialect.has_header else [f"column_{position}" for position in range(1, len(first) + 1)]


def start_of(path: Path, encoding: str) -> str:
    with lines_of(path, encoding) as lines:
        return lines.read(_START)


def header_of(text: str, dialect: Dialect) -> list[str]:
    """The first row below what is skipped; nothing where there is none."""
    rows = rows_of(text, dialect.delimiter, dialect.quote, limit=1, skip=dialect.skip_rows)
    return rows[0] if rows else []


def _warnings(encoding: str, dialect: Dialect, given: ReadOptions) -> list[str]:
    said = guess_warnings(encoding, given.encoding)
    if given.has_header is None and not dialect.has_header:
        said.append("The first row looks like values, so the columns are numbered; set has_header if it holds names.")
    if not given.skip_rows and dialect.skip_rows:
        said.append(f"{dialect.skip_rows} lines before the header are skipped.")
    return said


def chosen_columns(names: Sequence[str], options: ReadOptions, where: str) -> dict[int, str]:
    """By position, the names of the columns to be read, renamed as asked. Raises `InvalidInput`.

    A column is renamed by its name or, as `#3`, by its position; it is selected by its old or its new name.
    """
    renamed = [options.names.get(f"#{at}", options.names.get(name, name)) for at, name in enumerate(names, 1)]
    _check_known(options.names, {*names, *(f"#{at}" for at in range(1, len(names) + 1))}, "rename", where)
    _check_known(options.columns, {*names, *renamed}, "read", where)
    _check_known(options.types, {*names, *renamed}, "give a type to", where)
    positions = {name: at for at, name in [*enumerate(names), *enumerate(renamed)]}
    chosen = [positions[name] for name in options.columns] or list(range(len(names)))
    try:
        check_names([renamed[at] for at in chosen], where)
    except InvalidInput as error:
        raise InvalidInput(error.message, hint=f"{error.hint} Or set names by position, such as #2 = name.") from error
    return {at: renamed[at] for at in dict.fromkeys(chosen)}


def _check_known(wanted: Sequence[str] | dict[str, str], known: set[str], what: str, where: str) -> None:
    unknown = [name for name in wanted if name not in known]
    if unknown:
        listed = ", ".join(repr(name) for name in unknown[:5])
        raise InvalidInput(f"{where} has no column {listed} to {what}.", hint="Compare with the names in its header.")
