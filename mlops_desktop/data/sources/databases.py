"""The rows of one SQL query on a database, by its URL: SQLite, PostgreSQL, MySQL, MariaDB, DuckDB.

Connections are opened for reading only, as far as the database can. Nothing that is recorded or shown holds a password.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from typing import Protocol

import pyarrow as pa

from mlops_desktop.core.datasets import Origin
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.progress import Progress
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.schema import check_names
from mlops_desktop.data.sources.base import Source, user_name
from mlops_desktop.data.sources.credentials import Location, with_password
from mlops_desktop.data.sources.shaping import shaped
from mlops_desktop.data.sources.statements import check_reads

DIALECTS = {
    "sqlite": ("sqlite", "SQLite"),
    "postgresql": ("postgresql", "PostgreSQL"),
    "postgres": ("postgresql", "PostgreSQL"),
    "mysql": ("mysql", "MySQL"),
    "mariadb": ("mysql", "MariaDB"),
    "duckdb": ("duckdb", "DuckDB"),
}


class Database(Protocol):
    """What is asked of a kind of database."""

    def tables(self) -> Sequence[str]: ...

    def query(self, statement: str, hints: pa.Schema | None) -> Rows: ...


class Rows(Protocol):
    """The rows of a query; `schema` may change when reading is restarted."""

    @property
    def schema(self) -> pa.Schema: ...

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...


def open_database(location: str, options: ReadOptions, hints: pa.Schema | None = None) -> Source:
    """Run `options.query` on the database and read its columns. Raises `InvalidInput`, `EnvironmentProblem`."""
    place = with_password(location)
    dialect, title = DIALECTS[place.scheme.partition("+")[0].lower()]
    database = _database(dialect, place)
    if not options.query.strip():
        tables = ", ".join(database.tables()) or "none"
        raise InvalidInput(f"{place.shown} needs a query.", hint=f"Give one SELECT; its tables are {tables}.")
    rows = database.query(check_reads(options.query, dialect), hints)
    check_names(rows.schema.names, where="The query's result")
    source = Source(
        name=place.shown,
        kind=title,
        rows=0,
        identity=_QueryIdentity(place.shown, options.query),
        _schema=lambda: rows.schema,
        _batches=lambda: rows,
        settings=ReadOptions(query=options.query),
    )
    return shaped(source, options)


def _database(dialect: str, place: Location) -> Database:
    if dialect == "duckdb":
        from mlops_desktop.data.sources.duckdb_files import DuckdbFile

        return DuckdbFile(place)
    from mlops_desktop.data.sources.sqlservers import SqlDatabase

    return SqlDatabase(dialect, place)


class _QueryIdentity:
    def __init__(self, name: str, query: str) -> None:
        self._name = name
        self._query = query

    def origin(self, progress: Progress) -> Origin:  # noqa: ARG002
        return Origin(kind="query", name=self._name, query=self._query, host=platform.node(), user=user_name())

    def check_unchanged(self) -> None:
        """A query is read in one transaction: what it gives cannot change under it."""
