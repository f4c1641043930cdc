"""How long it takes to store data, and how much room nightly versions of it need.

    python benchmarks/bench_data.py [rows]

Prints one JSON object per figure. The data: `rows` (1,000,000 unless given) x 18 columns of mixed types, as CSV.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from mlops_desktop.core.datasets import Origin
from mlops_desktop.data.compare.difference import difference
from mlops_desktop.data.intake.ingest import ingest
from mlops_desktop.data.profiles.profile import profile_table
from mlops_desktop.data.read import preview, read_table
from mlops_desktop.data.versions.store import append_version, write_version
from mlops_desktop.registry import Registry

ROWS = 1_000_000
NIGHTS = 5


def mixed_table(rows: int, seed: int = 7) -> pa.Table:
    """A key, a time, four texts, two booleans, five integers and five numbers, with nulls."""
    random = np.random.default_rng(seed)
    columns: dict[str, pa.Array] = {
        "id": pa.array(np.char.add("K", np.arange(rows).astype("U8"))),
        "at": pa.array(np.arange(rows) * 30_000_000 + 1_357_000_000_000_000).cast(pa.timestamp("us", "UTC")),
    }
    for name, words in (("carrier", 16), ("origin", 3), ("dest", 105), ("tail", 4_000)):
        labels = np.array([f"{name[0].upper()}{i:04d}" for i in range(words)])
        columns[name] = pa.array(labels[random.integers(0, words, rows)])
    for name in ("weekend", "night"):
        columns[name] = pa.array(random.random(rows) < 0.3)
    for name, limit in (("minute", 1_440), ("weekday", 7), ("distance", 3_000), ("flight", 8_000), ("late", 2)):
        columns[name] = pa.array(random.integers(0, limit, rows))
    for name in ("temp", "wind", "humid", "pressure", "visib"):
        columns[name] = pa.array(np.round(random.normal(50, 12, rows), 2), mask=random.random(rows) < 0.05)
    return pa.table(columns)


def wide_table(rows: int, columns: int = 50, seed: int = 8) -> pa.Table:
    random = np.random.default_rng(seed)
    labels = np.array([f"label {i}" for i in range(40)])
    made = {}
    for position in range(columns):
        kind = position % 5
        numbers = pa.array(random.normal(size=rows)) if kind else pa.array(labels[random.integers(0, 40, rows)])
        made[f"c{position}"] = numbers if kind < 4 else pa.array(random.integers(0, 10_000, rows))
    return pa.table(made)


def night(table: pa.Table, number: int, fresh: pa.Table) -> pa.Table:
    """The table a night later: 2 % more rows, 100 rows gone from its middle, 50 rows edited near each other."""
    rows = table.num_rows
    gone, edited = rows // 2 + 1_000 * number, rows // 4 + 777 * number
    middle = table.slice(edited, 50)
    middle = middle.set_column(12, "late", pa.array([1 - (v or 0) for v in middle["late"].to_pylist()]))
    kept = [table.slice(0, edited), middle, table.slice(edited + 50, gone - edited - 50), table.slice(gone + 100)]
    return pa.concat_tables([*kept, fresh])


def show(figure: str, value: float, unit: str) -> None:
    print(json.dumps({"figure": figure, "value": round(value, 4), "unit": unit}), flush=True)


def stored_bytes(registry: Registry) -> int:
    return sum(registry.objects.path(name).stat().st_size for name in registry.objects.names())


def measure_nights(folder: Path, rows: int) -> None:
    table, fresh = mixed_table(rows), mixed_table(rows // 50, seed=9)
    csv = folder / "night.csv"
    registry = Registry.create(folder / "workspace")
    for number in range(NIGHTS):
        table = night(table, number, fresh) if number else table
        pacsv.write_csv(table, csv)
        started = time.perf_counter()
        version = ingest(registry, csv, "flights", time_column="at").version
        show(f"ingest night {number + 1} from CSV", time.perf_counter() - started, "s")
        show(f"store after night {number + 1}", stored_bytes(registry) / 1e6, "MB")
        started = time.perf_counter()
    show("size of the CSV", csv.stat().st_size / 1e6, "MB")
    pq.write_table(table, folder / "one.parquet", compression="zstd")
    show("one Parquet file of the last night", (folder / "one.parquet").stat().st_size / 1e6, "MB")
    started = time.perf_counter()
    found = difference(registry, "flights@4", version)
    show(f"difference, {found.rows_added} added, {found.rows_removed} removed", time.perf_counter() - started, "s")
    started = time.perf_counter()
    read_table(registry, version)
    show("read all rows", time.perf_counter() - started, "s")
    started = time.perf_counter()
    preview(registry, version, rows // 2, 100)
    show("preview 100 rows in the middle", time.perf_counter() - started, "s")
    started = time.perf_counter()
    read_table(registry, version, columns=["late"], between=("at", "2013-02-01", "2013-02-02"))
    show("read one column of one day", time.perf_counter() - started, "s")


def measure_append(folder: Path) -> None:
    registry = Registry.create(folder / "append")
    write_version(registry, "flights", mixed_table(300_000), Origin(kind="table", name="start"))
    for rows in (1_000, 6_000):
        fresh = mixed_table(rows, seed=10)
        started = time.perf_counter()
        append_version(registry, "flights", fresh, Origin(kind="table", name="day"))
        show(f"append {rows} rows to 300,000", time.perf_counter() - started, "s")


def measure_profile(rows: int) -> None:
    table = wide_table(rows)
    started = time.perf_counter()
    profile_table(table)
    show("profile of 50 columns", time.perf_counter() - started, "s")


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as folder:
        measure_nights(Path(folder), rows)
        measure_append(Path(folder))
    measure_profile(rows)


if __name__ == "__main__":
    main()
