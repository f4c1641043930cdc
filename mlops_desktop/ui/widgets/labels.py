"""Labels on the type scale."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme.fonts import Type


class Label(QLabel):
    """A text label on the type scale; `secondary` mutes it, `wrap` breaks its lines."""

    def __init__(
        self,
        text: str = "",
        size: Type = Type.BODY,
        weight: QFont.Weight = QFont.Weight.Normal,
        *,
        secondary: bool = False,
        wrap: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(fonts.font(size, weight))
        self.setWordWrap(wrap)
        if secondary:
            self.setForegroundRole(QPalette.ColorRole.PlaceholderText)


class ElidedLabel(Label):
    """One line that ends in … where it does not fit, with the whole text as tool tip."""

    def __init__(
        self,
        text: str = "",
        size: Type = Type.BODY,
        weight: QFont.Weight = QFont.Weight.Normal,
        *,
        secondary: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, size, weight, secondary=secondary, parent=parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        return QSize(24, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        self.setToolTip(self.text() if shown != self.text() else "")
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), int(self.alignment() | Qt.AlignmentFlag.AlignVCenter), shown)


def caption(text: str = "", *, wrap: bool = False) -> Label:
    """11 px, muted: what a figure or a chart means."""
    return Label(text, Type.CAPTION, secondary=True, wrap=wrap)


def body(text: str = "", *, secondary: bool = False, wrap: bool = True) -> Label:
    return Label(text, Type.BODY, secondary=secondary, wrap=wrap)


def section(text: str = "") -> Label:
    return Label(text, Type.SECTION, fonts.SEMIBOLD)


def page_title(text: str = "") -> Label:
    return Label(text, Type.PAGE, fonts.SEMIBOLD)
