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


class _Ulids:
    """Makes strictly increasing ULIDs; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._milliseconds = 0
        self._random = 0

    def next(self) -> str:
        with self._lock:
            now = time.time_ns() // 1_000_000
            if now > self._milliseconds:
                # The top bit stays clear so that counting up never overflows within a millisecond.
                self._milliseconds, self._random = now, int.from_bytes(os.urandom(10)) >> 1
            else:
                self._random += 1
            return _encode((self._milliseconds << _RANDOM_BITS) | self._random)


_ulids = _Ulids()


def new_id() -> str:
    """A ULID; ids made by one process are strictly increasing, also within a millisecond."""
    return _ulids.next()


def _encode(value: int) -> str:
    return "".join(_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))


def sha256_hex(content: bytes) -> str:
    """The name of `content` in the content store."""
    return hashlib.sha256(content).hexdigest()
