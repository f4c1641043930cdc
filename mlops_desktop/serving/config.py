"""What the gateway is told to serve: plain values and file paths, never the registry."""

from __future__ import annotations

import re
from enum import StrEnum

from msgspec import Struct

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.models import Runtime, Signature

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class DiskFullPolicy(StrEnum):
    """What happens to a prediction that cannot be logged. Either way it is counted and shown, never silent."""

    REFUSE = "refuse"
    SERVE_UNLOGGED = "serve unlogged"


class ServedVersion(Struct, frozen=True):
    """One model version to keep warm. `artifact` is the path of the ONNX file or of the joblib original."""

    number: int
    artifact: str
    runtime: Runtime
    signature: Signature
    threshold: float = 0.5
    workers: int = 1


class Route(Struct, frozen=True):
    """Who answers: `weight` in [0, 1] is the canary's share; the shadow predicts too but never answers."""

    primary: int
    canary: int | None = None
    weight: float = 0.0
    shadow: int | None = None

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(number for number in (self.primary, self.canary, self.shadow) if number is not None)


class ServedEndpoint(Struct, frozen=True):
    """A served model. `name` is its name in URLs and its folder in the spool; `versions` are all kept warm."""

    name: str
    model: str
    versions: tuple[ServedVersion, ...]
    route: Route

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
    disk_full: DiskFullPolicy = DiskFullPolicy.REFUSE
    queue_limit: int = 1024

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
    for version in endpoint.versions:
        if version.workers < 1:
            raise InvalidInput(f"{endpoint.name}@{version.number} has no workers.", hint="Give it at least 1.")
