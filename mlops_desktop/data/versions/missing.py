"""Say why an object of a dataset is not in the content store, where that is known."""

from __future__ import annotations

from mlops_desktop.core.datasets import StoredObject
from mlops_desktop.core.errors import AppError, NotFound
from mlops_desktop.data.versions.manifests import read_manifest
from mlops_desktop.registry import Registry


def missing(registry: Registry, stored: StoredObject) -> NotFound:
    """The error for rows that are not there: with the archive to restore, if they were moved to one."""
    for line in registry.datasets.lines(include_archived=True):
        if line.packed and stored in _objects(registry, line.reference):
            return NotFound(
                f"The rows of {line.reference} were moved to {line.packed}.",
                hint=f"Bring them back with `mlops-desktop data restore {line.reference}`, and `--from FILE` where the "
                "file was moved.",
            )
    return NotFound(
        f"Object {stored.sha256[:12]}… of the dataset is missing from the content store.",
        hint="Restore the workspace's `objects` folder from a copy.",
    )


def _objects(registry: Registry, reference: str) -> tuple[StoredObject, ...]:
    try:
        return read_manifest(registry, registry.datasets.get(reference)).objects
    except AppError:
        return ()
