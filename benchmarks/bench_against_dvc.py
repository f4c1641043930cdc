"""Taking in one CSV file, as whole processes: `mlops-desktop data ingest` beside `dvc add`.

    python -m benchmarks.bench_against_dvc [rows]

The file: `rows` (1,000,000 unless given) x 18 mixed columns, about 97 MB. Ours reads, checks it against a contract,
profiles and stores it; DVC hashes and copies it. Each starts with an empty store; the fastest of `RUNS` counts, taken
in turns so that whatever else the machine does meets both. Both are compiled to bytecode, as pip installs them: ours on
a run that does not count, whatever the environment says of writing bytecode beside the sources.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from benchmarks.peers import peer

ROWS = 1_000_000
RUNS = 5
DVC = "dvc==3.67.*"


def flights_table(rows: int, seed: int = 7) -> pa.Table:
    """Eighteen columns as a timetable has them: a key, a time, four codes, whole numbers and measurements with gaps."""
    random = np.random.default_rng(seed)
    columns: dict[str, pa.Array] = {
        "id": pa.array(np.arange(rows)),
        "at": pa.array(np.arange(rows) * 30 + 1_357_000_000).cast(pa.timestamp("s")),
    }
    for name, words, width in (("carrier", 16, 2), ("origin", 3, 3), ("dest", 105, 3), ("tail", 4_000, 5)):
        letters = np.array([f"{name[0].upper()}{i:0{width - 1}d}" for i in range(words)])
        columns[name] = pa.array(letters[random.integers(0, words, rows)])
    limits = {"weekend": 2, "night": 2, "minute": 1_440, "weekday": 7, "distance": 3_000, "flight": 8_000, "late": 2}
    for name, limit in limits.items():
        columns[name] = pa.array(random.integers(0, limit, rows))
    for name in ("temp", "wind", "humid", "pressure", "visib"):
        columns[name] = pa.array(np.round(np.abs(random.normal(50, 12, rows)), 2), mask=random.random(rows) < 0.05)
    return pa.table(columns)


def show(name: str, value: float, unit: str, **more: float) -> None:
    print(json.dumps({"name": name, "value": round(value, 4), "unit": unit} | more), flush=True)


def seconds(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> float:
    """Wall time of a command; a failure shows what it said."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    took = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{command} failed: {done.stderr[-2_000:]}")
    return took


def ours(csv: Path, sample: Path, folder: Path) -> float:
    """A new workspace that has a contract for the dataset, inferred from another file; then the ingestion."""
    from mlops_desktop.workspace import Workspace

    workspace = Workspace.create(folder / "workspace")
    workspace.data.ingest(sample, "flights", time_column="at")
    workspace.data.save_contract("flights", workspace.data.infer_contract("flights@1"))
    workspace.close()
    program = [sys.executable, "-m", "mlops_desktop"]
    command = [*program, "data", "ingest", str(csv), "flights", "-w", str(folder / "workspace")]
    return seconds(command, folder, compiled(folder.parent / "bytecode"))


def compiled(bytecode: Path) -> dict[str, str]:
    """An environment in which our modules are kept as bytecode in a folder, which is filled on first use."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(bytecode)
    if not bytecode.exists():
        code = "import mlops_desktop.cli.data.ingest, mlops_desktop.cli.main, mlops_desktop.data.intake.ingest"
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    return environment


def dvc(program: Path, csv: Path, folder: Path) -> float:
    """A new repository; the file is copied into it first, as DVC adds what lies in its repository."""
    shutil.copyfile(csv, folder / csv.name)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    subprocess.run([program, "init", "--quiet"], cwd=folder, check=True, env=os.environ | {"DVC_NO_ANALYTICS": "1"})
    return seconds([str(program), "add", "--quiet", csv.name], folder)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    program = peer("dvc", DVC) / "dvc"
    times: dict[str, list[float]] = {"ours": [], "dvc": []}
    with tempfile.TemporaryDirectory() as scratch:
        csv, sample = Path(scratch) / "flights.csv", Path(scratch) / "sample.csv"
        table = flights_table(rows)
        pacsv.write_csv(table, csv)
        # The contract is inferred from every tenth row, the first and the last ones among them.
        pacsv.write_csv(table.take(np.unique(np.append(np.arange(0, rows, 10), rows - 1))), sample)
        show("size of the CSV", csv.stat().st_size / 1e6, "MB")
        for run in range(RUNS):
            for name, taken in times.items():
                folder = Path(scratch) / f"{name}-{run}"
                folder.mkdir()
                taken.append(ours(csv, sample, folder) if name == "ours" else dvc(program, csv, folder))
                shutil.rmtree(folder)
    for name, values in times.items():
        show(f"{name}: median", statistics.median(values), "s")
        show(f"{name}: fastest", min(values), "s")
    show("ours / dvc, fastest", min(times["ours"]) / min(times["dvc"]), "ratio", bound=1.0)
    show("ours / dvc, median", statistics.median(times["ours"]) / statistics.median(times["dvc"]), "ratio", bound=1.0)


if __name__ == "__main__":
    main()
