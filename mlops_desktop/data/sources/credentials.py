"""Passwords of databases: kept in the system's keyring, never in a workspace.

A location in a workspace is a URL without a password. When a connection is made, the password is taken from the URL if
there is one, else from the environment variable MLOPS_DESKTOP_DB_PASSWORD, the keyring, or, for PostgreSQL, from
~/.pgpass.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from mlops_desktop.core.errors import EnvironmentProblem, InvalidInput

VARIABLE = "MLOPS_DESKTOP_DB_PASSWORD"
SERVICE = "mlops-desktop"
_URL = re.compile(
    r"(?P<scheme>[\w+]+)://(?:(?P<user>[^:/@?]*)(?::(?P<password>[^@]*))?@)?(?P<place>[^/?]*)(?P<rest>.*)", re.DOTALL
)
_SECRET = re.compile(r"[?&](?:[^=&]*(?:pass|pwd|secret|token)[^=&]*)=", re.IGNORECASE)


class Location(NamedTuple):
    """The URL of a database, taken apart. `shown` is the whole of it without the password."""

    scheme: str
    user: str
    password: str
    place: str
    rest: str

    @property
    def shown(self) -> str:
        user = f"{self.user}@" if self.user else ""
        return f"{self.scheme}://{user}{self.place}{self.rest}"

    @property
    def complete(self) -> str:
        """With the password, for the connection alone."""
        secret = f":{quote(self.password, safe='')}" if self.password else ""
        user = f"{self.user}{secret}@" if self.user or secret else ""
        return f"{self.scheme}://{user}{self.place}{self.rest}"


def taken_apart(url: str) -> Location:
    """Raises `InvalidInput`, in words that hold no password."""
    found = _URL.fullmatch(url.strip())
    if found is None:
        raise InvalidInput(
            "The URL of the database cannot be understood.", hint="Write it as postgresql://user@host:5432/database."
        )
    named = found["place"] + (found["rest"].partition("?")[0] if found["place"] else "")
    if "@" in named or _SECRET.search(found["rest"]):
        raise InvalidInput(
            "The URL of the database holds a password in a place where it would be shown.",
            hint="Write it as user:password@host, with @ in a password as %40, / as %2F and : as %3A.",
        )
    return Location(
        found["scheme"], found["user"] or "", unquote(found["password"] or ""), found["place"], found["rest"]
    )


def without_password(url: str) -> str:
    """The URL as it may be shown and recorded. Raises `InvalidInput`."""
    return taken_apart(url).shown


def remember(url: str) -> str:
    """Keep the URL's password in the system's keyring; the URL without it.

    Raises `InvalidInput`, and `EnvironmentProblem` where there is no keyring that can be used.
    """
    location = taken_apart(url)
    if location.password:
        with_keyring("set_password", SERVICE, location.shown, location.password)
    return location.shown


def forget(url: str) -> None:
    """Remove the password of a URL from the keyring, if it is there. Raises `EnvironmentProblem`."""
    shown = without_password(url)
    if with_keyring("get_password", SERVICE, shown) is not None:
        with_keyring("delete_password", SERVICE, shown)


def with_password(url: str) -> Location:
    """The URL with the password that belongs to it, where one is known. Raises `InvalidInput`, `EnvironmentProblem`."""
    location = taken_apart(url)
    if location.password or not location.place:
        return location
    password = os.environ.get(VARIABLE, "") or _from_keyring(location.shown)
    if not password and location.scheme.startswith("postgres"):
        password = _from_pgpass(location)
    return location._replace(password=password)


def with_keyring(verb: str, *arguments: str) -> Any:
    """Call a function of `keyring`. Raises `EnvironmentProblem` where it has no place to keep passwords."""
    alternative = f"Set {VARIABLE} for one command"
    try:
        import keyring
        import keyring.errors
    except ImportError as error:
        raise EnvironmentProblem(
            "The package keyring, which keeps passwords, is not installed.",
            hint=f'Run pip install "mlops-desktop[sql]". {alternative}.',
        ) from error
    try:
        return getattr(keyring, verb)(*arguments)
    except keyring.errors.KeyringError as error:
        reason = "there is none" if isinstance(error, keyring.errors.NoKeyringError) else str(error).rstrip(".")
        raise EnvironmentProblem(
            f"The system's keyring, which keeps passwords, cannot be used ({reason}).",
            hint=f"Unlock or install one. {alternative}, or for PostgreSQL use ~/.pgpass.",
        ) from None


def _from_keyring(shown: str) -> str:
    """Nothing where there is no keyring: many servers ask for no password."""
    try:
        return str(with_keyring("get_password", SERVICE, shown) or "")
    except EnvironmentProblem:
        return ""


def _from_pgpass(location: Location) -> str:
    """The first line that fits, as libpq reads the file; one that others may read is not used."""
    path = Path(os.environ.get("PGPASSFILE") or Path.home() / ".pgpass")
    if not path.is_file() or (os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)):
        return ""
    host, _, port = location.place.partition(":")
    database = location.rest.partition("?")[0].strip("/")
    wanted = (host, port or "5432", unquote(database), unquote(location.user))
    for *fields, password in _pgpass_lines(path.read_text()):
        if all(field in ("*", value) for field, value in zip(fields, wanted, strict=True)):
            return password
    return ""


def _pgpass_lines(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        fields = [re.sub(r"\\(.)", r"\1", field) for field in re.split(r"(?<!\\):", line, maxsplit=4)]
        if len(fields) == 5 and not line.startswith("#"):
            yield fields
