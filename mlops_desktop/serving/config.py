"""What the gateway is told to serve: plain values and file paths, never the registry."""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.models import Runtime, Signature
from mlops_desktop.serving.policies import LogSpec, SecuritySpec
from mlops_desktop.serving.rules import InputRules

_LEAST_REQUEST_MB = 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class ServedVersion(Struct, frozen=True):
    """One model version to keep warm. `artifact` is the path of the ONNX file or of the joblib original."""

    number: int
    artifact: str
    runtime: Runtime
    signature: Signature
    threshold: float = 0.5


class AutoscalerSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """How many workers each version has; `gateway/autoscaler.py` says how it is decided. The default is always one.

    A worker computes with one thread, so `max_workers` is also how many cores a version may use. With `min_workers` 0 a
    version ends its last worker when no request has come for `idle_seconds` and `grace_seconds` more. `target` is how
    many requests one worker is to have at a time, waiting or in hand ("concurrency"), or waiting alone ("queue"); of it
    `utilisation` is planned with. Within one decision workers become at most `max_up` times as many, and no fewer than
    their number divided by `max_down`, nor than were needed within the last `down_delay_seconds`.
    """

    min_workers: int = 1
    max_workers: int = 1
    metric: Literal["concurrency", "queue"] = "concurrency"
    target: float = 10.0
    utilisation: float = 0.7
    tick_seconds: float = 2.0
    stable_seconds: float = 60.0
    panic_seconds: float = 6.0
    panic_threshold: float = 2.0
    max_up: float = 1000.0
    max_down: float = 2.0
    down_delay_seconds: float = 30.0
    idle_seconds: float = 60.0
    grace_seconds: float = 30.0

    def __post_init__(self) -> None:
        if not 0 <= self.min_workers <= self.max_workers <= 256 or self.max_workers < 1:
            raise ValueError("min_workers must be from 0 to max_workers, and max_workers from 1 to 256")
        if self.target <= 0 or not 0 < self.utilisation <= 1:
            raise ValueError("target must be positive, and utilisation above 0 and up to 1")
        if not 0.1 <= self.tick_seconds <= self.panic_seconds <= self.stable_seconds:
            raise ValueError(
                "tick_seconds must be at least 0.1 and up to panic_seconds, and those up to stable_seconds"
            )
        if self.panic_threshold <= 1 or self.max_up <= 1 or self.max_down <= 1:
            raise ValueError("panic_threshold, max_up and max_down must be above 1")
        if min(self.idle_seconds, self.grace_seconds, self.down_delay_seconds) < 0:
            raise ValueError("idle_seconds, grace_seconds and down_delay_seconds must not be negative")

    @property
    def planned(self) -> float:
        """Requests that one worker is planned to have at a time."""
        return self.target * self.utilisation


class ServingSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """`[serving]` of a spec: limits of an endpoint, and in `[serving.autoscaler]` how many workers it has. What holds
    for its requests, its log, and who may reach it is below `inputs`, `log` and `security`.

    At most `queue_limit` requests wait for each version; one that has waited for `queue_seconds` is answered with an
    error. A worker that has not come back after `request_seconds` is killed and replaced; so is, once it has answered,
    one that has grown beyond `worker_memory_mb` (0 for no limit), and a request that would make it twice as large, or a
    gigabyte larger, is refused. `spare_workers` processes wait, started but without a model, and shorten a cold start;
    all endpoints share them.
    """

    queue_limit: int = 1024
    queue_seconds: float = 60.0
    request_seconds: float = 60.0
    worker_memory_mb: int = 2048
    spare_workers: int = 0
    autoscaler: AutoscalerSpec = AutoscalerSpec()
    inputs: InputRules = InputRules()
    log: LogSpec = LogSpec()
    security: SecuritySpec = SecuritySpec()

    def __post_init__(self) -> None:
        if self.queue_limit < 1 or self.queue_seconds <= 0 or self.request_seconds <= 0:
            raise ValueError("queue_limit, queue_seconds and request_seconds must be positive")
        if self.worker_memory_mb < 0 or not 0 <= self.spare_workers <= 16:
            raise ValueError("worker_memory_mb must not be negative, and spare_workers from 0 to 16")

    @property
    def request_bytes(self) -> int:
        """How much memory one request may take, 0 for any: more than a leaking worker has when it is replaced."""
        return max(2 * self.worker_memory_mb, _LEAST_REQUEST_MB) << 20 if self.worker_memory_mb else 0


class Route(Struct, frozen=True):
    """Who answers: `weight` in [0, 1] is the canary's share; the shadow predicts too but never answers.

    `by_request` lets every request draw anew; else those about the same entity keep to one version.
    """

    primary: int
    canary: int | None = None
    weight: float = 0.0
    shadow: int | None = None
    by_request: bool = False

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(number for number in (self.primary, self.canary, self.shadow) if number is not None)


class ServedEndpoint(Struct, frozen=True):
    """A served model. `name` is its name in URLs and its folder in the spool; `versions` are all kept warm."""

    name: str
    model: str
    versions: tuple[ServedVersion, ...]
    route: Route
    serving: ServingSpec = ServingSpec()

    @property
    def rules(self) -> InputRules:
        return self.serving.inputs

    def version(self, number: int) -> ServedVersion:
        """The version of that number; `InvalidInput` when it is not configured."""
        for version in self.versions:
            if version.number == number:
                return version
        raise InvalidInput(
            f"Endpoint {self.name} has no version {number}.", hint="Configure the version before routing to it."
        )


class GatewayConfig(Struct, frozen=True):
    """Everything that may change while the gateway runs. An empty `feedback_token` switches feedback off."""

    endpoints: tuple[ServedEndpoint, ...]
    feedback_token: str = ""
    tokens_file: str = ""
    log_key: str = ""
    security: SecuritySpec = SecuritySpec()

    def check(self) -> None:
        """Raise `InvalidInput` that names the first contradiction."""
        seen: set[str] = set()
        for endpoint in self.endpoints:
            if endpoint.name in seen:
                raise InvalidInput(f"Endpoint {endpoint.name} is configured twice.", hint="Give each its own name.")
            seen.add(endpoint.name)
            _check_endpoint(endpoint)


def _check_endpoint(endpoint: ServedEndpoint) -> None:
    if not _NAME.fullmatch(endpoint.name):
        raise InvalidInput(
            f"'{endpoint.name}' cannot be the name of an endpoint.",
            hint="Use letters, digits, '.', '_' and '-', starting with a letter or digit.",
        )
    if not 0.0 <= endpoint.route.weight <= 1.0:
        raise InvalidInput(
            f"The canary's weight of {endpoint.name} is {endpoint.route.weight}.", hint="Give a share from 0 to 1."
        )
    for number in endpoint.route.numbers:
        endpoint.version(number)
