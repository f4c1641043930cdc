"""`data ingest`: look at a source, or store its rows as a version."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_desktop.cli.data.options import add_read_options, as_arguments, read_options
from mlops_desktop.cli.data.passwords import add_password_options, with_password
from mlops_desktop.cli.output import Answer, counted, referenced, size_in_words, table
from mlops_desktop.cli.parsing import Commands, add_command, open_workspace
from mlops_desktop.cli.progress import job
from mlops_desktop.core.contracts import ContractMode
from mlops_desktop.core.filehash import hash_ahead, stop_hashing_ahead
from mlops_desktop.core.onejob import prepare_for_one_job
from mlops_desktop.core.sources import ReadOptions, SourcePreview

if TYPE_CHECKING:
    from mlops_desktop.data.intake.ingest import Ingested
    from mlops_desktop.workspace.data import Data

PREVIEW_ROWS = 10
_USUAL = {"delimiter": ",", "quote": '"', "encoding": "utf-8", "decimal": ".", "has_header": True}


def add_commands(group: Commands, common: argparse.ArgumentParser) -> None:
    ingest = add_command(group, common, "ingest", _ingest, "store a source as the next version of a dataset")
    ingest.add_argument("location", help="a file, folder, pattern such as 'data/*.csv', database URL, or log:ENDPOINT")
    ingest.add_argument("dataset", nargs="?")
    ingest.add_argument("--preview", action="store_true", help="show how the source would be read, and store nothing")
    ingest.add_argument("--mode", choices=list(ContractMode), help="what becomes of rows that break the contract")
    ingest.add_argument("--time-column", default="", metavar="NAME", help="when a row happened")
    ingest.add_argument("--note", default="", help="what there is to say about this version")
    ingest.add_argument("--tag", action="append", default=[], help="a mark of the version; may be repeated")
    add_password_options(ingest)
    add_read_options(ingest)


def _ingest(arguments: argparse.Namespace) -> Answer:
    if not arguments.preview and not arguments.dataset:
        arguments.wrong_usage("the following arguments are required: dataset")
    prepare_for_one_job()
    if not arguments.preview:
        hash_ahead(arguments.location)  # beside the imports of all that reads and stores it
    try:
        with closing(open_workspace(arguments)) as workspace:
            return _of_source(arguments, workspace.data)
    finally:
        stop_hashing_ahead()


def _of_source(arguments: argparse.Namespace, data: Data) -> Answer:
    options = read_options(arguments)
    location = with_password(arguments, arguments.location)
    if arguments.preview:
        return _previewed(data.preview_source(location, options, PREVIEW_ROWS))
    with job() as progress:
        ingested = data.ingest(
            location,
            arguments.dataset,
            options=options,
            time_column=arguments.time_column,
            mode=arguments.mode,
            note=arguments.note,
            tags=tuple(arguments.tag),
            progress=progress,
        )
    return Answer(_as_data(ingested), "\n".join(_told(ingested, options)), int(ingested.version is None))


def _as_data(ingested: Ingested) -> dict[str, Any]:
    versions = {"version": ingested.version, "quarantined": ingested.quarantined}
    return msgspec.structs.asdict(ingested) | {key: made and referenced(made) for key, made in versions.items()}


def _told(ingested: Ingested, given: ReadOptions) -> Iterator[str]:
    version, aside = ingested.version, ingested.quarantined
    if version is None:
        yield f"No row keeps the contract; all {aside.rows if aside else 0:,} are put aside."
    elif ingested.outcome == "repeated":
        yield f"These are the rows that {version.reference} has; no new version was made."
    else:
        size = f"{counted(version.rows, 'row')}, {counted(len(version.schema.columns), 'column')}"
        settings = msgspec.convert(version.origin.settings, ReadOptions)
        yield f"{version.reference}: {size}, content {version.content_id[:12]}."
        if found := as_arguments(_found_out(settings, given)):
            yield f"Read with {found}"
    yield from (f"Note: {warning}" for warning in ingested.warnings)


def _found_out(settings: ReadOptions, given: ReadOptions) -> ReadOptions:
    """What was found out that not everybody expects."""
    values = msgspec.structs.asdict(settings)
    known = [name for name, value in values.items() if value in (_USUAL.get(name), getattr(given, name))]
    return _without(_without_usual_nulls(settings), "format", *known)


def _without_usual_nulls(settings: ReadOptions) -> ReadOptions:
    from mlops_desktop.data.sources.base import NULLS

    return _without(settings, "nulls") if settings.nulls == NULLS else settings


def _without(settings: ReadOptions, *fields: str) -> ReadOptions:
    nothing = ReadOptions()
    return msgspec.structs.replace(settings, **{field: getattr(nothing, field) for field in fields})


def _previewed(found: SourcePreview) -> Answer:
    rows = f"about {counted(found.rows, 'row')}" if found.rows else ""
    about = [found.name, found.kind, rows, size_in_words(found.size) if found.size else ""]
    lines = [", ".join(part for part in about if part)]
    if found.members:
        lines.append(f"Files: {', '.join(found.members)}")
    if found.sheets:
        lines.append(f"Sheets: {', '.join(found.sheets)}")
    if settings := as_arguments(_without_usual_nulls(found.settings)):
        lines.append(f"Read with {settings}")
    if found.columns:
        columns = [(c.name, c.type.value, c.storage, c.note) for c in found.columns]
        lines += ["", table(("column", "type", "stored as", "note"), columns)]
    if found.cells:
        lines += ["", table([column.name for column in found.columns], found.cells)]
    lines += [f"Note: {warning}" for warning in found.warnings]
    if found.problem:
        lines.append(f"It cannot be read like this: {found.problem}")
    return Answer(found, "\n".join(lines), int(bool(found.problem)))
