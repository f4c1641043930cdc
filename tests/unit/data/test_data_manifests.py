"""Manifests and profiles are small, and those of earlier releases are still read."""

from __future__ import annotations

import msgspec
import pyarrow as pa

from mlops_desktop.core.datasets import Manifest, Origin, Profile
from mlops_desktop.data.read import preview, read_table
from mlops_desktop.data.versions.manifests import put_struct, read_manifest, read_profile
from mlops_desktop.data.versions.store import append_version, write_version
from mlops_desktop.registry import Registry

ORIGIN = Origin(kind="table", name="test")


def stored_as_before(registry: Registry, dataset: str, table: pa.Table) -> None:
    """A version as the first releases stored it: plain JSON, one object per chunk."""
    version = write_version(registry, f"{dataset} now", table, ORIGIN)
    manifest = read_manifest(registry, version)
    chunks = [
        {
            "sha256": manifest.objects[chunk.pieces[0].object].sha256,
            "content_id": chunk.content_id,
            "rows": chunk.rows,
            "size": manifest.objects[chunk.pieces[0].object].size,
        }
        for chunk in manifest.chunks
    ]
    old = {"schema": msgspec.to_builtins(manifest.schema), "chunks": chunks}
    registry.datasets.add_version(
        dataset=dataset,
        content_id=version.content_id,
        manifest=registry.objects.put_bytes(msgspec.json.encode(old)),
        profile=registry.objects.put_bytes(msgspec.json.encode(read_profile(registry, version))),
        rows=version.rows,
        size=version.size,
        schema=version.schema,
        origin=ORIGIN,
        chunks=len(chunks),
        new_chunks=len(chunks),
        added_bytes=0,
        seconds=0.0,
    )


def test_versions_of_earlier_releases_are_read_and_built_upon(registry: Registry, numbered):
    table = numbered(100_000)
    stored_as_before(registry, "t", table)
    old = registry.datasets.get("t@1")
    assert read_table(registry, old).equals(table)
    assert preview(registry, old, 70_000, 3).equals(table.slice(70_000, 3))
    assert read_profile(registry, old).rows == 100_000
    assert write_version(registry, "t", table, ORIGIN) == old
    edited = pa.concat_tables([table.slice(0, 50_000), table.slice(50_001)])
    after = write_version(registry, "t", edited, ORIGIN)
    assert {stored.sha256 for stored in read_manifest(registry, after).objects} == {
        stored.sha256 for stored in read_manifest(registry, old).objects
    }
    longer = append_version(registry, "t", numbered(5, first=100_000), ORIGIN)
    assert read_table(registry, longer).equals(pa.concat_tables([edited, numbered(5, first=100_000)]))


def test_an_object_that_two_chunks_share_is_listed_once(registry: Registry):
    table = pa.table({"a": pa.array([1] * 300_000)})
    stored_as_before(registry, "t", table)
    manifest = read_manifest(registry, registry.datasets.get("t@1"))
    assert len(manifest.objects) < len(manifest.chunks)
    assert read_table(registry, "t@1").equals(table)


def test_what_is_stored_is_compressed_and_comes_back(registry: Registry, numbered):
    version = write_version(registry, "t", numbered(50_000), ORIGIN)
    for name, kind, read in (
        (version.manifest, Manifest, read_manifest),
        (version.profile, Profile, read_profile),
    ):
        value = read(registry, version)
        assert isinstance(value, kind)
        assert put_struct(registry, value) == name
        assert registry.objects.path(name).stat().st_size < len(msgspec.json.encode(value))
