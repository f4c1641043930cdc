"""Ingestion that is killed at any moment: no half version, nothing left that a collection does not free."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pytest

from mlops_desktop.data.read import read_table
from mlops_desktop.workspace import Workspace

KILLS = 200
FILES = 6

# Runs in a process of its own, which has used no thread when it forks: each child ingests one file and is killed after
# a random part of the time that ingestions take.
DRIVER = """
import json, os, random, signal, sys, time
from pathlib import Path
from mlops_desktop.workspace import Workspace
import mlops_desktop.data.intake.ingest

folder, files, kills = Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
random.seed(11)

def ingest(path):
    child = os.fork()
    if child == 0:
        try:
            Workspace(folder).data.ingest(Path(path), "rows", note=path)
            os._exit(0)
        except BaseException as error:
            print(type(error).__name__, error, file=sys.stderr, flush=True)
            os._exit(1)
    return child

started = time.perf_counter()
assert os.waitpid(ingest(files[0]), 0)[1] == 0
usual = time.perf_counter() - started
outcomes = {"finished": 0, "killed": 0, "failed": 0}
for number in range(kills):
    child = ingest(random.choice(files))
    time.sleep(random.uniform(0, 1.3 * usual))
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    outcomes["killed" if os.WIFSIGNALED(status) else "failed" if status else "finished"] += 1
print(json.dumps(outcomes))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_two_hundred_killed_ingestions_leave_whole_versions_and_nothing_that_a_collection_does_not_free(tmp_path):
    sources = {str(path): table for path, table in _files(tmp_path)}
    workspace = Workspace.create(tmp_path / "workspace")
    outcomes = _kill_often(workspace.folder, list(sources))
    assert outcomes["failed"] == 0
    assert outcomes["killed"] > KILLS / 4
    registry = workspace.registry
    assert registry.journal.verify().intact
    for line in registry.datasets.lines("rows"):
        table = read_table(registry, line.reference)
        assert table.equals(sources[line.note].cast(table.schema)), line.reference
    assert workspace.data.verify().is_sound
    workspace.data.collect(workspace.data.plan_collection())
    kept = {name for line in registry.datasets.lines("rows") for name in _objects(workspace, line.reference)}
    assert set(registry.objects.names()) == kept
    assert [path for path in (workspace.folder / "objects").rglob(".*") if path.is_file()] == []
    assert workspace.data.verify().is_sound


def _files(folder: Path) -> list[tuple[Path, pa.Table]]:
    """Versions of one table: each has some rows more than the one before and some edited."""
    made = []
    for number in range(FILES):
        rows = 20_000 + 1_000 * number
        edited = [i * 7 % 1_000 + (i % (700 + number) == 0) for i in range(rows)]
        table = pa.table(
            {"id": pa.array(range(rows)), "value": edited, "text": [f"row {i % 997}" for i in range(rows)]}
        )
        path = folder / f"rows-{number}.csv"
        pacsv.write_csv(table, path)
        made.append((path, table))
    return made


def _kill_often(folder: Path, files: list[str]) -> dict[str, int]:
    command = [sys.executable, "-c", DRIVER, str(folder), json.dumps(files), str(KILLS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    outcomes: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return outcomes


def _objects(workspace: Workspace, reference: str) -> set[str]:
    from mlops_desktop.data.read import manifest

    version = workspace.registry.datasets.get(reference)
    rows = {stored.sha256 for stored in manifest(workspace.registry, version).objects}
    return rows | {version.manifest, version.profile}
