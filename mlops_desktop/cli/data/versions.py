"""`data list | versions | show | log | lineage`: what there is, and how it came to be."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlops_desktop.cli.models import lineage
from mlops_desktop.cli.output import Answer, counted, in_words, referenced, size_in_words, table
from mlops_desktop.cli.parsing import Commands, add_command, not_negative, open_workspace, positive
from mlops_desktop.core.datasets import DatasetVersion, Profile, VersionLine

if TYPE_CHECKING:
    import pyarrow as pa

_SHORT, _LONG = 24, 100
REFERENCE = "for example flights@3, flights@latest, flights@reference or flights@sha:1f2e"


def add_commands(group: Commands, common: argparse.ArgumentParser) -> None:
    add_command(group, common, "list", _list, "datasets with their latest versions")
    versions = add_command(group, common, "versions", _versions, "all versions of a dataset")
    versions.add_argument("dataset")
    versions.add_argument("--archived", action="store_true", help="also those that were archived")
    show = add_command(group, common, "show", _show, "one version: origin, marks, columns, rows")
    show.add_argument("reference", help=REFERENCE)
    show.add_argument(
        "--rows", type=positive, default=0, metavar="N", help="show this many rows instead of the columns"
    )
    show.add_argument("--offset", type=not_negative, default=0, metavar="N", help="the first row to show, from 0")
    log = add_command(group, common, "log", _log, "what was tried to be ingested, with what came of it")
    log.add_argument("dataset", nargs="?", default="")
    log.add_argument("--limit", type=positive, default=30)
    lineage_ = add_command(group, common, "lineage", lineage, "what made a version, and what used it")
    lineage_.add_argument("version", help=REFERENCE)


def _list(arguments: argparse.Namespace) -> Answer:
    newest = open_workspace(arguments).data.datasets()
    rows = [(v.dataset, v.number, v.rows, size_in_words(v.size), f"{v.created:%Y-%m-%d %H:%M}") for v in newest]
    headers = ("dataset", "latest", "rows", "size", "created")
    empty = "No datasets yet: `mlops-desktop data ingest FILE DATASET`."
    return Answer([referenced(line) for line in newest], table(headers, rows, empty))


def _versions(arguments: argparse.Namespace) -> Answer:
    lines = open_workspace(arguments).data.versions(arguments.dataset, include_archived=arguments.archived)
    headers = ("version", "rows", "content", "origin", "created", "marks")
    rows = [
        (v.reference, v.rows, v.content_id[:12], v.origin, f"{v.created:%Y-%m-%d %H:%M}", marks_of(v)) for v in lines
    ]
    return Answer([referenced(line) for line in lines], table(headers, rows))


def marks_of(line: VersionLine) -> str:
    """Aliases, tags and note of a version in one line."""
    state = (f"in {line.packed}" if line.packed else "archived") if line.is_archived else ""
    parts = (*(f"@{alias}" for alias in line.aliases), *(f"#{tag}" for tag in line.tags), state, line.note)
    return " ".join(part for part in parts if part)


def _show(arguments: argparse.Namespace) -> Answer:
    data = open_workspace(arguments).data
    version = data.version(arguments.reference)
    if arguments.rows:
        return _rows(version, data.rows(version, arguments.offset, arguments.rows))
    line, profile = data.line(version.reference), data.profile(version)
    found = {"version": referenced(version), "marks": referenced(line), "profile": profile}
    text = "\n".join([*_told(version, line), "", column_table(version, profile)])
    return Answer(found, text)


def _told(version: DatasetVersion, line: VersionLine) -> Iterator[str]:
    origin = version.origin
    by = " by ".join(part for part in (f"{version.created:%Y-%m-%d %H:%M}", origin.user) if part)
    size = f", {size_in_words(origin.size)}" if origin.size else ""
    yield f"{version.reference}: {counted(version.rows, 'row')}, {counted(len(version.schema.columns), 'column')}"
    yield f"  content   {version.content_id}"
    yield f"  made      {by}{f' on {origin.host}' if origin.host else ''}"
    yield f"  from      {origin.kind} {origin.name}{size}"
    for title, text in (
        ("SHA-256", origin.sha256),
        ("query", in_words(origin.query)),
        ("files", f"{len(origin.parts):,}" if origin.parts else ""),
        ("parents", ", ".join(origin.parents)),
        ("contract", version.contract),
        ("repeats", version.repeats),
        ("marks", marks_of(line)),
    ):
        if text:
            yield f"  {title:8}  {text}"


def column_table(version: DatasetVersion, profile: Profile) -> str:
    stored = {column.name: column.storage for column in version.schema.columns}
    rows = [
        (c.name, c.type.value, stored[c.name], c.nulls, c.distinct, _short(c.minimum), _short(c.maximum))
        for c in profile.columns
    ]
    return table(("column", "type", "stored as", "missing", "distinct", "min", "max"), rows)


def _short(value: float | str | None, most: int = _SHORT) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    text = in_words(value)
    return text if len(text) <= most else text[: most - 1] + "…"


def _rows(version: DatasetVersion, found: pa.Table) -> Answer:
    rows = python_rows(found)
    names = found.column_names
    return Answer(
        {"reference": version.reference, "columns": names, "rows": rows},
        table(names, [[plain(cell) for cell in row] for row in rows], f"{version.reference} has no such rows."),
    )


def python_rows(found: pa.Table) -> list[list[Any]]:
    """The rows as Python's values; times as ISO texts, as Python has no nanoseconds."""
    import pyarrow as pa

    columns = [_iso(column) if pa.types.is_temporal(column.type) else column for column in found.columns]
    return [list(row) for row in zip(*(column.to_pylist() for column in columns), strict=True)]


def _iso(times: pa.ChunkedArray) -> pa.ChunkedArray:
    """Without the digits of seconds that are all 0."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.replace_substring_regex(times.cast(pa.string()), r"\.0+([Z+-].*)?$", r"\1")
    return pc.replace_substring(texts, " ", "T", max_replacements=1)


def plain(cell: object) -> str:
    """A cell of data as it is, without separators of thousands."""
    return "" if cell is None else in_words(str(cell))


def _log(arguments: argparse.Namespace) -> Answer:
    attempts = open_workspace(arguments).data.attempts(arguments.dataset, arguments.limit)
    rows = [
        (
            f"{a.time:%Y-%m-%d %H:%M}",
            a.dataset,
            a.origin,
            a.outcome,
            a.rows or "",
            size_in_words(a.size) if a.size else "",
            f"{a.seconds:.1f}",
            a.version or _short(a.reason, _LONG),
        )
        for a in attempts
    ]
    headers = ("time", "dataset", "origin", "outcome", "rows", "size", "seconds", "version or reason")
    return Answer(attempts, table(headers, rows, "Nothing was tried to be ingested yet."))
