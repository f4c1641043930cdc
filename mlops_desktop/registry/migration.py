"""Bring a workspace of an older format up to date: a copy first, then all steps and their event in one transaction."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec

from mlops_desktop.core.datasets import DatasetVersion
from mlops_desktop.core.errors import EnvironmentProblem
from mlops_desktop.core.events import WorkspaceMigrated
from mlops_desktop.core.ids import new_id
from mlops_desktop.registry.database import Database
from mlops_desktop.registry.dataset_reader import line_of
from mlops_desktop.registry.journal import Journal
from mlops_desktop.registry.tables import SCHEMA_VERSION, Tables


def migrate(database: Database, journal: Journal, name: str) -> None:
    """Bring the registry to `SCHEMA_VERSION`; nothing happens where it is there already.

    Raises `EnvironmentProblem` where the workspace is older and cannot be written.
    """
    if database.schema_version() == SCHEMA_VERSION:
        return
    try:
        with database.writing():
            # Read again: another program may have migrated it while this one waited for the lock.
            found = database.schema_version()
            if found < SCHEMA_VERSION:
                copy = _copied(database.path, found)
                for version in range(found, SCHEMA_VERSION):
                    _STEPS[version](database.tables)
                database.set_schema_version(SCHEMA_VERSION)
                journal.append(WorkspaceMigrated(before=found, after=SCHEMA_VERSION, copy=copy.name), name)
    except EnvironmentProblem as error:
        raise EnvironmentProblem(
            f"The workspace at {database.path.parent} was written by an older version of MLOps Desktop and could not "
            f"be brought up to date: {error.message}",
            hint=error.hint,
        ) from error


def _copied(path: Path, version: int) -> Path:
    """A copy of the registry as it is before the migration, whole or not at all."""
    copy = path.with_name(f"{path.stem}.v{version}{path.suffix}")
    temporary = path.with_name(f".{new_id()}")
    try:
        with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(temporary)) as to:
            source.backup(to)
            # Without a log beside it, the copy is one file that can be moved on its own.
            to.execute("PRAGMA journal_mode = delete")
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(copy)
    except OSError as error:
        raise EnvironmentProblem(
            f"its copy {copy.name} cannot be written ({error.strerror}).",
            hint="Free some space, or check the permissions of the folder; the workspace was not changed.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return copy


# A program of the first format may have the workspace open, and knows neither lists of versions nor collections: what
# it added would be in no list, and its rows would be freed.
_NOT_BY_AN_OLDER_PROGRAM = """
CREATE TRIGGER dataset_version_has_a_line BEFORE INSERT ON dataset_version
WHEN NOT EXISTS (SELECT 1 FROM dataset_line WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'a newer version of MLOps Desktop works on this workspace: close this one'); END
"""


def _from_1(tables: Tables) -> None:
    """Versions can be listed without their bodies, and carry marks; aliases, contracts, watches, tombstones."""
    new = [tables.dataset_line, tables.dataset_alias, tables.dataset_tombstone, tables.contract, tables.watch]
    for table in new:
        table.create_table()
    versions, lines = tables.dataset_version, tables.dataset_line
    for (body,) in versions.select(versions.body).order_by(versions.id).tuples().iterator():
        version = msgspec.json.decode(bytes(body), type=DatasetVersion)
        lines.insert(
            id=version.id,
            dataset=version.dataset,
            number=version.number,
            content_id=version.content_id,
            is_archived=0,
            body=msgspec.json.encode(line_of(version)),
        ).execute()
    versions._meta.database.execute_sql(_NOT_BY_AN_OLDER_PROGRAM)


_STEPS: dict[int, Callable[[Tables], None]] = {1: _from_1}
