"""Datasets, the versions of one, and what is known of a version besides its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from mlops_desktop.core.datasets import Attempt, DatasetVersion, Profile, VersionLine
from mlops_desktop.core.events import DatasetContractChecked
from mlops_desktop.data.versions.manifests import read_profile
from mlops_desktop.governance.lineage import Lineage
from mlops_desktop.registry.dataset_reader import LATEST
from mlops_desktop.workspace import Workspace

MOST_ATTEMPTS = 1_000
_MOST_CHECKS = 20_000


@dataclass(frozen=True)
class DatasetList:
    """The latest version of each dataset, by name, and datasets all of whose versions are archived."""

    newest: tuple[VersionLine, ...]
    archived: tuple[str, ...]


@dataclass(frozen=True)
class Check:
    """How the rows of a version stood against the contract when they came: `kept`, `accepted` or `quarantined`."""

    outcome: str
    bad_rows: int
    quarantine: str = ""


@dataclass(frozen=True)
class Use:
    """How many runs learned from a version, and the models that were registered from it."""

    runs: int
    models: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Timeline:
    """The versions of a dataset, newest first.

    `changes` are their rows less those of the next older one, `words` what a filter looks into, in lower case; `places`
    says by number where a version stands. `tags` and `aliases` are all that are in use.
    """

    dataset: str
    lines: tuple[VersionLine, ...]
    changes: tuple[int | None, ...] = ()
    words: tuple[str, ...] = ()
    places: dict[int, int] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class TimelineMarks:
    """What stands beside some of the versions of a timeline, by reference."""

    checks: dict[str, Check]
    uses: dict[str, Use]


@dataclass(frozen=True)
class ProfiledVersion:
    """A version with its profile."""

    version: DatasetVersion
    profile: Profile


@dataclass(frozen=True)
class Traced:
    """A version with what made it and what used it; `before` is the next older version that there is."""

    version: DatasetVersion
    lineage: Lineage
    before: DatasetVersion | None


def dataset_list(workspace: Workspace) -> DatasetList:
    datasets = workspace.registry.datasets
    newest = tuple(datasets.newest())
    listed = {line.dataset for line in newest}
    return DatasetList(newest, tuple(name for name in datasets.names(include_archived=True) if name not in listed))


def timeline(workspace: Workspace, dataset: str, include_archived: bool = False) -> Timeline:
    return timeline_of(dataset, workspace.registry.datasets.lines(dataset, include_archived=include_archived))


def timeline_of(dataset: str, lines: Sequence[VersionLine]) -> Timeline:
    """All that can be worked out in a thread is, so that ten thousand versions do not hold the window up."""
    changes = [line.rows - before.rows for line, before in pairwise(lines)]
    return Timeline(
        dataset,
        tuple(lines),
        (*changes, None) if lines else (),
        tuple(_words(line) for line in lines),
        {line.number: place for place, line in enumerate(lines)},
        tuple(sorted({tag for line in lines for tag in line.tags})),
        tuple(sorted({alias for line in lines for alias in line.aliases} - {LATEST})),
    )


def _words(line: VersionLine) -> str:
    names = (f"@{line.number}", *(f"@{alias}" for alias in line.aliases), *line.tags, line.note, line.origin)
    return "\x1f".join((*names, line.created.isoformat()[:10], line.content_id)).lower()


def timeline_marks(workspace: Workspace, dataset: str) -> TimelineMarks:
    """Outcomes of the contract, runs and models of all versions of a dataset, in three questions."""
    registry = workspace.registry
    events = registry.journal.newest(_MOST_CHECKS, kinds=[DatasetContractChecked.kind], name=dataset)
    checks = {
        event.subject: Check(event.payload["outcome"], event.payload["bad_rows"], event.payload["quarantine"])
        for event in reversed(events)
    }
    runs = Counter(run.dataset_version for run in registry.runs.all(limit=100_000))
    models: dict[str, list[str]] = {}
    for version in (version for model in registry.models.names() for version in registry.models.versions(model)):
        models.setdefault(version.dataset_version, []).append(version.reference)
    prefix = f"{dataset}@"
    used = {reference for reference in (*runs, *models) if reference.startswith(prefix)}
    return TimelineMarks(checks, {each: Use(runs[each], tuple(models.get(each, ()))) for each in used})


def version_line(workspace: Workspace, reference: str) -> VersionLine:
    """The line of a version by any way of naming it. Raises `NotFound`, `InvalidInput`."""
    return workspace.registry.datasets.line(reference)


def profiled(workspace: Workspace, reference: str) -> ProfiledVersion:
    """Raises `NotFound` or `Damaged`."""
    version = workspace.registry.datasets.get(reference)
    return ProfiledVersion(version, read_profile(workspace.registry, version))


def traced(workspace: Workspace, reference: str) -> Traced:
    """Raises `NotFound` or `Damaged`."""
    datasets = workspace.registry.datasets
    version = datasets.get(reference)
    lines = datasets.lines(version.dataset, include_archived=True)
    older = next((line.reference for line in lines if line.number < version.number), "")
    return Traced(version, workspace.data.lineage(version.reference), datasets.get(older) if older else None)


def attempts(workspace: Workspace, dataset: str) -> tuple[Attempt, ...]:
    return tuple(workspace.data.attempts(dataset, MOST_ATTEMPTS))
