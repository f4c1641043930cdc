"""A workspace of the first format is brought up to date once, with a copy beside it, or says why it is not."""

from __future__ import annotations

import sqlite3
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from mlops_desktop.core.datasets import DatasetVersion, Origin, Schema
from mlops_desktop.core.errors import EnvironmentProblem
from mlops_desktop.core.events import WorkspaceMigrated
from mlops_desktop.registry import Registry
from mlops_desktop.registry.tables import SCHEMA_VERSION

NEW = ("dataset_line", "dataset_alias", "dataset_tombstone", "contract", "watch")


def add(registry: Registry, dataset: str, content: str) -> DatasetVersion:
    return registry.datasets.add_version(
        dataset=dataset, content_id=content, manifest="m", profile="p", rows=3, size=9, schema=Schema(()),
        origin=Origin("file", f"{content}.csv"), chunks=1, new_chunks=1, added_bytes=9, seconds=0.1,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace as the first format had it, with three versions of two datasets."""
    registry = Registry.create(tmp_path / "workspace", name="Flights", actor="tester")
    for dataset, content in (("flights", "a"), ("weather", "b"), ("flights", "c")):
        add(registry, dataset, content)
    registry.close()
    with closing(sqlite3.connect(tmp_path / "workspace" / "registry.db")) as connection:
        for table in NEW:
            connection.execute(f"DROP TABLE {table}")
        connection.execute("UPDATE meta SET value = '1' WHERE key = 'schema_version'")
        connection.commit()
    return tmp_path / "workspace"


def test_everything_is_there_after_the_migration_and_the_copy_is_as_it_was(folder: Path) -> None:
    registry = Registry(folder, actor="tester")
    assert [line.reference for line in registry.datasets.lines()] == ["flights@2", "weather@1", "flights@1"]
    assert [line.origin for line in registry.datasets.newest()] == ["c.csv", "b.csv"]
    assert registry.datasets.get("flights@sha:c").number == 2
    assert add(registry, "flights", "a").repeats == "flights@1"
    registry.datasets.set_alias("flights@1", "reference")
    assert registry.contracts.all() == registry.watches.all() == []
    (event,) = registry.journal.newest(9, kinds=[WorkspaceMigrated.kind])
    assert event.payload == {"before": 1, "after": SCHEMA_VERSION, "copy": "registry.v1.db"}
    assert event.subject == "Flights" and registry.journal.verify().intact
    registry.close()
    with closing(sqlite3.connect(folder / "registry.v1.db")) as copy:
        assert copy.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone() == ("1",)
        assert copy.execute("SELECT count(*) FROM dataset_version").fetchone() == (3,)
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert [path for path in folder.iterdir() if path.name.startswith(".")] == []


def test_an_older_program_that_is_open_adds_no_version_any_more(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "registry.db")) as older:
        insert = (
            "INSERT INTO dataset_version SELECT 'x' || id, dataset, number + 9, content_id, body FROM dataset_version"
        )
        registry = Registry(folder, actor="tester")
        with pytest.raises(sqlite3.IntegrityError, match="a newer version of MLOps Desktop works on this workspace"):
            older.execute(insert)
    assert add(registry, "flights", "d").number == 3
    registry.datasets.delete("flights@3", "no longer needed")
    assert len(registry.datasets.lines()) == 3
    registry.close()


def test_it_happens_once_also_when_two_programs_open_at_the_same_time(folder: Path) -> None:
    found: list[int] = []

    def open_it() -> None:
        registry = Registry(folder)
        found.append(len(registry.datasets.lines()))
        registry.close()

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [3] * 4
    registry = Registry(folder)
    assert len(registry.journal.newest(9, kinds=[WorkspaceMigrated.kind])) == 1
    registry.close()


def test_a_migration_that_fails_half_way_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*given: object, **more: object) -> None:
        raise EnvironmentProblem("The disk is full.", hint="Free some space.")

    with monkeypatch.context() as patch:
        patch.setattr("mlops_desktop.registry.journal.Journal.append", fails)
        with pytest.raises(EnvironmentProblem, match=r"could not be brought up to date: The disk is full\."):
            Registry(folder)
    with closing(sqlite3.connect(folder / "registry.db")) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        assert not tables & set(NEW)
    registry = Registry(folder)
    assert len(registry.datasets.lines()) == 3
    registry.close()


def test_a_copy_that_cannot_be_written_leaves_the_workspace_as_it_was(folder: Path) -> None:
    (folder / "registry.v1.db").mkdir()
    (folder / "registry.v1.db" / "something").write_text("")
    with pytest.raises(EnvironmentProblem, match=r"copy registry\.v1\.db cannot be written") as caught:
        Registry(folder)
    assert caught.value.hint
    with closing(sqlite3.connect(folder / "registry.db")) as connection:
        assert connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone() == ("1",)


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no such permissions there")
def test_a_read_only_workspace_of_an_older_format_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What SQLite says where it may not write; the superuser that tests may run as may write anywhere.
    monkeypatch.setattr("mlops_desktop.registry.database._PRAGMAS", {"query_only": 1})
    with pytest.raises(EnvironmentProblem, match="written by an older version") as caught:
        Registry(folder)
    assert str(folder) in caught.value.message and "writable" in caught.value.hint
