"""Asks before an act that touches production: what it changes, and why it is done."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.icons import paint_icon
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.forms import FormField
from mlops_desktop.ui.widgets.labels import Label, body
from mlops_desktop.ui.widgets.painting import paint_box, paint_text


@dataclass(frozen=True)
class Change:
    """One line of the sheet: what it is, how it stands, how it will stand."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Confirmation:
    """An act to confirm. `act` is the verb on the button; `needs_reason` asks for at least three characters."""

    title: str
    text: str
    act: str
    changes: tuple[Change, ...] = ()
    dangerous: bool = False
    needs_reason: bool = True


class BeforeAfter(QWidget):
    """Names, states before, an arrow, states after."""

    def __init__(self, changes: tuple[Change, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._changes = changes
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("; ".join(f"{c.name}: {c.before} → {c.after}" for c in changes))

    def sizeHint(self) -> QSize:
        return QSize(440, 28 + t.ROW_COMFORTABLE * len(self._changes) + 4)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        paint_box(painter, QRectF(self.rect()), tokens.background, tokens.hairline)
        inner = self.width() - 24.0
        columns = (12.0, 12 + inner * 0.3, 12 + inner * 0.66)
        widths = (inner * 0.3 - 8, inner * 0.36 - 32, inner * 0.34)
        small, font = fonts.font(fonts.Type.CAPTION), fonts.font(fonts.Type.TABLE)
        strong = fonts.font(fonts.Type.TABLE, fonts.SEMIBOLD)
        for x, width, text in zip(columns[1:], widths[1:], (self.tr("Now"), self.tr("After")), strict=True):
            paint_text(painter, QRectF(x, 2, width, 28), text, tokens.secondary, small)
        for i, change in enumerate(self._changes):
            top = 28.0 + i * t.ROW_COMFORTABLE
            painter.fillRect(QRectF(1, top, self.width() - 2, 1), tokens.hairline)
            cells = [QRectF(x, top, width, t.ROW_COMFORTABLE) for x, width in zip(columns, widths, strict=True)]
            is_same = change.before == change.after
            paint_text(painter, cells[0], change.name, tokens.secondary, font)
            paint_text(painter, cells[1], change.before, tokens.text, font)
            arrow = QRectF(cells[2].left() - 26, top + (t.ROW_COMFORTABLE - 16) / 2, 16, 16)
            paint_icon(painter, "arrow-right", arrow, tokens.secondary)
            after_font, colour = (font, tokens.text) if is_same else (strong, tokens.accent)
            paint_text(painter, cells[2], change.after, colour, after_font)


class ConfirmSheet(QDialog):
    """`reason = ConfirmSheet.ask(parent, Confirmation(…))`: the reason given, or None when cancelled."""

    def __init__(self, confirmation: Confirmation, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._needs_reason = confirmation.needs_reason
        self.setWindowTitle(confirmation.title)
        self.setModal(True)
        self.setMinimumWidth(520)
        self.reason = QPlainTextEdit()
        self.reason.setTabChangesFocus(True)
        self.reason.setFixedHeight(72)
        self.reason.setPlaceholderText(self.tr("Goes into the journal, for whoever asks later"))
        self.reason.textChanged.connect(self._on_reason_changed)
        self.accept_button = button(confirmation.act, kind="danger" if confirmation.dangerous else "primary")
        self.accept_button.clicked.connect(self.accept)
        self.cancel_button = button(self.tr("Cancel"), on_click=self.reject)
        self.cancel_button.setDefault(confirmation.dangerous)
        self._lay_out(confirmation)
        self._on_reason_changed()

    def _lay_out(self, confirmation: Confirmation) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(t.SPACE_6, t.SPACE_6, t.SPACE_6, t.SPACE_4)
        layout.setSpacing(t.SPACE_3)
        layout.addWidget(Label(confirmation.title, fonts.Type.PAGE, fonts.SEMIBOLD, wrap=True))
        layout.addWidget(body(confirmation.text, secondary=True))
        if confirmation.changes:
            layout.addWidget(BeforeAfter(confirmation.changes))
        hint = "" if self._needs_reason else self.tr("Optional")
        layout.addWidget(FormField(self.tr("Reason"), self.reason, hint))
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.cancel_button)
        row.addWidget(self.accept_button)
        layout.addSpacing(t.SPACE_1)
        layout.addLayout(row)

    def reason_text(self) -> str:
        return self.reason.toPlainText().strip()

    def _on_reason_changed(self) -> None:
        self.accept_button.setEnabled(not self._needs_reason or len(self.reason_text()) >= 3)

    @classmethod
    def ask(cls, parent: QWidget | None, confirmation: Confirmation) -> str | None:
        """Shows the sheet and waits. An optional reason that was left out is an empty text."""
        sheet = cls(confirmation, parent)
        try:
            return sheet.reason_text() if sheet.exec() == int(QDialog.DialogCode.Accepted) else None
        finally:
            sheet.deleteLater()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        QPainter(self).fillRect(self.rect(), current().surface)

    def sizeHint(self) -> QSize:
        return QSize(560, super().sizeHint().height())

    def focus_reason(self) -> None:
        self.reason.setFocus(Qt.FocusReason.OtherFocusReason)
