"""Ids and content hashes.

Ids are ULIDs (26 characters, sortable by creation time). Content is named by its SHA-256 in hex, so that
`sha256sum` verifies it.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80
_lock = threading.Lock()
_last: tuple[int, int] = (0, 0)


def new_id() -> str:
    """A ULID; ids made by one process are strictly increasing, also within a millisecond."""
    global _last
    with _lock:
        milliseconds = time.time_ns() // 1_000_000
        last_milliseconds, last_random = _last
        if milliseconds <= last_milliseconds:
            milliseconds, random = last_milliseconds, last_random + 1
        else:
            # The top bit stays clear so that counting up never overflows within a millisecond.
            random = int.from_bytes(os.urandom(10)) >> 1
        _last = (milliseconds, random)
    return _encode((milliseconds << _RANDOM_BITS) | random)


def _encode(value: int) -> str:
    return "".join(_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))


def sha256_hex(content: bytes) -> str:
    """The name of `content` in the content store."""
    return hashlib.sha256(content).hexdigest()
