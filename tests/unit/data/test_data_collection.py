"""What is freed, what is kept, and that nobody who stores at the same time loses anything by it."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import msgspec
import psutil
import pyarrow as pa
import pytest

from mlops_desktop.core import contracts, datasets, deployments, models, monitoring, pipelines, runs
from mlops_desktop.core.datasets import Origin
from mlops_desktop.core.errors import Cancelled, Conflict
from mlops_desktop.core.events import StoreCollected
from mlops_desktop.core.monitoring import Window, WindowKind
from mlops_desktop.data.read import read_table
from mlops_desktop.data.upkeep import collection
from mlops_desktop.data.upkeep.collection import collect, plan_collection
from mlops_desktop.data.upkeep.verify import verify
from mlops_desktop.data.versions.store import write_version
from mlops_desktop.registry import Registry

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def free(registry: Registry) -> collection.Collected:
    return collect(registry, plan_collection(registry))


def test_what_a_deleted_version_alone_needed_is_freed(registry: Registry, origin: Origin, numbered) -> None:
    kept = write_version(registry, "t", numbered(60_000), origin)
    deleted = write_version(registry, "t", numbered(120_000), origin)
    before = read_table(registry, kept)
    registry.datasets.delete(deleted.reference, "a test")
    names = set(registry.objects.names())
    plan = plan_collection(registry)
    assert set(registry.objects.names()) == names and deleted.manifest in plan.unused
    freed = collect(registry, plan)
    assert (freed.objects, freed.size) == (plan.objects, plan.size) and plan.objects >= 3
    assert names - set(registry.objects.names()) == set(plan.unused)
    assert read_table(registry, kept).equals(before) and verify(registry).is_sound
    event = registry.journal.newest(1)[0]
    assert event.kind == StoreCollected.kind
    assert (event.payload["objects"], event.payload["size"], event.payload["kept"]) == (
        plan.objects,
        plan.size,
        plan.kept,
    )


def test_nothing_to_free_is_not_on_record(registry: Registry, origin: Origin, numbered) -> None:
    write_version(registry, "t", numbered(10), origin)
    head = registry.journal.head()
    assert free(registry).objects == 0 and registry.journal.head() == head


def test_files_of_a_killed_process_are_removed(registry: Registry, origin: Origin, numbered) -> None:
    version = write_version(registry, "t", numbered(10), origin)
    left = registry.objects.path(version.manifest).parent / ".01HZZZZZZZZZZZZZZZZZZZZZZZ"
    left.write_bytes(b"half")
    assert (plan_collection(registry).temporary, plan_collection(registry).temporary_size) == (1, 4)
    assert free(registry).temporary == 1 and not left.exists()


def test_archived_versions_runs_models_and_windows_keep_what_they_name(
    registry: Registry, origin: Origin, numbered
) -> None:
    version = write_version(registry, "t", numbered(10), origin)
    registry.datasets.archive(version.reference)
    put = registry.objects.put_bytes
    run = registry.runs.start("late", "late@1", version.reference, {})
    registry.runs.finish(run, metrics={}, artifacts={"facts": put(b"facts")}, summary="", seconds=1.0)
    window = Window("w", "late", "late@1", WindowKind.DAY, NOW, NOW, 1, 0, (), (), counts=put(b"counts"))
    registry.windows.add([window], "")
    registry.pipeline_runs.queue("train", {"nested": {"deep": put(b"deep")}}, "tester")
    unused = put(b"named by nothing")
    plan = plan_collection(registry)
    assert plan.unused == (unused,)
    assert plan.kept_by == {"dataset versions": 3, "runs": 1, "monitored windows": 1, "other records": 1}


def test_a_version_whose_manifest_is_lost_stops_a_collection(registry: Registry, origin: Origin, numbered) -> None:
    version = write_version(registry, "t", numbered(10), origin)
    plan = plan_collection(registry)
    registry.objects.path(version.manifest).unlink()
    for attempt in (lambda: plan_collection(registry), lambda: collect(registry, plan)):
        with pytest.raises(Conflict, match="What t@1 needs is not known") as caught:
            attempt()
        assert caught.value.hint
    registry.datasets.delete("t@1", "lost")
    assert free(registry).objects == 2


def test_a_cancelled_collection_tells_what_it_removed(registry: Registry) -> None:
    for number in range(3):
        registry.objects.put_bytes(str(number).encode())

    def cancel(fraction: float | None, message: str = "") -> None:
        if message.startswith("2 of 3"):
            raise Cancelled

    with pytest.raises(Cancelled):
        collect(registry, plan_collection(registry), progress=cancel)
    assert registry.journal.newest(1)[0].payload["objects"] == 1
    assert len(list(registry.objects.names())) == 2 and free(registry).objects == 2


# Writers at the same time


def test_what_came_into_use_after_the_plan_is_kept(registry: Registry, origin: Origin, numbered) -> None:
    version = write_version(registry, "t", numbered(10), origin)
    registry.datasets.delete(version.reference, "a test")
    plan = plan_collection(registry)
    assert plan.objects == 3
    again = write_version(registry, "t", numbered(10), origin)
    assert collect(registry, plan).objects == 0
    assert read_table(registry, again).num_rows == 10


def test_what_a_plan_looks_at_is_not_removed_by_somebody_else(
    registry: Registry, origin: Origin, numbered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "_WAIT_SECONDS", 0.05)
    for name in ("a", "b"):
        write_version(registry, name, numbered(10), origin)
    refused = []

    def remove(fraction: float | None, message: str = "") -> None:
        if "a" in registry.datasets.names():
            registry.datasets.delete("a@1", "no longer needed")
            registry.datasets.delete("b@1", "no longer needed")
            with pytest.raises(Conflict) as caught:
                collect(registry, found)
            refused.append(caught.value)

    found = plan_collection(registry)
    plan_collection(registry, progress=remove)
    assert len(refused) == 1 and free(registry).objects > 0


def test_a_collection_waits_for_a_writer_and_then_gives_up(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, "_WAIT_SECONDS", 0.05)
    unused = registry.objects.put_bytes(b"unused")
    plan = plan_collection(registry)
    with registry.objects.in_use(), registry.objects.in_use():
        assert registry.objects.put_bytes(b"unused") == unused  # found, and to be named by a row soon
        with pytest.raises(Conflict, match="Data is being stored") as caught:
            collect(registry, plan)
    assert caught.value.hint and registry.objects.has(unused)
    assert collect(registry, plan).objects == 1


def test_a_writer_that_starts_during_a_collection_waits_for_its_end(registry: Registry) -> None:
    name = registry.objects.put_bytes(b"unused")
    reached, stored = threading.Event(), threading.Event()

    def store() -> None:
        reached.set()
        Registry(registry.folder).objects.put_bytes(b"unused")
        stored.set()

    writer = threading.Thread(target=store)

    def begin(fraction: float | None, message: str = "") -> None:
        if "removed" in message and not writer.ident:
            writer.start()
            assert reached.wait(10) and not stored.is_set()

    collect(registry, plan_collection(registry), progress=begin)
    writer.join()
    assert registry.objects.read_bytes(name) == b"unused"


WRITER = """
import sys
from pathlib import Path
import pyarrow as pa
from mlops_desktop.core.datasets import Origin
from mlops_desktop.data.versions import store
from mlops_desktop.registry import Registry

registry = Registry(Path(sys.argv[1]))
record = store.record_version

def waiting(*given, **more):
    print("stored", flush=True)
    sys.stdin.readline()
    return record(*given, **more)

store.record_version = waiting
version = store.write_version(registry, "t", pa.table({"a": list(range(1000))}), Origin("table", "test"))
print(version.reference, flush=True)
"""


@pytest.fixture
def writer(registry: Registry):
    """Another process that has stored all objects of a version and not recorded it yet."""
    command = [sys.executable, "-c", WRITER, str(registry.folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "stored\n"
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_an_ingest_of_another_process_is_not_broken(
    registry: Registry, writer: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "_WAIT_SECONDS", 0.05)
    plan = plan_collection(registry)
    assert plan.objects == 3
    with pytest.raises(Conflict):
        collect(registry, plan)
    assert writer.communicate("\n")[0] == "t@1\n"
    assert collect(registry, plan).objects == 0
    assert read_table(registry, "t@1").num_rows == 1000 and verify(registry, deep=True).is_sound


def test_what_a_killed_ingest_left_is_freed(registry: Registry, writer: subprocess.Popen[str]) -> None:
    psutil.Process(writer.pid).kill()
    writer.wait()
    assert free(registry).objects == 3 and list(registry.objects.names()) == []
    assert registry.datasets.names() == []


# Whoever names or stores an object is known

NAMES_AN_OBJECT = {
    "DatasetVersion.manifest", "DatasetVersion.profile", "ModelVersion.artifacts", "Run.artifacts", "Window.counts",
    "StoredObject.sha256",
}  # fmt: skip
NAMES_SOMETHING_ELSE = {
    "Origin.sha256", "Part.sha256",  # files as they came
    "Chunk.content_id", "DatasetVersion.content_id", "VersionLine.content_id", "Tombstone.content_id",  # rows
    "GitState.commit",
}  # fmt: skip
HASH_LIKE = re.compile(r"hash|sha256|content_id|manifest|profile$|artifact|counts$|commit$|digest|object$")


def _fields(module: ModuleType) -> set[str]:
    structs = [item for _, item in inspect.getmembers(module, inspect.isclass) if issubclass(item, msgspec.Struct)]
    return {
        f"{struct.__name__}.{field.name}"
        for struct in structs
        for field in msgspec.structs.fields(struct)
        if HASH_LIKE.search(field.name) and field.type in (str, dict[str, str])
    }


def test_every_field_of_a_recorded_struct_that_may_name_an_object_is_accounted_for() -> None:
    """A new one belongs into `Holdings.all`, so that it is verified, or into the second list above."""
    modules = (contracts, datasets, deployments, models, monitoring, pipelines, runs)
    assert set().union(*(_fields(module) for module in modules)) == NAMES_AN_OBJECT | NAMES_SOMETHING_ELSE


def test_every_module_that_stores_objects_holds_off_collections_meanwhile() -> None:
    """Those of the first list store what they are given for one of the others."""
    package = Path(collection.__file__).parents[2]
    below = {
        "registry/objects.py",
        "data/versions/manifests.py",
        "data/versions/loose.py",
        "data/versions/chunkwriter.py",
        "data/intake/taking.py",
    }
    storing = 0
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(package).as_posix()
        if re.search(r"\bput_bytes\b|\bput_struct\(|\bput_rows\(|\bTaking\(", text) and name not in below:
            storing += 1
            assert "objects.in_use()" in text, name
    assert storing >= 3


def test_an_empty_table_is_kept_too(registry: Registry, origin: Origin) -> None:
    version = write_version(registry, "t", pa.table({"a": pa.array([], pa.int64())}), origin)
    assert free(registry).objects == 0 and read_table(registry, version).num_rows == 0
