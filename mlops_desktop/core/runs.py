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


class GitState(Struct, frozen=True):
    """The Git checkout that a file was taken from.

    Attributes:
        commit: its hash; empty before the first commit.
        branch: its name; empty where the head is detached.
        is_dirty: whether something in the checkout differed from the commit.
    """

    commit: str
    branch: str
    is_dirty: bool

    def __str__(self) -> str:
        place = self.branch or "detached"
        return f"{place} {self.commit[:10] or 'without a commit'}" + (", with changes" if self.is_dirty else "")


class SpecVersion(Struct, frozen=True):
    """A spec file as it was at some time: named by the hash of its text, numbered per name.

    `git` is the checkout that it was in, None where it was in none.
    """

    id: str
    name: str
    number: int
    text: str
    created: datetime
    git: GitState | None = None

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
