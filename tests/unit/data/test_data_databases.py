"""Queries on real databases: rows and types, read only, and never a password where somebody can read it."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import keyring
import keyring.backend
import keyring.backends.fail
import keyring.errors
import pyarrow as pa
import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_desktop.core.errors import EnvironmentProblem, InvalidInput
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.intake.ingest import ingest
from mlops_desktop.data.sources import Restarted, credentials, open_source, read_source, sqlservers, statements
from mlops_desktop.registry import Registry

SECRET = "s3cr3t/p@ss"
SECRET_IN_URL = "s3cr3t%2Fp%40ss"


def query(text: str) -> ReadOptions:
    return ReadOptions(query=text)


def kinds(table: pa.Table) -> dict[str, str]:
    return {field.name: str(field.type) for field in table.schema}


class MemoryKeyring(keyring.backend.KeyringBackend):
    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def passwords() -> Iterator[MemoryKeyring]:
    before, now = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(now)
    yield now
    keyring.set_keyring(before)


@pytest.fixture
def sqlite(tmp_path: Path):
    """Runs statements on an SQLite file and gives its URL."""

    def run(*made: str) -> str:
        engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 't.db'}")
        with engine.begin() as connection:
            for each in made:
                connection.exec_driver_sql(each)
        engine.dispose()
        return f"sqlite:///{tmp_path / 't.db'}"

    return run


@pytest.fixture
def duck(tmp_path: Path):
    def run(*made: str) -> str:
        with duckdb.connect(str(tmp_path / "t.duckdb")) as connection:
            for each in made:
                connection.execute(each)
        return f"duckdb:///{tmp_path / 't.duckdb'}"

    return run


# --- SQLite


def test_an_sqlite_query_is_read_with_the_types_of_its_values(sqlite):
    url = sqlite(
        "create table t (i integer, x real, s text, n text, d text, at text, z text)",
        "insert into t values (1, 0.5, 'a', null, '2024-01-02', '2024-01-02 03:04:05', '2024-01-02T03:04:05+02:00')",
        "insert into t values (null, 2, 'ü', null, null, '2024-01-02', null)",
    )
    found = read_source(url, query("select * from t"))
    assert kinds(found) == {
        "i": "int64", "x": "double", "s": "string", "n": "null", "d": "date32[day]", "at": "timestamp[us]",
        "z": "timestamp[us, tz=UTC]",
    }  # fmt: skip
    assert found["at"].to_pylist() == [dt.datetime(2024, 1, 2, 3, 4, 5), dt.datetime(2024, 1, 2)]
    assert found["z"][0].as_py() == dt.datetime(2024, 1, 2, 1, 4, 5, tzinfo=dt.UTC)


def test_a_column_whose_type_shows_late_runs_the_query_again(sqlite, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sqlservers, "_BLOCK_ROWS", 10)
    url = sqlite(
        "create table t (k integer primary key, n, w, d)",
        "with recursive r(k) as (select 1 union all select k + 1 from r where k < 50) "
        "insert into t select k, null, k, '2024-01-01' from r",
        "insert into t values (51, 7, 1.5, 'today')",
    )
    source = open_source(url, query("select * from t order by k"))
    with pytest.raises(Restarted):
        list(source)
    found = read_source(url, query("select * from t order by k"))
    assert kinds(found) == {"k": "int64", "n": "int64", "w": "double", "d": "string"}
    assert found["d"].to_pylist() == ["2024-01-01"] * 50 + ["today"]


def test_types_that_columns_had_before_are_followed(sqlite):
    url = sqlite("create table t (a, b, c)", "insert into t values (1, null, '2024-01-01')")
    hints = pa.schema([("a", pa.float64()), ("b", pa.timestamp("us")), ("c", pa.string())])
    assert open_source(url, query("select * from t"), hints).schema == hints


def test_an_sqlite_file_is_never_written(sqlite, tmp_path: Path):
    url = sqlite("create table t (a)", "insert into t values (1)")
    before = (tmp_path / "t.db").read_bytes()
    database = sqlservers.SqlDatabase("sqlite", credentials.taken_apart(url))
    with pytest.raises(InvalidInput, match="readonly"):
        database.query("insert into t values (2)", None)
    assert (tmp_path / "t.db").read_bytes() == before


def test_a_query_knows_percent_signs_colons_and_question_marks(sqlite):
    url = sqlite("create table t (a)", "insert into t values ('10%:x?')")
    text = "select a, '100%' as p, ':name' as n, '?' as q, 7 % 4 as m from t where a like '10%'"
    assert read_source(url, query(text)).to_pylist() == [{"a": "10%:x?", "p": "100%", "n": ":name", "q": "?", "m": 3}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("select * from nope", "no such table: nope"),
        ("select nope from t", "no such column: nope"),
        ("select from", "syntax error"),
        ("select a, a from t", "more than one column named 'a'"),
        ("select a from t where 0", "gives no rows"),
        ("select x'00ff' as picture", "'picture' of the query holds binary data"),
        ("", r"needs a query.*its tables are t"),
    ],
)
def test_what_is_wrong_with_a_query_is_said(sqlite, text: str, said: str):
    with pytest.raises(InvalidInput, match=said):
        open_source(sqlite("create table t (a)", "insert into t values (1)"), query(text))


def test_a_file_that_is_no_database_says_so(tmp_path: Path):
    (tmp_path / "t.db").write_bytes(b"a,b\n1,2\n" * 100)
    for scheme in ("sqlite", "duckdb"):
        with pytest.raises(InvalidInput, match=r"not a (DuckDB file|database)"):
            open_source(f"{scheme}:///{tmp_path / 't.db'}", query("select * from t"))
        with pytest.raises(InvalidInput, match="There is no file"):
            open_source(f"{scheme}:///{tmp_path / 'none.db'}", query("select 1"))
        with pytest.raises(InvalidInput, match="names no file"):
            open_source(f"{scheme}:///:memory:", query("select 1"))
    assert not (tmp_path / "none.db").exists()


# --- DuckDB


def test_a_duckdb_query_is_read_with_its_own_types(duck):
    url = duck(
        "create table t as select 1 as i, 1.25::decimal(9, 2) as x, 'a' as s, true as b, date '2024-01-02' as d, "
        "timestamp '2024-01-02 03:04:05' as at, timestamptz '2024-01-02 03:04:05+02' as z, time '10:00:00' as c, "
        "null::double as n, sum(5) as big"
    )
    found = read_source(url, query("select * from t"))
    assert found["z"].type == pa.timestamp("us", "UTC")
    assert found.to_pylist() == [
        {
            "i": 1, "x": pytest.approx(1.25), "s": "a", "b": True, "d": dt.date(2024, 1, 2),
            "at": dt.datetime(2024, 1, 2, 3, 4, 5), "z": dt.datetime(2024, 1, 2, 1, 4, 5, tzinfo=dt.UTC),
            "c": "10:00:00.000000", "n": None, "big": 5.0,
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("select * from nope", "Table with name nope does not exist"),
        ("select nope from t", "nope"),
        ("select select", "syntax error"),
        ("select 'a'::blob as picture", "'picture' of the query holds binary data"),
        ("select a from t where false", "gives no rows"),
        ("", "its tables are t"),
    ],
)
def test_what_is_wrong_with_a_duckdb_query_is_said(duck, text: str, said: str):
    with pytest.raises(InvalidInput, match=said):
        read_source(duck("create table t as select 1 as a"), query(text))


def test_many_rows_of_duckdb_come_in_blocks_and_can_be_read_twice(duck):
    source = open_source(duck("create table t as select range as k from range(200000)"), query("from t"))
    assert [sum(batch.num_rows for batch in source) for _ in range(2)] == [200_000, 200_000]


# --- one statement that reads


@pytest.mark.parametrize(
    "text",
    [
        "select 1", " Select 1 ; ", "with a as (select 1) select * from a", "-- say\nselect ';' /* ; */ as x;  -- bye",
        "select 'it''s; delete' as \"into\"", "values (1)", "/* insert */ select deleted, updated_at from t",
    ],
)  # fmt: skip
@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mysql", "duckdb"])
def test_a_statement_that_reads_is_let_through(text: str, dialect: str):
    assert statements.check_reads(text, dialect) in text


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("insert into t values (1)", "sqlite"),
        ("select 1; drop table t", "sqlite"),
        ("drop table t", "postgresql"),
        ("with a as (delete from t returning *) select * from a", "postgresql"),
        ("select * into u from t", "postgresql"),
        ("select e'\\'; drop table t; --'; drop table t", "postgresql"),
        ("select $$ ' $$; drop table t; -- '", "postgresql"),
        ("select $a$ $$ $a$; drop table t", "postgresql"),
        ("copy t to '/tmp/x.csv'", "duckdb"),
        ("attach 'x' as y", "duckdb"),
        ("select 1 into outfile '/tmp/x'", "mysql"),
        ("select '\\'; select 1; -- '; drop table t", "mysql"),
        ("select 1 /*! ; drop table t */", "mysql"),
        ("select `a'b`; drop table t -- '", "mysql"),
        ("pragma writable_schema = 1", "sqlite"),
        ("  -- nothing\n ; ", "sqlite"),
    ],
)
def test_anything_else_is_refused(text: str, dialect: str):
    with pytest.raises(InvalidInput, match="ive one SELECT"):
        statements.check_reads(text, dialect)


# --- passwords


def test_a_password_goes_into_the_keyring_and_comes_from_it(passwords: MemoryKeyring):
    shown = credentials.remember(f"postgresql://ann:{SECRET_IN_URL}@db.example:5432/sales?connect_timeout=3")
    assert shown == "postgresql://ann@db.example:5432/sales?connect_timeout=3"
    assert passwords.kept == {("mlops-desktop", shown): SECRET}
    assert credentials.with_password(shown).password == SECRET
    assert SECRET_IN_URL in credentials.with_password(shown).complete
    credentials.forget(shown)
    assert credentials.with_password(shown).password == ""


def test_a_url_without_a_password_needs_no_keyring(no_keyring):
    url = "postgresql://ann@db.example/sales"
    assert credentials.remember(url) == url
    assert credentials.with_password(url).password == ""


def test_without_a_keyring_the_alternatives_are_named(no_keyring, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(EnvironmentProblem, match=r"keyring.*MLOPS_DESKTOP_DB_PASSWORD.*pgpass") as caught:
        credentials.remember(f"mysql://ann:{SECRET_IN_URL}@db/sales")
    assert SECRET not in str(caught.value)
    monkeypatch.setenv("MLOPS_DESKTOP_DB_PASSWORD", "of one command")
    assert credentials.with_password("mysql://ann@db/sales").password == "of one command"


def test_pgpass_is_read_as_the_server_s_own_programs_do(no_keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "pgpass"
    path.write_text("# mine\nother:*:*:ann:no\ndb:5432:sales:ann:a\\:b\\\\c\n*:*:*:*:last\n")
    path.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(path))
    assert credentials.with_password("postgresql://ann@db/sales").password == "a:b\\c"
    assert credentials.with_password("postgresql://bob@db:5433/sales").password == "last"
    assert credentials.with_password("mysql://ann@db/sales").password == ""
    path.chmod(0o644)
    assert credentials.with_password("postgresql://ann@db/sales").password == ""


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ann:{SECRET}@db/sales",
        "postgresql://ann:s3cr3t@x/y@db/sales",
        f"postgresql://db/sales?user=ann&password={SECRET_IN_URL}",
        "postgre://ann:s3cr3t@db/sales",
        "postgresql:ann:s3cr3t@db",
    ],
)
def test_a_url_that_would_show_its_password_is_refused_without_showing_it(url: str, no_keyring):
    with pytest.raises(InvalidInput) as caught:
        open_source(url, query("select 1"))
    assert "s3cr3t" not in str(caught.value)
    assert "p@ss" not in str(caught.value)


def test_packages_that_are_missing_are_named(sqlite, duck, monkeypatch: pytest.MonkeyPatch):
    urls = (sqlite("create table t (a)"), duck("create table t (a integer)"), "mysql://ann:x@localhost/t")
    for name in ("sqlalchemy", "duckdb", "pymysql"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, name, None)
            with pytest.raises(EnvironmentProblem, match=r'pip install "mlops-desktop\[sql\]"'):
                open_source(urls[("sqlalchemy", "duckdb", "pymysql").index(name)], query("select 1"))


def test_the_origin_of_a_query_is_on_record(sqlite, registry: Registry):
    url = sqlite("create table t (a)", "insert into t values (1), (2)")
    ingest(registry, url, "t", options=query("select a from t"))
    origin = registry.datasets.get("t@latest").origin
    assert (origin.kind, origin.name, origin.query) == ("query", url, "select a from t")
    assert origin.host and origin.user and origin.settings["query"] == "select a from t"


# --- what goes in comes out

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=8).map(
    lambda text: f"t{text}"
)
ROWS = st.lists(
    st.tuples(
        st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), TEXT | st.none(),
        st.dates(dt.date(1, 1, 1)),
    ),
    min_size=1, max_size=10,
)  # fmt: skip
SCHEMA = pa.schema([("i", pa.int64()), ("x", pa.float64()), ("s", pa.string()), ("d", pa.date32())])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_what_goes_into_a_database_comes_out(tmp_path: Path, rows: list[tuple]):
    table = pa.Table.from_pylist([dict(zip("ixsd", row, strict=True)) for row in rows], SCHEMA)
    for path in (tmp_path / "t.db", tmp_path / "t.duckdb"):
        path.unlink(missing_ok=True)
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 't.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("create table t (i integer, x real, s text, d text)")
        for i, x, s, d in rows:
            connection.exec_driver_sql("insert into t values (?, ?, ?, ?)", (i, x, s, d.isoformat()))
    engine.dispose()
    with duckdb.connect(str(tmp_path / "t.duckdb")) as connection:
        connection.register("given", table)
        connection.execute("create table t as select * from given")
    found = read_source(f"sqlite:///{tmp_path / 't.db'}", query("select * from t order by rowid"), SCHEMA)
    assert found.equals(table)
    assert read_source(f"duckdb:///{tmp_path / 't.duckdb'}", query("select * from t")).equals(table)
