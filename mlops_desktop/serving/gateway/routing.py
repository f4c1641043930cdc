"""Which version answers a request."""

from __future__ import annotations

import hashlib

from mlops_desktop.serving.config import Route
from mlops_desktop.serving.log import CANARY, PRIMARY


def pick(route: Route, endpoint: str, key: str) -> tuple[int, str]:
    """Number and role for `key`, the entity's id or else the request's.

    The same key goes to the same version, and stays with the canary when its weight rises. Another canary draws
    another share of the keys.
    """
    if route.canary is None or route.weight <= 0.0:
        return route.primary, PRIMARY
    if share_of(f"{endpoint}:{route.canary}:{key}") < route.weight:
        return route.canary, CANARY
    return route.primary, PRIMARY


def share_of(text: str) -> float:
    """A number in [0, 1) that depends on the text alone, uniform over texts."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) / 2.0**64
