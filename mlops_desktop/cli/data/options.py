"""How a source is read, as options of a command: one for each field of `ReadOptions`."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from typing import Any

import msgspec

from mlops_desktop.cli.parsing import not_negative
from mlops_desktop.core.sources import ReadOptions

_TAB = ("\\t", "tab")
_TEXTS = {
    "format": ("--format", "NAME", "csv, json, jsonl, parquet, arrow or excel"),
    "delimiter": ("--delimiter", "CHARACTER", "between the values of a text; `tab` for a tab"),
    "quote": ("--quote", "CHARACTER", "around values of a text"),
    "encoding": ("--encoding", "NAME", "of a text, such as cp1252"),
    "decimal": ("--decimal", "CHARACTER", "`.` or `,`"),
    "thousands": ("--thousands", "CHARACTER", "that groups digits"),
    "sheet": ("--sheet", "NAME", "of a workbook (default: the first)"),
    "member": ("--member", "PATTERN", "which files of an archive, folder or pattern, such as 2024-*.csv"),
    "query": ("--query", "SQL", "for a database"),
}
_LISTS = {
    "nulls": ("--null", "TEXT", "stands for a missing value, beside an empty one; may be repeated"),
    "date_formats": ("--date-format", "FORMAT", "of times, such as %%d.%%m.%%Y; may be repeated"),
    "columns": ("--column", "NAME", "to read (default: all); may be repeated"),
}
_PAIRS = {
    "types": ("--type", "COLUMN=TYPE", "boolean, integer, number, text, time, or a storage type; may be repeated"),
    "names": ("--rename", "COLUMN=NAME", "the name that a column gets; may be repeated"),
}


def add_read_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how the source is read; what is left out is found out from it")
    for field, (option, metavar, help_text) in _TEXTS.items():
        group.add_argument(option, dest=f"read_{field}", metavar=metavar, default="", help=help_text)
    for field, (option, metavar, help_text) in (_LISTS | _PAIRS).items():
        kind = _pair if field in _PAIRS else str
        group.add_argument(
            option, dest=f"read_{field}", metavar=metavar, action="append", type=kind, default=[], help=help_text
        )
    group.add_argument(
        "--header",
        dest="read_has_header",
        action=argparse.BooleanOptionalAction,
        help="whether the first row holds the names of the columns",
    )
    group.add_argument(
        "--skip-rows", dest="read_skip_rows", metavar="N", type=not_negative, default=0, help="rows before the header"
    )
    group.add_argument(
        "--fill-missing",
        dest="read_fill_missing",
        action="store_true",
        help="columns that some files of several lack are missing values there",
    )


def read_options(arguments: argparse.Namespace) -> ReadOptions:
    """The options that were given."""
    given: dict[str, Any] = {name: getattr(arguments, f"read_{name}") for name in ReadOptions.__struct_fields__}
    given |= {field: dict(given[field]) for field in _PAIRS}
    if given["delimiter"] in _TAB:
        given["delimiter"] = "\t"
    return msgspec.convert(given, ReadOptions)


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.rpartition("=")
    if not name or not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form COLUMN=…")
    return name, value


def as_arguments(options: ReadOptions) -> str:
    """Options as they can be typed again, without those that are as usual."""
    return shlex.join(_arguments(msgspec.to_builtins(options)))


def _arguments(given: dict[str, Any]) -> Iterator[str]:
    for field, value in given.items():
        if field in _TEXTS:
            yield from (_TEXTS[field][0], "tab" if value == "\t" else value)
        elif field in _LISTS:
            yield from (part for text in value for part in (_LISTS[field][0], text))
        elif field in _PAIRS:
            yield from (part for name, text in value.items() for part in (_PAIRS[field][0], f"{name}={text}"))
        elif field == "has_header":
            yield "--header" if value else "--no-header"
        elif field == "skip_rows":
            yield from ("--skip-rows", str(value))
        elif field == "fill_missing":
            yield "--fill-missing"
