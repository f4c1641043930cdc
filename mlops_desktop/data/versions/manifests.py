"""Manifests and profiles as objects of the content store: JSON in a zstd frame.

Workspaces of earlier releases hold plain JSON, with manifests that list one object per chunk; they are read as well.
"""

from __future__ import annotations

import msgspec
import zstandard
from msgspec import Struct

from mlops_desktop.core.datasets import Chunk, DatasetVersion, Manifest, Piece, Profile, Schema, StoredObject
from mlops_desktop.registry import Registry

_LEVEL = 10
_FRAME = b"\x28\xb5\x2f\xfd"


class _WholeChunk(Struct, frozen=True):
    """A chunk of the first form of manifests: an object of its own."""

    sha256: str
    content_id: str
    rows: int
    size: int


class _FirstManifest(Struct, frozen=True):
    schema: Schema
    chunks: tuple[_WholeChunk, ...]


class _Form(Struct):
    """Just enough of a manifest to tell its form."""

    objects: msgspec.Raw = msgspec.Raw()


def read_manifest(registry: Registry, version: DatasetVersion) -> Manifest:
    """What a version consists of. Raises `NotFound` or `Damaged`."""
    content = _unpacked(registry.objects.read_bytes(version.manifest))
    if not bytes(msgspec.json.decode(content, type=_Form).objects):
        return _from_first(msgspec.json.decode(content, type=_FirstManifest))
    return msgspec.json.decode(content, type=Manifest)


def read_profile(registry: Registry, version: DatasetVersion) -> Profile:
    """The profile as it was stored with the version. Raises `NotFound` or `Damaged`."""
    return msgspec.json.decode(_unpacked(registry.objects.read_bytes(version.profile)), type=Profile)


def put_struct(registry: Registry, value: Manifest | Profile) -> str:
    """Store a manifest or a profile; the object's name."""
    return registry.objects.put_bytes(zstandard.compress(msgspec.json.encode(value), _LEVEL))


def _unpacked(content: bytes) -> bytes:
    return zstandard.decompress(content) if content.startswith(_FRAME) else content


def _from_first(first: _FirstManifest) -> Manifest:
    """0 stands for the hash of a last row, which is not known there: such a chunk is found by its place."""
    objects: dict[str, StoredObject] = {}
    chunks = []
    for chunk in first.chunks:
        stored = objects.setdefault(chunk.sha256, StoredObject(chunk.sha256, chunk.rows, chunk.size))
        piece = Piece(list(objects).index(chunk.sha256), 0, stored.rows)
        chunks.append(Chunk(chunk.content_id, chunk.rows, 0, (piece,)))
    return Manifest(first.schema, tuple(objects.values()), tuple(chunks))
