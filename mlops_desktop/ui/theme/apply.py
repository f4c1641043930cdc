"""Applies a theme: Fusion style, a palette made from tokens, one small stylesheet, and a signal for what caches."""

from __future__ import annotations

from enum import StrEnum

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme.stylesheet import stylesheet
from mlops_desktop.ui.theme.tokens import DARK, LIGHT, Tokens


class Theme(StrEnum):
    """What a person chooses in the settings."""

    LIGHT = "light"
    DARK = "dark"
    SYSTEM = "system"


class ThemeSignals(QObject):
    """Signals:

    changed(Tokens): another theme is in force; palette and stylesheet are already set.
    """

    changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.tokens = LIGHT
        self.theme = Theme.LIGHT
        self._follows_system = False

    def follow(self, app: QApplication) -> None:
        """Listens, once, for the system's switch between light and dark."""
        if not self._follows_system:
            app.styleHints().colorSchemeChanged.connect(self._on_scheme_changed)
            self._follows_system = True

    def _on_scheme_changed(self) -> None:
        app = QApplication.instance()
        if self.theme is Theme.SYSTEM and isinstance(app, QApplication):
            apply_theme(app, Theme.SYSTEM)


_signals: ThemeSignals | None = None


def theme_signals() -> ThemeSignals:
    """The one object that announces theme changes."""
    global _signals  # noqa: PLW0603
    if _signals is None:
        _signals = ThemeSignals()
    return _signals


def current() -> Tokens:
    """The tokens in force."""
    return theme_signals().tokens


def apply_theme(app: QApplication, theme: Theme = Theme.SYSTEM) -> Tokens:
    """Sets style, palette, font and stylesheet of the whole application and returns the tokens in force."""
    signals = theme_signals()
    tokens = _tokens_of(theme)
    is_new = tokens is not signals.tokens
    signals.theme, signals.tokens = theme, tokens
    signals.follow(app)
    fonts.load()
    if app.style().objectName().lower() != "fusion":
        app.setStyle("Fusion")
    app.setFont(fonts.font())
    app.setPalette(palette(tokens))
    app.setStyleSheet(stylesheet(tokens))
    if is_new:
        signals.changed.emit(tokens)
    return tokens


def _tokens_of(theme: Theme) -> Tokens:
    if theme is Theme.SYSTEM:
        return DARK if QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark else LIGHT
    return DARK if theme is Theme.DARK else LIGHT


def palette(tokens: Tokens) -> QPalette:
    """The palette of a theme. `PlaceholderText` is the secondary text colour: labels use it as foreground role."""
    role = QPalette.ColorRole
    colours = {
        role.Window: tokens.background,
        role.WindowText: tokens.text,
        role.Base: tokens.surface,
        role.AlternateBase: tokens.hover,
        role.Text: tokens.text,
        role.PlaceholderText: tokens.secondary,
        role.Button: tokens.surface,
        role.ButtonText: tokens.text,
        role.BrightText: tokens.critical.text,
        role.ToolTipBase: tokens.surface,
        role.ToolTipText: tokens.text,
        role.Highlight: tokens.accent,
        role.HighlightedText: tokens.on_accent,
        role.Link: tokens.accent,
        role.LinkVisited: tokens.accent,
        role.Accent: tokens.accent,
        role.Light: tokens.surface,
        role.Midlight: tokens.hover,
        role.Mid: tokens.hairline,
        role.Dark: tokens.control_border,
        role.Shadow: tokens.control_border,
    }
    result = QPalette()
    for each, colour in colours.items():
        result.setColor(each, QColor(colour))
    for each in (role.WindowText, role.Text, role.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, each, QColor(tokens.secondary))
    result.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(tokens.hairline))
    result.setColor(QPalette.ColorGroup.Disabled, role.HighlightedText, QColor(tokens.text))
    return result
