"""How much room thirty nightly versions need, and how long a night takes.

    python -m benchmarks bench_versions

Each night has 2 % more rows at the end of the table and 100 rows edited anywhere. The table starts with `ROWS` rows of
18 mixed columns. The store is held against one Parquet file of the last version, as pyarrow writes it by default.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.bench_data import mixed_table, stored_bytes
from mlops_desktop.core.datasets import Origin
from mlops_desktop.data.read import preview, read_table
from mlops_desktop.data.versions.store import write_version
from mlops_desktop.registry import Registry

ROWS = int(os.environ.get("BENCH_VERSIONS_ROWS", "1_000_000"))
NIGHTS = 30
EDITED = 100
GROWTH = 1.02
MOST_STORED = 1.3
MOST_SECONDS_PER_ROW = 3.0


def show(name: str, value: float, unit: str, **held_against: float) -> None:
    figures = {key: round(number, 4) for key, number in held_against.items()}
    print(json.dumps({"name": name, "value": round(value, 4), "unit": unit, **figures}), flush=True)


def edited(table: pa.Table, rows: int, random: np.random.Generator) -> pa.Table:
    """The table with another flight number and pressure in `EDITED` of its first `rows` rows, at random positions."""
    mask = np.zeros(table.num_rows, dtype=np.bool_)
    mask[random.choice(rows, EDITED, replace=False)] = True
    fresh = {
        "flight": pa.array(random.integers(0, 8_000, EDITED)),
        "pressure": pa.array(np.round(random.normal(50, 12, EDITED), 2)),
    }
    for name, values in fresh.items():
        changed = pc.replace_with_mask(table.column(name).combine_chunks(), pa.array(mask), values)
        table = table.set_column(table.column_names.index(name), name, changed)
    return table


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def store(registry: Registry, table: pa.Table) -> float:
    origin = Origin(kind="table", name="night")
    return seconds(lambda: write_version(registry, "flights", table, origin, time_column="at"))


def measure_nights(folder: Path, rows: int) -> None:
    random = np.random.default_rng(3)
    lengths = [round(rows * GROWTH**number) for number in range(NIGHTS)]
    table = mixed_table(lengths[-1])
    registry = Registry.create(folder / "nights")
    fresh = store(registry, table.slice(0, lengths[0]))
    show("fresh version", fresh, "s")
    took = []
    for number, length in enumerate(lengths[1:], 2):
        table = edited(table, length, random)
        took.append(store(registry, table.slice(0, length)))
        if number in (2, NIGHTS // 2, NIGHTS):
            show(f"night {number}", took[-1], "s")
    per_row = sum(took) / sum(lengths[1:]) / (fresh / rows)
    show("a night's time per row against a fresh version's", per_row, "times", bound=MOST_SECONDS_PER_ROW)
    stored = stored_bytes(registry)
    show("store after thirty nights", stored / 1e6, "MB")
    for name, compression in (("as pyarrow writes it", "snappy"), ("with zstd", "zstd")):
        file = folder / "one.parquet"
        pq.write_table(table, file, compression=compression)
        size = file.stat().st_size
        show(f"one Parquet file of the last version, {name}", size / 1e6, "MB")
        show(f"store against it, {name}", stored / size, "times", bound=MOST_STORED)
    measure_reading(registry, table, folder / "one.parquet")
    registry.close()


def measure_reading(registry: Registry, table: pa.Table, file: Path) -> None:
    if not read_table(registry, "flights@latest").equals(table):
        raise SystemExit("What was read is not what was written.")
    show("read the first version", seconds(lambda: read_table(registry, "flights@1")), "s")
    show("read the last version", seconds(lambda: read_table(registry, "flights@latest")), "s")
    show("read the Parquet file", seconds(lambda: pq.read_table(file)), "s")
    middle = table.num_rows // 2
    show("100 rows in the middle", seconds(lambda: preview(registry, "flights@latest", middle, 100)), "s")
    day = ("at", "2013-02-01", "2013-02-02")
    show(
        "one column of one day",
        seconds(lambda: read_table(registry, "flights@latest", columns=["late"], between=day)),
        "s",
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        measure_nights(Path(folder), ROWS)


if __name__ == "__main__":
    main()
