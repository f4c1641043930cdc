"""A message across the top of a page that stays until it is dealt with."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QToolButton, QWidget

from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.icons import paint_icon
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.buttons import button, icon_button
from mlops_desktop.ui.widgets.labels import Label
from mlops_desktop.ui.widgets.painting import paint_box

_ICONS = {Tone.INFO: "info", Tone.WARNING: "warning", Tone.CRITICAL: "error", Tone.OK: "success", Tone.NEUTRAL: "info"}


class Banner(QWidget):
    """`Banner(Tone.WARNING, text, action="Open alert")`.

    Signals:
        actionTriggered: the button was pressed.
        dismissed: the cross was pressed; the banner has hidden itself.
    """

    actionTriggered = Signal()
    dismissed = Signal()

    def __init__(
        self, tone: Tone, text: str, action: str = "", *, dismissible: bool = True, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._label = Label(text, wrap=True)
        self._label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.action: QPushButton = button(action, on_click=self.actionTriggered.emit)
        self.close_button: QToolButton = icon_button("close", self.tr("Dismiss"), self._on_dismiss)
        row = QHBoxLayout(self)
        row.setContentsMargins(44, 8, 8, 8)
        row.setSpacing(t.SPACE_3)
        row.addWidget(self._label, 1)
        row.addWidget(self.action)
        row.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignVCenter)
        self.close_button.setVisible(dismissible)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self.set_message(tone, text, action)

    def set_message(self, tone: Tone, text: str, action: str = "") -> None:
        self.tone = tone
        self._label.setText(text)
        self.action.setText(action)
        self.action.setVisible(bool(action))
        self.setAccessibleName(text)
        self.update()

    def _on_dismiss(self) -> None:
        self.hide()
        self.dismissed.emit()

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 48)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        colours = tokens.tone(self.tone)
        paint_box(painter, QRectF(self.rect()), colours.fill)
        paint_icon(painter, _ICONS[self.tone], QRectF(14, (self.height() - 18) / 2, 18, 18), colours.text)
