"""Values about datasets: schema, origin, chunks, profile, version."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

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


class Part(Struct, frozen=True):
    """One file among several that a version came from: of a folder, a glob or an archive. `size` is in bytes."""

    name: str
    sha256: str
    size: int


class Origin(Struct, frozen=True):
    """Where the rows of a version came from.

    Attributes:
        kind: `file`, `folder`, `files`, `query`, `prediction log`, `quarantine`, `table` (rows given by a program), …
        name: the file's name, the folder's, the pattern, or the connection without its password.
        sha256: that of the file as it came, empty where there was no one file.
        host: the machine that took it in; `user`: the account.
        parents: references such as `flights@3` of the versions that it was derived from.
        query: the SQL text, where there is one.
        size: bytes as they came, 0 where unknown.
        modified: when the file was last changed, ISO 8601 in UTC, empty where unknown.
        parts: the files it came from, where there are several.
        settings: how it was read (format, delimiter, encoding, …), as it can be given again.
    """

    kind: str
    name: str
    sha256: str = ""
    host: str = ""
    user: str = ""
    parents: tuple[str, ...] = ()
    query: str = ""
    size: int = 0
    modified: str = ""
    parts: tuple[Part, ...] = ()
    settings: dict[str, Any] = {}


class StoredObject(Struct, frozen=True, array_like=True):
    """A Parquet object of the content store that a version takes rows from. `size` is in bytes."""

    sha256: str
    rows: int
    size: int


class Piece(Struct, frozen=True, array_like=True):
    """`rows` consecutive rows of an object, from its row `start`. `object` is the position in `Manifest.objects`."""

    object: int
    start: int
    rows: int


class Chunk(Struct, frozen=True):
    """A run of rows, as the content of its rows cuts it, and the pieces of stored objects that it consists of.

    `content_id` depends on the rows and the schema alone, not on how they are stored. `last` is the hash of its last
    row, by which a chunk is found again in an edited table.
    """

    content_id: str
    rows: int
    last: int
    pieces: tuple[Piece, ...]


class Manifest(Struct, frozen=True):
    """What a dataset version consists of; itself an object in the content store."""

    schema: Schema
    objects: tuple[StoredObject, ...]
    chunks: tuple[Chunk, ...]

    @property
    def rows(self) -> int:
        return sum(chunk.rows for chunk in self.chunks)

    @property
    def size(self) -> int:
        """Bytes of all objects that the version takes rows from."""
        return sum(item.size for item in self.objects)


class ColumnProfile(Struct, frozen=True):
    """One column's summary. Histograms have `len(edges) - 1` counts; `top` are the most frequent values with counts.

    `kurtosis` is in excess of a normal distribution's.
    """

    name: str
    type: ColumnType
    count: int
    nulls: int
    distinct: int
    minimum: float | str | None = None
    maximum: float | str | None = None
    mean: float | None = None
    std: float | None = None
    skewness: float | None = None
    kurtosis: float | None = None
    quantiles: tuple[float, ...] = ()
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    top: tuple[tuple[str, int], ...] = ()


class Gap(Struct, frozen=True):
    """A span of the time column without rows, longer than what is usual in it. Both ends are rows' times, ISO 8601."""

    start: str
    end: str
    seconds: float


class Profile(Struct, frozen=True):
    """Summary of a dataset version. `time_start` and `time_end` cover its time column, where it has one."""

    rows: int
    columns: tuple[ColumnProfile, ...]
    time_column: str = ""
    time_start: str = ""
    time_end: str = ""
    gaps: tuple[Gap, ...] = ()


class DatasetVersion(Struct, frozen=True):
    """An immutable, numbered version of a dataset.

    Attributes:
        manifest: hash of the object that lists what it consists of; `profile`: that of its profile.
        content_id: depends on schema and rows, not on the file format.
        size: bytes of the objects that it takes rows from.
        contract: reference of the contract that its rows were checked by, such as `flights@2`; empty for none.
        repeats: reference of an earlier version of the dataset with the same content; empty for none.
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
    contract: str = ""
    repeats: str = ""

    @property
    def reference(self) -> str:
        return f"{self.dataset}@{self.number}"


class Marks(Struct, frozen=True):
    """What people say about a version; unlike the version it may change.

    An archived version is left out of lists and of `@latest`. `packed` names the file that holds its rows where they
    were moved out of the workspace.
    """

    dataset: str
    number: int
    note: str = ""
    tags: tuple[str, ...] = ()
    is_archived: bool = False
    packed: str = ""


class VersionLine(Struct, frozen=True, gc=False):
    """A version as a line of a list: without schema and origin, so that ten thousand are quick to read.

    `aliases` are the names that point at it, `latest` among them. `packed` is as in `Marks`.
    """

    dataset: str
    number: int
    content_id: str
    rows: int
    size: int
    created: datetime
    origin: str
    contract: str = ""
    repeats: str = ""
    note: str = ""
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    is_archived: bool = False
    packed: str = ""

    @property
    def reference(self) -> str:
        return f"{self.dataset}@{self.number}"


class DatasetAlias(Struct, frozen=True):
    """A name that points to a version of a dataset, such as `reference`."""

    dataset: str
    name: str
    number: int
    moved: datetime
    actor: str
    reason: str = ""


class Tombstone(Struct, frozen=True):
    """What is left of a version that was deleted for good: its number is never used again."""

    dataset: str
    number: int
    content_id: str
    rows: int
    deleted: datetime
    actor: str
    reason: str

    @property
    def reference(self) -> str:
        return f"{self.dataset}@{self.number}"


class Attempt(Struct, frozen=True):
    """One attempt to ingest, as the journal has it.

    `outcome` is `stored`, `repeated`, `failed` or `cancelled`; `version` is the reference of what it made, empty for a
    failure; `size` is what came, in bytes (0 where unknown).
    """

    time: datetime
    actor: str
    dataset: str
    origin: str
    outcome: str
    reason: str
    seconds: float
    size: int = 0
    rows: int = 0
    version: str = ""


class Watch(Struct, frozen=True):
    """A folder whose new files become versions of a dataset.

    `pattern` is a glob such as `*.csv`. `settings` are how the files are read, as in `Origin.settings`;
    `time_column` is as in `Profile`.
    """

    name: str
    folder: str
    pattern: str
    dataset: str
    settings: dict[str, Any] = {}
    is_paused: bool = False
    time_column: str = ""
