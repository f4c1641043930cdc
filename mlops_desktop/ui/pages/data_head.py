"""The head of a version: what it is, and its note, tags and aliases, which are edited in place."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QCompleter, QHBoxLayout, QLineEdit, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from mlops_desktop.core.datasets import VersionLine
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.buttons import button, icon_button
from mlops_desktop.ui.widgets.chips import StatusChip
from mlops_desktop.ui.widgets.figures import data_size
from mlops_desktop.ui.widgets.flow import FlowLayout
from mlops_desktop.ui.widgets.labels import ElidedLabel, caption
from mlops_desktop.ui.widgets.marklabel import MarkLabel

_FIELD_WIDTH = 150
_NOTE_HEIGHT = 56


class VersionHead(QWidget):
    """Signals:

    noteGiven(str): a note to replace the one there is.
    tagGiven(str), tagRemoved(str), aliasGiven(str), aliasRemoved(str): marks to set and to take away.
    """

    noteGiven = Signal(str)
    tagGiven = Signal(str)
    tagRemoved = Signal(str)
    aliasGiven = Signal(str)
    aliasRemoved = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.line: VersionLine | None = None
        self.title = ElidedLabel("", fonts.Type.PAGE, fonts.SEMIBOLD)
        self.title.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.facts = caption()
        self.archived = StatusChip("archived")
        self.note = ElidedLabel("", fonts.Type.BODY)
        self.note.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.note_button = icon_button("edit", self.tr("Edit the note"), self.edit_note)
        self.note_editor = _NoteEditor()
        self.note_editor.kept.connect(self._on_note)
        self.note_editor.ended.connect(self._end_note)
        self.note_editor.hide()
        self.row = QHBoxLayout()
        self._marks = QWidget()
        self._flow = FlowLayout(self._marks)
        self.tag_button = button(self.tr("Tag"), "plus", "quiet", lambda: self._open(self.tag_field))
        self.alias_button = button(self.tr("Alias"), "plus", "quiet", lambda: self._open(self.alias_field))
        for each in (self.tag_button, self.alias_button):
            each.setStyleSheet("padding: 1px 6px; min-height: 16px;")
        self.tag_field = _MarkField(self.tr("New tag"))
        self.alias_field = _MarkField(self.tr("Alias, such as reference"))
        self.tag_field.given.connect(self.tagGiven)
        self.alias_field.given.connect(lambda text: self.aliasGiven.emit(text.lstrip("@")))
        self.add_note_button = button(self.tr("Note"), "plus", "quiet", self.edit_note)
        self.add_note_button.setStyleSheet("padding: 1px 6px; min-height: 16px;")
        self._ends = (self.tag_field, self.tag_button, self.alias_field, self.alias_button, self.add_note_button)
        for widget in self._ends:
            self._flow.addWidget(widget)
        self._labels: list[MarkLabel] = []
        self._lay_out()

    def _lay_out(self) -> None:
        self.row.setSpacing(t.SPACE_3)
        self.row.addWidget(self.title)
        self.row.addWidget(self.archived)
        self.row.addWidget(self.facts, 1)
        note = QHBoxLayout()
        note.setSpacing(t.SPACE_1)
        note.addWidget(self.note)
        note.addWidget(self.note_button)
        note.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(t.SPACE_1)
        layout.addLayout(self.row)
        layout.addWidget(self._marks)
        layout.addLayout(note)
        layout.addWidget(self.note_editor)

    def add_action(self, widget: QWidget) -> None:
        """Add a button at the right end of the first line."""
        self.row.addWidget(widget)

    # Showing

    def show_line(self, line: VersionLine, known_tags: Sequence[str] = (), known_aliases: Sequence[str] = ()) -> None:
        """Show a version; the known ones are offered while one types."""
        if self.line is not None and self.line.reference != line.reference:
            self._end_note()
        self.line = line
        self.title.setText(line.reference)
        self.archived.setVisible(line.is_archived)
        rows = self.tr("{rows} rows").format(rows=f"{line.rows:,}")
        self.facts.setText(f"{rows}  ·  {data_size(line.size)}  ·  {line.created:%Y-%m-%d %H:%M}  ·  {line.origin}")
        self.facts.setMinimumWidth(40)
        self.note.setText(line.note.replace("\n", "  "))
        self._show_note(not self.note_editor.isHidden())
        self.tag_field.offer([tag for tag in known_tags if tag not in line.tags])
        self.alias_field.offer([alias for alias in known_aliases if alias not in line.aliases])
        self._show_marks(line)

    def _show_marks(self, line: VersionLine) -> None:
        for label in self._labels:
            self._flow.removeWidget(label)
            label.hide()
            label.deleteLater()
        for end in self._ends:
            self._flow.removeWidget(end)
        self._labels = []
        for alias in line.aliases:
            is_latest = alias == "latest"
            label = MarkLabel(f"@{alias}", "target", Tone.INFO, is_fixed=is_latest, parent=self._marks)
            label.removed.connect(lambda name=alias: self.aliasRemoved.emit(name))
            self._labels.append(label)
        for tag in line.tags:
            label = MarkLabel(tag, "tag", Tone.NEUTRAL, parent=self._marks)
            label.removed.connect(lambda name=tag: self.tagRemoved.emit(name))
            self._labels.append(label)
        for widget in (*self._labels, *self._ends):
            self._flow.addWidget(widget)
        for label in self._labels:
            label.show()
        self._marks.updateGeometry()

    # Editing

    def _open(self, field: _MarkField) -> None:
        field.clear()
        field.show()
        field.setFocus(Qt.FocusReason.OtherFocusReason)

    def edit_note(self) -> None:
        """Open the editor of the note; Enter keeps it, Shift+Enter begins a line, Esc gives up."""
        if self.line is not None:
            self.note_editor.begin(self.line.note)
            self._show_note(is_edited=True)

    def _on_note(self, text: str) -> None:
        if self.line is not None and text != self.line.note:
            self.noteGiven.emit(text)

    def _end_note(self) -> None:
        self.note_editor.hide()
        self._show_note(is_edited=False)

    def _show_note(self, is_edited: bool) -> None:
        has_note = self.line is not None and bool(self.line.note)
        for widget in (self.note, self.note_button):
            widget.setVisible(has_note and not is_edited)
        self.add_note_button.setVisible(not has_note and not is_edited)


def takes_escape(event: QEvent) -> bool:
    """Whether this is Esc on its way to the window, which would close something else; it is kept for the editor."""
    is_escape = (
        event.type() is QEvent.Type.ShortcutOverride
        and isinstance(event, QKeyEvent)
        and event.key() == Qt.Key.Key_Escape
    )
    if is_escape:
        event.accept()
    return is_escape


class _MarkField(QLineEdit):
    """A line that appears to take one word; Enter gives it, Esc or leaving it empty closes it.

    Signals:
        given(str): what was typed.
    """

    given = Signal(str)

    def __init__(self, hint: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPlaceholderText(hint)
        self.setAccessibleName(hint)
        self.setFixedWidth(_FIELD_WIDTH)
        self.setStyleSheet("padding: 1px 8px; min-height: 16px;")
        self.hide()

    def offer(self, words: Sequence[str]) -> None:
        """Words to complete what is typed."""
        completer = QCompleter(list(words), self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.setCompleter(completer)

    def event(self, event: QEvent) -> bool:
        return takes_escape(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.hide()
            event.accept()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            text = self.text().strip()
            self.hide()
            if text:
                self.given.emit(text)
            event.accept()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if not self.text().strip():
            self.hide()


class _NoteEditor(QPlainTextEdit):
    """Signals:

    kept(str): the text is to be kept.
    ended: the editor is done, whether or not its text was kept.
    """

    kept = Signal(str)
    ended = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(_NOTE_HEIGHT)
        self.setTabChangesFocus(True)
        self.setAccessibleName(self.tr("Note"))
        self.setPlaceholderText(self.tr("What people should know of this version. Enter keeps it, Esc does not."))

    def begin(self, text: str) -> None:
        self.setPlainText(text)
        self.show()
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self.selectAll()

    def _keep(self) -> None:
        if self.isVisible():
            self.kept.emit(self.toPlainText().strip())
            self.ended.emit()

    def event(self, event: QEvent) -> bool:
        return takes_escape(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.hide()
            self.ended.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not (
            event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        ):
            self._keep()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() is not Qt.FocusReason.PopupFocusReason:
            self._keep()
