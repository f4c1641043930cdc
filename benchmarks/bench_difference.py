"""How long it takes to compare two versions, to profile and correlate columns, and to export.

    python -m benchmarks bench_difference

Prints one JSON object per figure. Versions of 1,000,000 rows x 18 mixed columns in which 100 random rows changed must
be compared, with the cells, within 0.5 s; 1,000,000 x 50 must be profiled within 3 s.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.bench_data import mixed_table, wide_table
from mlops_desktop.core.datasets import Origin
from mlops_desktop.data.compare.changes import changes
from mlops_desktop.data.compare.difference import difference
from mlops_desktop.data.export import export
from mlops_desktop.data.profiles.correlation import correlation
from mlops_desktop.data.profiles.profile import profile_table
from mlops_desktop.data.versions.store import write_version
from mlops_desktop.registry import Registry

ROWS = 1_000_000
EDITED = 100
EXCEL_ROWS = 50_000


def show(name: str, value: float, unit: str, bound: float | None = None) -> None:
    line: dict[str, Any] = {"name": name, "value": round(value, 4), "unit": unit}
    print(json.dumps(line | ({"bound": bound} if bound is not None else {})), flush=True)


def timed(name: str, work: Callable[[], Any], bound: float | None = None, times: int = 3) -> Any:
    """The median of a few runs, the first of which warms up and does not count."""
    taken = []
    for _ in range(times + 1):
        started = time.perf_counter()
        found = work()
        taken.append(time.perf_counter() - started)
    show(name, sorted(taken[1:])[times // 2], "s", bound)
    return found


def edited(table: pa.Table, rows: int, seed: int = 3) -> pa.Table:
    """The table with another delay in random rows."""
    at = np.random.default_rng(seed).choice(table.num_rows, rows, replace=False)
    late = table["late"].to_pylist()
    for row in at.tolist():
        late[row] = 1 - late[row]
    return table.set_column(table.column_names.index("late"), "late", pa.array(late))


def measure_differences(registry: Registry, table: pa.Table) -> None:
    origin = Origin(kind="table", name="benchmark")
    write_version(registry, "flights", table, origin)
    write_version(registry, "flights", edited(table, EDITED), origin)
    write_version(registry, "apart", edited(table, EDITED), origin)

    def both() -> Any:
        found = difference(registry, "flights@1", "flights@2", key=["id"])
        return found, changes(registry, "flights@1", "flights@2", key=["id"])

    timed(
        "difference by key, 100 rows changed", lambda: difference(registry, "flights@1", "flights@2", key=["id"]), 0.5
    )
    timed("cells, 100 rows changed", lambda: changes(registry, "flights@1", "flights@2", key=["id"]), 0.5)
    found, cells = timed("difference and cells, 100 rows changed", both, 0.5)
    show("rows found changed", found.rows_changed, "rows", EDITED)
    show("cells found changed", len(cells.cells), "cells", EDITED)
    timed("difference by content, 100 rows changed", lambda: difference(registry, "flights@1", "flights@2"), 0.5)
    timed("difference by key, stored apart", lambda: difference(registry, "flights@1", "apart@1", key=["id"]), times=1)


def measure_exports(registry: Registry, folder: Path, table: pa.Table) -> None:
    for extension in (".parquet", ".arrow", ".csv", ".csv.gz", ".csv.zst", ".jsonl", ".json"):
        started = time.perf_counter()
        written = export(registry, "flights@1", folder / f"out{extension}")
        seconds = time.perf_counter() - started
        show(f"export {extension[1:]}", written.size / 1e6 / seconds, "MB/s")
        show(f"export {extension[1:]}, {written.size / 1e6:.1f} MB", seconds, "s")
        (folder / f"out{extension}").unlink()
    write_version(registry, "few", table.slice(0, EXCEL_ROWS), Origin(kind="table", name="benchmark"))
    started = time.perf_counter()
    written = export(registry, "few@1", folder / "out.xlsx")
    show(f"export xlsx, {EXCEL_ROWS:,} rows, {written.size / 1e6:.1f} MB", time.perf_counter() - started, "s")


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdecimal() else ROWS
    table = mixed_table(rows)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        registry = Registry.create(folder / "workspace")
        measure_differences(registry, table)
        timed("correlation of 17 columns", lambda: correlation(registry, "flights@1"), times=1)
        measure_exports(registry, folder, table)
    wide = wide_table(rows)
    timed("profile of 50 columns", lambda: profile_table(wide), 3.0)


if __name__ == "__main__":
    main()
