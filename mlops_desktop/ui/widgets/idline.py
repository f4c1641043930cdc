"""An inference id on one line, to be read and copied."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.buttons import icon_button
from mlops_desktop.ui.widgets.labels import ElidedLabel, Label


class IdLine(QWidget):
    """Its name, the id in a font of fixed width, and a button that copies it."""

    def __init__(self, id: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.id = ElidedLabel()
        self.id.setFont(fonts.mono(fonts.Type.CAPTION))
        self.copy = icon_button("copy", self.tr("Copy the inference id"), self._on_copy)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(t.SPACE_2)
        row.addWidget(Label(self.tr("Inference id"), fonts.Type.TABLE, secondary=True))
        row.addWidget(self.id, 1)
        row.addWidget(self.copy)
        self.set_id(id)

    def set_id(self, id: str) -> None:
        self.id.setText(id)
        self.id.setAccessibleName(self.tr("Inference id {}").format(id))

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self.id.text())
