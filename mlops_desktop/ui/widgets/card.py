"""Surfaces: the card, and the header of a section."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.fonts import Type
from mlops_desktop.ui.widgets.labels import ElidedLabel, Label, caption
from mlops_desktop.ui.widgets.painting import paint_box


class SectionHeader(QWidget):
    """A title of 15 px with an optional note beside it, and room for buttons at the right (`add_action`)."""

    def __init__(self, title: str, note: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = Label(title, Type.SECTION, fonts.SEMIBOLD)
        self.note = ElidedLabel(note, Type.CAPTION, secondary=True)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(t.SPACE_2)
        self._row.addWidget(self.title)
        self._row.addWidget(self.note, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def add_action(self, widget: QWidget) -> None:
        """Adds a button (or any widget) at the right end."""
        self._row.addWidget(widget)

    def set_note(self, note: str) -> None:
        self.note.setText(note)


class Card(QWidget):
    """A surface with radius 8 and a hairline. Put content into `body`; a title makes a header above it."""

    def __init__(self, title: str = "", note: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(t.SPACE_4, t.SPACE_3, t.SPACE_4, t.SPACE_4)
        outer.setSpacing(t.SPACE_3)
        self.header: SectionHeader | None = None
        if title:
            self.header = SectionHeader(title, note)
            outer.addWidget(self.header)
            self.setAccessibleName(title)
        self.body = QVBoxLayout()
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(t.SPACE_2)
        outer.addLayout(self.body, 1)

    def add(self, widget: QWidget, stretch: int = 0) -> None:
        """Adds a widget under what is there."""
        self.body.addWidget(widget, stretch)

    def add_caption(self, text: str) -> Label:
        label = caption(text, wrap=True)
        self.body.addWidget(label)
        return label

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        tokens = current()
        paint_box(QPainter(self), QRectF(self.rect()), tokens.surface, tokens.hairline)
