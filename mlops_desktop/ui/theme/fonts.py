"""The type scale and the bundled fonts: Inter for text, DejaVu Sans Mono for ids and URLs."""

from __future__ import annotations

import logging
from enum import IntEnum

from PySide6.QtGui import QFont, QFontDatabase

from mlops_desktop.core.resources import resource_folder

log = logging.getLogger(__name__)

MEDIUM = QFont.Weight.Medium
SEMIBOLD = QFont.Weight.DemiBold

# After Inter come the systems' own faces, so that Chinese text finds the Traditional forms first.
_TEXT = ["Inter", "Noto Sans CJK TC", "Microsoft JhengHei UI", "PingFang TC", "Segoe UI", "DejaVu Sans"]
_MONO = ["DejaVu Sans Mono", "Noto Sans Mono CJK TC", "Consolas", "Menlo", "monospace"]


class Type(IntEnum):
    """Sizes in pixels."""

    CAPTION = 11
    TABLE = 12
    BODY = 13
    SECTION = 15
    PAGE = 20
    FIGURE = 28


def load() -> None:
    """Makes the bundled fonts known to Qt; once per application."""
    known = set(QFontDatabase.families())
    if {"Inter", "DejaVu Sans Mono"} <= known and QFontDatabase.styles("Inter"):
        return
    for path in sorted(resource_folder("fonts").glob("*.[ot]tf")):
        if QFontDatabase.addApplicationFont(str(path)) < 0:
            log.warning("The font %s could not be loaded", path.name)


def font(size: Type = Type.BODY, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """A text font with tabular numerals, so that figures stand under one another."""
    result = QFont()
    result.setFamilies(_TEXT)
    result.setPixelSize(int(size))
    result.setWeight(weight)
    result.setFeature(QFont.Tag("tnum"), 1)
    result.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    return result


def mono(size: Type = Type.TABLE) -> QFont:
    """A font of fixed width, for ids, hashes, URLs and code."""
    result = QFont()
    result.setFamilies(_MONO)
    result.setStyleHint(QFont.StyleHint.Monospace)
    result.setPixelSize(int(size))
    return result
