"""The navigation rail at the left of the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QVBoxLayout, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.icons import paint_icon
from mlops_desktop.ui.widgets.painting import paint_box, paint_focus_ring, paint_hairline, paint_text, text_width

_ITEM_HEIGHT = 36


@dataclass(frozen=True)
class RailItem:
    """A page: its key, its title in the person's language, its icon, and the shortcut that its tool tip tells."""

    key: str
    title: str
    icon: str
    shortcut: str = ""


class _RailButton(QAbstractButton):
    def __init__(self, item: RailItem, checkable: bool = True) -> None:
        super().__init__()
        self.item = item
        self.collapsed = False
        self.badge = 0
        self.setCheckable(checkable)
        self.setAccessibleName(item.title)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.describe()

    def describe(self) -> None:
        """Tool tip and accessible text, with shortcut and badge."""
        tip = f"{self.item.title} ({self.item.shortcut})" if self.item.shortcut else self.item.title
        self.setToolTip(tip)
        self.setAccessibleDescription(str(self.badge) if self.badge else "")

    def sizeHint(self) -> QSize:
        return QSize(t.RAIL_COLLAPSED, _ITEM_HEIGHT)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        elif event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            self.focusNextPrevChild(event.key() == Qt.Key.Key_Down)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        box = QRectF(8, 1, self.width() - 16, self.height() - 2)
        chosen = self.isChecked()
        if chosen or self.underMouse():
            paint_box(painter, box, tokens.info.fill if chosen else tokens.hover, radius=t.CONTROL_RADIUS)
        colour = tokens.info.text if chosen else tokens.secondary
        left = (self.width() - 20) / 2 if self.collapsed else 20.0
        paint_icon(painter, self.item.icon, QRectF(left, (self.height() - 20) / 2, 20, 20), colour)
        if not self.collapsed:
            weight = fonts.SEMIBOLD if chosen else fonts.MEDIUM
            ink = tokens.info.text if chosen else tokens.text
            room = self.width() - 52 - (44 if self.badge else 16)
            paint_text(painter, QRectF(52, 0, room, self.height()), self.item.title, ink, fonts.font(weight=weight))
        if self.badge:
            self._paint_badge(painter)
        if self.hasFocus():
            paint_focus_ring(painter, box, tokens, t.CONTROL_RADIUS)

    def _paint_badge(self, painter: QPainter) -> None:
        colours = current().critical
        font = fonts.font(fonts.Type.CAPTION, fonts.SEMIBOLD)
        text = str(self.badge) if self.badge < 100 else "99+"
        if self.collapsed:
            width, height, right, top = max(16.0, text_width(text, font) + 8), 16.0, self.width() - 6.0, 1.0
        else:
            width, height, right = max(20.0, text_width(text, font) + 12), 20.0, self.width() - 18.0
            top = (self.height() - height) / 2
        pill = QRectF(right - width, top, width, height)
        paint_box(painter, pill, colours.fill, radius=height / 2)
        paint_text(painter, pill, text, colours.text, font, Qt.AlignmentFlag.AlignHCenter)


class NavigationRail(QWidget):
    """Pages at the left, 216 px wide or 56 collapsed. Arrow keys move the focus, Enter or Space choose.

    Signals:
        selected(str): a person chose the page with this key.
        collapsedChanged(bool): the rail was collapsed or opened.
    """

    selected = Signal(str)
    collapsedChanged = Signal(bool)

    def __init__(
        self,
        items: Sequence[RailItem],
        footer: Sequence[RailItem] = (),
        product: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.product = product
        self.is_collapsed = False
        self._buttons: dict[str, _RailButton] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, t.COMMAND_BAR_HEIGHT + t.SPACE_2 if product else t.SPACE_2, 1, t.SPACE_2)
        layout.setSpacing(2)
        for item in items:
            layout.addWidget(self._make(item))
        layout.addStretch(1)
        for item in footer:
            layout.addWidget(self._make(item))
        self._toggle = _RailButton(RailItem("", self.tr("Collapse"), "sidebar"), checkable=False)
        self._toggle.clicked.connect(self._on_toggle)
        layout.addWidget(self._toggle)
        self.setAccessibleName(self.tr("Navigation"))
        self.setFixedWidth(t.RAIL_WIDTH)
        if items:
            self.set_current(items[0].key)

    def _make(self, item: RailItem) -> _RailButton:
        button = _RailButton(item)
        button.clicked.connect(lambda _checked=False, key=item.key: self._on_click(key))
        self._buttons[item.key] = button
        return button

    def _on_click(self, key: str) -> None:
        self.set_current(key)
        self.selected.emit(key)

    def _on_toggle(self) -> None:
        self.set_collapsed(not self.is_collapsed)

    @property
    def current_key(self) -> str:
        return next((key for key, button in self._buttons.items() if button.isChecked()), "")

    def set_current(self, key: str) -> None:
        """Marks a page without announcing it. Raises KeyError for an unknown key."""
        self._buttons[key].setChecked(True)
        for other, button in self._buttons.items():
            if other != key:
                button.setChecked(False)

    def set_badge(self, key: str, count: int) -> None:
        """Shows a count beside a page, for example of open alerts; 0 hides it."""
        self._buttons[key].badge = count
        self._buttons[key].describe()
        self._buttons[key].update()

    def set_collapsed(self, collapsed: bool) -> None:
        if collapsed == self.is_collapsed:
            return
        self.is_collapsed = collapsed
        for button in [*self._buttons.values(), self._toggle]:
            button.collapsed = collapsed
            button.update()
        self.setFixedWidth(t.RAIL_COLLAPSED if collapsed else t.RAIL_WIDTH)
        name = self.tr("Expand") if collapsed else self.tr("Collapse")
        self._toggle.item = RailItem("", name, "sidebar")
        self._toggle.describe()
        self._toggle.setAccessibleName(name)
        self.collapsedChanged.emit(collapsed)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        painter.fillRect(self.rect(), tokens.surface)
        edge = self.width() - 0.5
        paint_hairline(painter, QPointF(edge, 0), QPointF(edge, self.height()), tokens)
        if not self.product:
            return
        left = (self.width() - 24) / 2 if self.is_collapsed else 18.0
        paint_box(painter, QRectF(left, 12, 24, 24), tokens.accent, radius=6)
        paint_icon(painter, "retrain", QRectF(left + 4, 16, 16, 16), tokens.on_accent)
        if not self.is_collapsed:
            font = fonts.font(fonts.Type.SECTION, fonts.SEMIBOLD)
            paint_text(painter, QRectF(52, 0, self.width() - 60, t.COMMAND_BAR_HEIGHT), self.product, tokens.text, font)
