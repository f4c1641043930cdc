"""SQLite, PostgreSQL, MySQL and MariaDB through SQLAlchemy, read as a stream."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pyarrow as pa

from mlops_desktop.core.errors import EnvironmentProblem, InvalidInput
from mlops_desktop.data.sources.base import opening
from mlops_desktop.data.sources.credentials import Location
from mlops_desktop.data.sources.sqlerrors import explained
from mlops_desktop.data.sources.sqlrows import Blocks, Columns, QueryRows
from mlops_desktop.data.sources.values import Kind

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

_BLOCK_ROWS = 10_000
_DRIVERS = {"postgresql": "postgresql+pg8000", "mysql": "mysql+pymysql", "sqlite": "sqlite"}
_READ_ONLY = {"postgresql": "SET TRANSACTION READ ONLY", "mysql": "SET SESSION TRANSACTION READ ONLY"}
_KINDS: dict[str, dict[int, Kind]] = {
    "postgresql": {  # object ids of types, as in pg_type
        16: Kind.BOOLEAN, 20: Kind.INTEGER, 21: Kind.INTEGER, 23: Kind.INTEGER, 700: Kind.NUMBER, 701: Kind.NUMBER,
        1700: Kind.NUMBER, 1082: Kind.DATE, 1114: Kind.TIME, 1184: Kind.INSTANT, 25: Kind.TEXT, 1042: Kind.TEXT,
        1043: Kind.TEXT, 2950: Kind.TEXT,
    },
    "mysql": {  # field types of the protocol; of 8, large integers, they do not say whether they have a sign
        0: Kind.NUMBER, 1: Kind.INTEGER, 2: Kind.INTEGER, 3: Kind.INTEGER, 4: Kind.NUMBER, 5: Kind.NUMBER,
        7: Kind.TIME, 9: Kind.INTEGER, 10: Kind.DATE, 12: Kind.TIME, 13: Kind.INTEGER,
        246: Kind.NUMBER,
    },
    "sqlite": {},
}  # fmt: skip


class SqlDatabase:
    """A database that SQLAlchemy connects to."""

    def __init__(self, dialect: str, place: Location) -> None:
        self._dialect = dialect
        self._place = place
        if dialect == "sqlite":
            _check_sqlite_file(place)

    def tables(self) -> Sequence[str]:
        import sqlalchemy

        with self._connected() as connection:
            return sqlalchemy.inspect(connection).get_table_names()

    def query(self, statement: str, hints: pa.Schema | None) -> QueryRows:
        """The rows of a statement that only reads."""
        columns = Columns(hints, has_times=self._dialect != "sqlite")
        return QueryRows(lambda known: self._blocks(statement, known), columns)

    def _blocks(self, statement: str, columns: Columns) -> Blocks:
        with self._connected() as connection:
            # Without parameters the driver leaves `%` and `:` in the text alone.
            streamed = connection.execution_options(yield_per=_BLOCK_ROWS, no_parameters=True)
            result = streamed.exec_driver_sql(statement)
            described: Sequence[Any] = result.cursor.description if result.cursor else ()
            kinds = [_KINDS[self._dialect].get(column[1], Kind.NONE) for column in described]
            columns.named(list(result.keys()), kinds)
            for block in result.partitions(_BLOCK_ROWS):
                yield list(block)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        sqlalchemy, engine = self._engine()
        try:
            with engine.connect() as connection:
                if self._dialect in _READ_ONLY:
                    connection.exec_driver_sql(_READ_ONLY[self._dialect])
                driver = connection.connection.driver_connection
                try:
                    yield connection
                except GeneratorExit:  # nobody wants the other rows: do not fetch them, nor mind a dead server
                    _abandon(driver)
                    connection.invalidate()
                    raise
                except BaseException:
                    _abandon(driver)
                    raise
        except (sqlalchemy.exc.SQLAlchemyError, OSError) as error:
            raise explained(error, self._place) from error

    def _engine(self) -> tuple[Any, Any]:
        try:
            import sqlalchemy
            from sqlalchemy.pool import NullPool

            # A connection that breaks is said once, in words; the pool would log its traceback too.
            logging.getLogger("sqlalchemy.pool.impl.NullPool").setLevel(logging.CRITICAL)
            engine = sqlalchemy.create_engine(self._url(), poolclass=NullPool, connect_args=self._arguments())
            return sqlalchemy, engine
        except ImportError as error:
            raise EnvironmentProblem(
                f"The packages that read {self._place.scheme} databases are not installed ({error.name}).",
                hint='Run pip install "mlops-desktop[sql]".',
            ) from error
        except sqlalchemy.exc.ArgumentError as error:
            raise InvalidInput(
                "The URL of the database cannot be understood.",
                hint="Write it as postgresql://user@host:5432/database.",
            ) from error

    def _arguments(self) -> dict[str, Any]:
        if self._dialect == "sqlite":
            return {"check_same_thread": False}
        # pg8000 stumbles over a server that asks for a password when there is none; an empty one it refuses in words.
        return {"password": ""} if self._dialect == "postgresql" and not self._place.password else {}

    def _url(self) -> URL:
        from sqlalchemy import make_url

        if self._dialect == "sqlite":
            return make_url(f"sqlite:///file:{quote(str(sqlite_path(self._place)))}?mode=ro&uri=true")
        _, plus, driver = self._place.scheme.partition("+")
        scheme = f"{self._dialect}+{driver}" if plus else _DRIVERS[self._dialect]
        return make_url(self._place._replace(scheme=scheme).complete)


def _abandon(driver: Any) -> None:
    """Have PyMySQL not fetch the rest of the rows when it forgets them."""
    result: Any = getattr(driver, "_result", None)
    if getattr(result, "unbuffered_active", False):
        result.unbuffered_active = False


def sqlite_path(place: Location) -> Path:
    """The file that a URL such as `sqlite:///folder/file.db` names; one more slash makes it absolute."""
    return Path(place.rest.partition("?")[0].removeprefix("/"))


def _check_sqlite_file(place: Location) -> None:
    path = sqlite_path(place)
    if place.place or str(path) in (".", ":memory:"):
        raise InvalidInput(f"{place.shown} names no file.", hint="Write it as sqlite:///folder/file.db.")
    with opening(path), path.open("rb"):
        pass
