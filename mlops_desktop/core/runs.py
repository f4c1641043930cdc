"""Values about training runs and the specs that define them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct


class RunState(StrEnum):
    """State of a training run or of a pipeline run and its steps."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    @property
    def is_final(self) -> bool:
        return self not in (RunState.QUEUED, RunState.RUNNING)


class SpecVersion(Struct, frozen=True):
    """A spec file as it was at some time: named by the hash of its text, numbered per name."""

    id: str
    name: str
    number: int
    text: str
    created: datetime

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.number}"


class Run(Struct, frozen=True):
    """One training run: which data and parameters went in, which metrics and artifacts came out."""

    id: str
    experiment: str
    state: RunState
    spec: str
    dataset_version: str
    parameters: dict[str, Any]
    metrics: dict[str, float]
    artifacts: dict[str, str]
    started: datetime
    finished: datetime | None = None
    reason: str = ""
    model_version: int | None = None
