"""What databases say when something is wrong, in words for people and without the password."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from mlops_desktop.core.errors import AppError, EnvironmentProblem, InvalidInput
from mlops_desktop.data.sources.credentials import VARIABLE, Location

_QUERY_STATES = ("21", "22", "25", "26", "34", "42", "0A")  # classes of SQLSTATE that are the query's fault
_REFUSED_STATES = ("28",)
_MYSQL_REFUSED = frozenset({1044, 1045, 1130, 1698, 1862})
_MYSQL_QUERY = frozenset({1052, 1054, 1064, 1142, 1143, 1146, 1305, 1792})
_SQLITE_QUERY = ("no such", "syntax error", "ambiguous", "misuse", "unrecognized", "incomplete input", "readonly",
                 "wrong number of arguments", "not authorized", "bindings")  # fmt: skip
_NOISE = " (timeout is None and source_address is None)"  # which pg8000 says of every connection that fails
_SQLITE_DAMAGE = ("not a database", "malformed")


def explained(error: Exception, place: Location) -> AppError:
    """The error for people that an error of SQLAlchemy or of the network stands for."""
    cause = getattr(error, "orig", None) or error
    said = _without_secret(_said(cause), place)
    if _is_refusal(cause):
        return EnvironmentProblem(
            f"{place.shown} does not let you in: {said}.",
            hint=f"Check user and password; the password comes from the keyring, {VARIABLE} or ~/.pgpass.",
        )
    if _is_damage(cause, said):
        return InvalidInput(f"{place.shown} is no whole database: {said}.", hint="Give a database file.")
    if _is_of_query(cause, said):
        return InvalidInput(f"{place.shown} cannot run the query: {said}.", hint="Correct the query.")
    return EnvironmentProblem(
        f"{place.shown} cannot be read: {said}.", hint="Check that the server runs and can be reached, then try again."
    )


def _said(cause: Any) -> str:
    first = cause.args[0] if cause.args else ""
    if isinstance(first, dict):  # pg8000: the fields of the server's message
        text = str(first.get("M", first))
    elif isinstance(first, int) and len(cause.args) > 1:  # pymysql: number and text
        text = str(cause.args[1])
    else:
        text = str(cause) or type(cause).__name__
    reason = cause.__cause__ or cause.__context__
    if isinstance(reason, OSError) and str(reason) not in text:
        text = f"{text} ({reason})"
    return text.replace(_NOISE, "").strip().rstrip(".")


def _state(cause: Any) -> str:
    first = cause.args[0] if cause.args else ""
    return str(first.get("C", "")) if isinstance(first, dict) else str(getattr(cause, "sqlstate", "") or "")


def _number(cause: Any) -> int:
    """MySQL's number of the error; 0 elsewhere."""
    first = cause.args[0] if cause.args else 0
    return first if isinstance(first, int) and not isinstance(cause, OSError) else 0


def _is_refusal(cause: Any) -> bool:
    return (
        _state(cause).startswith(_REFUSED_STATES)
        or _number(cause) in _MYSQL_REFUSED
        or "no password was provided" in str(cause)
        or "requested password authentication" in str(cause)
    )


def _is_damage(cause: Any, said: str) -> bool:
    return "sqlite" in type(cause).__module__ and any(words in said for words in _SQLITE_DAMAGE)


def _is_of_query(cause: Any, said: str) -> bool:
    if "sqlite" in type(cause).__module__:
        return any(words in said for words in _SQLITE_QUERY)
    if _state(cause):
        return _state(cause).startswith(_QUERY_STATES)
    return _number(cause) in _MYSQL_QUERY or (_number(cause) > 0 and type(cause).__name__ == "ProgrammingError")


def _without_secret(text: str, place: Location) -> str:
    for secret in {place.password, quote(place.password, safe="")} - {""}:
        text = text.replace(secret, "***")
    return text
