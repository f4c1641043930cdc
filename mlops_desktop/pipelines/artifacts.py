"""The artifact that a version is served from."""

from __future__ import annotations

from mlops_desktop.core.errors import NotFound
from mlops_desktop.core.models import ModelVersion, Runtime


def served_artifact(version: ModelVersion) -> str:
    """Name of the stored object for the version's runtime. Raises `NotFound` where it was registered without one."""
    kind = "onnx" if version.runtime is Runtime.ONNX else "original"
    name = version.artifacts.get(kind)
    if name is None:
        raise NotFound(
            f"{version.reference} has no {kind} artifact, which its runtime {version.runtime.value} needs.",
            hint="Train it again, or register it with the artifact.",
        )
    return name
