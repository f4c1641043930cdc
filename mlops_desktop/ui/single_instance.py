"""One window per workspace: a second start brings the first one to the front."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QLockFile, QObject, QStandardPaths, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from mlops_desktop.core.ids import sha256_hex

_PATIENCE_MS = 300


class SingleInstance(QObject):
    """`claim()` first asks whether somebody answers, and only then clears away what a killed program left.

    Signals:
        raiseRequested: another start wants this window to the front.
    """

    raiseRequested = Signal()

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.name = f"mlops-desktop-{sha256_hex(str(folder.resolve()).encode())[:20]}"
        temporary = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.TempLocation)
        self._lock = QLockFile(str(Path(temporary) / f"{self.name}.lock"))
        self._lock.setStaleLockTime(0)
        self._server = QLocalServer(self)
        self._server.newConnection.connect(self._on_connection)

    def claim(self) -> bool:
        """True when this program is the one; else the other one has been asked to come to the front."""
        if self._call():
            return False
        if not self._lock.tryLock(0) and not self._lock.removeStaleLockFile():
            # Held, but nobody answered yet: the other one is just starting.
            return not self._call()
        QLocalServer.removeServer(self.name)
        self._server.listen(self.name)
        return True

    def release(self) -> None:
        self._server.close()
        self._lock.unlock()

    def _call(self) -> bool:
        socket = QLocalSocket()
        socket.connectToServer(self.name)
        if not socket.waitForConnected(_PATIENCE_MS):
            return False
        socket.write(b"raise\n")
        socket.waitForBytesWritten(_PATIENCE_MS)
        socket.disconnectFromServer()
        return True

    def _on_connection(self) -> None:
        while (connection := self._server.nextPendingConnection()) is not None:
            connection.disconnected.connect(connection.deleteLater)
        self.raiseRequested.emit()
