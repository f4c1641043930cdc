"""What the import wizard asks: a look at a source, where its rows may go, and how earlier imports ended."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Protocol

import msgspec
from msgspec import structs

from mlops_desktop.core.datasets import Column
from mlops_desktop.core.errors import NotFound
from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.core.runs import RunState
from mlops_desktop.core.sources import PreviewColumn, ReadOptions, SourcePreview
from mlops_desktop.workspace import Workspace

PREVIEW_ROWS = 100
PIPELINE = "ingest"
FINISHED = "pipeline.run.finished"

STANDARD = ReadOptions()
_TABLE = re.compile(r"\bfrom\s+(?:\w+\.)?[\"`]?(\w+)", re.IGNORECASE)


class Preview(Protocol):
    """Looks at a source; `preview` below is the one."""

    def __call__(self, workspace: Workspace, location: str, options: ReadOptions) -> SourcePreview: ...


@dataclass(frozen=True)
class ImportRequest:
    """What an ingest run is given; an empty `mode` leaves it to the contract."""

    location: str
    dataset: str = ""
    options: ReadOptions = STANDARD
    time_column: str = ""
    mode: str = ""
    note: str = ""
    tags: tuple[str, ...] = ()

    def parameters(self) -> dict[str, Any]:
        """As the ingest pipeline takes them; what is empty is left out."""
        given = {
            "path": self.location,
            "dataset": self.dataset,
            "options": msgspec.to_builtins(self.options),
            "time_column": self.time_column,
            "mode": self.mode,
            "note": self.note,
            "tags": list(self.tags),
        }
        return {name: value for name, value in given.items() if value}

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> ImportRequest:
        """The request that a run was queued with."""
        return cls(
            location=str(parameters.get("path", "")),
            dataset=str(parameters.get("dataset", "")),
            options=msgspec.convert(parameters.get("options", {}), ReadOptions),
            time_column=str(parameters.get("time_column", "")),
            mode=str(parameters.get("mode", "")),
            note=str(parameters.get("note", "")),
            tags=tuple(parameters.get("tags", ())),
        )


@dataclass(frozen=True)
class Destination:
    """A dataset as it stands: its newest version, number 0 where there is none, and its contract's mode, if any."""

    name: str
    number: int = 0
    rows: int = 0
    columns: tuple[Column, ...] = ()
    time_column: str = ""
    mode: str = ""

    @property
    def is_new(self) -> bool:
        return self.number == 0


@dataclass(frozen=True)
class ColumnChanges:
    """Columns to come against those of the newest version. `retyped` holds name, type before, type to come."""

    new: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    retyped: tuple[tuple[str, str, str], ...] = ()

    @property
    def any(self) -> bool:
        return bool(self.new or self.missing or self.retyped)


@dataclass(frozen=True)
class Ending:
    """How an ingest run ended: `outcome` is its summary or its reason; references of what it made."""

    run: str
    state: RunState
    request: ImportRequest
    outcome: str
    version: str = ""
    quarantined: str = ""


@dataclass(frozen=True)
class Endings:
    """Imports that ended, and the sequence number of the last event that was looked at."""

    last: int
    endings: tuple[Ending, ...]


def preview(workspace: Workspace, location: str, options: ReadOptions) -> SourcePreview:
    """The first rows of a source as they would be read."""
    return workspace.data.preview_source(location, options, PREVIEW_ROWS)


def remember_password(workspace: Workspace, url: str, password: str) -> str:  # noqa: ARG001 - the bridge gives it
    """Keep a database's password in the system's keyring; the URL without it. Raises `EnvironmentProblem`."""
    from mlops_desktop.data.sources.credentials import remember, taken_apart

    return remember(taken_apart(url)._replace(password=password).complete)


def destination_names(workspace: Workspace) -> tuple[str, ...]:
    return tuple(workspace.registry.datasets.names())


def destination(workspace: Workspace, name: str) -> Destination:
    """The dataset of that name, or a new one. Raises `InvalidInput` for a name that none can have."""
    from mlops_desktop.data.versions.manifests import read_profile
    from mlops_desktop.data.versions.store import check_dataset_name

    check_dataset_name(name)
    try:
        newest = workspace.registry.datasets.get(f"{name}@latest")
    except NotFound:
        return Destination(name, mode=_contract_mode(workspace, name))
    return Destination(
        name,
        newest.number,
        newest.rows,
        newest.schema.columns,
        read_profile(workspace.registry, newest).time_column,
        _contract_mode(workspace, name),
    )


def _contract_mode(workspace: Workspace, name: str) -> str:
    found = workspace.registry.contracts.newest(name)
    return found.contract.mode.value if found is not None else ""


def column_changes(before: Sequence[Column], after: Mapping[str, str]) -> ColumnChanges:
    """What differs between a version's columns and those to come, given as type by name."""
    known = {column.name: column.type.value for column in before}
    return ColumnChanges(
        tuple(name for name in after if name not in known),
        tuple(name for name in known if name not in after),
        tuple((name, known[name], kind) for name, kind in after.items() if name in known and known[name] != kind),
    )


def chosen_options(seen: SourcePreview, names: Mapping[str, str], left_out: Set[str]) -> ReadOptions:
    """The options that read what the preview shows: its settings with the names and columns that were chosen."""
    kept = tuple(column.name for column in seen.columns if column.name not in left_out)
    return structs.replace(
        seen.settings,
        names={name: names[name] for name in kept if names.get(name, name) != name},
        types={name: kind for name, kind in seen.settings.types.items() if name in kept},
        columns=kept if len(kept) < len(seen.columns) else (),
    )


def left_out_of(columns: Sequence[PreviewColumn], options: ReadOptions) -> frozenset[str]:
    """The columns that options do not read."""
    return frozenset(column.name for column in columns if options.columns and column.name not in options.columns)


def dataset_name_for(location: str, options: ReadOptions = STANDARD) -> str:
    """A name to begin with: the file's or folder's, without its endings, or the first table of a query."""
    if "://" in location:
        found = _TABLE.search(options.query)
        return found[1] if found else ""
    name = PurePath(location).name.split(".")[0]
    return "".join(letter if letter.isalnum() or letter in "-_ " else " " for letter in name).strip()


def source_name(location: str) -> str:
    """A location in short, without a password."""
    if "://" in location:
        return location.rpartition("@")[2].rpartition("://")[2] if "@" in location else location
    return PurePath(location).name or location


# How imports end


def endings(workspace: Workspace, after: int) -> Endings:
    """The imports that this person asked for and that ended after an event of the journal."""
    events = workspace.registry.journal.tail(after, kinds=(FINISHED,))
    runs = (workspace.registry.pipeline_runs.get(event.subject.partition(":")[2]) for event in events)
    mine = [run for run in runs if run.pipeline == PIPELINE and run.trigger == workspace.registry.actor]
    return Endings(events[-1].seq if events else after, tuple(_ending(run) for run in mine))


def _ending(run: PipelineRun) -> Ending:
    output = run.steps[-1].output if run.steps else {}
    reason = run.reason.removeprefix(f"{PIPELINE}: ")
    outcome = str(output.get("summary", "")) if run.state is RunState.SUCCEEDED else reason
    version = str(output.get("dataset_version", ""))
    aside = [str(made) for made in output.get("made", ()) if made != version]
    request = ImportRequest.of(run.parameters)
    return Ending(run.id, run.state, request, outcome, version, aside[0] if aside else "")


def import_of(workspace: Workspace, run: str) -> ImportRequest:
    """What a run was asked to read. Raises `NotFound`."""
    return ImportRequest.of(workspace.registry.pipeline_runs.get(run).parameters)
