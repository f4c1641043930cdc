"""All steps and the pipelines made of them."""

from __future__ import annotations

import importlib

from mlops_desktop.pipelines.runner import Pipeline, register_pipeline

_MODULES = ("collect", "training_steps", "monitoring_steps", "score_steps")

PIPELINES = (
    Pipeline("ingest", "Store a file as a dataset version", ("ingest",)),
    Pipeline("set up", "From a file to a first version in production", ("ingest", "train", "gate", "release")),
    Pipeline(
        "retrain", "Learn from the newest labels, and let the gate decide", ("collect", "train", "gate", "release")
    ),
    Pipeline("monitor", "Judge what was served since the last look", ("collect", "monitor")),
    Pipeline("score month", "Compare the loop with simple policies", ("collect", "score month")),
)


def register_all() -> None:
    """Make every step and pipeline known; imports what the steps need, but not yet scikit-learn."""
    for module in _MODULES:
        importlib.import_module(f"mlops_desktop.pipelines.{module}")
    for pipeline in PIPELINES:
        register_pipeline(pipeline)


def import_slow_libraries() -> None:
    """Import what training needs, so that it is there when a run starts."""
    register_all()
    for module in ("pandas", "sklearn.ensemble", "sklearn.pipeline", "sklearn.compose", "skl2onnx", "onnxruntime"):
        importlib.import_module(module)
