"""The bar above a page: where one is, what one can do, and the search."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QObject, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QPushButton, QSizePolicy, QToolButton, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.icons import paint_icon
from mlops_desktop.ui.widgets.buttons import button, icon_button
from mlops_desktop.ui.widgets.labels import ElidedLabel
from mlops_desktop.ui.widgets.painting import paint_box, paint_focus_ring, paint_hairline, paint_text, text_width


class _Crumb(QAbstractButton):
    """A step of the path: muted and clickable, with a chevron after it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.setText(text)
        self.setAccessibleName(text)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._font = fonts.font(fonts.Type.SECTION)

    def sizeHint(self) -> QSize:
        return QSize(round(text_width(self.text(), self._font)) + 24, 28)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        colour = tokens.accent if self.underMouse() else tokens.secondary
        paint_text(painter, QRectF(2, 0, self.width() - 20, self.height()), self.text(), colour, self._font)
        paint_icon(painter, "chevron-right", QRectF(self.width() - 17, 7, 14, 14), tokens.control_border)
        if self.hasFocus():
            paint_focus_ring(painter, QRectF(0, 0, self.width() - 18, self.height()), tokens, 4)


class SearchButton(QAbstractButton):
    """Looks like a field and opens the command palette."""

    def __init__(self, text: str, shortcut: str = "Ctrl+K") -> None:
        super().__init__()
        self.setText(text)
        self._shortcut = shortcut
        self.setAccessibleName(text)
        self.setFixedSize(288, 32)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        box = QRectF(self.rect())
        paint_box(painter, box, tokens.surface, tokens.control_border, t.CONTROL_RADIUS)
        paint_icon(painter, "search", QRectF(9, 8, 16, 16), tokens.secondary)
        font = fonts.font(fonts.Type.CAPTION, fonts.MEDIUM)
        width = text_width(self._shortcut, font) + 12
        key = QRectF(box.right() - width - 6, 6, width, 20)
        paint_box(painter, key, tokens.neutral.fill, radius=4)
        paint_text(painter, key, self._shortcut, tokens.neutral.text, font, Qt.AlignmentFlag.AlignHCenter)
        paint_text(painter, QRectF(33, 0, key.left() - 41, box.height()), self.text(), tokens.secondary, fonts.font())
        if self.hasFocus():
            paint_focus_ring(painter, box, tokens, t.CONTROL_RADIUS)


class _Follower(QObject):
    """Keeps a button like its action; goes with the button."""

    def __init__(self, owner: QPushButton, action: QAction) -> None:
        super().__init__(owner)
        self._owner, self._action = owner, action
        action.changed.connect(self.follow)
        self.follow()

    @Slot()
    def follow(self) -> None:
        self._owner.setText(self._action.text())
        self._owner.setEnabled(self._action.isEnabled())
        self._owner.setToolTip(self._action.toolTip())


class CommandBar(QWidget):
    """48 px: path at the left, actions and search at the right.

    Signals:
        crumbClicked(int): index into the path given to `set_path`; the last entry is the page itself.
        searchRequested: the search was clicked; open the command palette.
    """

    crumbClicked = Signal(int)
    searchRequested = Signal()

    def __init__(self, title: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(t.COMMAND_BAR_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._crumbs: list[_Crumb] = []
        self._path = QHBoxLayout()
        self._path.setSpacing(2)
        self.title = ElidedLabel(title, fonts.Type.SECTION, fonts.SEMIBOLD)
        self._actions = QHBoxLayout()
        self._actions.setSpacing(t.SPACE_2)
        self.search = SearchButton(self.tr("Search or run a command"))
        self.search.clicked.connect(self.searchRequested)
        row = QHBoxLayout(self)
        row.setContentsMargins(t.SPACE_6, 0, t.SPACE_4, 0)
        row.setSpacing(t.SPACE_2)
        row.addLayout(self._path)
        row.addWidget(self.title, 1)
        row.addLayout(self._actions)
        row.addSpacing(t.SPACE_2)
        row.addWidget(self.search)

    def set_path(self, path: Sequence[str]) -> None:
        """Shows where one is, outermost first; the last entry is the title."""
        for crumb in self._crumbs:
            self._path.removeWidget(crumb)
            crumb.deleteLater()
        self._crumbs = []
        for index, text in enumerate(path[:-1]):
            crumb = _Crumb(text)
            crumb.clicked.connect(partial(self._on_crumb_click, index))
            self._path.addWidget(crumb)
            self._crumbs.append(crumb)
        self.title.setText(path[-1] if path else "")

    def _on_crumb_click(self, index: int) -> None:
        self.crumbClicked.emit(index)

    def add_action(self, action: QAction, icon: str = "", kind: str = "") -> QPushButton:
        """A button that triggers `action` and follows its text and its enabled state."""
        result = button(action.text(), icon, kind)
        result.clicked.connect(action.trigger)
        _Follower(result, action)
        self._actions.addWidget(result)
        return result

    def add_icon_action(self, icon: str, name: str) -> QToolButton:
        """A button with an icon only; connect its `clicked`."""
        result = icon_button(icon, name)
        self._actions.addWidget(result)
        return result

    def clear_actions(self) -> None:
        while (item := self._actions.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        painter.fillRect(self.rect(), tokens.surface)
        bottom = self.height() - 0.5
        paint_hairline(painter, QPointF(0, bottom), QPointF(self.width(), bottom), tokens)
