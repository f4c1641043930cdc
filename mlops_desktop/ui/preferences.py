"""What the program remembers of a person's choices, in one ini file in the user's configuration folder."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from platformdirs import user_config_dir
from PySide6.QtCore import QByteArray, QRect, QSettings
from PySide6.QtGui import QGuiApplication

from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import Theme

_MOST_RECENTS = 8


class OnClose(StrEnum):
    """What becomes of the engine when the window closes while something runs."""

    ASK = "ask"
    KEEP = "keep"
    STOP = "stop"


class Preferences:
    """Reads and writes at once; a broken file means the defaults."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or Path(user_config_dir("mlops-desktop")) / "window.ini"
        self._settings = QSettings(str(self.path), QSettings.Format.IniFormat)

    @property
    def theme(self) -> Theme:
        found = str(self._settings.value("theme", Theme.SYSTEM.value))
        return Theme(found) if found in {each.value for each in Theme} else Theme.SYSTEM

    @theme.setter
    def theme(self, theme: Theme) -> None:
        self._settings.setValue("theme", theme.value)

    @property
    def on_close(self) -> OnClose:
        found = str(self._settings.value("on_close", OnClose.ASK.value))
        return OnClose(found) if found in {each.value for each in OnClose} else OnClose.ASK

    @on_close.setter
    def on_close(self, wanted: OnClose) -> None:
        self._settings.setValue("on_close", wanted.value)

    @property
    def rail_collapsed(self) -> bool:
        return self._flag("rail_collapsed", False)

    @rail_collapsed.setter
    def rail_collapsed(self, collapsed: bool) -> None:
        self._settings.setValue("rail_collapsed", collapsed)

    @property
    def page(self) -> str:
        return str(self._settings.value("page", ""))

    @page.setter
    def page(self, key: str) -> None:
        self._settings.setValue("page", key)

    def recents(self) -> list[Path]:
        """Workspaces opened lately that still exist, newest first."""
        found = self._settings.value("recents", [])
        texts = [str(each) for each in found] if isinstance(found, list) else [str(found or "")]
        return [path for text in texts if text and (path := Path(text)).joinpath("registry.db").is_file()]

    def remember(self, folder: Path) -> None:
        """Put a workspace at the top of the recents."""
        folder = folder.resolve()
        others = [path for path in self.recents() if path != folder]
        self._settings.setValue("recents", [str(path) for path in [folder, *others][:_MOST_RECENTS]])

    def forget(self, folder: Path) -> None:
        self._settings.setValue("recents", [str(path) for path in self.recents() if path != folder])

    # Where the window was

    def save_geometry(self, geometry: QByteArray, frame: QRect) -> None:
        self._settings.setValue("geometry", geometry)
        self._settings.setValue("frame", [frame.x(), frame.y(), frame.width(), frame.height()])

    def geometry(self) -> QByteArray | None:
        """Where the window was, None where no screen that exists now would show enough of it."""
        geometry, frame = self._settings.value("geometry"), self._settings.value("frame")
        if not isinstance(geometry, QByteArray) or not isinstance(frame, list) or len(frame) != 4:
            return None
        try:
            rect = QRect(*(int(each) for each in frame))
        except ValueError:
            return None
        needed = t.MINIMUM_WINDOW[0] // 4
        for screen in QGuiApplication.screens():
            seen = screen.availableGeometry().intersected(rect)
            if seen.width() >= needed and seen.height() >= 120:
                return geometry
        return None

    def sync(self) -> None:
        self._settings.sync()

    def _flag(self, key: str, default: bool) -> bool:
        found = self._settings.value(key, default)
        return found if isinstance(found, bool) else str(found).lower() == "true"
