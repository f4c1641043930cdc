"""The record of notices. Knows nothing of Qt: the window subscribes, and so can a test."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

_KEPT = 500


class Level(StrEnum):
    """How a notice is shown; errors stay until they are dismissed."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Notice:
    """Something that a person was told. `action` names a button; `target` is what it opens, for example `alert:12`."""

    number: int
    level: Level
    text: str
    detail: str = ""
    action: str = ""
    target: str = ""
    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def stays(self) -> bool:
        return self.level is Level.ERROR


class NoticeLog:
    """Keeps the last 500 notices and tells its subscribers of each new one, in the caller's thread."""

    def __init__(self) -> None:
        self._notices: deque[Notice] = deque(maxlen=_KEPT)
        self._subscribers: list[Callable[[Notice], None]] = []
        self._numbers = itertools.count(1)
        self.unread = 0

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Oldest first."""
        return tuple(self._notices)

    def subscribe(self, listener: Callable[[Notice], None]) -> Callable[[], None]:
        """Calls `listener` with each new notice; returns what ends the subscription."""
        self._subscribers.append(listener)
        return lambda: self._subscribers.remove(listener)

    def post(self, level: Level, text: str, *, detail: str = "", action: str = "", target: str = "") -> Notice:
        notice = Notice(next(self._numbers), level, text, detail, action, target)
        self._notices.append(notice)
        self.unread += 1
        for listener in tuple(self._subscribers):
            listener(notice)
        return notice

    def mark_read(self) -> None:
        self.unread = 0
