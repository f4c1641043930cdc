"""Queries on real databases: rows and types, read only, and never a password where somebody can read it."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import keyring
import keyring.backend
import keyring.backends.fail
import keyring.errors
import psutil
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
def no_keyring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())
    yield
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


# --- PostgreSQL

BINARIES = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None) or (
    Path(found).parent if (found := shutil.which("pg_ctl")) else None
)


class Postgres:
    """A real server in a folder of its own, run by another user where the tests are run by root."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        self._as_user = ["runuser", "-u", "nobody", "--"] if os.geteuid() == 0 else []
        folder.chmod(0o777)
        (folder / "password").write_text(SECRET)
        (folder / "password").chmod(0o644)
        self._run("initdb", "-U", "ann", "-A", "scram-sha-256", "--pwfile", str(folder / "password"), "-E", "UTF8",
                  "--locale", "C", "--no-sync")  # fmt: skip
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://ann:{SECRET_IN_URL}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self._data / "log"), "start")

    def kill(self) -> None:
        """As when its machine loses power: no word of goodbye."""
        main = int((self._data / "postmaster.pid").read_text().split()[0])
        processes = [*psutil.Process(main).children(), psutil.Process(main)]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(processes, timeout=20)
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        self._run("pg_ctl", "-w", "-m", "immediate", "stop", check=False)

    def execute(self, *made: str) -> None:
        engine = sqlalchemy.create_engine(self.url.replace("postgresql:", "postgresql+pg8000:"))
        with engine.begin() as connection:
            for each in made:
                connection.exec_driver_sql(each)
        engine.dispose()

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        assert BINARIES is not None
        command = [*self._as_user, str(BINARIES / program), "-D", str(self._data), *arguments]
        environment = {**os.environ, "LC_ALL": "C"}
        subprocess.run(command, check=check, stdout=subprocess.DEVNULL, cwd="/", env=environment)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    if BINARIES is None:
        pytest.skip("no PostgreSQL server is installed (Debian's package postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="mlops-postgres-"))
    server = Postgres(folder)
    server.execute(
        "create sequence counter",
        "create type mood as enum ('low', 'high')",
        "create table t (i integer, big bigint, x numeric(9, 2), r real, s text, b boolean, d date, at timestamp, "
        "z timestamptz, u uuid, m mood, none numeric, c time)",
        "insert into t values (1, 9223372036854775807, 1.25, 0.5, 'ü', true, '2024-01-02', '2024-01-02 03:04:05.678', "
        "'2024-01-02 03:04:05+02', '12345678-1234-5678-1234-567812345678', 'low', null, '10:00:01')",
        "insert into t (i, x) values (2, 'NaN')",
        "create table many as select k, k / 2.0 as x, 'text ' || k as s from generate_series(1, 100000) k",
    )
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_postgres_query_is_read_with_the_server_s_types(postgres: Postgres):
    found = read_source(postgres.url, query("select * from t order by i"))
    assert kinds(found) == {
        "i": "int64", "big": "int64", "x": "double", "r": "double", "s": "string", "b": "bool", "d": "date32[day]",
        "at": "timestamp[us]", "z": "timestamp[us, tz=UTC]", "u": "string", "m": "string", "none": "double",
        "c": "string",
    }  # fmt: skip
    assert found.to_pylist()[0] == {
        "i": 1, "big": 2**63 - 1, "x": 1.25, "r": 0.5, "s": "ü", "b": True, "d": dt.date(2024, 1, 2),
        "at": dt.datetime(2024, 1, 2, 3, 4, 5, 678000), "z": dt.datetime(2024, 1, 2, 1, 4, 5, tzinfo=dt.UTC),
        "u": "12345678-1234-5678-1234-567812345678", "m": "low", "none": None, "c": "10:00:01",
    }  # fmt: skip
    assert str(found["x"][1]) == "nan"


def test_a_large_result_of_postgres_comes_in_blocks(postgres: Postgres):
    source = open_source(postgres.url, query("select k, x, s from many order by k"))
    sizes = [batch.num_rows for batch in source]
    assert sum(sizes) == 100_000
    assert max(sizes) == sqlservers._BLOCK_ROWS


def test_percent_signs_and_casts_reach_postgres_as_they_are(postgres: Postgres):
    text = (
        "select '100%' as p, 7 % 4 as m, '5'::int as five, ':x' as n, s from many where s like 'text 1%' limit 1 -- %"
    )
    assert read_source(postgres.url, query(text)).to_pylist()[0] | {"s": ""} == {
        "p": "100%", "m": 3, "five": 5, "n": ":x", "s": "",
    }  # fmt: skip


def test_postgres_is_opened_for_reading_only(postgres: Postgres):
    database = sqlservers.SqlDatabase("postgresql", credentials.taken_apart(postgres.url))
    with pytest.raises(InvalidInput, match="read-only transaction"):
        database.query("select nextval('counter')", None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("select * from nope", 'relation "nope" does not exist'),
        ("select nope from t", 'column "nope" does not exist'),
        ("selec", "SELEC, which is not for reading"),
        ("select from where", "syntax error"),
        ("select '\\x00'::bytea as picture", "'picture' of the query holds binary data"),
        ("select interval '1 day' as long", "'long' of the query holds durations"),
        ("select array[1, 2] as several", "'several' of the query holds"),
        ("select 1 / 0 as x", "division by zero"),
        ("", r"needs a query.*many, t|t, many"),
    ],
)
def test_what_is_wrong_with_a_postgres_query_is_said(postgres: Postgres, text: str, said: str):
    with pytest.raises(InvalidInput, match=said) as caught:
        read_source(postgres.url, query(text))
    assert SECRET not in str(caught.value)
    assert SECRET_IN_URL not in str(caught.value)


def test_a_wrong_password_or_server_says_so_without_showing_it(postgres: Postgres, no_keyring):
    wrong = postgres.url.replace(SECRET_IN_URL, "wr0ng")
    none = postgres.url.replace(f":{SECRET_IN_URL}", "")
    for url in (wrong, none):
        with pytest.raises(EnvironmentProblem, match="does not let you in") as caught:
            open_source(url, query("select 1"))
        assert "wr0ng" not in str(caught.value)
    with pytest.raises(EnvironmentProblem, match="cannot be read") as caught:
        open_source(postgres.url.replace(str(postgres.port), "1"), query("select 1"))
    assert SECRET_IN_URL not in str(caught.value)
    with pytest.raises((InvalidInput, EnvironmentProblem), match='database "nope" does not exist'):
        open_source(postgres.url.replace("/postgres", "/nope"), query("select 1"))


def test_no_file_of_the_workspace_ever_holds_the_password(postgres: Postgres, registry: Registry, tmp_path: Path):
    ingest(registry, postgres.url, "t", options=query("select * from t"))
    origin = registry.datasets.get("t@latest").origin
    assert origin.name == postgres.url.replace(f":{SECRET_IN_URL}", "")
    broken = [postgres.url, postgres.url.replace("/postgres", ""), postgres.url.replace("127.0.0.1", "")]
    for url in (*broken, f"postgre://ann:{SECRET_IN_URL}@db", f"postgresql://ann:{SECRET}@db", "mysql:ann:s3cr3t@db"):
        with pytest.raises((InvalidInput, EnvironmentProblem)):
            ingest(registry, url, "t", options=query("select nope from nowhere"))
    files = [path for path in (tmp_path / "workspace").rglob("*") if path.is_file()]
    assert any(b"nowhere" in path.read_bytes() or b"select * from t" in path.read_bytes() for path in files)
    for path in files:
        for secret in (SECRET, SECRET_IN_URL, "s3cr3t"):
            assert secret.encode() not in path.read_bytes(), path


def test_a_server_that_goes_away_leaves_no_half_version(postgres: Postgres, registry: Registry):
    reported: list[str] = []

    def kill_at_first_report(fraction: float | None, message: str = "") -> None:
        if not reported:
            postgres.kill()
        reported.append(message)

    try:
        with pytest.raises(EnvironmentProblem, match="cannot be read") as caught:
            every = query("select k from generate_series(1, 600000) k")
            ingest(registry, postgres.url, "t", options=every, progress=kill_at_first_report)
        assert reported
        assert SECRET not in str(caught.value)
        assert not registry.datasets.lines("t")
        assert registry.datasets.attempts("t", 10)[0].outcome == "failed"
    finally:
        postgres.start()
    assert read_source(postgres.url, query("select count(*) as n from many"))["n"].to_pylist() == [100_000]


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
