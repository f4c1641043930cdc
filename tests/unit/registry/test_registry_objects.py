"""The content store: objects appear whole or not at all, and are checked when read."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_desktop.core.errors import Damaged, EnvironmentProblem, NotFound
from mlops_desktop.core.ids import sha256_hex
from mlops_desktop.registry.objects import ObjectStore


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "objects")


def test_content_comes_back_as_it_was_and_is_named_by_its_hash(store: ObjectStore) -> None:
    name = store.put_bytes(b"content")
    assert name == sha256_hex(b"content") and store.has(name)
    assert store.read_bytes(name) == b"content"
    assert list(store.names()) == [name]
    assert store.path(name).name == name[2:] and store.path(name).parent.name == name[:2]


def test_the_same_content_is_written_once(store: ObjectStore) -> None:
    name = store.put_bytes(b"content")
    before = store.path(name).stat().st_mtime_ns
    assert store.put_bytes(b"content") == name
    assert store.path(name).stat().st_mtime_ns == before


def test_a_torn_object_is_written_again(store: ObjectStore) -> None:
    name = store.put_bytes(b"content")
    store.path(name).chmod(0o644)
    store.path(name).write_bytes(b"cont")
    assert store.put_bytes(b"content") == name and store.read_bytes(name) == b"content"


def test_a_missing_object_is_not_found(store: ObjectStore) -> None:
    with pytest.raises(NotFound, match="missing from the content store") as caught:
        store.read_bytes(sha256_hex(b"never stored"))
    assert caught.value.hint


@pytest.mark.parametrize("content", [b"", b"contenu", b"content and more"])
def test_a_damaged_object_is_noticed(store: ObjectStore, content: bytes) -> None:
    name = store.put_bytes(b"content")
    store.path(name).chmod(0o644)
    store.path(name).write_bytes(content)
    with pytest.raises(Damaged, match=name[:12]) as caught:
        store.read_bytes(name)
    assert caught.value.hint


def test_a_write_that_fails_leaves_nothing_behind(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(EnvironmentProblem, match="is full"):
        store.put_bytes(b"content")
    monkeypatch.undo()
    assert list(store.names()) == [] and not store.has(sha256_hex(b"content"))
    assert [path for path in store.folder.rglob("*") if path.is_file()] == []


WRITER = """
import sys
from pathlib import Path
from mlops_desktop.registry.objects import ObjectStore
store = ObjectStore(Path(sys.argv[1]))
print("ready", flush=True)
number = 0
while True:
    store.put_bytes(number.to_bytes(4, "big") * 50_000)
    number += 1
"""


def test_a_writer_killed_at_any_moment_leaves_only_whole_objects(store: ObjectStore) -> None:
    for _ in range(4):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(store.folder)], stdout=subprocess.PIPE)
        assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
        before = len(list(store.names()))
        while len(list(store.names())) < before + 3:
            assert writer.poll() is None
        writer.kill()
        writer.communicate()
    names = list(store.names())
    assert len(names) > 3
    assert {sha256_hex(store.read_bytes(name)) for name in names} == set(names)
