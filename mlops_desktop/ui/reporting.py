"""What is shown when something happened that should not: once, with the traceback, never swallowed."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QPlainTextEdit, QVBoxLayout, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.forms import button_row
from mlops_desktop.ui.widgets.labels import Label, body


class BugReport(QDialog):
    """The traceback, to be copied. It holds no data of the workspace beyond what the traceback says."""

    def __init__(self, trace: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Something went wrong"))
        self.resize(640, 420)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(t.SPACE_6, t.SPACE_6, t.SPACE_6, t.SPACE_4)
        layout.setSpacing(t.SPACE_3)
        layout.addWidget(Label(self.tr("Something went wrong inside the program"), fonts.Type.PAGE, fonts.SEMIBOLD))
        text = self.tr(
            "Your data is safe: every change is either in the journal or did not happen. You can go on working."
        )
        layout.addWidget(body(text, secondary=True))
        self.trace = QPlainTextEdit(f"{_facts()}\n\n{trace}")
        self.trace.setReadOnly(True)
        self.trace.setFont(fonts.mono(fonts.Type.CAPTION))
        self.trace.setAccessibleName(self.tr("Report"))
        layout.addWidget(self.trace, 1)
        copy = button(self.tr("Copy report"), "copy", on_click=self._on_copy)
        layout.addLayout(button_row(copy, button(self.tr("Go on"), kind="primary", on_click=self.accept)))

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self.trace.toPlainText())


def _facts() -> str:
    try:
        own = version("mlops-desktop")
    except PackageNotFoundError:
        own = "?"
    return f"MLOps Desktop {own}, Python {platform.python_version()}, {platform.platform()}"
