"""The one application stylesheet, generated from tokens.

It is small on purpose: Qt matches every rule against every widget. What the design system paints itself (cards,
chips, the rail, tables' cells) is not in it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory

from mlops_desktop.ui.theme.icons import svg_text
from mlops_desktop.ui.theme.tokens import CONTROL_RADIUS, Tokens

_RULES = Template("""
QToolTip { color: $text; background: $surface; border: 1px solid $control_border; padding: 4px 8px; }

QPushButton { background: $surface; color: $text; border: 1px solid $control_border; border-radius: ${radius}px;
    padding: 5px 13px; min-height: 18px; }
QPushButton:hover { background: $hover; }
QPushButton:pressed, QPushButton:checked { background: $info_fill; border-color: $accent; }
QPushButton:focus { border: 2px solid $accent; padding: 4px 12px; }
QPushButton:disabled { color: $secondary; background: $background; border: 1px solid $hairline; }
QPushButton[kind="primary"] { background: $accent; color: $on_accent; border-color: $accent; }
QPushButton[kind="primary"]:hover { background: $accent_hover; }
QPushButton[kind="primary"]:focus { border: 2px solid $text; }
QPushButton[kind="primary"]:disabled { background: $neutral_fill; color: $secondary; border-color: $hairline; }
QPushButton[kind="danger"] { color: $critical_text; border-color: $critical_text; }
QPushButton[kind="danger"]:hover { background: $critical_fill; }
QPushButton[kind="danger"]:disabled { color: $secondary; border-color: $hairline; }
QPushButton[kind="quiet"] { background: transparent; border-color: transparent; color: $accent; }
QPushButton[kind="quiet"]:hover { background: $hover; }
QPushButton[kind="quiet"]:focus { border-color: $accent; }
QPushButton[kind="quiet"]:disabled { color: $secondary; }

QToolButton { background: transparent; color: $text; border: 1px solid transparent; border-radius: ${radius}px;
    padding: 4px; }
QToolButton:hover { background: $hover; }
QToolButton:pressed, QToolButton:checked { background: $info_fill; }
QToolButton:focus { border: 2px solid $accent; padding: 3px; }
QToolButton:disabled { color: $secondary; }
QToolButton::menu-indicator { image: none; }

QLineEdit, QPlainTextEdit, QTextEdit, QAbstractSpinBox, QComboBox { background: $surface; color: $text;
    border: 1px solid $control_border; border-radius: ${radius}px; padding: 4px 8px;
    selection-background-color: $accent; selection-color: $on_accent; placeholder-text-color: $secondary; }
QLineEdit, QAbstractSpinBox, QComboBox { min-height: 20px; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QAbstractSpinBox:focus, QComboBox:focus {
    border: 2px solid $accent; padding: 3px 7px; }
QLineEdit:disabled, QPlainTextEdit:disabled, QTextEdit:disabled, QAbstractSpinBox:disabled, QComboBox:disabled {
    color: $secondary; background: $background; border-color: $hairline; }
QLineEdit[invalid="true"], QComboBox[invalid="true"], QAbstractSpinBox[invalid="true"],
QPlainTextEdit[invalid="true"] { border-color: $critical_text; }
QAbstractSpinBox { padding-right: 22px; }
QAbstractSpinBox:focus { padding-right: 21px; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: 18px; border: none; background: transparent; }
QAbstractSpinBox::up-button:hover, QAbstractSpinBox::down-button:hover { background: $hover; }
QAbstractSpinBox::up-arrow { image: url($up); width: 10px; height: 10px; }
QAbstractSpinBox::down-arrow { image: url($down); width: 10px; height: 10px; }
QComboBox::drop-down { border: none; width: 24px; }
QComboBox::down-arrow { image: url($down); width: 12px; height: 12px; }
QComboBox QAbstractItemView { background: $surface; border: 1px solid $control_border; padding: 4px; outline: none;
    selection-background-color: $info_fill; selection-color: $text; }

QCheckBox, QRadioButton { spacing: 8px; }
QCheckBox::indicator, QRadioButton::indicator, QListView::indicator { width: 14px; height: 14px;
    border: 1px solid $control_border; background: $surface; border-radius: 4px; }
QRadioButton::indicator { border-radius: 8px; }
QCheckBox::indicator:checked, QListView::indicator:checked { background: $accent; border-color: $accent;
    image: url($check); }
QRadioButton::indicator:checked { border: 5px solid $accent; width: 6px; height: 6px; }
QCheckBox:focus, QRadioButton:focus { color: $accent; }
QCheckBox::indicator:focus, QRadioButton::indicator:focus { border-color: $accent; }

QMenu { background: $surface; color: $text; border: 1px solid $control_border; padding: 4px; }
QMenu::item { padding: 6px 24px 6px 12px; border-radius: 4px; }
QMenu::item:selected { background: $info_fill; color: $text; }
QMenu::item:disabled { color: $secondary; }
QMenu::separator { height: 1px; background: $hairline; margin: 4px 8px; }

QTabBar::tab { color: $secondary; padding: 8px 2px; margin-right: 20px; border: none;
    border-bottom: 2px solid transparent; }
QTabBar::tab:selected { color: $text; border-bottom-color: $accent; }
QTabBar::tab:hover { color: $text; }
QTabBar::tab:focus { color: $accent; }
QTabWidget::pane { border: none; border-top: 1px solid $hairline; }

QAbstractItemView { background: $surface; color: $text; border: 1px solid $hairline; outline: none;
    selection-background-color: $info_fill; selection-color: $text; }
QAbstractItemView:focus { border-color: $accent; }
QAbstractItemView[bare="true"] { border: none; background: transparent; }
QHeaderView { background: $surface; border: none; }
QHeaderView::section { background: $surface; color: $secondary; border: none; border-bottom: 1px solid $hairline;
    padding: 4px 12px; }
QHeaderView::section:hover { color: $text; }
QTableCornerButton::section { background: $surface; border: none; }

QScrollArea { background: transparent; border: none; }
QScrollBar:vertical { background: transparent; width: 12px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 0; }
QScrollBar::handle { background: $control_border; border-radius: 3px; margin: 3px; }
QScrollBar::handle:vertical { min-height: 28px; }
QScrollBar::handle:horizontal { min-width: 28px; }
QScrollBar::handle:hover { background: $secondary; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }

QProgressBar { background: $neutral_fill; border: none; border-radius: 3px; max-height: 6px; text-align: center; }
QProgressBar::chunk { background: $accent; border-radius: 3px; }
QSlider::groove:horizontal { height: 6px; border-radius: 3px; background: $neutral_fill; }
QSlider::sub-page:horizontal { height: 6px; border-radius: 3px; background: $accent; }
QSlider::handle:horizontal { width: 14px; height: 14px; margin: -5px 0; border-radius: 8px; background: $surface;
    border: 1px solid $control_border; }
QSlider::handle:horizontal:focus { border: 2px solid $accent; width: 12px; height: 12px; }
QSplitter::handle { background: $hairline; }
QSplitter::handle:hover { background: $accent; }
QSplitter::handle:horizontal { width: 1px; }
QSplitter::handle:vertical { height: 1px; }
QStatusBar { background: $surface; color: $secondary; border-top: 1px solid $hairline; }
QStatusBar::item { border: none; }
""")


@cache
def _image_folder() -> TemporaryDirectory[str]:
    # Qt's stylesheets take images by file only; the folder lives as long as the process.
    return TemporaryDirectory(prefix="mlops-desktop-theme-")


def _image(name: str, colour: str, width: float = 2.0) -> str:
    path = Path(_image_folder().name) / f"{name}-{colour[1:]}.svg"
    if not path.exists():
        path.write_text(svg_text(name, colour).replace('stroke-width="1.5"', f'stroke-width="{width}"'))
    return path.as_posix()


def stylesheet(tokens: Tokens) -> str:
    """The stylesheet of a theme."""
    return _RULES.substitute(
        background=tokens.background,
        surface=tokens.surface,
        hover=tokens.hover,
        text=tokens.text,
        secondary=tokens.secondary,
        hairline=tokens.hairline,
        control_border=tokens.control_border,
        accent=tokens.accent,
        accent_hover="#A3C7FF" if tokens.is_dark else "#184C9A",
        on_accent=tokens.on_accent,
        info_fill=tokens.info.fill,
        neutral_fill=tokens.neutral.fill,
        critical_text=tokens.critical.text,
        critical_fill=tokens.critical.fill,
        radius=CONTROL_RADIUS,
        up=_image("chevron-up", tokens.secondary),
        down=_image("chevron-down", tokens.secondary),
        check=_image("check", tokens.on_accent, 3.0),
    )
