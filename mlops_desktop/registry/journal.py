"""The journal: append inside a transaction, read from any point, verify the chain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec
from msgspec import Struct

from mlops_desktop.core.clock import Clock, SystemClock, from_text, to_text
from mlops_desktop.core.events import GENESIS, Body, Event, chained_hash, chained_text
from mlops_desktop.registry.database import Database

_PAGE = 2_000


class Verification(Struct, frozen=True):
    """Result of checking the chain. `first_broken` is the sequence number of the first event that does not fit."""

    events: int
    intact: bool
    first_broken: int | None = None
    reason: str = ""
    head: str = GENESIS


class Journal:
    """Events in order. Only repositories append, each in the transaction of the write that the event tells of."""

    def __init__(self, database: Database, clock: Clock, actor: str) -> None:
        self._database = database
        self._table = database.tables.journal
        self._clock = clock
        self._actor = actor

    def append(self, body: Body, subject: str) -> None:
        """Append an event; must be called inside `Database.writing`."""
        last = self._table.select(self._table.seq, self._table.hash).order_by(self._table.seq.desc()).limit(1).first()
        seq, previous = (last.seq + 1, last.hash) if last else (1, GENESIS)
        time, recorded = self._clock.now(), SystemClock().now()
        payload = body.payload()
        text = chained_text(previous, seq, time, recorded, self._actor, body.kind, subject, payload)
        self._table.insert(
            seq=seq,
            time=to_text(time),
            recorded=to_text(recorded),
            actor=self._actor,
            kind=body.kind,
            subject=subject,
            payload=msgspec.json.encode(payload),
            previous=previous,
            hash=chained_hash(text),
        ).execute()

    def tail(self, after: int = 0, *, limit: int = 1_000, kinds: Iterable[str] = ()) -> list[Event]:
        """Events with a sequence number above `after`, oldest first, at most `limit`."""
        query = self._table.select().where(self._table.seq > after)
        wanted = list(kinds)
        if wanted:
            query = query.where(self._table.kind.in_(wanted))
        with self._database.reading():
            return [_event(row) for row in query.order_by(self._table.seq).limit(limit)]

    def newest(
        self, limit: int = 200, *, kinds: Iterable[str] = (), subject: str = "", before: int | None = None
    ) -> list[Event]:
        """The newest events, newest first."""
        query = self._table.select()
        wanted = list(kinds)
        if wanted:
            query = query.where(self._table.kind.in_(wanted))
        if subject:
            query = query.where(self._table.subject == subject)
        if before is not None:
            query = query.where(self._table.seq < before)
        with self._database.reading():
            return [_event(row) for row in query.order_by(self._table.seq.desc()).limit(limit)]

    def head(self) -> int:
        """Sequence number of the newest event; 0 in an empty journal."""
        with self._database.reading():
            last = self._table.select(self._table.seq).order_by(self._table.seq.desc()).limit(1).first()
        return int(last.seq) if last else 0

    def until(self, moment: datetime, *, kinds: Iterable[str]) -> list[Event]:
        """Events of these kinds up to a time of the workspace, oldest first: the base of every view as of that time."""
        query = self._table.select().where(self._table.time <= to_text(moment), self._table.kind.in_(list(kinds)))
        with self._database.reading():
            return [_event(row) for row in query.order_by(self._table.seq)]

    def all(self) -> Iterator[Event]:
        """Every event, oldest first, read in pages."""
        after = 0
        while page := self.tail(after, limit=_PAGE):
            yield from page
            after = page[-1].seq

    def verify(self) -> Verification:
        """Recompute the whole chain."""
        count, previous = 0, GENESIS
        for event in self.all():
            count += 1
            if event.seq != count:
                return Verification(count, False, count, f"event {count} is missing", previous)
            if event.previous != previous:
                return Verification(count, False, count, f"event {count} does not follow event {count - 1}", previous)
            if chained_hash(event.hashed_text()) != event.hash:
                return Verification(count, False, count, f"event {count} was changed after it was written", previous)
            previous = event.hash
        return Verification(count, True, head=previous)


def _event(row: object) -> Event:
    return Event(
        seq=row.seq,  # type: ignore[attr-defined]
        time=from_text(row.time),  # type: ignore[attr-defined]
        recorded=from_text(row.recorded),  # type: ignore[attr-defined]
        actor=row.actor,  # type: ignore[attr-defined]
        kind=row.kind,  # type: ignore[attr-defined]
        subject=row.subject,  # type: ignore[attr-defined]
        payload=msgspec.json.decode(bytes(row.payload)),  # type: ignore[attr-defined]
        previous=row.previous,  # type: ignore[attr-defined]
        hash=row.hash,  # type: ignore[attr-defined]
    )
