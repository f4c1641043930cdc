"""A content id depends on schema and rows: not on the source, the steps in between, or the release of the program."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from mlops_desktop.core.datasets import Origin
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.intake.ingest import ingest, ingest_rows
from mlops_desktop.data.read import read_table
from mlops_desktop.data.versions.store import append_version, write_version
from mlops_desktop.registry import Registry

TABLE = pa.table(
    {
        "i": pa.array(range(300)),
        "x": [key / 8 + 0.1 for key in range(300)],
        "t": [f"tëxt {key % 77}" for key in range(300)],
        "at": pa.array([key * 60_000_000 + 1_500_000_000_000_000 for key in range(300)], pa.timestamp("us")),
    }
)
OBJECTS = [{**row, "at": row["at"].isoformat(sep=" ")} for row in TABLE.to_pylist()]
# As the first release of the program named these rows.
FIRST_RELEASE = "2d01049831bd8574047d655a9acfda5dd81df14dc931ff9f1bf96435f510f37c"
APPENDED_BY_FIRST_RELEASE = "12a0ef810a19448416954f4e16c05d76bf30a11935c460985341d6efd0195bc1"


def to_sqlite(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (i INTEGER, x REAL, t TEXT, at TIMESTAMP)")
        connection.executemany("INSERT INTO t VALUES (:i, :x, :t, :at)", OBJECTS)
    connection.close()


FILES: dict[str, Callable[[Path], Any]] = {
    "t.csv": lambda path: pacsv.write_csv(TABLE, path),
    "t.parquet": lambda path: pq.write_table(TABLE, path),
    "t.feather": lambda path: feather.write_feather(TABLE, path),
    "t.json": lambda path: path.write_text(json.dumps(OBJECTS)),
    "t.jsonl": lambda path: path.write_text("\n".join(map(json.dumps, OBJECTS))),
    "t.xlsx": lambda path: TABLE.to_pandas().to_excel(path, index=False),
}


def test_every_source_of_the_same_rows_gives_the_same_id(registry: Registry, tmp_path: Path):
    ids = {"table": ingest_rows(registry, TABLE, "table").version.content_id}
    for name, write in FILES.items():
        write(tmp_path / name)
        ids[name] = ingest(registry, tmp_path / name, name).version.content_id
    to_sqlite(tmp_path / "t.db")
    query = ReadOptions(query="SELECT * FROM t")
    ids["SQLite"] = ingest(registry, f"sqlite:///{tmp_path / 't.db'}", "sqlite", options=query).version.content_id
    ids["DataFrame"] = ingest_rows(registry, TABLE.to_pandas(), "frame").version.content_id
    ids["batches"] = ingest_rows(registry, iter(TABLE.to_batches(7)), "batches").version.content_id
    coded = TABLE.set_column(2, "t", TABLE["t"].dictionary_encode())
    ids["dictionary"] = ingest_rows(registry, coded, "dictionary").version.content_id
    assert set(ids.values()) == {ids["table"]}, ids


def rows(number: int, seed: int) -> pa.Table:
    chance = np.random.default_rng(seed)
    return pa.table({"key": np.arange(number), "value": chance.integers(0, 1_000, number)})


@pytest.mark.parametrize("seed", range(3))
def test_appending_in_any_parts_gives_the_id_of_the_whole(registry: Registry, origin: Origin, seed: int):
    whole, chance, at = rows(150_000, seed), random.Random(seed), 0
    while at < whole.num_rows:
        step = chance.choice([1, 100, 9_000, 33_000, 70_000])
        appended = append_version(registry, "parts", whole.slice(at, step), origin)
        at += step
    assert appended.content_id == write_version(registry, "whole", whole, origin).content_id


def test_edits_back_and_forth_give_the_ids_of_the_rows_alone(registry: Registry, origin: Origin):
    first, chance = rows(120_000, 1), random.Random(5)
    table = first
    for number in range(8):
        at, kept = chance.randrange(table.num_rows - 200), chance.choice([0, 50, 100])
        added = rows(chance.choice([0, 50]), number)
        table = first if number % 4 == 3 else pa.concat_tables([table.slice(0, at), added, table.slice(at + kept)])
        edited = write_version(registry, "edited", table, origin)
        assert edited.content_id == write_version(registry, f"fresh {number}", table, origin).content_id
        assert read_table(registry, edited).equals(table)


def test_ids_are_those_of_the_first_release(registry: Registry, origin: Origin):
    keys = np.arange(150_000)
    table = pa.table(
        {
            "k": pa.array(keys),
            "f": np.where(keys % 13 == 0, np.nan, keys * 0.5),
            "t": pa.array([None if key % 7 == 0 else f"tëxt {key % 1_000}" for key in range(len(keys))]),
            "at": pa.array(keys * 1_000_000).cast(pa.timestamp("us", "UTC")),
            "b": pa.array(keys % 2 == 0),
            "d": pa.array((keys % 20_000).astype(np.int32)).cast(pa.date32()),
        }
    )
    assert write_version(registry, "t", table, origin).content_id == FIRST_RELEASE
    assert append_version(registry, "t", table.slice(0, 5_000), origin).content_id == APPENDED_BY_FIRST_RELEASE
