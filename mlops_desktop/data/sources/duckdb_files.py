"""DuckDB files, through DuckDB's own interface: it gives Arrow batches as a stream, with its types."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import pyarrow as pa

from mlops_desktop.core.errors import EnvironmentProblem, InvalidInput
from mlops_desktop.data.schema import as_plain, plain_type
from mlops_desktop.data.sources.base import opening
from mlops_desktop.data.sources.credentials import Location
from mlops_desktop.data.sources.sqlservers import sqlite_path
from mlops_desktop.data.versions.chunking import BATCH_ROWS


class DuckdbFile:
    """One database file, opened for reading only."""

    def __init__(self, place: Location) -> None:
        self._place = place
        self._path = sqlite_path(place)
        if place.place or str(self._path) in (".", ":memory:"):
            raise InvalidInput(f"{place.shown} names no file.", hint="Write it as duckdb:///folder/file.duckdb.")
        with opening(self._path), self._path.open("rb"):
            pass

    def tables(self) -> Sequence[str]:
        with self._connected() as connection:
            return [row[0] for row in connection.sql("SHOW TABLES").fetchall()]

    def query(self, statement: str, hints: pa.Schema | None) -> DuckdbRows:  # noqa: ARG002
        """The rows of a statement that only reads; DuckDB's columns have types, no hints are needed."""
        return DuckdbRows(lambda: self._batches(statement))

    def _batches(self, statement: str) -> Iterator[Any]:
        """The schema first, then the batches."""
        with self._connected() as connection:
            reader = connection.sql(statement).to_arrow_reader(BATCH_ROWS)
            yield reader.schema
            yield from reader

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        try:
            import duckdb
        except ImportError as error:
            raise EnvironmentProblem(
                "The package duckdb is not installed.", hint='Run pip install "mlops-desktop[sql]".'
            ) from error
        try:
            with duckdb.connect(str(self._path), read_only=True) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                yield connection
        except duckdb.Error as error:
            raise self._explained(error, duckdb) from error
        except pa.ArrowException as error:
            raise EnvironmentProblem(f"{self._place.shown} cannot be read: {error}.", hint="Try again.") from error

    def _explained(self, error: Exception, duckdb: Any) -> InvalidInput | EnvironmentProblem:
        said = str(error).split("\n")[0].strip().rstrip(".!")
        if isinstance(error, duckdb.IOException) and "not a valid DuckDB" in said:
            return InvalidInput(f"{self._path.name} is not a DuckDB file.", hint="Give a database file.")
        if isinstance(error, duckdb.ProgrammingError | duckdb.DataError | duckdb.NotSupportedError):
            return InvalidInput(f"{self._place.shown} cannot run the query: {said}.", hint="Correct the query.")
        return EnvironmentProblem(
            f"{self._place.shown} cannot be read: {said}.", hint="Check that no other program writes to it."
        )


class DuckdbRows:
    """The rows of one query. The first run of it begins here and is gone on with by the first reading."""

    def __init__(self, run: Callable[[], Iterator[Any]]) -> None:
        self._run = run
        self._running: Iterator[Any] | None = run()
        found: pa.Schema = next(self._running)
        for field in found:
            if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
                raise InvalidInput(
                    f"Column {field.name!r} of the query holds binary data, which a table of features cannot hold.",
                    hint="Leave it out, or cast it to numbers or text in the query.",
                )
        self.schema = pa.schema([(field.name, plain_type(field.type) or field.type) for field in found])

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        running, self._running = self._running, None
        rows = 0
        for batch in running or islice(self._run(), 1, None):
            rows += batch.num_rows
            yield as_plain(batch, self.schema)
        if not rows:
            raise InvalidInput("The query gives no rows.", hint="Give a query that finds at least one row.")
