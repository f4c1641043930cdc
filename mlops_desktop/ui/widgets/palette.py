"""The command palette: everything the program can do, found by a few letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.icons import paint_icon
from mlops_desktop.ui.widgets.labels import caption
from mlops_desktop.ui.widgets.painting import paint_box, paint_text, text_width
from mlops_desktop.ui.widgets.plainlog import Index

_WIDTH = 560
_MOST_SHOWN = 50
_KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


@dataclass(frozen=True)
class Command:
    """Something to do or to open. `group` says what it belongs to; `run` is called after the palette has closed."""

    title: str
    run: Callable[[], object]
    group: str = ""
    icon: str = "arrow-right"
    shortcut: str = ""


def match_score(needle: str, text: str) -> float | None:
    """How well the letters of `needle` occur in `text` in their order: lower is better, None when they do not.

    A match at the start of the text is best, then one at the start of a word, then one within, then scattered letters.
    """
    needle, text = needle.lower().strip(), text.lower()
    if not needle:
        return 0.0
    if text.startswith(needle):
        return len(text) / 1000
    if needle in text:
        starts_word = any(word.startswith(needle) for word in text.replace("-", " ").split())
        return (1.0 if starts_word else 2.0) + len(text) / 1000
    position, gaps = -1, 0
    for letter in needle:
        found = text.find(letter, position + 1)
        if found < 0:
            return None
        gaps += found - position - 1
        position = found
    return 10.0 + gaps + len(text) / 1000


def find_commands(commands: Sequence[Command], needle: str) -> list[Command]:
    """The commands that match, best first."""
    scored = [(match_score(needle, f"{command.title} {command.group}"), i) for i, command in enumerate(commands)]
    ranked = sorted((score, i) for score, i in scored if score is not None)
    return [commands[i] for _score, i in ranked]


class _CommandDelegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002
        return QSize(_WIDTH - 40, t.ROW_COMFORTABLE)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        command = index.data(Qt.ItemDataRole.UserRole)
        tokens, rect = current(), QRectF(option.rect)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen:
            paint_box(painter, rect, tokens.info.fill, radius=t.CONTROL_RADIUS)
        ink = tokens.info.text if chosen else tokens.secondary
        paint_icon(painter, command.icon, QRectF(rect.left() + 10, rect.center().y() - 8, 16, 16), ink)
        small = fonts.font(fonts.Type.CAPTION)
        right = rect.right() - 10
        for text in filter(None, (command.shortcut, command.group)):
            width = text_width(text, small)
            paint_text(
                painter, QRectF(right - width, rect.top(), width + 1, rect.height()), text, tokens.secondary, small
            )
            right -= width + 16
        words = QRectF(rect.left() + 38, rect.top(), right - rect.left() - 38, rect.height())
        paint_text(painter, words, command.title, tokens.text, fonts.font())


class CommandPalette(QDialog):
    """Opens over its parent: `CommandPalette(window).open_with(commands)`. Arrows choose, Enter runs, Esc closes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setWindowTitle(self.tr("Command palette"))
        self._commands: tuple[Command, ...] = ()
        self.field = QLineEdit()
        self.field.setPlaceholderText(self.tr("Type a page, a model, or what to do"))
        self.field.setAccessibleName(self.tr("Command"))
        self.field.setFont(fonts.font(fonts.Type.SECTION))
        self.field.textChanged.connect(self._on_text_changed)
        self.field.installEventFilter(self)
        self.list = QListWidget()
        self.list.setProperty("bare", True)
        self.list.setItemDelegate(_CommandDelegate(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setAccessibleName(self.tr("Matching commands"))
        self.list.itemClicked.connect(self._on_item_clicked)
        self.note = caption()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(t.SPACE_3, t.SPACE_3, t.SPACE_3, t.SPACE_2)
        layout.setSpacing(t.SPACE_2)
        layout.addWidget(self.field)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.note)
        self.setFixedSize(_WIDTH, 420)

    def open_with(self, commands: Sequence[Command]) -> None:
        """Shows the palette near the top of its parent's window."""
        self.set_commands(commands)
        parent = self.parentWidget()
        window = parent.window() if parent is not None else None
        if window is not None:
            self.move(window.mapToGlobal(QPoint((window.width() - _WIDTH) // 2, t.COMMAND_BAR_HEIGHT + t.SPACE_6)))
        self.show()
        self.field.setFocus()

    def set_commands(self, commands: Sequence[Command]) -> None:
        self._commands = tuple(commands)
        self.field.clear()
        self._on_text_changed("")

    def titles(self) -> list[str]:
        """What is listed now, from top to bottom."""
        return [self.list.item(i).text() for i in range(self.list.count())]

    def _on_text_changed(self, text: str) -> None:
        found = find_commands(self._commands, text)
        self.list.clear()
        for command in found[:_MOST_SHOWN]:
            item = QListWidgetItem(command.title)
            item.setData(Qt.ItemDataRole.UserRole, command)
            self.list.addItem(item)
        self.list.setCurrentRow(0)
        if not found:
            self.note.setText(self.tr("Nothing matches. Try fewer letters."))
        else:
            self.note.setText(self.tr("Enter runs, Esc closes"))

    def _run(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            command = item.data(Qt.ItemDataRole.UserRole)
            self.close()
            command.run()

    def _on_item_clicked(self, item: QListWidgetItem) -> None:
        self._run(item)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.field and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in _KEYS:
                self.list.keyPressEvent(event)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._run(self.list.currentItem())
                return True
        return super().eventFilter(watched, event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        tokens = current()
        paint_box(QPainter(self), QRectF(self.rect()), tokens.surface, tokens.control_border)
