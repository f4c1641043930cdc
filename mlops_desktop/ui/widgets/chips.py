"""Status as shape, word and colour."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.status import status_style
from mlops_desktop.ui.widgets.painting import CHIP_HEIGHT, chip_width, paint_chip


class StatusChip(QWidget):
    """Shows a status of `theme.status`; `text` replaces its word (`Canary 20 %`)."""

    def __init__(self, status: str = "unknown", text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.set_status(status, text)

    def set_status(self, status: str, text: str = "") -> None:
        self.status = status
        self.style_of_status = status_style(status)
        self._text = text or self.style_of_status.word
        self.setAccessibleName(self._text)
        self.updateGeometry()
        self.update()

    @property
    def text(self) -> str:
        return self._text

    def sizeHint(self) -> QSize:
        return QSize(math.ceil(chip_width(self._text)), CHIP_HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        paint_chip(QPainter(self), QRectF(self.rect()), self.style_of_status, self._text, current())
