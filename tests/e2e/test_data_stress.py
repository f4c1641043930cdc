"""Several processes that do everything with data in one workspace at once, and are killed now and then."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pytest

from mlops_desktop.core.contracts import ColumnRule, Contract
from mlops_desktop.core.datasets import ColumnType, DatasetVersion
from mlops_desktop.core.events import DatasetVersionCreated
from mlops_desktop.data.read import read_table
from mlops_desktop.workspace import Workspace

SECONDS = 15
SOURCES = ((8_000, 1, 0), (12_000, 1, 0), (12_000, 2, 7), (20_000, 3, 0), (20_000, 4, 3))  # rows, seed, bad ones

# Runs in a process of its own, which has used no thread when it forks. What is not to be expected goes to a log as BAD:
# anything but a conflict, a refusal, or a version that somebody else has just deleted.
DRIVER = """
import json, os, random, signal, sys, time, traceback
from pathlib import Path
import pyarrow as pa
from mlops_desktop.core.datasets import Origin
from mlops_desktop.core.errors import Conflict, InvalidInput, NotFound
from mlops_desktop.data.read import read_table
from mlops_desktop.data.versions.store import append_version
from mlops_desktop.workspace import Workspace
import mlops_desktop.data.upkeep.archiving, mlops_desktop.data.intake.ingest, mlops_desktop.data.upkeep.verify

base, seconds = Path(sys.argv[1]), float(sys.argv[2])
until = time.monotonic() + seconds

def some(data, chance):
    lines = data._registry.datasets.lines(include_archived=True)
    return chance.choice(lines).reference if lines else "none@1"

def ingest(data, chance):
    path, mode = chance.choice(sorted(base.glob("*.csv"))), chance.choice(["refuse", "quarantine", "accept"])
    data.ingest(path, chance.choice(["plain", "kept"]), mode=mode, note=mode)

def append(data, chance):
    rows, seed = chance.choice([100, 5_000]), chance.randrange(1, 1_000)
    batch = {"of": [f"{rows}-{seed}"] * rows, "value": [i * seed % 131 for i in range(rows)]}
    append_version(data._registry, "log", pa.table(batch), Origin("table", f"{rows}-{seed}"))

def mark(data, chance):
    reference = some(data, chance)
    data.tag(reference, f"tag {chance.randrange(5)}")
    if chance.random() < 0.5:
        data.set_alias(reference, "good")
    else:
        data.drop_alias(reference.partition("@")[0], "good")

def delete(data, chance):
    reference = some(data, chance)
    data.consequences(reference)
    data.delete(reference, "of no use")

def archive(data, chance):
    reference = some(data, chance)
    to = base / "archives" / f"{reference.replace('@', '-')}-{chance.randrange(10**9)}.zip"
    data.archive(reference, to if chance.random() < 0.7 else None)

def restore(data, chance):
    files = sorted((base / "archives").glob("[a-z]*.zip"))
    archived = [line.reference for line in data._registry.datasets.lines(include_archived=True) if line.is_archived]
    if files and chance.random() < 0.4:
        file = chance.choice(files)
        data.restore(file.name.partition("-")[0], file)
    elif archived:
        data.restore(chance.choice(archived))

def collect(data, chance):
    data.collect(data.plan_collection())

def verify(data, chance):
    found = data.verify(deep=chance.random() < 0.3)
    assert found.is_sound, found.damaged[:3]

def read(data, chance):
    lines = data._registry.datasets.lines()
    if lines:
        read_table(data._registry, chance.choice(lines).reference)

VERBS = 6 * [ingest] + 4 * [append] + 2 * [mark, verify, read] + 3 * [delete, archive, restore, collect]

def work(number):
    chance, data = random.Random(number), Workspace(base / "workspace").data
    log = (base / f"log-{number}.jsonl").open("a", buffering=1)
    while time.monotonic() < until:
        verb, outcome = chance.choice(VERBS), "done"
        try:
            verb(data, chance)
        except (Conflict, NotFound, InvalidInput) as error:
            lost = verb is not read and ("content store" in str(error) or "damaged" in str(error))
            outcome = f"BAD {error}" if lost else "refused"
        except BaseException:
            outcome = f"BAD {traceback.format_exc()}"
        log.write(json.dumps([verb.__name__, outcome]) + "\\n")

alive, started, killed = [], 0, 0
def start():
    global started
    started += 1
    child = os.fork()
    if child == 0:
        try:
            work(started)
        finally:
            os._exit(0)
    alive.append(child)

for _ in range(4):
    start()
chance = random.Random(11)
while time.monotonic() < until:
    time.sleep(chance.uniform(0.1, 1.0))
    child = alive.pop(chance.randrange(len(alive)))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    killed += 1
    start()
for child in alive:
    os.waitpid(child, 0)
print(killed)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_whatever_many_do_at_once_every_version_stays_what_was_put_in(tmp_path: Path):
    workspace = _prepared(tmp_path)
    command = [sys.executable, "-c", DRIVER, str(tmp_path), str(SECONDS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    assert int(done.stdout) > SECONDS / 2
    outcomes = _outcomes(tmp_path)
    assert not [outcome for _, outcome in outcomes if outcome.startswith("BAD")]
    assert {verb for verb, outcome in outcomes if outcome == "done"} == {
        "ingest", "append", "mark", "delete", "archive", "restore", "collect", "verify", "read",
    }  # fmt: skip
    registry = workspace.registry
    assert registry.journal.verify().intact and workspace.data.verify(deep=True).is_sound
    for line in registry.datasets.lines(include_archived=True):
        if line.packed:
            workspace.data.restore(line.reference)
        table = read_table(registry, line.reference)
        expected = _expected(registry.datasets.get(line.reference), line.note, table)
        assert table.equals(expected.cast(table.schema)), line
    workspace.data.collect(workspace.data.plan_collection())
    left = workspace.data.plan_collection()
    assert (left.unused, left.temporary) == ((), 0)
    assert workspace.data.verify(deep=True).is_sound
    made = Counter(event.subject for event in registry.journal.all() if event.kind == DatasetVersionCreated.kind)
    assert set(made.values()) == {1}  # no number is ever used again


def _prepared(folder: Path) -> Workspace:
    for rows, seed, bad in SOURCES:
        pacsv.write_csv(_source(rows, seed, bad), folder / f"{rows}-{seed}-{bad}.csv")
    workspace = Workspace.create(folder / "workspace")
    rule = ColumnRule("value", type=ColumnType.INTEGER, minimum=0, maximum=999)
    workspace.data.save_contract("kept", Contract(columns=(rule,), max_bad_share=0.5))
    return workspace


def _source(rows: int, seed: int, bad: int) -> pa.Table:
    """Edited versions of one another, some with values that break the contract."""
    values = [(key * 7 + (key % (97 + seed) == 0) * seed) % 1_000 for key in range(rows)]
    for number in range(bad):
        values[(number * 1_009 + seed) % rows] = 5_000 + number
    return pa.table(
        {"key": pa.array(range(rows)), "value": values, "text": [f"row {key % 997}" for key in range(rows)]}
    )


def _expected(version: DatasetVersion, mode: str, found: pa.Table) -> pa.Table:
    if version.dataset == "log":  # whole batches, the last of which made the version
        names = _batches(found["of"].to_pylist())
        assert names[-1] == version.origin.name
        return pa.concat_tables(_batch(*map(int, name.split("-"))) for name in names)
    rows, seed, bad = map(int, re.findall(r"\d+", version.origin.name))
    table = _source(rows, seed, bad)
    is_bad = [value > 999 for value in table["value"].to_pylist()]
    if version.dataset == "kept.quarantine":
        return (
            table.filter(pa.array(is_bad))
            .append_column("_row", found["_row"])
            .append_column("_reasons", found["_reasons"])
        )
    is_kept = [not each for each in is_bad]
    return table.filter(pa.array(is_kept)) if version.dataset == "kept" and mode == "quarantine" else table


def _batches(names: list[str]) -> list[str]:
    """The batches in order: each is as long as its name says."""
    found, at = [], 0
    while at < len(names):
        found.append(names[at])
        at += int(names[at].partition("-")[0])
    return found


def _batch(rows: int, seed: int) -> pa.Table:
    return pa.table({"of": [f"{rows}-{seed}"] * rows, "value": [i * seed % 131 for i in range(rows)]})


def _outcomes(folder: Path) -> list[tuple[str, str]]:
    lines = [line for file in folder.glob("log-*.jsonl") for line in file.read_text().splitlines()]
    return [tuple(json.loads(line)) for line in lines]
