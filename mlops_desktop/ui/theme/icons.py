"""Line icons, recoloured from tokens and sharp on every screen."""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import QByteArray, QObject, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QAction, QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton

from mlops_desktop.core.resources import resource_folder

_SCALES = (1.0, 2.0, 3.0)
_cache: dict[tuple[str, str, int, float], QPixmap] = {}


def names() -> tuple[str, ...]:
    """The names of all bundled icons."""
    return tuple(sorted(path.stem for path in resource_folder("icons").glob("*.svg")))


@cache
def _source(name: str) -> str:
    return (resource_folder("icons") / f"{name}.svg").read_text(encoding="utf-8")


def svg_text(name: str, colour: str) -> str:
    """The icon's SVG with `currentColor` replaced. Raises FileNotFoundError for an unknown name."""
    return _source(name).replace("currentColor", colour)


@cache
def _renderer(name: str, colour: str) -> QSvgRenderer:
    return QSvgRenderer(QByteArray(svg_text(name, colour).encode()))


def paint_icon(painter: QPainter, name: str, rect: QRectF, colour: str) -> None:
    """Draws the icon into `rect` as vectors."""
    _renderer(name, colour).render(painter, rect)


def pixmap(name: str, colour: str, size: int = 16, scale: float = 2.0) -> QPixmap:
    """The icon at `size` logical pixels, cached; `scale` is the screen's device pixel ratio."""
    key = (name, colour, size, scale)
    if key not in _cache:
        result = QPixmap(QSize(round(size * scale), round(size * scale)))
        result.fill(QColor(Qt.GlobalColor.transparent))
        painter = QPainter(result)
        paint_icon(painter, name, QRectF(0, 0, result.width(), result.height()), colour)
        painter.end()
        result.setDevicePixelRatio(scale)
        _cache[key] = result
    return _cache[key]


def icon(name: str, colour: str = "", size: int = 16) -> QIcon:
    """The icon in `colour` (the text colour in force when empty), with its disabled form."""
    from mlops_desktop.ui.theme.apply import current

    tokens = current()
    result = QIcon()
    for scale in _SCALES:
        result.addPixmap(pixmap(name, colour or tokens.text, size, scale))
        result.addPixmap(pixmap(name, tokens.control_border, size, scale), QIcon.Mode.Disabled)
    return result


class _Binding(QObject):
    """Keeps the icon of its parent in the colours of the theme; goes with the parent."""

    def __init__(self, owner: QAbstractButton | QAction, name: str, role: str, size: int) -> None:
        super().__init__(owner)
        from mlops_desktop.ui.theme.apply import theme_signals

        self.name, self._role, self._size = name, role, size
        self._owner = owner
        theme_signals().changed.connect(self.refresh)
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        from mlops_desktop.ui.theme.apply import current

        tokens = current()
        tone = getattr(tokens, self._role)
        colour = tone if isinstance(tone, str) else tone.text
        self._owner.setIcon(icon(self.name, colour, self._size))


def set_icon(owner: QAbstractButton | QAction, name: str, role: str = "text", size: int = 16) -> None:
    """Gives a button or an action an icon that follows the theme.

    `role` names the token of its colour: `text`, `secondary`, `accent`, `on_accent`, or a tone such as `critical`.
    Calling it again replaces the icon.
    """
    for child in owner.children():
        if isinstance(child, _Binding):
            child.setParent(None)
            child.deleteLater()
    _Binding(owner, name, role, size)
    if isinstance(owner, QAbstractButton):
        owner.setIconSize(QSize(size, size))
