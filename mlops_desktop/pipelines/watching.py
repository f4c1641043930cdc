"""Watched folders: what appears in them is ingested, each state of each file once.

A file is complete when two looks in a row find the same size and time of change. Taking it in begins with a queued
`ingest` run that carries both: the queue is the record of what was taken in, so a restart neither misses nor repeats, a
failed file is tried again only when it has changed, and of two programs that see a file one gets it. Folders are looked
at rather than listened to, as that works on network drives too.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import msgspec
from msgspec import Struct

from mlops_desktop.core.datasets import Watch
from mlops_desktop.core.errors import AppError, InvalidInput
from mlops_desktop.core.events import PipelineRunQueued
from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.core.runs import RunState
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.pipelines.left_behind import requeue_left_behind
from mlops_desktop.registry import Registry

PIPELINE = "ingest"
LOOK_SECONDS = 2.0
_AT_ONCE = 100
_REST = 10  # a folder that is slow to look at is looked at less often
_UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".tmp", ".temp", ".filepart", ".swp")
_HIDDEN = (".", "~$", "~")

Stamp = tuple[int, int]
"""Size in bytes and time of the last change in ns."""


class Found(Struct, frozen=True):
    """A file in a watched folder. `name` is its path below the folder."""

    path: Path
    name: str
    stamp: Stamp


class WatchState(Struct, frozen=True):
    """How a watched folder stands: what was taken in, what failed, and how the newest of them ended."""

    watch: Watch
    is_missing: bool
    taken: int
    failed: int
    newest: PipelineRun | None

    @property
    def in_words(self) -> str:
        if self.is_missing:
            return "the folder is not there"
        return "paused" if self.watch.is_paused else self.newest.reason if self.newest else "nothing yet"


def checked(watch: Watch) -> Watch:
    """The watch with its folder as an absolute path. Raises `InvalidInput` for what could never find or read a file."""
    from mlops_desktop.data.versions.store import check_dataset_name

    check_dataset_name(watch.dataset)
    if not watch.name.strip():
        raise InvalidInput("A watch needs a name.", hint="Name it after its dataset, for example.")
    pattern = PurePath(watch.pattern)
    if not watch.pattern or pattern.is_absolute() or pattern.drive or ".." in pattern.parts:
        raise InvalidInput(
            f"{watch.pattern!r} is no pattern of files below a folder.", hint="Write it as `*.csv` or `**/*.parquet`."
        )
    try:
        msgspec.convert(watch.settings, ReadOptions)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"Watch {watch.name}: {error}.", hint="Correct how its files are read.") from error
    return msgspec.structs.replace(watch, folder=str(Path(watch.folder).expanduser().absolute()))


class FolderLooker:
    """Looks at one watched folder again and again.

    Attributes:
        is_missing: whether the folder could not be read at the last look: a drive that is away, for instance.
    """

    def __init__(self, registry: Registry, watch: Watch) -> None:
        self._registry = registry
        self.watch = watch
        self.is_missing = False
        self._seen: dict[str, Stamp] = {}
        self._head = registry.journal.head()
        self._taken: dict[str, Stamp] = {
            run.parameters["path"]: _stamp_of(run.parameters) for run in reversed(runs_of(registry, watch))
        }

    def look(self) -> list[PipelineRun]:
        """Queue what is new or changed and has not changed since the last look; returns the new runs."""
        try:
            found = {str(each.path): each for each in files_of(self.watch)}
        except OSError:
            self.is_missing = True  # files that come back with their folder are known by their stamps
            return []
        self.is_missing = False
        before, self._seen = self._seen, {path: each.stamp for path, each in found.items()}
        ready = [
            each
            for path, each in found.items()
            if before.get(path) == each.stamp and self._taken.get(path) != each.stamp
        ]
        ready.sort(key=lambda each: (each.stamp[1], each.name))
        return [run for start in range(0, len(ready), _AT_ONCE) for run in self._claim(ready[start : start + _AT_ONCE])]

    def _claim(self, files: list[Found]) -> list[PipelineRun]:
        """Queued runs for the files as they are now, without those that another program was first to queue."""
        with self._registry.transaction():
            self._hear_of_others()
            unclaimed = [file for file in files if self._taken.get(str(file.path)) != file.stamp]
            queue, trigger = self._registry.pipeline_runs.queue, f"watch {self.watch.name}"
            runs = [queue(PIPELINE, _parameters(self.watch, file), trigger) for file in unclaimed]
        self._taken |= {str(file.path): file.stamp for file in unclaimed}
        return runs

    def _hear_of_others(self) -> None:
        """Take note of what was queued since the last claim, by whomever."""
        head = self._registry.journal.head()
        while events := self._registry.journal.tail(self._head, kinds=[PipelineRunQueued.kind]):
            for event in events:
                parameters = event.payload["parameters"]
                if event.payload["pipeline"] == PIPELINE and _is_of(parameters, self.watch):
                    self._taken[parameters["path"]] = _stamp_of(parameters)
            self._head = events[-1].seq
        self._head = head


def files_of(watch: Watch) -> Iterator[Found]:
    """The files of the folder that fit the pattern; unfinished and hidden ones aside. Raises `OSError`."""
    folder = Path(watch.folder)
    folder.stat()
    for path in folder.glob(watch.pattern):
        name = path.relative_to(folder)
        if path.name.lower().endswith(_UNFINISHED) or any(part.startswith(_HIDDEN) for part in name.parts):
            continue
        with contextlib.suppress(FileNotFoundError):  # gone since it was listed
            status = path.stat()
            if stat.S_ISREG(status.st_mode):
                yield Found(path, name.as_posix(), (status.st_size, status.st_mtime_ns))


def watch_states(registry: Registry) -> list[WatchState]:
    """How all watched folders stand; nothing is taken in by asking."""
    return [_state(registry, watch) for watch in registry.watches.all()]


def _state(registry: Registry, watch: Watch) -> WatchState:
    runs = runs_of(registry, watch)
    return WatchState(
        watch=watch,
        is_missing=not Path(watch.folder).is_dir(),
        taken=sum(run.state is RunState.SUCCEEDED for run in runs),
        failed=sum(run.state is RunState.FAILED for run in runs),
        newest=runs[0] if runs else None,
    )


def runs_of(registry: Registry, watch: Watch) -> list[PipelineRun]:
    """Runs that took in a file of the folder for the dataset, newest first, also those of an earlier watch of it."""
    folder = Path(watch.folder)
    runs = registry.pipeline_runs.all(limit=None, pipeline=PIPELINE)
    mine = [run for run in runs if _is_of(run.parameters, watch)]
    return [run for run in mine if folder in Path(run.parameters["path"]).parents]


def _is_of(parameters: dict[str, Any], watch: Watch) -> bool:
    return "stamp" in parameters and parameters.get("dataset") == watch.dataset


def _stamp_of(parameters: dict[str, Any]) -> Stamp:
    size, modified = parameters["stamp"]
    return int(size), int(modified)


def _parameters(watch: Watch, file: Found) -> dict[str, Any]:
    given = {
        "path": str(file.path),
        "dataset": watch.dataset,
        "stamp": list(file.stamp),
        "options": watch.settings,
        "time_column": watch.time_column,
    }
    return {name: value for name, value in given.items() if value}


class Watching:
    """A thread of the engine that looks at all watched folders: a drive that hangs holds up nothing else."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._stop = threading.Event()
        self._lookers: dict[str, FolderLooker] = {}
        self._thread = threading.Thread(target=self._live, name="watching", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Ask it to end; a look that hangs is not waited for long."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def _live(self) -> None:
        pause = 0.0
        try:
            while not self._stop.wait(pause):
                started = time.monotonic()
                # A workspace that cannot be read just now is the engine's to report.
                with contextlib.suppress(AppError):
                    self._look()
                pause = max(LOOK_SECONDS, _REST * (time.monotonic() - started))
        finally:
            self._registry.close()

    def _look(self) -> None:
        watches = {watch.name: watch for watch in self._registry.watches.all() if not watch.is_paused}
        kept = {name: each for name, each in self._lookers.items() if watches.get(name) == each.watch}
        self._lookers = kept | {
            name: FolderLooker(self._registry, watch) for name, watch in watches.items() if name not in kept
        }
        for looker in self._lookers.values():
            if not self._stop.is_set():
                looker.look()
        others = [run.id for run in self._registry.pipeline_runs.running() if run.pid != os.getpid()]
        requeue_left_behind(self._registry, only=others)
