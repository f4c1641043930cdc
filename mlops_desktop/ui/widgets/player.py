"""Play, pause and speed of a replay."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from mlops_desktop.ui.theme import fonts, icons
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.labels import Label, caption


class Segmented(QWidget):
    """A row of buttons of which one is chosen.

    Signals:
        chosen(int): index of the option that a person chose.
    """

    chosen = Signal(int)

    def __init__(self, options: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        self._group.idClicked.connect(self.chosen)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(t.SPACE_1)
        for index, text in enumerate(options):
            each = button(text)
            each.setCheckable(True)
            each.setAccessibleName(text)
            self._group.addButton(each, index)
            row.addWidget(each)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.set_current(0)

    def set_current(self, index: int) -> None:
        """Marks an option without announcing it."""
        self._group.button(index).setChecked(True)

    @property
    def current(self) -> int:
        return self._group.checkedId()


class PlayerControls(QWidget):
    """Moves the replay of a sample project.

    Signals:
        playToggled(bool): True to play, False to pause.
        speedChanged(float): days per second, one of `speeds`.
        stepRequested: play one day only.
    """

    playToggled = Signal(bool)
    speedChanged = Signal(float)
    stepRequested = Signal()

    def __init__(self, speeds: Sequence[float] = (1.0, 4.0, 16.0), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._speeds = tuple(speeds)
        self.is_playing = False
        self.play_button: QPushButton = button(self.tr("Play"), "play", "primary", self._on_play)
        self.play_button.setMinimumWidth(96)
        self.step_button = button(self.tr("One day"), "skip", on_click=self.stepRequested.emit)
        self.speed = Segmented([f"{speed:g}×" for speed in self._speeds])
        self.speed.setAccessibleName(self.tr("Speed"))
        self.speed.chosen.connect(self._on_speed)
        self.date = Label("\N{EN DASH}", fonts.Type.SECTION, fonts.SEMIBOLD)
        self.note = caption()
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setRange(0, 1000)
        self.progress.setAccessibleName(self.tr("Progress of the replay"))
        self._lay_out()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(t.SPACE_2)
        for widget in (self.play_button, self.step_button, self.speed):
            row.addWidget(widget)
        row.addSpacing(t.SPACE_2)
        row.addWidget(self.date)
        row.addWidget(self.note, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(t.SPACE_2)
        layout.addLayout(row)
        layout.addWidget(self.progress)

    def set_playing(self, playing: bool) -> None:
        """Shows the state without announcing it."""
        self.is_playing = playing
        self.play_button.setText(self.tr("Pause") if playing else self.tr("Play"))
        icons.set_icon(self.play_button, "pause" if playing else "play", "on_accent")
        self.step_button.setEnabled(not playing)

    def set_date(self, date: str, fraction: float, note: str = "") -> None:
        """Shows the date reached, the share of the replay in [0, 1], and a note such as `day 88 of 365`."""
        self.date.setText(date)
        self.note.setText(note)
        self.progress.setValue(round(min(max(fraction, 0.0), 1.0) * 1000))

    def set_speed(self, speed: float) -> None:
        """Marks a speed without announcing it. Raises ValueError when it is not one of `speeds`."""
        self.speed.set_current(self._speeds.index(speed))

    def _on_play(self) -> None:
        self.set_playing(not self.is_playing)
        self.playToggled.emit(self.is_playing)

    def _on_speed(self, index: int) -> None:
        self.speedChanged.emit(self._speeds[index])
