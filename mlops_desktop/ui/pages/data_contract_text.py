"""A contract as TOML text, with the line that makes no sense marked."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker
from PySide6.QtGui import QColor, QSyntaxHighlighter, QTextCharFormat, QTextCursor, QTextFormat
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme.apply import current, theme_signals


class _Toml(QSyntaxHighlighter):
    """Headings in the accent, comments muted."""

    def highlightBlock(self, text: str) -> None:
        style, tokens = QTextCharFormat(), current()
        begins = text.lstrip()[:1]
        if begins in ("[", "#"):
            style.setForeground(QColor(tokens.accent if begins == "[" else tokens.secondary))
            self.setFormat(0, len(text), style)


class ContractText(QPlainTextEdit):
    """A plain editor; Qt's own `textChanged` says that a person wrote."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFont(fonts.mono())
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setAccessibleName(self.tr("The contract as TOML text"))
        self.setTabChangesFocus(True)
        self.line = 0
        self._colours = _Toml(self.document())
        theme_signals().changed.connect(self._on_theme)

    def show_text(self, text: str) -> None:
        """Show a text that a person did not write just now."""
        if text != self.toPlainText():
            with QSignalBlocker(self):
                self.setPlainText(text)
            self._colours.rehighlight()

    def mark(self, line: int) -> None:
        """Mark a line, counted from 1; 0 marks none."""
        self.line = line
        block = self.document().findBlockByNumber(line - 1) if line else None
        if block is None or not block.isValid():
            self.setExtraSelections([])
            return
        style = QTextCharFormat()
        style.setBackground(QColor(current().critical.fill))
        style.setProperty(QTextFormat.Property.FullWidthSelection.value, True)
        selection = QTextEdit.ExtraSelection()
        selection.format = style
        selection.cursor = QTextCursor(block)
        self.setExtraSelections([selection])

    def go_to(self, line: int) -> None:
        """Put the cursor into a line and show it."""
        block = self.document().findBlockByNumber(max(line - 1, 0))
        if block.isValid():
            self.setTextCursor(QTextCursor(block))
            self.centerCursor()

    def _on_theme(self) -> None:
        self._colours.rehighlight()
        self.mark(self.line)
