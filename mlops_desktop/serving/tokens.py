"""Clients' tokens: made once, shown once, kept as salted hashes in a file that the gateway reads.

A token is `mlops_<id>_<secret>` with 256 random bits in the secret, so that one fast hash is enough: there is no list
of likely secrets to try, as there is for passwords.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import time
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import msgspec
from msgspec import Struct

from mlops_desktop.core.errors import Conflict, Damaged, EnvironmentProblem, NotFound
from mlops_desktop.core.ids import new_id

TOKENS_FILE = "serving-tokens.json"
_PREFIX = "mlops"
_LOOK_SECONDS = 0.2


class Scope(StrEnum):
    """What a token is good for; `ADMIN` includes the others."""

    PREDICT = "predict"
    FEEDBACK = "feedback"
    ADMIN = "admin"


class Token(Struct, frozen=True):
    """What is kept of a token. `salt` and `digest` are in hex, the latter SHA-256 of salt and secret."""

    name: str
    id: str
    scopes: tuple[Scope, ...]
    salt: str
    digest: str
    made: datetime

    def allows(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes


class _File(Struct, frozen=True):
    tokens: tuple[Token, ...] = ()


def make(folder: Path, name: str, scopes: tuple[Scope, ...], now: datetime) -> tuple[Token, str]:
    """Add a token; returns it and its text, which cannot be had again. `Conflict` where the name is taken."""
    tokens = read(folder)
    if any(token.name == name for token in tokens):
        raise Conflict(f"There is a token named {name} already.", hint="Revoke it first, or choose another name.")
    id, secret, salt = secrets.token_hex(6), secrets.token_urlsafe(32), secrets.token_hex(16)
    token = Token(name, id, scopes, salt, _digest(salt, secret), now)
    _write(folder, (*tokens, token))
    return token, f"{_PREFIX}_{id}_{secret}"


def revoke(folder: Path, name: str) -> Token:
    """Remove a token. Raises `NotFound`."""
    tokens = read(folder)
    found = next((token for token in tokens if token.name == name), None)
    if found is None:
        raise NotFound(f"There is no token named {name}.", hint="`mlops-desktop serve token list` shows all.")
    _write(folder, tuple(token for token in tokens if token is not found))
    return found


def read(folder: Path) -> tuple[Token, ...]:
    """All tokens of a workspace, oldest first."""
    return _read(folder / TOKENS_FILE)


def _read(path: Path) -> tuple[Token, ...]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_File).tokens
    except FileNotFoundError:
        return ()
    except msgspec.DecodeError as error:
        raise Damaged(f"{path} is not a list of tokens: {error}.", hint="Bring it back from a backup.") from error


def _write(folder: Path, tokens: tuple[Token, ...]) -> None:
    path, fresh = folder / TOKENS_FILE, folder / f"{TOKENS_FILE}.{new_id()}"
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(_File(tokens))))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise EnvironmentProblem(f"{path} cannot be written ({error.strerror}).", hint="Check the disk.") from error


def _digest(salt: str, secret: str) -> str:
    return hashlib.sha256(bytes.fromhex(salt) + secret.encode()).hexdigest()


class TokenFile:
    """The tokens as of at most 0.2 s ago. A file that cannot be read lets nobody in."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tokens: dict[str, Token] = {}
        self._stamp: tuple[int, int, int] | None = None
        self._looked = -_LOOK_SECONDS

    def find(self, text: str) -> Token | None:
        """The token that a client presents, or None; takes as long for a wrong secret as for the right one."""
        self._refresh()
        prefix, _, rest = text.partition("_")
        id, _, secret = rest.partition("_")
        token = self._tokens.get(id)
        digest = _digest(token.salt if token else "00", secret)
        is_right = hmac.compare_digest(digest, token.digest if token else "0" * len(digest))
        return token if token is not None and is_right and prefix == _PREFIX else None

    def __bool__(self) -> bool:
        self._refresh()
        return bool(self._tokens)

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp != self._stamp:
                self._tokens = {token.id: token for token in _read(self._path)}
                self._stamp = stamp
        except (OSError, Damaged):
            self._tokens, self._stamp = {}, None
