"""`data export`: write a version to a file."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlops_desktop.cli.data.versions import REFERENCE
from mlops_desktop.cli.output import Answer, counted, size_in_words
from mlops_desktop.cli.parsing import Commands, add_command, open_workspace
from mlops_desktop.cli.progress import job


def add_commands(group: Commands, common: argparse.ArgumentParser) -> None:
    export = add_command(group, common, "export", _export, "write a version to a file of any format")
    export.add_argument("reference", help=REFERENCE)
    export.add_argument("path", type=Path, help="its extension tells the format, such as flights.csv.gz")
    export.add_argument("--format", default="", help="parquet, csv, tsv, arrow, json, jsonl, excel, parquet-folder")
    export.add_argument("--column", action="append", metavar="NAME", help="only this one; may be repeated")
    export.add_argument(
        "--between",
        nargs=3,
        metavar=("COLUMN", "START", "END"),
        help="rows of a span of time, such as at 2013-01-01 2013-02-01; - leaves a side open",
    )
    export.add_argument("--overwrite", action="store_true", help="replace the file that is there")


def _export(arguments: argparse.Namespace) -> Answer:
    data = open_workspace(arguments).data
    between = None
    if arguments.between:
        column, *span = arguments.between
        start, end = (None if moment == "-" else moment for moment in span)
        between = (column, start, end)
    version = data.version(arguments.reference)
    with job() as progress:
        found = data.export(
            version,
            arguments.path,
            format=arguments.format,
            columns=arguments.column,
            between=between,
            overwrite=arguments.overwrite,
            progress=progress,
        )
    size = size_in_words(found.size)
    lines = [f"{counted(found.rows, 'row')} of {version.reference} are in {found.path} ({found.format}, {size})."]
    lines += [f"Note: {warning}" for warning in found.warnings]
    return Answer(found, "\n".join(lines))
