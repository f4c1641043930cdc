"""Versions leave the workspace into one file and come back equal, or are refused with the reason."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest

from mlops_desktop.core.datasets import DatasetVersion, Origin
from mlops_desktop.core.errors import AppError, Conflict, Damaged, EnvironmentProblem, InvalidInput, NotFound
from mlops_desktop.core.events import DatasetVersionArchived
from mlops_desktop.data.read import preview, read_table
from mlops_desktop.data.upkeep.archiving import archive, restore
from mlops_desktop.data.upkeep.collection import collect, plan_collection
from mlops_desktop.data.upkeep.verify import verify
from mlops_desktop.data.versions.manifests import read_manifest, read_profile
from mlops_desktop.data.versions.store import write_version
from mlops_desktop.registry import Registry


def free(registry: Registry) -> int:
    return collect(registry, plan_collection(registry)).objects


@pytest.fixture
def other(tmp_path: Path):
    opened = Registry.create(tmp_path / "other")
    yield opened
    opened.close()


@pytest.fixture
def version(registry: Registry, origin: Origin, numbered) -> DatasetVersion:
    """The first of two versions that share rows."""
    made = write_version(registry, "t", numbered(60_000), origin)
    write_version(registry, "t", numbered(120_000), origin)
    registry.datasets.tag("t@1", "raw")
    registry.datasets.set_note("t@1", "as delivered")
    return made


def test_an_archived_version_is_out_of_sight_and_comes_back(registry: Registry, version: DatasetVersion) -> None:
    archive(registry, "t@1")
    assert [line.number for line in registry.datasets.lines("t")] == [2]
    assert read_table(registry, "t@1").num_rows == 60_000 and free(registry) == 0
    assert restore(registry, "t@1") == version
    assert [line.number for line in registry.datasets.lines("t")] == [2, 1]


def test_a_packed_version_leaves_its_rows_to_the_file_and_comes_back_equal(
    registry: Registry, tmp_path: Path, origin: Origin, numbered
) -> None:
    version = write_version(registry, "t", numbered(5_000), origin)
    before, file = read_table(registry, version), tmp_path / "below" / "t-1.zip"
    marks = archive(registry, "t@1", file)
    assert marks.is_archived and marks.packed == str(file)
    event = registry.journal.newest(1, kinds=[DatasetVersionArchived.kind])[0]
    assert event.payload["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert event.payload["size"] == file.stat().st_size
    rows = [stored.sha256 for stored in read_manifest(registry, version).objects]
    assert free(registry) == len(rows) and not any(map(registry.objects.has, rows))
    assert read_profile(registry, version).rows == 5_000 and verify(registry, deep=True).is_sound
    for attempt in (lambda: read_table(registry, "t@1"), lambda: preview(registry, version)):
        with pytest.raises(NotFound, match=r"rows of t@1 were moved to .*t-1\.zip") as caught:
            attempt()
        assert "data restore t@1" in caught.value.hint
    assert restore(registry, "t@1") == version
    assert read_table(registry, "t@1").equals(before) and verify(registry, deep=True).is_sound
    assert registry.datasets.get("t") == version and not registry.datasets.marks("t@1").packed


def test_the_archive_can_be_checked_with_standard_tools(
    registry: Registry, version: DatasetVersion, tmp_path: Path
) -> None:
    archive(registry, "t@1", tmp_path / "t.zip")
    with zipfile.ZipFile(tmp_path / "t.zip") as file:
        assert {member.compress_type for member in file.infolist()} == {zipfile.ZIP_STORED}
        file.extractall(tmp_path / "unpacked")
        listed = {line.partition("  ")[2] for line in file.read("SHA256SUMS").decode().splitlines()}
        assert listed == set(file.namelist()) - {"SHA256SUMS"}
        described = msgspec.json.decode(file.read("version.json"))
    assert (described["version"]["number"], described["note"], described["tags"]) == (1, "as delivered", ["raw"])
    if shutil.which("sha256sum"):
        checked = subprocess.run(
            ["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "unpacked", capture_output=True, check=False
        )
        assert checked.returncode == 0, checked.stderr


def test_rows_that_another_version_needs_stay(registry: Registry, version: DatasetVersion, tmp_path: Path) -> None:
    after = read_table(registry, "t@2")
    archive(registry, "t@1", tmp_path / "t.zip")
    free(registry)
    assert read_table(registry, "t@2").equals(after) and verify(registry, deep=True).is_sound


def test_new_versions_do_not_lean_on_rows_that_were_packed(
    registry: Registry, tmp_path: Path, origin: Origin, numbered
) -> None:
    write_version(registry, "t", numbered(60_000), origin)
    write_version(registry, "t", numbered(10), origin)
    archive(registry, "t@1", tmp_path / "t.zip")
    free(registry)
    again = write_version(registry, "t", numbered(60_000), origin)
    assert again.repeats == "t@1" and read_table(registry, again).num_rows == 60_000
    assert verify(registry, deep=True).is_sound
    free(registry)
    assert restore(registry, "t@1").number == 1 and verify(registry, deep=True).is_sound


# Into another workspace, and after deletion


def test_a_file_restores_into_a_workspace_that_never_had_the_version(
    registry: Registry, version: DatasetVersion, other: Registry, tmp_path: Path, origin: Origin, numbered
) -> None:
    archive(registry, "t@1", tmp_path / "t.zip")
    write_version(other, "copy", numbered(3), origin)
    restored = restore(other, "copy", tmp_path / "t.zip")
    assert (restored.reference, restored.content_id) == ("copy@2", version.content_id)
    assert restored.origin == version.origin and other.datasets.marks("copy@2").tags == ("raw",)
    free(other)
    assert read_table(other, "copy@2").num_rows == 60_000 and verify(other, deep=True).is_sound
    assert restore(other, "copy", tmp_path / "t.zip") == restored


def test_a_deleted_version_comes_back_as_the_next_one(
    registry: Registry, version: DatasetVersion, tmp_path: Path
) -> None:
    archive(registry, "t@1", tmp_path / "t.zip")
    registry.datasets.delete("t@1", "a mistake")
    free(registry)
    assert restore(registry, "t@1", tmp_path / "t.zip").reference == "t@3"
    assert verify(registry, deep=True).is_sound


def test_a_moved_file_is_asked_for_and_a_packed_version_is_found_by_its_content(
    registry: Registry, version: DatasetVersion, tmp_path: Path
) -> None:
    archive(registry, "t@1", tmp_path / "t.zip")
    (tmp_path / "t.zip").rename(tmp_path / "moved.zip")
    with pytest.raises(NotFound, match=r"There is no archive .*t\.zip") as caught:
        restore(registry, "t@1")
    assert "--from" in caught.value.hint
    assert restore(registry, "t", tmp_path / "moved.zip") == version
    assert not registry.datasets.marks("t@1").is_archived


def test_a_file_of_another_version_is_refused(registry: Registry, version: DatasetVersion, tmp_path: Path) -> None:
    archive(registry, "t@1", tmp_path / "t.zip")
    with pytest.raises(Conflict, match="other content than t@2 has") as caught:
        restore(registry, "t@2", tmp_path / "t.zip")
    assert "as `t`" in caught.value.hint


def test_a_damaged_object_is_replaced_from_the_archive(
    registry: Registry, version: DatasetVersion, tmp_path: Path
) -> None:
    archive(registry, "t@1", tmp_path / "t.zip")
    path = registry.objects.path(read_manifest(registry, version).objects[0].sha256)
    path.chmod(0o644)
    path.write_bytes(bytes(path.stat().st_size))
    assert not verify(registry).is_sound
    restore(registry, "t@1")
    assert verify(registry, deep=True).is_sound


@pytest.fixture
def stored_otherwise(registry: Registry, other: Registry, tmp_path: Path, origin: Origin, numbered) -> pa.Table:
    """The rows of `t@2`, packed into `own.zip` as slices and new rows, and into `other.zip` in one piece."""
    edited = pa.concat_tables([numbered(30_000), numbered(1, 1_000_000), numbered(29_999, 30_001)])
    write_version(registry, "t", numbered(60_000), origin)
    sliced, whole = write_version(registry, "t", edited, origin), write_version(other, "t", edited, origin)
    assert (sliced.content_id, sliced.manifest != whole.manifest) == (whole.content_id, True)
    for opened, name in ((registry, "own.zip"), (other, "other.zip")):
        number = opened.datasets.get("t").number
        write_version(opened, "t", numbered(7), origin)
        archive(opened, f"t@{number}", tmp_path / name)
    registry.datasets.delete("t@1", "no longer needed")
    free(registry)
    return edited


def test_an_archive_of_the_same_rows_in_other_objects_does_not_bring_a_version_back_without_its_own(
    registry: Registry, stored_otherwise: pa.Table, tmp_path: Path
) -> None:
    with pytest.raises(Conflict, match="in other objects than that version names") as caught:
        restore(registry, "t@2", tmp_path / "other.zip")
    assert "own.zip" in caught.value.hint and registry.datasets.marks("t@2").packed
    added = restore(registry, "t", tmp_path / "other.zip")
    assert (added.reference, added.repeats) == ("t@4", "t@2")
    assert read_table(registry, added).equals(stored_otherwise) and verify(registry, deep=True).is_sound
    assert restore(registry, "t@2").reference == "t@2"
    assert read_table(registry, "t@2").equals(stored_otherwise) and verify(registry, deep=True).is_sound


def test_references_of_another_workspace_are_not_taken_for_this_ones(
    registry: Registry, other: Registry, tmp_path: Path, numbered, origin: Origin
) -> None:
    derived = Origin(kind="table", name="test", parents=("raw@1",))
    write_version(registry, "t", numbered(10), derived)
    write_version(registry, "t", numbered(11), origin)
    archive(registry, "t@1", tmp_path / "t.zip")
    assert restore(other, "t", tmp_path / "t.zip").origin == origin
    registry.datasets.delete("t@1", "no longer needed")
    assert restore(registry, "t", tmp_path / "t.zip").origin == derived


# What is refused


def test_no_archive_is_written_where_a_collection_would_free_it(registry: Registry, version: DatasetVersion) -> None:
    with pytest.raises(InvalidInput, match="is the content store"):
        archive(registry, "t@1", registry.objects.folder / "ab" / "t.zip")
    assert not registry.datasets.marks("t@1").is_archived


def test_what_is_needed_is_not_packed(registry: Registry, version: DatasetVersion, tmp_path: Path) -> None:
    registry.datasets.set_alias("t@1", "reference")
    with pytest.raises(Conflict, match="t@1 is reference of t"):
        archive(registry, "t@1", tmp_path / "t.zip")
    assert not (tmp_path / "t.zip").exists()
    archive(registry, "t@1")
    assert registry.datasets.get("t@reference") == version


def test_no_file_is_written_over_and_none_is_left_by_a_failure(
    registry: Registry, version: DatasetVersion, tmp_path: Path
) -> None:
    (tmp_path / "t.zip").write_text("precious")
    with pytest.raises(InvalidInput, match="exists already"):
        archive(registry, "t@1", tmp_path / "t.zip")
    with pytest.raises(EnvironmentProblem, match="cannot be written"):
        archive(registry, "t@1", tmp_path / "t.zip" / "below.zip")
    registry.objects.path(read_manifest(registry, version).objects[0].sha256).unlink()
    with pytest.raises(NotFound):
        archive(registry, "t@1", tmp_path / "half.zip")
    assert (tmp_path / "t.zip").read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir() if path.is_file() and path.suffix != ".lock"] == ["t.zip"]
    assert not registry.datasets.marks("t@1").is_archived


def rewritten(source: Path, target: Path, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> Path:
    """A copy of an archive with changed members; None leaves one out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            member = change(name, old.read(name))
            if member is not None:
                new.writestr(*member)
    return target


def climbing(name: str, content: bytes) -> tuple[str, bytes]:
    return ("../../" + name if name == "SHA256SUMS" else name), content


def altered(name: str, content: bytes) -> tuple[str, bytes]:
    return name, content[:-1] + bytes([content[-1] ^ 1]) if name.startswith("objects") else content


def without_rows(name: str, content: bytes) -> tuple[str, bytes] | None:
    return None if name.startswith("objects") and content.startswith(b"PAR1") else (name, content)


def other_version(name: str, content: bytes) -> tuple[str, bytes]:
    return name, content.replace(b'"rows": 60000', b'"rows": 60001') if name == "version.json" else content


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (climbing, InvalidInput, r"holds '\.\./\.\./SHA256SUMS'"),
        (altered, Damaged, "was changed"),
        (without_rows, Damaged, "is missing"),
        (other_version, Damaged, r"version\.json was changed"),
        (lambda name, content: (name.replace("version", "other"), content), InvalidInput, "not the archive"),
        (lambda name, content: None, InvalidInput, "not the archive of a version"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_restores_nothing(
    registry: Registry,
    version: DatasetVersion,
    other: Registry,
    tmp_path: Path,
    change: Callable[[str, bytes], tuple[str, bytes] | None],
    kind: type[AppError],
    message: str,
) -> None:
    archive(registry, "t@1", tmp_path / "t.zip")
    bad = rewritten(tmp_path / "t.zip", tmp_path / "bad.zip", change)
    with pytest.raises(kind, match=message) as caught:
        restore(other, "t", bad)
    assert caught.value.hint and other.datasets.names() == []
    free(other)
    assert list(other.objects.names()) == []


def test_deflated_truncated_and_other_files_are_refused(
    registry: Registry, version: DatasetVersion, other: Registry, tmp_path: Path
) -> None:
    archive(registry, "t@1", tmp_path / "t.zip")
    content = (tmp_path / "t.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.zip").write_text("no archive")
    with zipfile.ZipFile(tmp_path / "deflated.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("version.json", "{}" * 1_000)
    for name in ("cut.zip", "text.zip", "deflated.zip"):
        with pytest.raises((InvalidInput, Damaged), match="archive") as caught:
            restore(other, "t", tmp_path / name)
        assert caught.value.hint
    for reference in ("", " ", "@1"):
        with pytest.raises(InvalidInput, match="cannot be the name of a dataset"):
            restore(other, reference, tmp_path / "t.zip")


# Killed on the way

KILLED = """
import os, signal, sys
from pathlib import Path
from mlops_desktop.data.upkeep.archiving import archive, restore
from mlops_desktop.registry import Registry

def dies(fraction, message=""):
    if message.startswith(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

registry, file = Registry(Path(sys.argv[1])), Path(sys.argv[2])
if sys.argv[4] == "archive":
    archive(registry, "t@1", file, progress=dies)
else:
    restore(registry, "t@1", file, progress=dies)
"""


def killed(registry: Registry, file: Path, at: str, verb: str) -> None:
    command = [sys.executable, "-c", KILLED, str(registry.folder), str(file), at, verb]
    assert subprocess.run(command, check=False).returncode == -9


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_archive_or_restore_can_be_done_again(registry: Registry, tmp_path: Path, origin: Origin) -> None:
    table = pa.table({"a": pa.array(range(300_000)), "b": pa.array([f"text {i}" for i in range(300_000)])})
    version = write_version(registry, "t", table, origin)
    size = len(read_manifest(registry, version).objects)
    file = tmp_path / "t.zip"
    for at in ("2 of", f"{size + 2} of {size + 2} objects read back"):
        killed(registry, file, at, "archive")
        assert not file.exists() and not registry.datasets.marks("t@1").is_archived
    archive(registry, "t@1", file)
    free(registry)
    killed(registry, file, "1 of", "restore")
    assert registry.datasets.marks("t@1").packed == str(file)
    assert free(registry) == 1
    assert restore(registry, "t@1") == version and read_table(registry, "t@1").num_rows == 300_000
    assert verify(registry, deep=True).is_sound and registry.journal.verify().intact
