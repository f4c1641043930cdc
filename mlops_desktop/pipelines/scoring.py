"""Scores of registered versions and of finished runs on any table, by what serves them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_desktop.core.models import ModelVersion, Runtime, Signature
from mlops_desktop.registry import Registry
from mlops_desktop.training.onnx_scoring import OnnxModel
from mlops_desktop.training.originals import SklearnModel, load_original_bytes

Scores = NDArray[np.float64]


def scores_of(registry: Registry, version: ModelVersion, table: pa.Table) -> Scores:
    """Scores of a model version, shape (rows,); with more than two classes (rows, classes)."""
    return scores_from(registry, version.artifacts, version.runtime, version.signature, table)


def scores_from(
    registry: Registry, artifacts: dict[str, str], runtime: Runtime, signature: Signature, table: pa.Table
) -> Scores:
    """Scores by the artifacts of a version or run. Originals are loaded only as what their recorded hash names."""
    if runtime is Runtime.ONNX:
        return OnnxModel(registry.objects.read_bytes(artifacts["onnx"]), signature).score(table)
    registry.require_trust()
    pipeline = load_original_bytes(registry.objects.read_bytes(artifacts["original"]), artifacts["original"])
    return np.asarray(SklearnModel(pipeline, signature).score(table), dtype=np.float64)


def scores_as(signature: Signature, wanted: Signature, scores: Scores) -> Scores:
    """Scores of one model in the shape of another's, class by class; a class that the first does not know has none."""
    if signature.classes == wanted.classes:
        return scores
    known = scores if signature.is_multiclass else np.column_stack([1.0 - scores, scores])
    matrix = np.zeros((len(scores), len(wanted.classes)))
    for place, name in enumerate(wanted.classes):
        if name in signature.classes:
            matrix[:, place] = known[:, signature.classes.index(name)]
    return matrix if wanted.is_multiclass else matrix[:, -1]
