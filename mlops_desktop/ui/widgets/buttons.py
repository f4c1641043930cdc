"""Buttons of the design system."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QToolButton, QWidget

from mlops_desktop.ui.theme import icons

_ICON_ROLE = {"primary": "on_accent", "danger": "critical", "quiet": "accent", "": "text"}


def button(
    text: str,
    icon: str = "",
    kind: str = "",
    on_click: Callable[[], object] | None = None,
    parent: QWidget | None = None,
) -> QPushButton:
    """A push button. `kind` is `primary` (one per view), `danger`, `quiet`, or empty."""
    result = QPushButton(text, parent)
    result.setProperty("kind", kind)
    result.setCursor(Qt.CursorShape.PointingHandCursor)
    if icon:
        icons.set_icon(result, icon, _ICON_ROLE[kind])
    if on_click is not None:
        result.clicked.connect(lambda: on_click())  # noqa: PLW0108 - it must not be given `checked`
    return result


def icon_button(
    icon: str, name: str, on_click: Callable[[], object] | None = None, parent: QWidget | None = None
) -> QToolButton:
    """A button that shows an icon only; `name` is its tool tip and its accessible name."""
    result = QToolButton(parent)
    icons.set_icon(result, icon, "secondary")
    result.setToolTip(name)
    result.setAccessibleName(name)
    result.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    result.setCursor(Qt.CursorShape.PointingHandCursor)
    if on_click is not None:
        result.clicked.connect(lambda: on_click())  # noqa: PLW0108 - it must not be given `checked`
    return result
