"""Values about models: what a model version is, and what is known of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from mlops_desktop.core.datasets import ColumnType


class Task(StrEnum):
    """What the model predicts."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class Feature(Struct, frozen=True):
    """One input of a model. `input_name` is the ONNX input that takes the column (ONNX renames some)."""

    name: str
    type: ColumnType
    input_name: str
    categories: tuple[str, ...] = ()


class Signature(Struct, frozen=True):
    """Inputs and output of a model. `classes` are the labels of a classifier, the positive one of two last."""

    task: Task
    features: tuple[Feature, ...]
    target: str
    classes: tuple[str, ...] = ()

    @property
    def is_multiclass(self) -> bool:
        """Whether there are more than two classes, so that a row has a probability for each."""
        return len(self.classes) > 2


class Runtime(StrEnum):
    """What serves the version: ONNX Runtime when the export agrees with the original, else scikit-learn."""

    ONNX = "onnx"
    SKLEARN = "sklearn"


class Parity(Struct, frozen=True):
    """Verdict on the ONNX export against the original model, on validation rows plus hard cases."""

    agrees: bool
    rows: int
    largest_difference: float
    reason: str = ""


class ModelVersion(Struct, frozen=True):
    """An immutable, numbered version of a model.

    `artifacts` maps a name (`onnx`, `original`, `reference`, `card`) to the hash of an object in the content store.
    `threshold` turns a probability into a decision; `train_end` is the latest time among its training rows.
    `champion` is the version it was compared with at the gate, `champion_metrics` what that one measured on the rows of
    `metrics`; metrics of two versions that were registered at different times are of different rows.
    """

    id: str
    model: str
    number: int
    run: str
    dataset_version: str
    signature: Signature
    runtime: Runtime
    parity: Parity
    artifacts: dict[str, str]
    metrics: dict[str, float]
    train_start: datetime | None
    train_end: datetime | None
    created: datetime
    threshold: float = 0.5
    note: str = ""
    champion: str = ""
    champion_metrics: dict[str, float] = {}

    @property
    def reference(self) -> str:
        return f"{self.model}@{self.number}"


class Alias(Struct, frozen=True):
    """A name that points to a version of a model: `production`, `canary`, `previous`, …"""

    model: str
    name: str
    number: int
    moved: datetime
    actor: str
    reason: str = ""
