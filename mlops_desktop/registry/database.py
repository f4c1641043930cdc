"""One open SQLite database: pragmas, transactions, and its errors in words for people."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peewee
from peewee import SqliteDatabase

from mlops_desktop.core.errors import AppError, Damaged, EnvironmentProblem, InvalidInput, NotFound, WorkspaceTooNew
from mlops_desktop.registry.tables import SCHEMA_VERSION, Tables

_PRAGMAS = {"journal_mode": "wal", "synchronous": "full", "foreign_keys": 1, "cache_size": -16_000}
_BUSY_SECONDS = 30


class Database:
    """Connections are per thread and opened on first use. Writing transactions take the write lock at once, so that two
    programs wait for each other instead of failing half-way."""

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = path
        if create and path.exists():
            raise InvalidInput(
                f"There already is a workspace at {path.parent}.", hint="Open it, or choose another folder."
            )
        if not create and not path.is_file():
            raise NotFound(
                f"There is no workspace at {path.parent}.",
                hint="Create one with `mlops-desktop init FOLDER`, or check the path.",
            )
        self._sqlite: Any = SqliteDatabase(str(path), pragmas=_PRAGMAS, timeout=_BUSY_SECONDS)
        self.tables = Tables(self._sqlite)
        with self._explained():
            self._sqlite.connect(reuse_if_open=True)
            if create:
                self._create()
            else:
                self._check_version()

    def _create(self) -> None:
        with self._sqlite.atomic("IMMEDIATE"):
            self._sqlite.create_tables(self.tables.all)
            self.tables.meta.create(key="schema_version", value=str(SCHEMA_VERSION))

    def _check_version(self) -> None:
        if not self._sqlite.table_exists("meta"):
            raise Damaged(f"{self.path} is not a workspace's registry.", hint="Choose the folder of a workspace.")
        row = self.tables.meta.get_or_none(self.tables.meta.key == "schema_version")
        if row is None or not str(row.value).isdecimal():
            raise Damaged(
                f"{self.path} does not say which version of the program wrote it.",
                hint="Restore the workspace's folder from a copy.",
            )
        found = self.schema_version()
        if found > SCHEMA_VERSION:
            raise WorkspaceTooNew(
                f"The workspace at {self.path.parent} was written by a newer version of MLOps Desktop "
                f"(format {found}, this program knows {SCHEMA_VERSION}).",
                hint="Update the program; the workspace was not changed.",
            )

    def schema_version(self) -> int:
        """The format that the registry is in; below `SCHEMA_VERSION` until it is migrated."""
        with self._explained():
            return int(self.tables.meta.get(self.tables.meta.key == "schema_version").value)

    def set_schema_version(self, version: int) -> None:
        self.tables.meta.replace(key="schema_version", value=str(version)).execute()

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction that writes. Nested ones join the outer one."""
        with self._explained():
            if self._sqlite.in_transaction():
                with self._sqlite.atomic():
                    yield
            else:
                with self._sqlite.atomic("IMMEDIATE"):
                    yield

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Translates the errors of queries that only read."""
        with self._explained():
            yield

    @contextlib.contextmanager
    def reading_as_one(self) -> Iterator[None]:
        """Several queries that see the same state, whatever others write meanwhile."""
        with self._explained(), self._sqlite.atomic():
            yield

    def fetch(self, query: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of a query as SQLite has them, several times as fast as by peewee. Within `reading`."""
        statement, parameters = query.sql()
        rows: Iterator[tuple[Any, ...]] = self._sqlite.execute_sql(statement, parameters)
        return rows

    def data_version(self) -> int:
        """Changes when another connection has written: a cheap look before reading the journal."""
        with self._explained():
            return int(self._sqlite.execute_sql("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close the calling thread's connection."""
        if not self._sqlite.is_closed():
            self._sqlite.close()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (peewee.OperationalError, sqlite3.OperationalError) as error:
            raise self._explanation(str(error)) from error
        except (peewee.DatabaseError, sqlite3.DatabaseError) as error:
            if isinstance(error, peewee.IntegrityError | peewee.ProgrammingError):
                raise
            raise Damaged(
                f"The registry {self.path} cannot be read: {error}.", hint="Restore the workspace's folder from a copy."
            ) from error

    def _explanation(self, text: str) -> AppError:
        folder = self.path.parent
        if "readonly" in text or "unable to open" in text or "disk I/O" in text:
            return EnvironmentProblem(
                f"The workspace at {folder} cannot be written ({text}).",
                hint="Check the permissions of the folder and its files, or copy the workspace to a writable place.",
            )
        if "decode" in text:
            return Damaged(
                f"The registry {self.path} cannot be read: {text}.", hint="Restore the workspace's folder from a copy."
            )
        if "full" in text:
            return EnvironmentProblem(
                f"The disk that holds {folder} is full.",
                hint="Free some space and try again; nothing was half-written.",
            )
        if "locked" in text:
            return EnvironmentProblem(
                f"Another program has held the workspace at {folder} for over {_BUSY_SECONDS} s.",
                hint="Close the other program, or wait and try again.",
            )
        return EnvironmentProblem(f"The registry at {folder} could not be used: {text}.", hint="Try again.")
