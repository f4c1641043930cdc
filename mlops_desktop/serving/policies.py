"""`[serving.log]` and `[serving.security]` of a spec: what is recorded of requests, and who may send them."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from enum import StrEnum

import msgspec
from msgspec import Struct

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.serving.redaction import Redaction


class DiskFullPolicy(StrEnum):
    """What happens to a prediction that cannot be logged. Either way it is counted and shown, never silent.

    `CONTINUE` answers it; the log gets a record of the gap as soon as there is space.
    """

    REFUSE = "refuse"
    CONTINUE = "continue"


class LogSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """`[serving.log]`: what is recorded of requests, how safely, and for how long.

    With `strict` a request is answered when its record is on the disk, not only with the operating system. `share` of
    the requests are recorded, chosen by the hash of their id. `sensitive` maps a column (a feature, `entity_id` or
    `client_id`) to `remove` or `hash`. Segments end at `segment_mb` or after `segment_hours`. They are removed when
    they are older than `keep_days`, and the oldest when all together are larger than `keep_mb`; 0 keeps them.
    """

    strict: bool = False
    disk_full: DiskFullPolicy = DiskFullPolicy.REFUSE
    share: float = 1.0
    sensitive: dict[str, Redaction] = {}
    segment_mb: float = 64.0
    segment_hours: float = 24.0
    keep_days: float = 0.0
    keep_mb: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError("share must be above 0 and up to 1")
        if self.segment_mb <= 0 or self.segment_hours <= 0:
            raise ValueError("segment_mb and segment_hours must be positive")
        if self.keep_days < 0 or self.keep_mb < 0:
            raise ValueError("keep_days and keep_mb must not be negative")


class SecuritySpec(Struct, frozen=True, forbid_unknown_fields=True):
    """`[serving.security]`: who may reach the gateway and how much each may ask; the strictest of all endpoints holds.

    A `host` other than this machine needs `certificate` and `key` (paths of PEM files) and tokens, which are then
    always demanded. `requests_per_second` (0: any) holds for each token, or each address without one, with bursts of up
    to `burst` requests. `receive_seconds` is how long a request may take to arrive, `answer_seconds` its answer.
    """

    host: str = "127.0.0.1"
    certificate: str = ""
    key: str = ""
    demand_tokens: bool = False
    requests_per_second: float = 0.0
    burst: int = 100
    connections: int = 4096
    body_mb: float = 64.0
    header_kb: float = 32.0
    header_count: int = 100
    receive_seconds: float = 180.0
    answer_seconds: float = 240.0

    def __post_init__(self) -> None:
        limits = (self.burst, self.connections, self.body_mb, self.header_kb, self.header_count)
        if min(limits) <= 0 or self.receive_seconds <= 0 or self.answer_seconds <= 0:
            raise ValueError("limits must be positive")
        if self.requests_per_second < 0:
            raise ValueError("requests_per_second must not be negative")
        if not is_loopback(self.host) and not (self.certificate and self.key):
            raise ValueError("a host other than this machine needs certificate and key")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def strictest(specs: Sequence[SecuritySpec]) -> SecuritySpec:
    """One gateway's rules from those of its endpoints; `InvalidInput` where they want different addresses."""
    if not specs:
        return SecuritySpec()
    places = {(spec.host, spec.certificate, spec.key) for spec in specs}
    if len(places) > 1:
        raise InvalidInput(
            f"Endpoints want to be served at different addresses: {', '.join(sorted(place[0] for place in places))}.",
            hint="One gateway serves all: give [serving.security] the same host, certificate and key in each spec.",
        )
    rates = [spec.requests_per_second for spec in specs if spec.requests_per_second]
    names = ("burst", "connections", "body_mb", "header_kb", "header_count", "receive_seconds", "answer_seconds")
    return msgspec.structs.replace(
        specs[0],
        demand_tokens=any(spec.demand_tokens for spec in specs),
        requests_per_second=min(rates, default=0.0),
        **{name: min(getattr(spec, name) for spec in specs) for name in names},
    )
