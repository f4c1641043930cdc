"""Drawing in small portions, so that the window answers in between."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Slot

_PAUSE_MS = 8


class Stagger(QObject):
    """Runs one portion each turn of the event loop; a newer portion under the same key replaces one that waits."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._waiting: dict[str, Callable[[], object]] = {}
        self._timer = QTimer(self)
        self._timer.setInterval(_PAUSE_MS)
        self._timer.timeout.connect(self._on_turn)

    @property
    def is_idle(self) -> bool:
        return not self._waiting

    def put(self, key: str, portion: Callable[[], object]) -> None:
        self._waiting[key] = portion
        if not self._timer.isActive():
            self._timer.start()

    def clear(self) -> None:
        self._waiting.clear()
        self._timer.stop()

    @Slot()
    def _on_turn(self) -> None:
        if self._waiting:
            portion = self._waiting.pop(next(iter(self._waiting)))
            portion()
        if not self._waiting:
            self._timer.stop()
