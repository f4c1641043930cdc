"""The gateway's notion of time: the machine's, or a fixed moment that a replay sets."""

from __future__ import annotations

from datetime import UTC, datetime


class GatewayTime:
    """`text` is the fixed moment as ISO 8601, or None for the machine's clock."""

    def __init__(self) -> None:
        self.text: str | None = None
        self._fixed: int | None = None

    def set(self, text: str | None) -> None:
        """Fix the time, or let it run with None. Raises ValueError when the text is not ISO 8601."""
        if text is None:
            self.text = self._fixed = None
            return
        self._fixed = _micros(text)
        self.text = text

    def micros(self, machine: int) -> int:
        """µs since 1970, given the machine's."""
        return machine if self._fixed is None else self._fixed

    def micros_of(self, event_time: bytes | None, machine: int) -> int:
        """As `micros`, but in a replay a client may say when its event happened. Raises ValueError when it cannot."""
        if event_time is None or self._fixed is None:
            return self.micros(machine)
        return _micros(event_time.decode("ascii"))


def _micros(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1e6)
