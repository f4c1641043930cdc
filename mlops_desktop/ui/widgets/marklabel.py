"""A tag or an alias as a small button: it can be focused, and Delete or its cross removes it."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.icons import paint_icon
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.painting import paint_box, paint_focus_ring, paint_text, text_width

_HEIGHT, _PADDING, _CROSS, _MOST = 22, 8, 16, 220


class MarkLabel(QAbstractButton):
    """`MarkLabel("reference", "target", Tone.INFO)`. A fixed one cannot be removed.

    Signals:
        removed: the cross was clicked, or Delete was pressed.
    """

    removed = Signal()

    def __init__(
        self, text: str, icon: str, tone: Tone, *, is_fixed: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setText(text)
        self._icon, self._tone, self._is_fixed = icon, tone, is_fixed
        self._font = fonts.font(fonts.Type.CAPTION, fonts.MEDIUM)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus if is_fixed else Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setToolTip(text if is_fixed else self.tr("{name}: Delete removes it").format(name=text))
        self.setAccessibleName(text)

    def sizeHint(self) -> QSize:
        wide = _PADDING + 16 + text_width(self.text(), self._font) + (_PADDING if self._is_fixed else _CROSS + 6)
        return QSize(min(math.ceil(wide), _MOST), _HEIGHT)

    def _cross(self) -> QRectF:
        return QRectF(self.width() - _CROSS - 2, (self.height() - _CROSS) / 2, _CROSS, _CROSS)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        colours, rect = tokens.tone(self._tone), QRectF(self.rect())
        paint_box(painter, rect, colours.fill, radius=_HEIGHT / 2)
        paint_icon(painter, self._icon, QRectF(_PADDING, (self.height() - 12) / 2, 12, 12), colours.text)
        right = _PADDING if self._is_fixed else _CROSS + 2
        paint_text(painter, rect.adjusted(_PADDING + 16, 0, -right, 0), self.text(), colours.text, self._font)
        if not self._is_fixed:
            paint_icon(painter, "close", self._cross().adjusted(3, 3, -3, -3), colours.text)
        if self.hasFocus():
            paint_focus_ring(painter, rect, tokens, _HEIGHT / 2)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        over = not self._is_fixed and self._cross().contains(event.position())
        self.setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if not self._is_fixed and self._cross().contains(event.position()):
            self.removed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._is_fixed and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removed.emit()
        else:
            super().keyPressEvent(event)
