"""Ten live readings a second while the Serving page is seen, and the course of the last two minutes."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from mlops_desktop.core.errors import AppError
from mlops_desktop.ui.bridge import Bridge
from mlops_desktop.ui.charts.values import Floats
from mlops_desktop.ui.queries.serving_live import LivePoint, LiveReading, LiveSource

FEED_MS = 100
COURSE_SECONDS = 120.0
_ROOM = 2 * 1_500


class Track:
    """Times and values of one line. Appending costs the same however long it is."""

    def __init__(self) -> None:
        self._data = np.empty((2, _ROOM), np.float64)
        self._start = self._end = 0

    def add(self, time: float, value: float) -> None:
        if self._end == _ROOM:
            kept = min(self._end - self._start, _ROOM // 2)
            self._data[:, :kept] = self._data[:, self._end - kept : self._end]
            self._start, self._end = 0, kept
        self._data[:, self._end] = time, value
        self._end += 1

    def forget_before(self, time: float) -> None:
        self._start += int(np.searchsorted(self._data[0, self._start : self._end], time))

    @property
    def times(self) -> Floats:
        return self._data[0, self._start : self._end]

    @property
    def values(self) -> Floats:
        return self._data[1, self._start : self._end]


class Course:
    """The last two minutes of one endpoint, as tracks by group (`requests`, `errors`, `latency v5`, …) and name."""

    def __init__(self) -> None:
        self.groups: dict[str, dict[str, Track]] = {}
        self.newest: LivePoint | None = None

    def add(self, point: LivePoint) -> None:
        """Take in a point; after a clock that was set back the course begins anew, as times must rise."""
        if self.newest is not None and point.at < self.newest.at:
            self.groups.clear()
        self.newest = point
        at = point.at
        for group, values in (("requests", point.requests), ("errors", point.errors)):
            self._add(group, at, values)
        for version, (p50, p95, p99) in point.latency.items():
            self._add(f"latency {version}".rstrip(), at, {"p50": p50, "p95": p95, "p99": p99})
        waiting = {"queued": point.queued, "working": point.working}
        self._add("work", at, waiting | {"ready": float(point.ready), "wanted": float(point.wanted)})
        for tracks in self.groups.values():
            for track in tracks.values():
                track.forget_before(at - COURSE_SECONDS)

    def _add(self, group: str, at: float, values: dict[str, float]) -> None:
        tracks = self.groups.setdefault(group, {})
        for name, value in values.items():
            tracks.setdefault(name, Track()).add(at, value)

    def tracks(self, group: str) -> dict[str, Track]:
        """Those of a group that have a point in the last two minutes."""
        return {name: track for name, track in self.groups.get(group, {}).items() if len(track.times)}


class LiveFeed(QObject):
    """Asks in the bridge's threads, one question at a time.

    Signals:
        read(LiveReading): a look; its point, where there is one, is in `course` already.
    """

    read = Signal(object)

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._source = LiveSource()
        self._is_asking = False
        self.endpoint = ""
        self.course = Course()
        self.newest: LiveReading | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(FEED_MS)
        self._timer.timeout.connect(self.ask)

    def follow(self, endpoint: str) -> None:
        """The endpoint to look at from now on."""
        if endpoint != self.endpoint:
            self.endpoint, self.course, self.newest = endpoint, Course(), None
            self.ask()

    def set_active(self, active: bool) -> None:
        """Look, or rest. What is known stays."""
        if active:
            self._timer.start()
        else:
            self._timer.stop()

    def ask(self) -> None:
        """Look now, unless an answer is still under way."""
        if self._is_asking or not self.endpoint or self._bridge.is_closed:
            return
        self._is_asking = True
        source, endpoint = self._source, self.endpoint
        self._bridge.ask(
            "serving live", lambda workspace: source.read(workspace, endpoint), self.take, self._on_failure
        )

    def take(self, reading: LiveReading) -> None:
        """Add a reading to the course and tell of it."""
        self._is_asking = False
        if reading.endpoint != self.endpoint:
            return
        self.newest = reading
        if reading.point is not None:
            self.course.add(reading.point)
        self.read.emit(reading)

    def _on_failure(self, _error: AppError) -> None:
        self._is_asking = False  # the next look may do better; the page itself tells of a broken workspace
