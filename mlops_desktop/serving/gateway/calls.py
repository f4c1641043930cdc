"""What a codec makes of a request, and what it gets to make an answer of."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct

from mlops_desktop.serving.gateway.faults import HttpError

MAX_ROWS = 100_000


class Call(Struct):
    """A request to predict: columns of equal length `rows`, of which the signature picks its own."""

    columns: dict[str, list[Any]]
    rows: int
    client_id: str = ""
    entity_ids: list[str] | None = None
    wanted: tuple[str, ...] = ()


class Answer(Struct):
    """A prediction to be put in words of a protocol."""

    id: str
    client_id: str
    model: str
    endpoint: str
    version: int
    role: str
    scores: list[float]
    predictions: list[Any]


class Codec(Protocol):
    """A protocol for predictions: bytes to `Call` (or `HttpError` 400), `Answer` to bytes."""

    def decode(self, body: bytes) -> Call: ...

    def encode(self, answer: Answer, call: Call) -> bytes: ...


def checked_rows(columns: dict[str, list[Any]]) -> int:
    """The common length of the columns; raises `HttpError` 400 where they differ, are empty, or are too long."""
    rows = -1
    for name, values in columns.items():
        if rows not in (-1, len(values)):
            raise HttpError(400, f"Column '{name}' has {len(values)} rows where the ones before it have {rows}.")
        rows = len(values)
    if rows < 1:
        raise HttpError(400, "The request has no rows.")
    if rows > MAX_ROWS:
        raise HttpError(400, f"The request has {rows:,} rows; at most {MAX_ROWS:,} are taken at a time.")
    return rows
