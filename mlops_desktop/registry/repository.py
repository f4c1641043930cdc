"""What every repository shares: rows whose `body` is a struct of `core` as JSON, and the journal beside them."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec
from peewee import fn

from mlops_desktop.core.clock import Clock
from mlops_desktop.registry.database import Database
from mlops_desktop.registry.journal import Journal

T = TypeVar("T", bound=msgspec.Struct)


class Context:
    """What a repository works with."""

    def __init__(self, database: Database, journal: Journal, clock: Clock, actor: str) -> None:
        self.database = database
        self.tables = database.tables
        self.journal = journal
        self.clock = clock
        self.actor = actor


class Rows(Generic[T]):
    """Structs of one type in one table. Writing must happen inside `Database.writing`."""

    def __init__(self, database: Database, table: Any, struct: type[T]) -> None:
        self._database = database
        self.table = table
        self._decoder = msgspec.json.Decoder(struct)

    def insert(self, body: T, **keys: Any) -> None:
        self.table.insert(body=msgspec.json.encode(body), **keys).execute()

    def put(self, body: T, **keys: Any) -> None:
        """Insert, or replace the row with the same primary key."""
        self.table.replace(body=msgspec.json.encode(body), **keys).execute()

    def one(self, *conditions: Any) -> T | None:
        found = self.many(*conditions, limit=1)
        return found[0] if found else None

    def many(self, *conditions: Any, order: Any = None, limit: int | None = None, offset: int = 0) -> list[T]:
        query = self.table.select(self.table.body)
        if conditions:
            query = query.where(*conditions)
        if order is not None:
            query = query.order_by(order)
        if limit is not None:
            query = query.limit(limit)
        if offset:
            query = query.offset(offset)
        with self._database.reading():
            return [self._decoder.decode(body) for (body,) in self._database.fetch(query)]

    def naming(self, text: str) -> Any:
        """Condition: the JSON holds this text as a whole string. For questions too rare to have a column."""
        return fn.INSTR(self.table.body, msgspec.json.encode(text)) > 0

    def count(self, *conditions: Any) -> int:
        query = self.table.select()
        if conditions:
            query = query.where(*conditions)
        with self._database.reading():
            return int(query.count())

    def highest(self, field: Any, *conditions: Any) -> int:
        """Largest value of an integer column, 0 where there is no row."""
        row = self.table.select(field).where(*conditions) if conditions else self.table.select(field)
        with self._database.reading():
            first = row.order_by(field.desc()).limit(1).tuples().first()
        return int(first[0]) if first else 0


def split_reference(reference: str) -> tuple[str, str]:
    """`flights@3` → (`flights`, `3`); without `@` the selector is `latest`."""
    name, _, selector = reference.partition("@")
    return name, selector or "latest"
