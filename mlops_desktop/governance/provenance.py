"""Where the rows of a dataset version came from, in terms that an auditor can check."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from mlops_desktop.core.datasets import DatasetVersion
from mlops_desktop.core.errors import Damaged, NotFound
from mlops_desktop.data.versions.manifests import read_manifest
from mlops_desktop.registry import Registry


class Source(Struct, frozen=True):
    """An earlier version whose rows are found again in a later one.

    `shared_rows` are the rows of chunks with the same content id in both; None where a manifest cannot be read.
    """

    version: DatasetVersion
    shared_rows: int | None


class Provenance(Struct, frozen=True):
    """`source` is the newest earlier version that came from a file; `between` counts the versions appended since."""

    version: DatasetVersion
    source: Source | None
    between: int


def provenance(registry: Registry, version: DatasetVersion) -> Provenance:
    """The file that a version goes back to.

    Versions grow by appending: what the parents on record do not name is found by walking back the numbers of the same
    dataset, and proved by the chunks that both manifests list.
    """
    if version.origin.sha256:
        return Provenance(version, Source(version, version.rows), 0)
    earlier = [v for v in registry.datasets.versions(version.dataset) if v.number < version.number]
    for passed, candidate in enumerate(earlier):
        if candidate.origin.sha256:
            return Provenance(version, Source(candidate, _shared_rows(registry, candidate, version)), passed)
    return Provenance(version, None, len(earlier))


def _shared_rows(registry: Registry, earlier: DatasetVersion, later: DatasetVersion) -> int | None:
    try:
        kept = {chunk.content_id for chunk in read_manifest(registry, later).chunks}
        return sum(chunk.rows for chunk in read_manifest(registry, earlier).chunks if chunk.content_id in kept)
    except (NotFound, Damaged, msgspec.DecodeError):
        return None
