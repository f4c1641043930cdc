"""The welcome page: the sample project, a new workspace, an existing one, and those opened lately."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.icons import paint_icon
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.banner import Banner
from mlops_desktop.ui.widgets.card import Card
from mlops_desktop.ui.widgets.labels import Label, caption, section
from mlops_desktop.ui.widgets.painting import paint_box, paint_focus_ring, paint_text

_WIDTH = 904


class Choice(QAbstractButton):
    """A card that is a button: icon, title, and what it does in two or three lines."""

    def __init__(self, icon: str, title: str, text: str, *, primary: bool = False) -> None:
        super().__init__()
        self._icon, self._title, self._text, self._primary = icon, title, text, primary
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(288, 188)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        box = QRectF(self.rect())
        border = tokens.accent if self._primary or self.underMouse() else tokens.hairline
        fill = tokens.surface if self.isEnabled() else tokens.background
        paint_box(painter, box, fill, border)
        disc = QRectF(20, 20, 44, 44)
        paint_box(painter, disc, tokens.accent if self._primary else tokens.info.fill, radius=22)
        ink = tokens.on_accent if self._primary else tokens.info.text
        paint_icon(painter, self._icon, disc.adjusted(11, 11, -11, -11), ink)
        strong = fonts.font(fonts.Type.SECTION, fonts.SEMIBOLD)
        paint_text(painter, QRectF(20, 78, box.width() - 40, 24), self._title, tokens.text, strong)
        painter.setFont(fonts.font())
        painter.setPen(tokens.secondary)
        words = int(Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        painter.drawText(QRectF(20, 106, box.width() - 40, box.height() - 118), words, self._text)
        if self.hasFocus():
            paint_focus_ring(painter, box, tokens, 8)


class Recent(QAbstractButton):
    """A row with a workspace's name and folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.setAccessibleName(folder.name)
        self.setAccessibleDescription(str(folder))
        self.setToolTip(str(folder))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(400, t.ROW_COMFORTABLE)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        box = QRectF(self.rect())
        if self.underMouse():
            paint_box(painter, box, tokens.hover, radius=t.CONTROL_RADIUS)
        paint_icon(painter, "folder", QRectF(10, 10, 16, 16), tokens.secondary)
        paint_text(
            painter, QRectF(38, 0, 240, box.height()), self.folder.name, tokens.text, fonts.font(weight=fonts.MEDIUM)
        )
        small = fonts.font(fonts.Type.TABLE)
        paint_text(
            painter, QRectF(290, 0, box.width() - 300, box.height()), str(self.folder.parent), tokens.secondary, small
        )
        if self.hasFocus():
            paint_focus_ring(painter, box, tokens)


class Welcome(QWidget):
    """What a person sees first.

    Signals:
        sampleRequested, newRequested, openRequested: one of the cards was chosen.
        folderRequested(Path): a recent workspace was chosen.
    """

    sampleRequested = Signal()
    newRequested = Signal()
    openRequested = Signal()
    folderRequested = Signal(object)

    def __init__(self, recents: list[Path], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.problem = Banner(Tone.CRITICAL, "")
        self.problem.hide()
        self.sample = Choice(
            "play",
            self.tr("Open the sample project"),
            self.tr("A year of flights out of New York: watch a model drift, retrain and be replaced. Takes a minute."),
            primary=True,
        )
        self.new = Choice(
            "plus",
            self.tr("New workspace"),
            self.tr("An empty folder for your own data. Everything stays in it, on this machine."),
        )
        self.open = Choice(
            "folder",
            self.tr("Open a workspace"),
            self.tr("A folder made by this program before, also one that was copied from elsewhere."),
        )
        signals: tuple[tuple[Choice, Callable[[], None]], ...] = (
            (self.sample, self.sampleRequested.emit),
            (self.new, self.newRequested.emit),
            (self.open, self.openRequested.emit),
        )
        for choice, emit in signals:
            choice.clicked.connect(lambda _checked=False, emit=emit: emit())
        self._lay_out(recents)
        self.sample.setFocus()

    def _lay_out(self, recents: list[Path]) -> None:
        holder = QWidget()
        holder.setMaximumWidth(_WIDTH)
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(t.SPACE_3)
        column.addWidget(Label("MLOps Desktop", fonts.Type.FIGURE, fonts.SEMIBOLD))
        text = self.tr(
            "Version data, train, serve, watch for drift, retrain and roll back: on this machine, without a network."
        )
        column.addWidget(Label(text, fonts.Type.SECTION, secondary=True, wrap=True))
        column.addSpacing(t.SPACE_3)
        column.addWidget(self.problem)
        cards = QHBoxLayout()
        cards.setSpacing(t.SPACE_4)
        for choice in (self.sample, self.new, self.open):
            cards.addWidget(choice, 1)
        column.addLayout(cards)
        column.addSpacing(t.SPACE_3)
        self.recents: list[Recent] = []
        if recents:
            column.addWidget(section(self.tr("Opened lately")))
            card = Card()
            card.body.setSpacing(0)
            for folder in recents:
                row = Recent(folder)
                row.clicked.connect(lambda _checked=False, folder=folder: self.folderRequested.emit(folder))
                self.recents.append(row)
                card.add(row)
            column.addWidget(card)
        else:
            column.addWidget(caption(self.tr("Workspaces that you opened are listed here the next time.")))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(t.SPACE_8, t.SPACE_8, t.SPACE_8, t.SPACE_8)
        outer.addStretch(2)
        line = QHBoxLayout()
        line.addStretch(1)
        line.addWidget(holder, 20)
        line.addStretch(1)
        outer.addLayout(line)
        outer.addStretch(3)

    def show_problem(self, text: str) -> None:
        """Say why a workspace could not be opened or made."""
        self.problem.set_message(Tone.CRITICAL, text)
        self.problem.show()

    def show_busy(self, text: str) -> None:
        """Say what is going on; the cards wait for it. An empty text ends it."""
        for choice in (self.sample, self.new, self.open, *self.recents):
            choice.setEnabled(not text)
        if text:
            self.problem.set_message(Tone.INFO, text)
        self.problem.setVisible(bool(text))
