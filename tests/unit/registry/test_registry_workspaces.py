"""Opening a workspace: whatever is wrong with it is said in words, with what to do. And the engine's lease."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from mlops_desktop.core.errors import AppError, Damaged, EnvironmentProblem, InvalidInput, NotFound, WorkspaceTooNew
from mlops_desktop.core.events import ReportWritten
from mlops_desktop.registry import Registry
from mlops_desktop.registry.lease import Lease

NOBODY = 65_534


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Registry.create(tmp_path / "workspace", actor="tester").close()
    return tmp_path / "workspace"


def run_sql(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "registry.db")) as connection:
        connection.execute(statement)
        connection.commit()


def opening_fails(folder: Path, kind: type[AppError]) -> AppError:
    with pytest.raises(kind) as caught:
        Registry(folder).journal.verify()
    assert str(folder) in caught.value.message and caught.value.hint
    return caught.value


def test_a_workspace_opens_with_the_name_it_was_given(tmp_path: Path) -> None:
    Registry.create(tmp_path / "a", name="Flights", replay_from="2013-04-01T00:00:00+00:00").close()
    registry = Registry(tmp_path / "a")
    assert (registry.name, registry.is_replay) == ("Flights", True)
    assert registry.clock.now() == datetime(2013, 4, 1, tzinfo=UTC)
    registry.advance_clock(datetime(2013, 4, 2, tzinfo=UTC))
    assert registry.clock.now() == datetime(2013, 4, 2, tzinfo=UTC)
    registry.close()


def test_a_folder_without_workspace_says_how_to_make_one(tmp_path: Path) -> None:
    for missing in (tmp_path, tmp_path / "nowhere"):
        assert "init" in opening_fails(missing, NotFound).hint


def test_a_workspace_is_never_made_over_another(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="already is a workspace") as caught:
        Registry.create(folder)
    assert caught.value.hint and Registry(folder).journal.head() == 1


def test_a_workspace_cannot_be_made_where_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(EnvironmentProblem, match="cannot be written") as caught:
            Registry.create(place)
        assert caught.value.hint


def test_a_workspace_of_a_newer_version_is_refused_and_not_changed(folder: Path) -> None:
    run_sql(folder, "UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    before = (folder / "registry.db").read_bytes()
    assert "Update the program" in opening_fails(folder, WorkspaceTooNew).hint
    assert (folder / "registry.db").read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"not a database, but long enough to be read as a header of one" * 99),
        lambda path: path.write_bytes(path.read_bytes()[:5_000]),
        lambda path: path.write_bytes(path.read_bytes()[:100] + b"\x55" * 40_000),
        lambda path: run_sql(path.parent, "DELETE FROM meta WHERE key = 'schema_version'"),
        lambda path: run_sql(path.parent, "UPDATE meta SET value = 'one' WHERE key = 'schema_version'"),
        lambda path: run_sql(path.parent, "DROP TABLE meta"),
    ],
    ids=["empty", "not a database", "cut off", "overwritten", "no version", "strange version", "no meta table"],
)
def test_a_damaged_registry_is_named_as_such(folder: Path, damage: Callable[[Path], object]) -> None:
    damage(folder / "registry.db")
    with pytest.raises(Damaged) as caught:
        found = Registry(folder).journal.verify()
        if not found.intact:
            raise Damaged(found.reason, hint="verified")
    assert caught.value.hint


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder as somebody sees it who may not write to it; the superuser becomes somebody else meanwhile."""
    if sys.platform == "win32":
        pytest.skip("folders have no such permissions there")
    files = [folder, *folder.rglob("*")]
    for path in files:
        path.chmod(0o555 if path.is_dir() else 0o444)
    is_superuser = os.geteuid() == 0
    try:
        if is_superuser:
            os.seteuid(NOBODY)
        yield
    finally:
        if is_superuser:
            os.seteuid(0)
        for path in files:
            path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A workspace whose path others can reach, which that of pytest's temporary folder they cannot."""
    with tempfile.TemporaryDirectory() as above:
        Path(above).chmod(0o755)
        Registry.create(Path(above) / "workspace", actor="tester").close()
        yield Path(above) / "workspace"


def test_a_read_only_workspace_says_so_when_something_is_to_be_written(open_folder: Path) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: Registry(open_folder).record(ReportWritten("x", ""), "x"),
        lambda: Registry(open_folder).objects.put_bytes(b"content"),
        lambda: Lease(open_folder / "engine.lock").acquire(),
        lambda: Registry.create(open_folder / "inner"),
    ]
    for attempt in attempts:
        with read_only(open_folder), pytest.raises(EnvironmentProblem, match="cannot be written") as caught:
            attempt()
        assert caught.value.hint
    assert Registry(open_folder).is_writable()


def test_several_threads_and_workspaces_are_open_at_once(tmp_path: Path) -> None:
    registries = [Registry.create(tmp_path / name) for name in ("a", "b")]

    def write(registry: Registry) -> None:
        for number in range(20):
            registry.record(ReportWritten(str(number), ""), registry.name)
        registry.close()

    threads = [threading.Thread(target=write, args=(registry,)) for registry in registries * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for registry in registries:
        assert (registry.journal.verify().intact, registry.journal.head()) == (True, 41)
        registry.close()


def test_a_reader_notices_that_another_program_wrote(folder: Path) -> None:
    reader, writer = Registry(folder), Registry(folder)
    before = reader.data_version()
    assert reader.data_version() == before
    done = threading.Thread(target=lambda: (writer.record(ReportWritten("x", ""), "x"), writer.close()))
    done.start()
    done.join()
    assert reader.data_version() != before
    reader.close()


def test_a_moved_workspace_opens_elsewhere(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder, tmp_path / "elsewhere")
    assert Registry(tmp_path / "elsewhere").journal.verify().intact


# The lease

HOLDER = """
import sys, time
from pathlib import Path
from mlops_desktop.registry.lease import Lease
lease = Lease(Path(sys.argv[1]))
print(lease.acquire(), flush=True)
time.sleep(600)
"""


def test_one_program_holds_the_lease_and_it_goes_with_a_killed_one(folder: Path) -> None:
    path = folder / "engine.lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None and holder.stdout.readline().strip() == b"True"
        mine = Lease(path)
        assert not mine.acquire() and not mine.is_held
        assert mine.holder().startswith(f"process {holder.pid} on ")
    finally:
        psutil.Process(holder.pid).kill()
        holder.communicate()
    assert mine.acquire() and mine.acquire() and mine.is_held
    assert mine.holder().startswith(f"process {os.getpid()} on ")
    mine.release()
    assert mine.holder() == "" and not mine.is_held


def test_a_released_lease_can_be_taken_within_one_process(tmp_path: Path) -> None:
    first, second = Lease(tmp_path / "lock"), Lease(tmp_path / "lock")
    assert first.acquire() and not second.acquire()
    first.release()
    first.release()
    assert second.acquire()
    second.release()


def test_a_lease_file_with_anything_in_it_names_no_holder(tmp_path: Path) -> None:
    for content in (b"", b" ", b" not json", b" []", b' {"pid": 1}'):
        (tmp_path / "lock").write_bytes(content)
        assert Lease(tmp_path / "lock").holder() == ""


def test_a_workspace_opened_by_a_relative_path_gives_absolute_ones_to_other_processes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Registry.create(Path("there")).close()
    registry = Registry(Path("there"))
    name = registry.objects.put_bytes(b"rows")
    assert registry.folder == tmp_path / "there"
    assert registry.objects.path(name).is_absolute()
    registry.close()
