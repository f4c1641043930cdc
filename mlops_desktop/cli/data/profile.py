"""`data profile`: columns in figures, and how strongly they go together."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from mlops_desktop.cli.data.versions import REFERENCE, plain
from mlops_desktop.cli.output import Answer, counted, table
from mlops_desktop.cli.parsing import Commands, add_command, open_workspace
from mlops_desktop.cli.progress import job
from mlops_desktop.core.datasets import ColumnProfile, ColumnType, Profile
from mlops_desktop.core.errors import InvalidInput

if TYPE_CHECKING:
    from mlops_desktop.data.profiles.correlation import Correlation

_STRONGEST = 20
_BAR = 40
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def add_commands(group: Commands, common: argparse.ArgumentParser) -> None:
    profile = add_command(group, common, "profile", _profile, "counts, moments, quantiles and top values of columns")
    profile.add_argument("reference", help=REFERENCE)
    profile.add_argument("--column", action="append", metavar="NAME", help="only this one; may be repeated")
    profile.add_argument("--correlation", action="store_true", help="how strongly the columns go together instead")


def _profile(arguments: argparse.Namespace) -> Answer:
    data = open_workspace(arguments).data
    if arguments.correlation:
        with job() as progress:
            found = data.correlation(arguments.reference, arguments.column, progress=progress)
        return Answer(found, "\n".join(_correlated(found)))
    profile = _chosen(data.profile(arguments.reference), arguments.column, arguments.reference)
    return Answer(profile, "\n".join(_told(profile, in_full=bool(arguments.column))))


def _chosen(profile: Profile, names: list[str] | None, reference: str) -> Profile:
    if names is None:
        return profile
    by_name = {column.name: column for column in profile.columns}
    if unknown := [repr(name) for name in names if name not in by_name]:
        raise InvalidInput(
            f"{reference} has no column {', '.join(unknown)}.", hint=f"Its columns: {', '.join(by_name)}."
        )
    return msgspec.structs.replace(profile, columns=tuple(by_name[name] for name in names))


def _told(profile: Profile, *, in_full: bool) -> Iterator[str]:
    yield counted(profile.rows, "row")
    if profile.time_column:
        yield f"{profile.time_column}: {profile.time_start} to {profile.time_end}, {counted(len(profile.gaps), 'gap')}"
        yield from (f"  nothing from {gap.start} to {gap.end}" for gap in profile.gaps)
    headers = ("column", "type", "missing", "distinct", "min", "median", "max", "mean", "std", "most frequent")
    yield "\n" + table(headers, [_summary(column) for column in profile.columns])
    if in_full:
        yield from (line for column in profile.columns for line in _detail(column))


def _summary(column: ColumnProfile) -> tuple[str, ...]:
    median = column.quantiles[len(column.quantiles) // 2] if column.quantiles else None
    top = f"{plain(column.top[0][0])[:24]} ({column.top[0][1]:,})" if column.top else ""
    figures = (column.minimum, median, column.maximum, column.mean, column.std)
    told = (_figure(value, column.type) for value in figures)
    return (column.name, column.type.value, f"{column.nulls:,}", f"{column.distinct:,}", *told, top)


def _figure(value: float | str | None, kind: ColumnType) -> str:
    if not isinstance(value, float | int):
        return plain(value)[:24]
    if kind is ColumnType.TIME:
        return f"{_EPOCH + timedelta(seconds=value):%Y-%m-%dT%H:%M:%S}"
    return f"{value:.6g}"


def _detail(column: ColumnProfile) -> Iterator[str]:
    if column.top:
        yield f"\n{column.name}, most frequent values\n" + table(("value", "rows"), column.top)
    if column.counts:
        pairs = zip(column.edges[:-1], column.edges[1:], column.counts, strict=True)
        bar = _BAR / max(column.counts)
        rows = [
            (_figure(low, column.type), _figure(high, column.type), count, "#" * round(count * bar))
            for low, high, count in pairs
        ]
        yield f"\n{column.name}, histogram\n" + table(("from", "to", "rows", ""), rows)


def _correlated(found: Correlation) -> Iterator[str]:
    """The strongest pairs; the whole matrix is in the JSON."""
    count = len(found.columns)
    pairs = [(found.values[i][j], found.ranks[i][j], i, j) for i in range(count) for j in range(i)]
    known = sorted((pair for pair in pairs if pair[0] is not None), key=lambda pair: -abs(pair[0] or 0.0))
    rows = [(found.columns[j], found.columns[i], value, rank) for value, rank, i, j in known[:_STRONGEST]]
    yield f"{counted(found.rows, 'row')}, {counted(count, 'column')}, the strongest of {counted(len(known), 'pair')}\n"
    yield table(("column", "column", "strength", "by ranks"), rows, "No two columns can be compared.")
    if found.left_out:
        yield f"Left out: {', '.join(found.left_out)}"
