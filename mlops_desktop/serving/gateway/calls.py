"""What a codec makes of a request, and what it gets to make an answer of.

Small requests are decoded, checked and answered by the gateway. Large ones and tables go to the worker as they came,
and the same codecs run there, so that no large request holds up the others.
"""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct

from mlops_desktop.serving.gateway.faults import HttpError

MAX_ROWS = 100_000
LARGE_BYTES = 64 * 1024
LARGEST_BYTES = 1 << 29
ENTITY_INPUT = "entity_id"
JSON_TYPE = "application/json"
CSV_TYPE = "text/csv"
ARROW_TYPE = "application/vnd.apache.arrow.stream"
ARROW_FILE_TYPE = "application/vnd.apache.arrow.file"
PARQUET_TYPES = frozenset(["application/vnd.apache.parquet", "application/x-parquet", "application/parquet"])
ARROW_TYPES = frozenset([ARROW_TYPE, ARROW_FILE_TYPE])
TABLE_TYPES = PARQUET_TYPES | ARROW_TYPES | {CSV_TYPE}


class Form(Struct):
    """How a body is to be read and answered, from the headers and the query. `content_type` is without parameters.

    `encoding` is what the body is compressed with, and `compress` what the answer may be compressed with.
    `json_length` is how many bytes of a V2 body are JSON, -1 where all are. `ids` names the column of entity ids, and
    `entity` is the one by which a request is routed. `features` are the model's columns, for values by position.
    """

    content_type: str = ""
    accept: str = ""
    encoding: str = ""
    compress: str = ""
    json_length: int = -1
    client_id: str = ""
    ids: str = ""
    entity: str = ""
    features: tuple[str, ...] = ()

    @property
    def wants_arrow(self) -> bool:
        """What was sent as Arrow is answered so, unless something else is asked for."""
        if self.accept in ("", "*/*"):
            return self.content_type in ARROW_TYPES
        return any(kind in self.accept for kind in ARROW_TYPES)


class Call(Struct):
    """A request to predict: columns of equal length `rows`, of which the signature picks its own.

    `table` holds a pyarrow table instead of `columns`; `is_text` says that its values were all written as text.
    """

    columns: dict[str, list[Any]]
    rows: int
    client_id: str = ""
    entity_ids: list[str] | None = None
    wanted: tuple[str, ...] = ()
    binary: frozenset[str] = frozenset()
    table: Any = None
    is_text: bool = False


class Answer(Struct):
    """A prediction to be put in words of a protocol.

    `probabilities` are row-major, of as many classes as `classes` has, and given only where there are more than two.
    """

    id: str
    client_id: str
    model: str
    endpoint: str
    version: int
    role: str
    scores: list[float]
    predictions: list[Any]
    classes: tuple[str, ...] = ()
    probabilities: list[float] = []

    def rows_of_probabilities(self) -> list[float]:
        """Row-major probabilities of all classes, empty for a regression."""
        if len(self.classes) == 2:
            return [value for score in self.scores for value in (1.0 - score, score)]
        return self.probabilities

    def columns_of_probabilities(self) -> dict[str, list[float]]:
        """Probabilities by class, empty for a regression."""
        if len(self.classes) == 2:
            negative, positive = self.classes
            return {negative: [1.0 - score for score in self.scores], positive: self.scores}
        width = len(self.classes)
        return {name: self.probabilities[place::width] for place, name in enumerate(self.classes)}


class Encoded(Struct):
    """A body with what its headers must say."""

    content: bytes | memoryview
    content_type: str = JSON_TYPE
    headers: dict[str, str] | None = None


class Codec(Protocol):
    """A protocol: bytes to `Call` (or `HttpError` 400), `Answer` to bytes. `name` is what workers know it by."""

    name: str

    def decode(self, body: bytes, form: Form) -> Call: ...

    def encode(self, answer: Answer, call: Call, form: Form) -> Encoded: ...


def check_rows(rows: int) -> None:
    """Raise `HttpError` 400 for none, or for more than are taken at a time."""
    if rows < 1:
        raise HttpError(400, "The request has no rows.")
    if rows > MAX_ROWS:
        raise HttpError(400, f"The request has {rows:,} rows; at most {MAX_ROWS:,} are taken at a time.")


def checked_rows(columns: dict[str, list[Any]]) -> int:
    """The common length of the columns; raises `HttpError` 400 where they differ, are empty, or are too long."""
    rows = -1
    for name, values in columns.items():
        if rows not in (-1, len(values)):
            raise HttpError(400, f"Column '{name}' has {len(values)} rows where the ones before it have {rows}.")
        rows = len(values)
    check_rows(rows)
    return rows


def checked_ids(ids: list[Any] | None, rows: int) -> list[str] | None:
    """Entities' ids as text, one per row."""
    if ids is None:
        return None
    if len(ids) != rows:
        raise HttpError(400, f"There are {len(ids)} ids for {rows} rows.")
    return ["" if value is None else str(value) for value in ids]
