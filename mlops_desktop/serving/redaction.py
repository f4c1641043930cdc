"""Declared sensitive columns are removed or hashed before anything of them is written.

A hash is keyed BLAKE2b (RFC 7693) of 128 bits: equal values have equal hashes in all logs of a workspace, so they can
still be joined and counted, and without the key nobody can try values out.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from mlops_desktop.core.errors import EnvironmentProblem
from mlops_desktop.core.ids import new_id

KEY_FILE = "serving-log-key"
KEY_BYTES = 32
ENTITY_ID, CLIENT_ID = "entity_id", "client_id"
PREFIX = "hash:"
_INFERENCE_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}/\d+")


class Redaction(StrEnum):
    """What is done with a sensitive value: it is not kept at all, or as a keyed hash."""

    REMOVE = "remove"
    HASH = "hash"


class Redactor:
    """Redacts columns by name. `entity_id` and `client_id` name what a client calls its rows and requests."""

    def __init__(self, columns: Mapping[str, Redaction], key: bytes) -> None:
        self._columns = {name: how for name, how in columns.items() if name not in (ENTITY_ID, CLIENT_ID)}
        self._entity = columns.get(ENTITY_ID)
        self._client = columns.get(CLIENT_ID)
        self._key = key

    def features(self, features: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """The features as they may be written; what was given is left as it is."""
        redacted = dict(features)
        for name, how in self._columns.items():
            if name in redacted:
                redacted[name] = [self._value(value, how) for value in redacted[name]]
        return redacted

    def entity_ids(self, ids: list[str] | None) -> list[str] | None:
        if ids is None or self._entity is Redaction.REMOVE:
            return None
        return ids if self._entity is None else [self.hashed(value) for value in ids]

    def client_id(self, id: str) -> str:
        if self._client is None or not id:
            return id
        return "" if self._client is Redaction.REMOVE else self.hashed(id)

    def label_id(self, id: str) -> str:
        """The id that a label came for, so that it still meets its prediction; an inference id is nobody's secret."""
        if self._entity is None or _INFERENCE_ID.fullmatch(id):
            return id
        return "" if self._entity is Redaction.REMOVE else self.hashed(id)

    def _value(self, value: Any, how: Redaction) -> str | None:
        return None if value is None or how is Redaction.REMOVE else self.hashed(value)

    def hashed(self, value: Any) -> str:
        """The keyed hash of a value; a number hashes alike however it is written."""
        return PREFIX + hashlib.blake2b(_spelling(value).encode(), key=self._key, digest_size=16).hexdigest()


def _spelling(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def log_key(folder: Path) -> Path:
    """The file with the workspace's key for hashes, made on first use and readable by its owner alone."""
    path = folder / KEY_FILE
    if path.exists():
        return path
    fresh = folder / f"{KEY_FILE}.{new_id()}"
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)  # whole or not at all, and never over the one that somebody else just made
        fresh.unlink()
    except OSError as error:
        raise EnvironmentProblem(
            f"The key {path} cannot be made ({error.strerror}).", hint="Check the workspace's permissions."
        ) from error
    return path


def read_key(path: Path) -> bytes:
    """The key in a file. Raises `EnvironmentProblem` where it is missing, damaged, or readable by others."""
    try:
        key = path.read_bytes()
        is_private = os.name != "posix" or not path.stat().st_mode & 0o077
    except OSError as error:
        raise EnvironmentProblem(
            f"The key for hashing sensitive columns, {path}, cannot be read ({error.strerror}).",
            hint="Bring it back from a backup: with another one, new hashes do not match those in the log.",
        ) from error
    if len(key) != KEY_BYTES:
        raise EnvironmentProblem(f"{path} holds no key of {KEY_BYTES} bytes.", hint="Bring it back from a backup.")
    if not is_private:
        raise EnvironmentProblem(f"{path} can be read by others.", hint=f"Run `chmod 600 {path}`.")
    return key
