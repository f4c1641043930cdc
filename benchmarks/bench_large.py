"""A CSV file that is larger than memory is meant to be: time and peak memory of ingesting, verifying and exporting it.

    python -m benchmarks.bench_large [gigabytes ...]

Files of 0.1, 0.5, 1 and 5 GB unless given. Each step is a process of its own, watched from outside; memory is the
largest resident set (RSS) of the process, its libraries included. Needs four times the largest file in disk space.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv

from benchmarks.bench_against_dvc import flights_table, show

SIZES = (0.1, 0.5, 1.0, 5.0)
MEMORY_BOUND = 1_000.0
_ROWS_AT_A_TIME = 500_000


def write_csv(path: Path, size: float) -> int:
    """A CSV of about `size` bytes, written in parts; its rows are different throughout. Returns how many they are."""
    rows, writer = 0, None
    while not path.exists() or path.stat().st_size < size:
        table = flights_table(_ROWS_AT_A_TIME, seed=rows)
        ids = pa.array(range(rows, rows + _ROWS_AT_A_TIME))
        table = table.set_column(0, "id", ids)
        if writer is None:
            writer = pacsv.CSVWriter(path, table.schema)
        needed = int((size - path.stat().st_size) / 100) + 1
        table = table.slice(0, min(needed, _ROWS_AT_A_TIME))
        writer.write_table(table)
        rows += table.num_rows
    if writer is not None:
        writer.close()
    return rows


def measured(*arguments: str) -> tuple[float, float]:
    """Seconds and peak memory in MB of one command of the program."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "mlops_desktop", *arguments], stdout=subprocess.DEVNULL)
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{arguments} failed with {process.returncode}.")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def main() -> None:
    sizes = [float(size) for size in sys.argv[1:]] or SIZES
    per_gigabyte: list[float] = []
    with tempfile.TemporaryDirectory() as scratch:
        for size in sizes:
            folder = Path(scratch) / f"{size:g}"
            folder.mkdir()
            csv, workspace = folder / "rows.csv", str(folder / "workspace")
            rows = write_csv(csv, size * 1e9)
            measured("init", workspace)
            steps = {
                "ingest": ("data", "ingest", str(csv), "rows", "-w", workspace),
                "verify": ("data", "verify", "-w", workspace),
                "export": ("data", "export", "rows@1", str(folder / "out.csv"), "-w", workspace),
            }
            print(json.dumps({"name": f"{size:g} GB: rows", "value": rows, "unit": "rows"}), flush=True)
            for step, arguments in steps.items():
                seconds, memory = measured(*arguments)
                show(f"{size:g} GB: {step}", seconds, "s")
                show(f"{size:g} GB: memory of {step}", memory, "MB", bound=MEMORY_BOUND)
                if step == "ingest":
                    per_gigabyte.append(seconds / size)
            shutil.rmtree(folder)
    show("ingest: seconds per GB, largest / smallest file", per_gigabyte[-1] / per_gigabyte[0], "ratio")


if __name__ == "__main__":
    main()
