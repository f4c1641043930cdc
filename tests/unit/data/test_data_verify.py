"""Damage to stored datasets is found and named."""

from __future__ import annotations

from pathlib import Path

from mlops_desktop.core.datasets import Origin
from mlops_desktop.data.read import manifest
from mlops_desktop.data.store import append_version, write_version
from mlops_desktop.data.verify import verify
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
