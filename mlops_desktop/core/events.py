"""The journal's events: one small documented struct per kind, and the hash chain that joins them.

Every write to the registry appends one event in the same transaction, so the journal is the audit log, the event
bus and the signal to refresh. The chain can be verified with a few lines of standard tools: the hash of an event is
the SHA-256 of `previous hash + "\\n" + canonical JSON` of its other fields (see `Event.hashed_text`).
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from msgspec import Struct

from mlops_desktop.core.clock import to_text

GENESIS = "0" * 64


class Event(Struct, frozen=True):
    """One entry of the journal.

    Attributes:
        seq: 1, 2, 3, … without gaps.
        time: when it happened, in the workspace's time (the data's time in a replay).
        recorded: when it was written, by the machine's clock.
        actor: who did it: `user:…`, `engine`, `worker`, `gateway`, `player`.
        kind: for example `dataset.version.created`.
        subject: reference of the object, for example `flights@3`.
        payload: the fields of the event's body.
    """

    seq: int
    time: datetime
    recorded: datetime
    actor: str
    kind: str
    subject: str
    payload: dict[str, Any]
    previous: str
    hash: str

    def hashed_text(self) -> str:
        """What the hash is taken of."""
        return chained_text(
            self.previous, self.seq, self.time, self.recorded, self.actor, self.kind, self.subject, self.payload
        )


def chained_text(
    previous: str,
    seq: int,
    time: datetime,
    recorded: datetime,
    actor: str,
    kind: str,
    subject: str,
    payload: dict[str, Any],
) -> str:
    """The previous hash, a line feed, and the event's fields as JSON with sorted keys and no spaces."""
    fields = {
        "seq": seq,
        "time": to_text(time),
        "recorded": to_text(recorded),
        "actor": actor,
        "kind": kind,
        "subject": subject,
        "payload": payload,
    }
    return previous + "\n" + json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def chained_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Body(Struct, frozen=True):
    """What an event says. Subclasses set `kind` and a `sentence` with the fields in braces."""

    kind: ClassVar[str] = ""
    sentence: ClassVar[str] = ""

    def payload(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return dict(msgspec.to_builtins(self))


_BODIES: dict[str, type[Body]] = {}


def _event(kind: str, sentence: str) -> Any:
    """Class decorator: names the kind of an event and how to say it in plain words."""

    def register(body: type[Body]) -> type[Body]:
        body.kind, body.sentence = kind, sentence
        _BODIES[kind] = body
        return body

    return register


def kinds() -> tuple[str, ...]:
    """All kinds this version of the program writes."""
    return tuple(sorted(_BODIES))


def describe(event: Event) -> str:
    """The event in plain words, without its time; unknown kinds are shown as they are."""
    body = _BODIES.get(event.kind)
    if body is None:
        return f"{event.kind} {event.subject}"
    known = {"subject": event.subject} | event.payload
    try:
        return body.sentence.format_map(known).rstrip(" :,.")
    except (KeyError, ValueError, IndexError, AttributeError, TypeError):
        return f"{event.kind} {event.subject}"


@_event("workspace.created", "Workspace {subject} created")
class WorkspaceCreated(Body, frozen=True):
    schema_version: int


@_event("workspace.migrated", "Workspace {subject} brought from format {before} to {after}; its copy is {copy}")
class WorkspaceMigrated(Body, frozen=True):
    before: int
    after: int
    copy: str


@_event("clock.advanced", "Replay reached {moment}")
class ClockAdvanced(Body, frozen=True):
    """A replay moved the workspace's time."""

    moment: str


@_event("dataset.version.created", "{subject}: {rows:,} rows from {origin}, {new_chunks} of {chunks} chunks new")
class DatasetVersionCreated(Body, frozen=True):
    rows: int
    origin: str
    content_id: str
    chunks: int
    new_chunks: int
    added_bytes: int
    seconds: float
    size: int = 0
    user: str = ""
    host: str = ""
    contract: str = ""
    repeats: str = ""


@_event("dataset.ingest.repeated", "{origin} holds the same rows as {subject}; no new version")
class DatasetIngestRepeated(Body, frozen=True):
    origin: str
    content_id: str
    rows: int = 0
    size: int = 0
    seconds: float = 0.0
    user: str = ""
    host: str = ""


@_event("dataset.ingest.failed", "Ingesting {origin} into {subject} failed: {reason}")
class DatasetIngestFailed(Body, frozen=True):
    origin: str
    reason: str
    seconds: float
    size: int = 0
    user: str = ""
    host: str = ""
    is_cancelled: bool = False


@_event("dataset.alias.moved", "{alias} of {dataset} moved from {before} to {after}: {reason}")
class DatasetAliasMoved(Body, frozen=True):
    dataset: str
    alias: str
    before: str
    after: str
    reason: str


@_event("dataset.version.marked", "{subject}: {change}")
class DatasetVersionMarked(Body, frozen=True):
    """Note and tags as they are from now on; `change` says in words what became different."""

    change: str
    note: str
    tags: list[str]


@_event("dataset.version.archived", "{subject} archived: {reason}")
class DatasetVersionArchived(Body, frozen=True):
    """`packed` is the file that holds the version's rows, with its hash and size, where it was written to one."""

    reason: str
    packed: str = ""
    sha256: str = ""
    size: int = 0


@_event("dataset.version.restored", "{subject} restored from {origin}")
class DatasetVersionRestored(Body, frozen=True):
    origin: str


@_event("dataset.version.deleted", "{subject} deleted for good, {rows:,} rows: {reason}")
class DatasetVersionDeleted(Body, frozen=True):
    reason: str
    content_id: str
    rows: int
    size: int


@_event("dataset.contract.checked", "{subject} against the contract {contract}: {bad_rows:,} of {rows:,} rows break it")
class DatasetContractChecked(Body, frozen=True):
    """Rows that came were held to a contract. `report` is the object with the `ContractReport`, as JSON.

    `outcome` is `kept`, `refused`, `quarantined` or `accepted`; `quarantine` is the version of the rows put aside.
    """

    contract: str
    mode: str
    outcome: str
    origin: str
    rows: int
    bad_rows: int
    report: str
    quarantine: str = ""


@_event("contract.saved", "Contract {subject} saved")
class ContractSaved(Body, frozen=True):
    id: str


@_event("watch.changed", "Folder {folder} is watched for {pattern} as {dataset}, paused {is_paused}")
class WatchChanged(Body, frozen=True):
    folder: str
    pattern: str
    dataset: str
    is_paused: bool


@_event("watch.removed", "Folder {folder} is no longer watched")
class WatchRemoved(Body, frozen=True):
    folder: str


@_event("project.applied", "Project {subject} applied from {folder}: {changes}")
class ProjectApplied(Body, frozen=True):
    """`changes` are such as `create spec late`; `commit`, `branch` and `is_dirty` tell of the folder's Git checkout."""

    folder: str
    changes: list[str]
    commit: str = ""
    branch: str = ""
    is_dirty: bool = False


@_event("store.collected", "{objects:,} unused objects of {size:,} bytes removed, and {temporary:,} unfinished files")
class StoreCollected(Body, frozen=True):
    objects: int
    size: int
    temporary: int
    kept: int


@_event("spec.saved", "Spec {subject} saved")
class SpecSaved(Body, frozen=True):
    id: str


@_event("run.started", "Training run of {experiment} on {dataset_version} started")
class RunStarted(Body, frozen=True):
    experiment: str
    dataset_version: str
    spec: str


@_event("run.finished", "Training run of {experiment} finished: {summary}")
class RunFinished(Body, frozen=True):
    experiment: str
    summary: str
    seconds: float


@_event("run.failed", "Training run of {experiment} failed: {reason}")
class RunFailed(Body, frozen=True):
    experiment: str
    reason: str


@_event("model.version.registered", "{subject} registered, served by {runtime}: {note}")
class ModelVersionRegistered(Body, frozen=True):
    run: str
    dataset_version: str
    runtime: str
    artifacts: dict[str, str]
    note: str = ""


@_event("gate.decided", "Gate, challenger against {champion}: {verdict}, {reason}")
class GateDecided(Body, frozen=True):
    """`verdict` is `passed`, `refused` or `undecided`; `checks` holds every figure the verdict rests on."""

    verdict: str
    champion: str
    reason: str
    checks: list[dict[str, Any]]
    pipeline_run: str = ""


@_event("alias.moved", "{alias} of {model} moved from {before} to {after}: {reason}")
class AliasMoved(Body, frozen=True):
    model: str
    alias: str
    before: str
    after: str
    reason: str


@_event("endpoint.changed", "Endpoint {subject} is {state}: {reason}")
class EndpointChanged(Body, frozen=True):
    state: str
    url: str
    reason: str = ""


@_event("endpoint.scaled", "Endpoint {subject} is to have {workers}: {reason}")
class EndpointScaled(Body, frozen=True):
    workers: str
    reason: str


@_event("serving.token.changed", "Token {subject} of {scopes} {change}")
class ServingTokenChanged(Body, frozen=True):
    """`change` is `made` or `revoked`; the token itself is nowhere on record."""

    scopes: list[str]
    change: str


@_event("rollout.started", "Canary {canary} gets {percent:.0f} % of the traffic of {subject}, {primary} the rest")
class RolloutStarted(Body, frozen=True):
    rollout: str
    canary: str
    primary: str
    percent: float


@_event("rollout.changed", "Canary {canary} of {subject} at {percent:.0f} %: {reason}")
class RolloutChanged(Body, frozen=True):
    rollout: str
    canary: str
    percent: float
    reason: str


@_event("rollout.decided", "Canary {canary} of {subject} {outcome}: {reason}")
class RolloutDecided(Body, frozen=True):
    rollout: str
    canary: str
    primary: str
    outcome: str
    reason: str
    guardrails: list[dict[str, Any]]


@_event("window.monitored", "{subject} {start} to {end}: {summary}")
class WindowMonitored(Body, frozen=True):
    window: str
    start: str
    end: str
    summary: str


@_event("alert.raised", "Alert {number} ({cause}) on {subject}: {title} → {action}")
class AlertRaised(Body, frozen=True):
    alert: str
    number: int
    cause: str
    severity: str
    action: str
    title: str


@_event("alert.changed", "Alert {number} ({cause}) on {subject} {change}")
class AlertChanged(Body, frozen=True):
    alert: str
    number: int
    cause: str
    change: str


@_event("pipeline.run.queued", "Pipeline {pipeline} queued by {trigger}")
class PipelineRunQueued(Body, frozen=True):
    pipeline: str
    trigger: str
    parameters: dict[str, Any]


@_event("pipeline.run.started", "Pipeline {pipeline} started, attempt {attempt}")
class PipelineRunStarted(Body, frozen=True):
    pipeline: str
    attempt: int
    pid: int


@_event("pipeline.step.changed", "Step {step} of {pipeline} {state}: {reason}")
class PipelineStepChanged(Body, frozen=True):
    pipeline: str
    step: str
    state: str
    reason: str = ""


@_event(
    "pipeline.run.requeued", "Pipeline {pipeline} lost its worker, will resume at its first unfinished step: {reason}"
)
class PipelineRunRequeued(Body, frozen=True):
    pipeline: str
    reason: str


@_event("pipeline.run.cancel_requested", "Cancelling pipeline {pipeline} was asked for")
class PipelineRunCancelRequested(Body, frozen=True):
    pipeline: str


@_event("pipeline.run.finished", "Pipeline {pipeline} {state}: {reason}")
class PipelineRunFinished(Body, frozen=True):
    pipeline: str
    state: str
    reason: str


@_event("schedule.changed", "Schedule {subject} runs {pipeline} at {cron}, enabled {enabled}")
class ScheduleChanged(Body, frozen=True):
    pipeline: str
    cron: str
    enabled: bool


@_event("schedule.fired", "Schedule {subject} fired for {due}: {outcome}")
class ScheduleFired(Body, frozen=True):
    due: str
    outcome: str


@_event("engine.changed", "Engine {state}")
class EngineChanged(Body, frozen=True):
    state: str
    pid: int
    host: str


@_event("score.recorded", "{month}: AUC never {never:.3f}, always {always:.3f}, loop {loop:.3f}")
class ScoreRecorded(Body, frozen=True):
    """What three policies would have scored in a month of a replay; written after the month's labels arrived."""

    month: str
    never: float
    always: float
    loop: float
    figures: dict[str, Any]


@_event("report.written", "Report written to {path}")
class ReportWritten(Body, frozen=True):
    path: str
    sha256: str
