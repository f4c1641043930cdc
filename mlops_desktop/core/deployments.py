"""Values about endpoints and rollouts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class EndpointState(StrEnum):
    STOPPED = "stopped"
    STARTING = "starting"
    STOPPING = "stopping"
    SERVING = "serving"
    FAILED = "failed"


class WorkerRange(Struct, frozen=True):
    """How many workers each version may have, as set by hand. It holds while `spec` is the newest of the model."""

    minimum: int
    maximum: int
    spec: str = ""


class Endpoint(Struct, frozen=True):
    """A served model: its URL is `http://{host}:{port}/v2/models/{name}`. `reason` says why it is in its state.

    `workers` are set where they are not to be those of the spec.
    """

    name: str
    model: str
    state: EndpointState
    host: str
    port: int
    pid: int | None
    updated: datetime
    reason: str = ""
    workers: WorkerRange | None = None


class RolloutState(StrEnum):
    RUNNING = "running"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    HELD = "held"


class RolloutKind(StrEnum):
    """A canary answers a share of the requests, a shadow gets copies and answers none, A/B only measures."""

    CANARY = "canary"
    SHADOW = "shadow"
    AB = "a/b"


class Guardrail(Struct, frozen=True):
    """One measure by which canary and primary are compared, as it stood at the last look.

    `difference` is canary minus primary, `low` and `high` its anytime-valid interval; `verdict` is `pass`, `fail`,
    or `undecided`.
    """

    name: str
    primary: float
    canary: float
    difference: float
    low: float
    high: float
    n_primary: int
    n_canary: int
    verdict: str
    unit: str = ""


class Rollout(Struct, frozen=True):
    """A canary on its way to production or back. `weight` is the canary's share of requests in [0, 1].

    `spec` is the saved spec whose `[rollout]` it goes by, empty for the newest of its model; `step_since` is when its
    step began, where not at the start.
    """

    id: str
    endpoint: str
    model: str
    canary: int
    primary: int
    state: RolloutState
    weight: float
    step: int
    started: datetime
    updated: datetime
    guardrails: tuple[Guardrail, ...] = ()
    reason: str = ""
    kind: RolloutKind = RolloutKind.CANARY
    spec: str = ""
    step_since: datetime | None = None
