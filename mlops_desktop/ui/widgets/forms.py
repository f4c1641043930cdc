"""Fields of a form: label above, hint or problem beneath."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.labels import Label, caption


class FormField(QWidget):
    """Wraps an editor: `FormField("Name", QLineEdit(), "Letters, digits and dashes")`."""

    def __init__(self, label: str, editor: QWidget, hint: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.editor = editor
        self._hint = hint
        self.label = Label(label, fonts.Type.TABLE, fonts.MEDIUM)
        self.label.setBuddy(editor)
        self.note = caption(hint, wrap=True)
        if not editor.accessibleName():
            editor.setAccessibleName(label)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(t.SPACE_1)
        layout.addWidget(self.label)
        layout.addWidget(editor)
        layout.addWidget(self.note)
        self.note.setVisible(bool(hint))  # not before it has a parent: it would be a window of its own for a moment
        layout.addStretch(0)  # beside a taller field, label and editor stay at the top

    def set_error(self, problem: str) -> None:
        """Marks the editor and says what is wrong; an empty text takes it back."""
        self.editor.setProperty("invalid", bool(problem))
        self.editor.style().unpolish(self.editor)
        self.editor.style().polish(self.editor)
        self.note.setText(problem or self._hint)
        self.note.setVisible(bool(problem or self._hint))
        role = QPalette.ColorRole.BrightText if problem else QPalette.ColorRole.PlaceholderText
        self.note.setForegroundRole(role)
        self.editor.setAccessibleDescription(problem or self._hint)


def text_field(label: str, text: str = "", hint: str = "", placeholder: str = "") -> tuple[FormField, QLineEdit]:
    """A line of text with its field."""
    editor = QLineEdit(text)
    editor.setPlaceholderText(placeholder)
    return FormField(label, editor, hint), editor


def choice_field(
    label: str, options: Sequence[tuple[str, str]], current: str = "", hint: str = ""
) -> tuple[FormField, QComboBox]:
    """A choice with its field; `options` are (value, title), and `currentData()` is the chosen value."""
    editor = QComboBox()
    for value, title in options:
        editor.addItem(title, value)
    editor.setCurrentIndex(max(0, editor.findData(current)))
    return FormField(label, editor, hint), editor


def button_row(*buttons: QPushButton) -> QHBoxLayout:
    """Buttons at the right end of a form, the one that goes ahead last."""
    row = QHBoxLayout()
    row.setSpacing(t.SPACE_2)
    row.addStretch(1)
    for each in buttons:
        row.addWidget(each)
    return row
