"""Queries on a real PostgreSQL server: types, blocks, read only, and a server that goes away."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from mlops_desktop.core.errors import EnvironmentProblem, InvalidInput
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.intake.ingest import ingest
from mlops_desktop.data.sources import credentials, open_source, read_source, sqlservers
from mlops_desktop.registry import Registry
from tests.postgres_kit import BINARIES, SECRET, SECRET_IN_URL, Postgres


def query(text: str) -> ReadOptions:
    return ReadOptions(query=text)


def kinds(table: pa.Table) -> dict[str, str]:
    return {field.name: str(field.type) for field in table.schema}


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
