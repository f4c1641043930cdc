"""The player's process, as the window steers it: JSON lines to it, JSON lines from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QTimer, Signal, Slot

from mlops_desktop.core.processes import program_command

_PATIENCE_MS = 1_500


@dataclass(frozen=True)
class PlayerReport:
    """`day` is an ISO date, `fraction` in [0, 1]; `state` is playing, paused, waiting, finished, failed or stopped."""

    day: str = ""
    fraction: float = 0.0
    state: str = "paused"
    message: str = ""


class PlayerLink(QObject):
    """Starts the player when it is first told to play, and ends it with the window.

    Signals:
        reported(PlayerReport): how far it is.
    """

    reported = Signal(object)

    def __init__(self, folder: Path, *, speed: float = 7.0, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self.speed = speed
        self.report = PlayerReport()
        self._process: QProcess | None = None
        self._is_stopping = False

    @property
    def is_playing(self) -> bool:
        return self._process is not None and self.report.state in ("playing", "waiting")

    def play(self, on: bool) -> None:
        """Play or pause."""
        if self._process is None:
            if on:
                self._start()
            return
        self._tell({"play": on})
        self._say(PlayerReport(self.report.day, self.report.fraction, "playing" if on else "paused"))

    def set_speed(self, days_per_second: float) -> None:
        """0 is as fast as possible."""
        self.speed = days_per_second
        self._tell({"speed": days_per_second})

    def stop(self) -> None:
        """End the player; its end comes as the report `stopped`."""
        process = self._process
        if process is None or self._is_stopping:
            return
        self._is_stopping = True
        self._tell({"stop": True})
        process.closeWriteChannel()
        QTimer.singleShot(_PATIENCE_MS, process, process.kill)

    def stop_and_wait(self) -> None:
        """End the player and wait for it; for the end of the program."""
        process = self._process
        self.stop()
        if process is not None and not process.waitForFinished(_PATIENCE_MS):
            process.kill()
            process.waitForFinished(1_000)

    def _start(self) -> None:
        command = program_command("player", str(self._folder), "--speed", f"{self.speed:g}")
        process = QProcess(self)
        process.setProcessChannelMode(QProcess.ProcessChannelMode.ForwardedErrorChannel)
        process.readyReadStandardOutput.connect(self._on_output)
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        self._process, self._is_stopping = process, False
        self._say(PlayerReport(self.report.day, self.report.fraction, "playing"))
        process.start(command[0], command[1:])

    def _tell(self, message: dict[str, object]) -> None:
        if self._process is not None:
            self._process.write(json.dumps(message).encode() + b"\n")

    @Slot()
    def _on_output(self) -> None:
        process = self._process
        if process is None:
            return
        newest: PlayerReport | None = None
        while process.canReadLine():
            newest = _report_of(bytes(process.readLine().data())) or newest
        if newest is not None:
            self._say(newest)

    def _on_finished(self, code: int) -> None:
        self._on_output()
        process, self._process = self._process, None
        if process is not None:
            process.deleteLater()
        if self.report.state in ("finished", "failed"):
            return
        state = "stopped" if code == 0 or self._is_stopping else "failed"
        message = "" if state == "stopped" else f"The player ended with code {code}; see the log."
        self._say(PlayerReport(self.report.day, self.report.fraction, state, message))

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:
            self._process = None
            self._say(PlayerReport(self.report.day, self.report.fraction, "failed", "The player could not be started."))

    def _say(self, report: PlayerReport) -> None:
        self.report = report
        self.reported.emit(report)


def _report_of(line: bytes) -> PlayerReport | None:
    try:
        found = json.loads(line)
        return PlayerReport(
            str(found.get("day", "")), float(found.get("fraction", 0.0)), str(found.get("state", "playing")),
            str(found.get("message", "")),
        )  # fmt: skip
    except (ValueError, AttributeError, TypeError):
        return None
