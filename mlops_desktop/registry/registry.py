"""One open workspace folder."""

from __future__ import annotations

import contextlib
import getpass
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from mlops_desktop.core.clock import Clock, SystemClock, from_text, to_text
from mlops_desktop.core.errors import Conflict, EnvironmentProblem
from mlops_desktop.core.events import Body, ClockAdvanced, WorkspaceCreated
from mlops_desktop.core.ids import new_id
from mlops_desktop.registry.contracts import Contracts
from mlops_desktop.registry.database import Database
from mlops_desktop.registry.datasets import Datasets
from mlops_desktop.registry.deployments import Endpoints, Rollouts
from mlops_desktop.registry.holdings import Holdings
from mlops_desktop.registry.journal import Journal
from mlops_desktop.registry.lease import Lease
from mlops_desktop.registry.migration import migrate
from mlops_desktop.registry.models import Models
from mlops_desktop.registry.monitoring import Alerts, Windows
from mlops_desktop.registry.objects import ObjectStore
from mlops_desktop.registry.pipelines import PipelineRuns, Schedules
from mlops_desktop.registry.repository import Context
from mlops_desktop.registry.runs import Runs
from mlops_desktop.registry.specs import Specs
from mlops_desktop.registry.tables import SCHEMA_VERSION
from mlops_desktop.registry.trust import is_trusted, trust
from mlops_desktop.registry.watches import Watches

DATABASE = "registry.db"
_REPLAY_TIME = "replay_time"
_FOLDERS = ("objects", "spool", "logs")


class Registry:
    """The workspace's tables, journal and content store.

    Attributes:
        folder: the workspace.
        clock: its time: the machine's, or the data's where recorded data is replayed.
        objects: the content store.
        journal: what happened.
    """

    def __init__(self, folder: Path, *, actor: str = "", clock: Clock | None = None, create: bool = False) -> None:
        folder = folder.absolute()  # processes that are started with another current folder are given paths in it
        self.folder = folder
        self._database = Database(folder / DATABASE, create=create)
        self.clock: Clock = clock or WorkspaceClock(self._database)
        self.actor = actor or f"user:{_user()}"
        self.objects = ObjectStore(folder / "objects")
        self.journal = Journal(self._database, self.clock, self.actor)
        migrate(self._database, self.journal, self.name)
        context = Context(self._database, self.journal, self.clock, self.actor)
        self.datasets = Datasets(context)
        self.holdings = Holdings(self._database)
        self.contracts = Contracts(context)
        self.watches = Watches(context)
        self.specs = Specs(context)
        self.runs = Runs(context)
        self.models = Models(context)
        self.endpoints = Endpoints(context)
        self.rollouts = Rollouts(context)
        self.windows = Windows(context)
        self.alerts = Alerts(context)
        self.pipeline_runs = PipelineRuns(context)
        self.schedules = Schedules(context)

    @classmethod
    def create(
        cls, folder: Path, *, name: str = "", actor: str = "", clock: Clock | None = None, replay_from: str = ""
    ) -> Registry:
        """Make a new workspace in `folder`, which must not hold one yet.

        `replay_from` (ISO time) makes its time that of the data which is replayed in it.
        """
        try:
            for part in _FOLDERS:
                (folder / part).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EnvironmentProblem(
                f"The folder {folder} cannot be written ({error.strerror}).",
                hint="Choose a folder you may write to.",
            ) from error
        registry = cls(folder, actor=actor, clock=clock, create=True)
        with registry.transaction():
            registry.set_meta("name", name or folder.name)
            registry.set_meta("id", new_id())
            if replay_from:
                registry.set_meta(_REPLAY_TIME, replay_from)
            registry.record(WorkspaceCreated(schema_version=SCHEMA_VERSION), name or folder.name)
        with contextlib.suppress(EnvironmentProblem):  # without the list, only originals cannot be loaded
            registry.trust()
        return registry

    def transaction(self) -> AbstractContextManager[None]:
        """Several writes as one: all of them, with their events, or none."""
        return self._database.writing()

    def as_one(self) -> AbstractContextManager[None]:
        """Several reads of the same state, whatever others write meanwhile."""
        return self._database.reading_as_one()

    def record(self, body: Body, subject: str) -> None:
        """An event that goes with no table row."""
        with self._database.writing():
            self.journal.append(body, subject)

    def meta(self, key: str, default: str = "") -> str:
        return _read_meta(self._database, key) or default

    def set_meta(self, key: str, value: str) -> None:
        """Settings of the workspace itself; what happens to it goes to the journal instead."""
        with self._database.writing():
            self._database.tables.meta.replace(key=key, value=value).execute()

    def trust(self) -> None:
        """A person declares that originals (pickles) of this workspace may be loaded on this machine."""
        trust(self.meta("id"))

    def require_trust(self) -> None:
        """Raise `Conflict` unless originals of this workspace may be loaded on this machine."""
        if not is_trusted(self.meta("id")):
            raise Conflict(
                "This workspace was not made on this machine, and loading its original models would run code from it.",
                hint="If you trust where it comes from: `mlops-desktop trust -w FOLDER`.",
            )

    @property
    def name(self) -> str:
        return self.meta("name", self.folder.name)

    @property
    def is_replay(self) -> bool:
        return bool(self.meta(_REPLAY_TIME))

    def advance_clock(self, moment: datetime) -> None:
        """Move the time of a workspace that replays recorded data."""
        with self.transaction():
            self.set_meta(_REPLAY_TIME, to_text(moment))
            self.record(ClockAdvanced(moment=f"{moment:%Y-%m-%d %H:%M}"), self.name)

    def data_version(self) -> int:
        """Changes when another connection wrote to the registry."""
        return self._database.data_version()

    def engine_lease(self) -> Lease:
        return Lease(self.folder / "engine.lock")

    def is_writable(self) -> bool:
        """Whether a write would succeed now; nothing is left behind."""
        try:
            with self._database.writing():
                pass
        except EnvironmentProblem:
            return False
        return True

    def close(self) -> None:
        """Close the calling thread's connection."""
        self._database.close()


class WorkspaceClock:
    """The time of the workspace: what the replay says, or the machine's where there is none."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._is_replay: bool | None = None

    def now(self) -> datetime:
        if self._is_replay is False:
            return SystemClock().now()
        text = _read_meta(self._database, _REPLAY_TIME)
        self._is_replay = bool(text)
        return from_text(text) if text else SystemClock().now()


def _read_meta(database: Database, key: str) -> str:
    table = database.tables.meta
    with database.reading():
        row = table.select(table.value).where(table.key == key).tuples().first()
    return str(row[0]) if row else ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
