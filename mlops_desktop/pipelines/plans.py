"""What a project in files would change in a workspace, and doing it.

A plan is worked out from the files and the registry alone. Nothing is removed from a workspace, as it may hold more
than one project.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from mlops_desktop.core.errors import NotFound
from mlops_desktop.core.events import ProjectApplied
from mlops_desktop.core.pipelines import Schedule
from mlops_desktop.core.runs import GitState, RunState
from mlops_desktop.pipelines.checkout import git_state
from mlops_desktop.pipelines.projects import DatasetFiles, Project, SpecFile, read_project
from mlops_desktop.pipelines.schedules import planned
from mlops_desktop.pipelines.settings import schedules_of
from mlops_desktop.pipelines.watching import PIPELINE
from mlops_desktop.registry import Registry


class Action(StrEnum):
    """What applying does with a thing.

    `WAIT`: nothing yet, as what it needs is not there, or was not asked for. `KEEP`: it is in the workspace and not in
    the project; it stays.
    """

    CREATE = "create"
    CHANGE = "change"
    WAIT = "wait"
    KEEP = "keep"


class Change(Struct, frozen=True):
    """One thing that differs. `kind` is `contract`, `spec`, `schedule`, `watch`, `alias` or `source`.

    `before` and `after` are texts, as the registry and the project have them; `note` says why something waits.
    """

    kind: str
    name: str
    action: Action
    before: str = ""
    after: str = ""
    note: str = ""

    @property
    def diff(self) -> str:
        """The change as a unified text diff."""
        lines = difflib.unified_diff(
            self.before.splitlines(), self.after.splitlines(), "workspace", "project", lineterm="", n=2
        )
        return "\n".join(lines)


class Plan(Struct, frozen=True):
    """What a project would change, or has changed. `git` is the checkout that its files are in."""

    project: str
    folder: str
    git: GitState | None
    changes: tuple[Change, ...]

    @property
    def to_do(self) -> tuple[Change, ...]:
        """The changes that applying makes."""
        return tuple(each for each in self.changes if each.action in (Action.CREATE, Action.CHANGE))


class _Step(Struct, frozen=True):
    """A change with what makes it."""

    change: Change
    do: Callable[[], object]


def plan(registry: Registry, folder: Path, *, ingest: bool = False) -> Plan:
    """How a project differs from the workspace; nothing is written.

    With `ingest` the sources that were not taken in yet count as changes. Raises `ProjectBroken` with all mistakes.
    """
    project = read_project(folder)
    return _Planning(registry, project, git_state(folder), ingest=ingest).plan()


def apply(registry: Registry, folder: Path, *, ingest: bool = False) -> Plan:
    """Make the workspace what the project says, as one transaction; returns what was done.

    With `ingest` the engine is asked to take in the sources. Raises as `plan`.
    """
    project, git = read_project(folder), git_state(folder)
    with registry.transaction():
        planning = _Planning(registry, project, git, ingest=ingest)
        for step in planning.steps:
            step.do()
        done = planning.plan()
        if done.to_do:
            registry.record(_event(done), project.name)
    return done


def _event(done: Plan) -> ProjectApplied:
    git = done.git or GitState("", "", is_dirty=False)
    return ProjectApplied(
        folder=done.folder,
        changes=[f"{each.action} {each.kind} {each.name}" for each in done.to_do],
        commit=git.commit,
        branch=git.branch,
        is_dirty=git.is_dirty,
    )


class _Planning:
    """Compares a project with the registry."""

    def __init__(self, registry: Registry, project: Project, git: GitState | None, *, ingest: bool) -> None:
        self._registry = registry
        self._project = project
        self._git = git
        self._ingest = ingest
        self._others: list[Change] = []
        self.steps = [
            *(step for dataset in project.datasets for step in self._dataset(dataset)),
            *(step for spec in project.specs for step in self._spec(spec)),
        ]
        self._others += self._kept()

    def plan(self) -> Plan:
        changes = (*(step.change for step in self.steps), *self._others)
        return Plan(self._project.name, str(self._project.folder), self._git, changes)

    def _dataset(self, dataset: DatasetFiles) -> Iterator[_Step]:
        if (wanted := dataset.contract) is not None:
            newest = self._registry.contracts.newest(dataset.name)
            yield from _step(
                "contract",
                dataset.name,
                newest.text if newest else None,
                wanted.text,
                lambda: self._registry.contracts.save(dataset.name, wanted.text, wanted.contract),
            )
        if (watch := dataset.watch) is not None:
            known = {each.name: each for each in self._registry.watches.all()}.get(watch.name)
            before = None if known is None else _as_text(known)
            yield from _step("watch", watch.name, before, _as_text(watch), lambda: self._registry.watches.put(watch))
        yield from self._aliases(dataset)
        yield from self._source(dataset)

    def _aliases(self, dataset: DatasetFiles) -> Iterator[_Step]:
        known = self._registry.datasets.aliases(dataset.name)
        for alias, number in dataset.section.aliases.items():
            reference, name = f"{dataset.name}@{number}", f"{dataset.name}@{alias}"
            try:
                self._registry.datasets.get(reference)
            except NotFound:
                note = f"there is no {reference} yet"
                self._others.append(Change("alias", name, Action.WAIT, after=str(number), note=note))
                continue
            before = str(known[alias]) if alias in known else None
            yield from _step("alias", name, before, str(number), self._moving(reference, alias))

    def _moving(self, reference: str, alias: str) -> Callable[[], object]:
        return lambda: self._registry.datasets.set_alias(reference, alias, f"project {self._project.name}")

    def _source(self, dataset: DatasetFiles) -> Iterator[_Step]:
        if not dataset.source or self._is_taken_in(parameters := _parameters(dataset)):
            return
        change = Change("source", dataset.name, Action.CREATE, after=dataset.section.source, note="to be ingested")
        if self._ingest:
            trigger = f"project {self._project.name}"
            yield _Step(change, lambda: self._registry.pipeline_runs.queue(PIPELINE, parameters, trigger))
        else:
            self._others.append(msgspec.structs.replace(change, action=Action.WAIT, note="is ingested when asked for"))

    def _is_taken_in(self, parameters: dict[str, Any]) -> bool:
        """Whether the source, as it is now and is to be read now, was queued and did not fail."""
        runs = self._registry.pipeline_runs.naming(parameters["path"])
        newest = next((run for run in runs if run.parameters == parameters), None)
        return newest is not None and newest.state not in (RunState.FAILED, RunState.CANCELLED)

    def _spec(self, spec: SpecFile) -> Iterator[_Step]:
        try:
            before = self._registry.specs.get(spec.name).text
        except NotFound:
            before = None
        yield from _step(
            "spec", spec.name, before, spec.text, lambda: self._registry.specs.save(spec.name, spec.text, self._git)
        )
        known = {each.name: each for each in self._registry.schedules.all()}
        for schedule in schedules_of(spec.settings):
            cron = known[schedule.name].cron if schedule.name in known else None
            yield from _step("schedule", schedule.name, cron, schedule.cron, self._scheduling(schedule))

    def _scheduling(self, schedule: Schedule) -> Callable[[], object]:
        return lambda: self._registry.schedules.save(planned(schedule, self._registry.clock.now()))

    def _kept(self) -> Iterator[Change]:
        """What is in the workspace alone."""
        registry, datasets = self._registry, self._project.datasets
        specs = {spec.name for spec in self._project.specs}
        watches = {each.watch.name for each in datasets if each.watch}
        contracts = {each.name for each in datasets if each.contract}
        schedules = {each.name for spec in self._project.specs for each in schedules_of(spec.settings)}
        found = {
            "contract": {each.dataset for each in registry.contracts.all()} - contracts,
            "watch": {each.name for each in registry.watches.all()} - watches,
            "spec": {each.name for each in registry.specs.all()} - specs,
            "schedule": {each.name for each in registry.schedules.all()} - schedules,
        }
        for kind, names in found.items():
            yield from (Change(kind, name, Action.KEEP, note="not in the project") for name in sorted(names))


def _step(kind: str, name: str, before: str | None, after: str, do: Callable[[], object]) -> Iterator[_Step]:
    """A step where something differs; None before means that it is not there."""
    if before != after:
        action = Action.CREATE if before is None else Action.CHANGE
        yield _Step(Change(kind, name, action, before or "", after), do)


def _as_text(value: Struct) -> str:
    import tomli_w

    return tomli_w.dumps(msgspec.to_builtins(value))


def _parameters(dataset: DatasetFiles) -> dict[str, Any]:
    """How a run takes the source in; for a file with its size and time of change, by which a new one is known."""
    path = Path(dataset.source)
    status = path.stat() if path.is_file() else None
    given = {
        "path": dataset.source,
        "dataset": dataset.name,
        "options": dataset.section.plain_options,
        "time_column": dataset.section.time_column,
        "stamp": [status.st_size, status.st_mtime_ns] if status else None,
    }
    return {key: value for key, value in given.items() if value}
