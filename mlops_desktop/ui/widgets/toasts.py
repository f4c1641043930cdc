"""Notices at the bottom right of a window: three at most; errors stay."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.icons import paint_icon
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.buttons import button, icon_button
from mlops_desktop.ui.widgets.labels import Label, caption
from mlops_desktop.ui.widgets.notifications import Level, Notice, NoticeLog
from mlops_desktop.ui.widgets.painting import paint_box

_SHOWN_MS = 6000
_MOST = 3
_WIDTH = 360
_LOOK = {
    Level.INFO: (Tone.INFO, "info"),
    Level.SUCCESS: (Tone.OK, "success"),
    Level.WARNING: (Tone.WARNING, "warning"),
    Level.ERROR: (Tone.CRITICAL, "error"),
}


class Toast(QWidget):
    """One notice.

    Signals:
        closed: dismissed, or its time is over.
        actionTriggered: its button was pressed.
    """

    closed = Signal()
    actionTriggered = Signal()

    def __init__(self, notice: Notice, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.notice = notice
        self.setFixedWidth(_WIDTH)
        self.setAccessibleName(notice.text)
        text = QVBoxLayout()
        text.setSpacing(2)
        title = Label(notice.text, weight=fonts.MEDIUM, wrap=True)
        text.addWidget(title)
        if notice.detail:
            text.addWidget(caption(notice.detail, wrap=True))
        if notice.action:
            act = button(notice.action, kind="quiet", on_click=self._on_action)
            text.addWidget(act, 0, Qt.AlignmentFlag.AlignLeft)
            act.setStyleSheet("padding-left: 0;")
        row = QHBoxLayout(self)
        row.setContentsMargins(48, t.SPACE_3, t.SPACE_2, t.SPACE_3)
        row.addLayout(text, 1)
        close = icon_button("close", self.tr("Dismiss"), self.closed.emit)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        if not notice.stays:
            QTimer.singleShot(_SHOWN_MS, self, self.closed.emit)

    def _on_action(self) -> None:
        self.actionTriggered.emit()
        self.closed.emit()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        tone, icon = _LOOK[self.notice.level]
        colours = tokens.tone(tone)
        paint_box(painter, QRectF(self.rect()), tokens.surface, tokens.control_border)
        paint_box(painter, QRectF(10, 10, 28, 28), colours.fill, radius=14)
        paint_icon(painter, icon, QRectF(15, 15, 18, 18), colours.text)


class Toasts(QWidget):
    """The stack of toasts over `parent`; shows each notice that `log` is given.

    A fourth notice pushes out the oldest that is not an error; when all are errors, the oldest of them. Pushed-out
    notices are still in the log.

    Signals:
        targetRequested(str): the `target` of a notice whose button was pressed.
    """

    targetRequested = Signal(str)

    def __init__(self, log: NoticeLog, parent: QWidget) -> None:
        super().__init__(parent)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(t.SPACE_2)
        self.toasts: list[Toast] = []
        self._floor = 0
        unsubscribe = log.subscribe(self.show_notice)
        self.destroyed.connect(lambda: unsubscribe())  # noqa: PLW0108 - it must not be given the object
        parent.installEventFilter(self)
        self.hide()

    def set_floor(self, height: int) -> None:
        """Stay above this many pixels at the bottom of the window, where something else is."""
        self._floor = height
        self._place()

    def show_notice(self, notice: Notice) -> None:
        if len(self.toasts) >= _MOST:
            self._remove(next((toast for toast in self.toasts if not toast.notice.stays), self.toasts[0]))
        toast = Toast(notice)
        toast.closed.connect(lambda: self._remove(toast))
        toast.actionTriggered.connect(lambda: self.targetRequested.emit(notice.target))
        self.toasts.append(toast)
        self._layout.addWidget(toast)
        self._place()

    def _remove(self, toast: Toast) -> None:
        if toast in self.toasts:
            self.toasts.remove(toast)
            self._layout.removeWidget(toast)
            toast.hide()
            toast.deleteLater()
            self._place()

    def _place(self) -> None:
        self.setVisible(bool(self.toasts))
        window = self.parentWidget()
        if not self.toasts or window is None:
            return
        heights = [max(toast.heightForWidth(_WIDTH), toast.sizeHint().height()) for toast in self.toasts]
        height = sum(heights) + t.SPACE_2 * (len(heights) - 1)
        bottom = window.height() - self._floor - t.SPACE_4
        self.setGeometry(window.width() - _WIDTH - t.SPACE_4, bottom - height, _WIDTH, height)
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)
