"""Values about datasets: schema, origin, chunks, profile, version."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class ColumnType(StrEnum):
    """What a column holds, independent of the file format it came from."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    TIME = "time"


class Column(Struct, frozen=True):
    """One column of a schema. `storage` is the Arrow type's name, for example `float` or `dictionary<...>`."""

    name: str
    type: ColumnType
    storage: str
    nullable: bool = True


class Schema(Struct, frozen=True):
    """The columns of a dataset version, in order."""

    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


class Origin(Struct, frozen=True):
    """Where the rows of a version came from.

    `sha256` is that of the file as it came, empty where there was no file; `parents` are references such as
    `flights@3` of the versions that it was derived from.
    """

    kind: str
    name: str
    sha256: str = ""
    host: str = ""
    user: str = ""
    parents: tuple[str, ...] = ()


class Chunk(Struct, frozen=True):
    """A run of rows stored as one Parquet object. `content_id` depends on the rows and the schema alone."""

    sha256: str
    content_id: str
    rows: int
    size: int


class Manifest(Struct, frozen=True):
    """What a dataset version consists of; itself an object in the content store."""

    schema: Schema
    chunks: tuple[Chunk, ...]

    @property
    def rows(self) -> int:
        return sum(chunk.rows for chunk in self.chunks)

    @property
    def size(self) -> int:
        return sum(chunk.size for chunk in self.chunks)


class ColumnProfile(Struct, frozen=True):
    """One column's summary. Histograms have `len(edges) - 1` counts; `top` are the most frequent values with counts."""

    name: str
    type: ColumnType
    count: int
    nulls: int
    distinct: int
    minimum: float | str | None = None
    maximum: float | str | None = None
    mean: float | None = None
    std: float | None = None
    quantiles: tuple[float, ...] = ()
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    top: tuple[tuple[str, int], ...] = ()


class Profile(Struct, frozen=True):
    """Summary of a dataset version. `time_start` and `time_end` cover its time column, where it has one."""

    rows: int
    columns: tuple[ColumnProfile, ...]
    time_column: str = ""
    time_start: str = ""
    time_end: str = ""


class DatasetVersion(Struct, frozen=True):
    """An immutable, numbered version of a dataset.

    `manifest` and `profile` are hashes of objects in the content store. `content_id` depends on schema and rows,
    not on the file format.
    """

    id: str
    dataset: str
    number: int
    content_id: str
    manifest: str
    profile: str
    rows: int
    size: int
    schema: Schema
    origin: Origin
    created: datetime

    @property
    def reference(self) -> str:
        return f"{self.dataset}@{self.number}"
