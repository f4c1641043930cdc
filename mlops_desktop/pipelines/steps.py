"""All steps and the pipelines made of them."""

from __future__ import annotations

import importlib
from typing import Any

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.pipelines.runner import Pipeline, register_pipeline

_MODULES = (
    "collect",
    "ingest_steps",
    "upkeep_steps",
    "upkeep_log_steps",
    "training_steps",
    "monitoring_steps",
    "score_steps",
    "replay_steps",
)

PIPELINES = (
    Pipeline("ingest", "Store a source as a dataset version", ("ingest",), ("path", "dataset")),
    Pipeline(
        "set up",
        "From a file to a first version in production",
        ("ingest", "train", "gate", "release"),
        ("path", "spec"),
    ),
    Pipeline(
        "retrain",
        "Learn from the newest labels, and let the gate decide",
        ("collect", "train", "gate", "release"),
        ("endpoint",),
    ),
    Pipeline("monitor", "Judge what was served since the last look", ("collect", "monitor"), ("endpoint",)),
    Pipeline("score month", "Compare the loop with simple policies", ("collect", "score month"), ("endpoint", "month")),
    Pipeline("replay", "Logged requests once more, by another version", ("replay",), ("endpoint", "reference")),
    Pipeline("export", "Write a dataset version to a file", ("export",), ("reference", "path")),
    Pipeline("archive", "Move a dataset version into a file", ("archive",), ("reference", "path")),
    Pipeline("restore", "Bring a dataset version back from a file", ("restore",), ("reference",)),
    Pipeline("check contract", "Hold a stored version to a contract", ("check contract",), ("reference",)),
    Pipeline("verify data", "Hash what is stored again", ("verify data",)),
    Pipeline("tidy log", "Compact a prediction log, and remove what is old", ("collect", "tidy log"), ("endpoint",)),
    Pipeline("collect unused", "Free the objects that nothing needs", ("collect unused",)),
)


def check_request(pipeline: str, parameters: dict[str, Any]) -> None:
    """Refuse what no worker could carry out: an unknown pipeline, or one without a parameter it needs."""
    known = {found.name: found for found in PIPELINES}
    if pipeline not in known:
        raise InvalidInput(f"There is no pipeline {pipeline}.", hint=f"Known pipelines: {', '.join(sorted(known))}.")
    missing = [name for name in known[pipeline].needs if not parameters.get(name)]
    if missing:
        raise InvalidInput(
            f"The pipeline {pipeline} needs {' and '.join(known[pipeline].needs)}; {missing[0]} is missing.",
            hint=f"Add {missing[0]}=….",
        )
    location = str(parameters.get("path", ""))
    if "://" in location:
        _refuse_password(location)


def _refuse_password(url: str) -> None:
    """What is queued is on record for good."""
    from mlops_desktop.data.sources.credentials import taken_apart

    if taken_apart(url).password:
        raise InvalidInput(
            "The address holds a password, and what is queued stays on record.",
            hint="Keep the password in the system keyring, and give the address without it.",
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
