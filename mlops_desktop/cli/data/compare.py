"""`data diff`: what changed from one version to another."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_desktop.cli.data.versions import REFERENCE, plain, python_rows
from mlops_desktop.cli.output import Answer, counted, table
from mlops_desktop.cli.parsing import Commands, add_command, open_workspace, positive
from mlops_desktop.cli.progress import job

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_desktop.data.compare.changes import RowChanges
    from mlops_desktop.data.compare.difference import Difference

_MOST_SHIFTS = 10


def add_commands(group: Commands, common: argparse.ArgumentParser) -> None:
    diff = add_command(group, common, "diff", _diff, "what changed from one version to another")
    diff.add_argument("before", help=REFERENCE)
    diff.add_argument("after")
    how = diff.add_mutually_exclusive_group()
    how.add_argument(
        "--key", action="append", metavar="COLUMN", help="that tells which row is which (default: the contract's key)"
    )
    how.add_argument("--by-content", dest="key", action="store_const", const=[], help="pair equal rows only")
    diff.add_argument(
        "--rows", type=positive, default=0, metavar="N", help="also the first N changed, added, removed rows"
    )


def _diff(arguments: argparse.Namespace) -> Answer:
    data = open_workspace(arguments).data
    before, after, key = data.version(arguments.before), data.version(arguments.after), arguments.key
    changes = None
    with job() as progress:
        found = data.difference(before, after, key=key, progress=progress)
        if arguments.rows:
            changes = data.changes(before, after, key=key, limit=arguments.rows, progress=progress)
    lines = [*_told(found), *(_rows_told(changes) if changes else ())]
    answer = {"is_changed": found.is_changed, **msgspec.to_builtins(found), "changes": changes and _as_data(changes)}
    return Answer(answer, "\n".join(lines))


def _told(found: Difference) -> Iterator[str]:
    yield f"{found.before} to {found.after}: {counted(found.rows_before, 'row')} to {found.rows_after:,}"
    if not found.is_changed:
        yield "The same columns and rows" + (", in another order." if found.is_reordered else ".")
        return
    retyped = [f"{column.name} ({column.before} to {column.after})" for column in found.columns_retyped]
    for title, names in (
        ("added", found.columns_added),
        ("removed", found.columns_removed),
        ("of another type", retyped),
        ("moved", found.columns_moved),
    ):
        if names:
            yield f"  columns {title}: {', '.join(names)}"
    how = f"paired by {', '.join(found.key)}" if found.key else "compared by content; with --key edited rows are told"
    yield f"  rows added {found.rows_added:,}, removed {found.rows_removed:,}, changed {found.rows_changed:,} ({how})"
    if found.cells:
        yield "\n" + table(("column", "changed cells"), [(cells.column, cells.rows) for cells in found.cells])
    if shifts := [shift for shift in found.shifts if shift.size][:_MOST_SHIFTS]:
        headers = ("column", "shift", "missing before", "after", "mean before", "after")
        rows = [(s.name, s.shift, s.missing_before, s.missing_after, s.mean_before, s.mean_after) for s in shifts]
        yield "\n" + table(headers, rows)


def _rows_told(changes: RowChanges) -> Iterator[str]:
    if changes.cells:
        headers = ("row", *(changes.key or ()), "column", "before", "after")
        rows = [
            (f"{c.row_after}", *map(plain, c.key), c.column, plain(c.before), plain(c.after)) for c in changes.cells
        ]
        yield "\nChanged cells\n" + table(headers, rows)
    for title, found, at in (
        ("Added rows", changes.added, changes.added_at),
        ("Removed rows", changes.removed, changes.removed_at),
    ):
        if at:
            yield f"\n{title}\n" + _row_table(found, at)


def _row_table(found: pa.Table, at: tuple[int, ...]) -> str:
    rows = [(f"{number}", *map(plain, row)) for number, row in zip(at, python_rows(found), strict=True)]
    return table(("row", *found.column_names), rows)


def _as_data(changes: RowChanges) -> dict[str, Any]:
    """As JSON has it: rows as lists of cells."""
    tables = {"added": changes.added, "removed": changes.removed}
    return msgspec.structs.asdict(changes) | {
        name: {"columns": found.column_names, "rows": python_rows(found)} for name, found in tables.items()
    }
