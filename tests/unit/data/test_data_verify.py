"""Damage to stored datasets is found and named."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from mlops_desktop.core.datasets import Origin, Piece
from mlops_desktop.core.errors import Cancelled
from mlops_desktop.data.read import manifest
from mlops_desktop.data.upkeep.collection import collect, plan_collection
from mlops_desktop.data.upkeep.verify import all_versions, verify
from mlops_desktop.data.versions.manifests import put_struct
from mlops_desktop.data.versions.store import Staged, append_version, record_version, stage_version, write_version
from mlops_desktop.registry import Registry


def spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(content))


def test_sound_versions_are_reported_as_sound(registry: Registry, origin: Origin, numbered):
    write_version(registry, "t", numbered(1_000), origin)
    append_version(registry, "t", numbered(10, first=1_000), origin)
    found = verify(registry)
    assert found.is_sound
    assert (found.versions, found.objects) == (2, 6)


def test_one_changed_bit_is_found_in_every_version_it_touches(registry: Registry, origin: Origin, numbered):
    first = write_version(registry, "t", numbered(100_000), origin)
    append_version(registry, "t", numbered(10, first=100_000), origin)
    write_version(registry, "other", numbered(10), origin)
    chunk = manifest(registry, first).objects[0].sha256
    spoil(registry.objects.path(chunk))
    (damaged,) = verify(registry).damaged
    assert (damaged.sha256, damaged.role, damaged.problem) == (chunk, "rows", "damaged")
    assert set(damaged.versions) == {"t@1", "t@2"}


def test_missing_manifests_and_profiles_are_named(registry: Registry, origin: Origin, numbered):
    version = write_version(registry, "t", numbered(10), origin)
    for sha256 in (version.manifest, version.profile):
        registry.objects.path(sha256).chmod(0o644)
        registry.objects.path(sha256).unlink()
    found = {(item.role, item.problem, item.versions) for item in verify(registry, [version]).damaged}
    assert found == {("manifest", "missing", ("t@1",)), ("profile", "missing", ("t@1",))}


def test_models_runs_and_what_nothing_uses_are_checked_with_the_whole_store(registry: Registry) -> None:
    put = registry.objects.put_bytes
    run = registry.runs.start("late", "late@1", "t@1", {})
    registry.runs.finish(run, metrics={}, artifacts={"onnx": put(b"model")}, summary="", seconds=1.0)
    loose = put(b"named by nothing")
    found = verify(registry)
    assert found.is_sound and (found.versions, found.objects, found.size) == (0, 2, 21)
    for name in (put(b"model"), loose):
        spoil(registry.objects.path(name))
    damaged = {item.role: item.versions for item in verify(registry).damaged}
    assert damaged == {"onnx": (f"run {run.id}",), "unused": ()}
    assert verify(registry, []).is_sound


def test_rows_that_were_stored_under_a_wrong_content_id_are_found_by_a_deep_look(
    registry: Registry, origin: Origin, numbered
) -> None:
    write_version(registry, "t", numbered(100), origin)
    staged = stage_version(registry, "wrong", numbered(100), origin)
    other = stage_version(registry, "wrong", numbered(100, first=7), origin)
    record_version(registry, Staged(**{**structs.asdict(staged), "manifest": other.manifest}))
    assert verify(registry).is_sound
    found = verify(registry, deep=True)
    assert [(item.role, item.versions) for item in found.damaged] == [("version", ("wrong@1",))]
    assert found.chunks == 2


def test_a_chunk_that_does_not_hold_its_rows_is_found_by_a_deep_look(
    registry: Registry, origin: Origin, numbered
) -> None:
    version = write_version(registry, "t", numbered(100), origin)
    before = manifest(registry, version)
    (chunk,) = before.chunks
    (piece,) = chunk.pieces
    moved = structs.replace(chunk, pieces=(Piece(piece.object, 1, 50), Piece(piece.object, 0, 50)))
    changed = put_struct(registry, structs.replace(before, chunks=(moved,)))
    found = verify(registry, [structs.replace(version, manifest=changed)], deep=True)
    assert [(item.sha256, item.role, item.versions) for item in found.damaged] == [
        (chunk.content_id, "chunk", ("t@1",))
    ]


def test_what_is_deleted_and_collected_meanwhile_is_not_called_damaged(
    registry: Registry, origin: Origin, numbered
) -> None:
    """As another process may do it, at each moment that progress is told."""
    registry.objects.put_bytes(b"named by nothing")
    for first in range(6):
        write_version(registry, f"t{first}", numbered(100, first), origin)
    left = [f"t{first}@1" for first in range(6)]

    def remove_some(fraction: float | None, message: str = "") -> None:
        if left:
            registry.datasets.delete(left.pop(), "no longer needed")
            collect(registry, plan_collection(registry))

    for versions in (None, all_versions(registry)):
        assert verify(registry, versions, deep=True, progress=remove_some).damaged == ()
    assert not left and not list(registry.objects.names())


def test_what_is_damaged_is_named_by_the_versions_that_are_left(registry: Registry, origin: Origin, numbered) -> None:
    kept = write_version(registry, "kept", numbered(100), origin)
    write_version(registry, "gone", numbered(100), origin)
    spoil(registry.objects.path(manifest(registry, kept).objects[0].sha256))

    def remove(fraction: float | None, message: str = "") -> None:
        if "gone" in registry.datasets.names():
            registry.datasets.delete("gone@1", "no longer needed")

    (damaged,) = verify(registry, progress=remove).damaged
    assert (damaged.role, damaged.versions) == ("rows", ("kept@1",))


def test_progress_tells_the_rate_and_a_cancelled_look_ends(registry: Registry, origin: Origin, numbered) -> None:
    write_version(registry, "t", numbered(1_000), origin)
    told: list[str] = []
    verify(registry, deep=True, progress=lambda fraction, message="": told.append(message))
    assert told[0].startswith("1 of 3 objects checked") and told[0].endswith("MB/s")
    assert told[-1] == "1 of 1 chunks rebuilt, 1,000 rows"

    def cancel(fraction: float | None, message: str = "") -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        verify(registry, progress=cancel)
