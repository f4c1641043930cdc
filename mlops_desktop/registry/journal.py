"""The journal: append inside a transaction, read from any point, verify the chain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec
from msgspec import Struct

from mlops_desktop.core.clock import Clock, SystemClock, from_text, to_text
from mlops_desktop.core.errors import Damaged
from mlops_desktop.core.events import GENESIS, Body, Event, chained_hash, chained_text
from mlops_desktop.registry.database import Database

_PAGE = 2_000
_HEAD = "journal_head"


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
        self._meta = database.tables.meta
        self._clock = clock
        self._actor = actor

    def append(self, body: Body, subject: str) -> None:
        """Append an event; must be called inside `Database.writing`."""
        last = self._table.select(self._table.seq, self._table.hash).order_by(self._table.seq.desc()).limit(1).first()
        seq, previous = (last.seq + 1, last.hash) if last else (1, GENESIS)
        time, recorded = self._clock.now(), SystemClock().now()
        encoded = msgspec.json.encode(body.payload())
        # What is read back is hashed: JSON keeps neither NaN nor infinity.
        payload = msgspec.json.decode(encoded)
        text = chained_text(previous, seq, time, recorded, self._actor, body.kind, subject, payload)
        digest = chained_hash(text)
        self._table.insert(
            seq=seq,
            time=to_text(time),
            recorded=to_text(recorded),
            actor=self._actor,
            kind=body.kind,
            subject=subject,
            payload=encoded,
            previous=previous,
            hash=digest,
        ).execute()
        self._meta.replace(key=_HEAD, value=f"{seq} {digest}").execute()

    def tail(self, after: int = 0, *, limit: int = 1_000, kinds: Iterable[str] = ()) -> list[Event]:
        """Events with a sequence number above `after`, oldest first, at most `limit`."""
        query = self._table.select().where(self._table.seq > after)
        wanted = list(kinds)
        if wanted:
            query = query.where(self._table.kind.in_(wanted))
        with self._database.reading():
            return [_event(row) for row in query.order_by(self._table.seq).limit(limit)]

    def newest(
        self,
        limit: int = 200,
        *,
        kinds: Iterable[str] = (),
        subject: str = "",
        name: str = "",
        before: int | None = None,
    ) -> list[Event]:
        """The newest events, newest first; with `name`, those about `flights` as well as about `flights@3`."""
        query = self._table.select()
        wanted = list(kinds)
        if wanted:
            query = query.where(self._table.kind.in_(wanted))
        if subject:
            query = query.where(self._table.subject == subject)
        if name:
            of_version = (self._table.subject >= f"{name}@") & (self._table.subject < f"{name}A")  # "A" follows "@"
            query = query.where((self._table.subject == name) | of_version)
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
        """Recompute the whole chain, and look whether it ends where the last event was written."""
        count, previous = 0, GENESIS
        try:
            with self._database.reading_as_one():
                for row in self._table.select().order_by(self._table.seq).iterator():
                    if problem := _problem(row, count + 1, previous):
                        return Verification(count + 1, False, count + 1, problem, previous)
                    count, previous = count + 1, row.hash
                written = self._meta.get_or_none(self._meta.key == _HEAD)
        except Damaged as error:
            return Verification(count + 1, False, count + 1, f"event {count + 1} cannot be read: {error}", previous)
        if written is not None and written.value != f"{count} {previous}":
            return Verification(count, False, count + 1, f"event {count + 1} is missing", previous)
        return Verification(count, True, head=previous)


def _problem(row: object, seq: int, previous: str) -> str:
    """What is wrong with the stored event that should be number `seq`; empty when nothing is."""
    try:
        event = _event(row)
        is_unchanged = chained_hash(event.hashed_text()) == event.hash
    except (Damaged, UnicodeError):
        return f"event {seq} was changed after it was written"
    if event.seq != seq:
        return f"event {seq} is missing"
    if event.previous != previous:
        return f"event {seq} does not follow event {seq - 1}"
    return "" if is_unchanged else f"event {seq} was changed after it was written"


def _event(row: object) -> Event:
    try:
        return _decoded(row)
    except (ValueError, TypeError, AttributeError, msgspec.DecodeError) as error:
        raise Damaged(
            f"Event {row.seq} of the journal cannot be read: {error}.",  # type: ignore[attr-defined]
            hint="Restore the workspace's folder from a copy; `mlops-desktop journal verify` checks it.",
        ) from error


def _decoded(row: object) -> Event:
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
