"""Where imported rows go: the dataset, its time column, note and tags, and what differs from what it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import cast

from PySide6.QtCore import QRectF, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from mlops_desktop.core.contracts import ContractMode
from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.errors import AppError
from mlops_desktop.ui.bridge import Bridge
from mlops_desktop.ui.queries import imports as queries
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.icons import paint_icon
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.figures import compact
from mlops_desktop.ui.widgets.forms import FormField, choice_field, text_field
from mlops_desktop.ui.widgets.labels import Label, caption

_TYPING_MS = 200
_MOST_NAMED = 8
PANEL_WIDTH = 284


class ChangeLine(QWidget):
    """A glyph, what it stands for, and the columns that it is about."""

    def __init__(self, icon: str, tone: str, title: str, names: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon, self._tone = icon, Tone(tone)
        self.setAccessibleName(f"{title} {names}".strip())
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(Label(title, fonts.Type.TABLE, fonts.MEDIUM, wrap=True))
        if names:
            column.addWidget(caption(names, wrap=True))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        paint_icon(QPainter(self), self._icon, QRectF(0, 1, 15, 15), current().tone(self._tone).text)


class DestinationPanel(QScrollArea):
    """Asks for the dataset and shows what the import means to it.

    Signals:
        changed: what was entered, or what is known of the dataset, is another.
    """

    changed = Signal()

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._key = f"import destination {id(self)}"
        self.found: queries.Destination | None = None
        self._columns: Mapping[str, ColumnType] = {}
        self._wanted_time = ""
        self._has_chosen_time = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._ask)
        self._lay_out()
        bridge.ask(f"{self._key} names", queries.destination_names, self._show_names)

    def _lay_out(self) -> None:
        self.setWidgetResizable(True)
        self.setFixedWidth(PANEL_WIDTH)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, t.SPACE_2)
        column.setSpacing(t.SPACE_3)
        self.dataset = QComboBox()
        self.dataset.setEditable(True)
        self.dataset.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.name_editor = cast("QLineEdit", self.dataset.lineEdit())
        self.name_editor.setPlaceholderText(self.tr("Name of the dataset"))
        self.dataset.currentTextChanged.connect(self._on_name)
        self.dataset_field = FormField(self.tr("Dataset"), self.dataset, " ")
        self.time_field, self.time = choice_field(self.tr("Time column"), [("", self.tr("None"))])
        self.time.activated.connect(self._on_time)
        modes = [
            ("", ""),
            (ContractMode.REFUSE.value, self.tr("Refuse the whole import")),
            (ContractMode.QUARANTINE.value, self.tr("Put them into quarantine")),
            (ContractMode.ACCEPT.value, self.tr("Accept with a warning")),
        ]
        self.mode_field, self.mode = choice_field(self.tr("Rows that break the contract"), modes)
        note_field, self.note = text_field(self.tr("Note"), placeholder=self.tr("Why, or what is special"))
        tags_field, self.tags = text_field(self.tr("Tags"), placeholder=self.tr("separated by commas"))
        self.changes = QVBoxLayout()
        self.changes.setSpacing(t.SPACE_1)
        for widget in (self.dataset_field, self.time_field, self.mode_field):
            column.addWidget(widget)
        column.addLayout(self.changes)
        for widget in (note_field, tags_field):
            column.addWidget(widget)
        column.addStretch(1)
        self.mode_field.hide()
        self.setWidget(holder)
        self.viewport().setAutoFillBackground(False)
        holder.setAutoFillBackground(False)

    # What was entered

    def begin_with(self, request: queries.ImportRequest) -> None:
        """Fill in what is known, and ask what it means."""
        self._wanted_time, self._has_chosen_time = request.time_column, bool(request.time_column)
        self.note.setText(request.note)
        self.tags.setText(", ".join(request.tags))
        self.mode.setCurrentIndex(max(0, self.mode.findData(request.mode)))
        self.dataset.setEditText(request.dataset or queries.dataset_name_for(request.location, request.options))
        self.name_editor.setCursorPosition(0)
        self._on_name()

    def stop(self) -> None:
        """Nobody waits for answers any more."""
        self._timer.stop()
        self._bridge.forget(self._key)
        self._bridge.forget(f"{self._key} names")

    @property
    def name(self) -> str:
        return self.dataset.currentText().strip()

    @property
    def is_known(self) -> bool:
        """Whether it is known what an import into the named dataset means."""
        return self.found is not None and self.found.name == self.name

    @property
    def tag_list(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(tag.strip() for tag in self.tags.text().split(",") if tag.strip()))

    @property
    def chosen_mode(self) -> str:
        return str(self.mode.currentData() or "") if self.found is not None and self.found.mode else ""

    def set_columns(self, columns: Mapping[str, ColumnType]) -> None:
        """The names and types of the columns to come."""
        self._columns = columns
        self._show_times()
        self._show_changes()

    # The dataset

    def _show_names(self, names: Sequence[str]) -> None:
        text = self.dataset.currentText()
        with QSignalBlocker(self.dataset):
            self.dataset.addItems(names)
            self.dataset.setEditText(text)
        if not self.name_editor.hasFocus():
            self.name_editor.setCursorPosition(0)

    def _on_name(self) -> None:
        self._timer.start(_TYPING_MS)
        self.changed.emit()

    def _ask(self) -> None:
        name = self.name
        if not name:
            self.found = None
            self.dataset_field.set_error("")
            self._show_changes()
            self.changed.emit()
        elif not self._bridge.is_closed:
            query = partial(queries.destination, name=name)
            self._bridge.ask(self._key, query, self._show, self._on_problem)

    def _on_problem(self, error: AppError) -> None:
        self.found = None
        self.dataset_field.set_error(str(error))
        self._show_changes()
        self.changed.emit()

    def _show(self, found: queries.Destination) -> None:
        self.found = found
        self.dataset_field.set_error("")
        self.dataset_field.note.setText(self._meaning(found))
        self.mode_field.setVisible(bool(found.mode))
        if found.mode:
            title = self.mode.itemText(self.mode.findData(found.mode))
            self.mode.setItemText(0, self.tr("As the contract says: {title}").format(title=title.lower()))
        self._show_times()
        self._show_changes()
        self.changed.emit()

    def _meaning(self, found: queries.Destination) -> str:
        if found.is_new:
            return self.tr("A new dataset")
        return self.tr("Next version of {name}: @{next}, after @{last} with {rows} rows").format(
            name=found.name, next=found.number + 1, last=found.number, rows=compact(found.rows)
        )

    # The time column

    def _on_time(self, index: int) -> None:
        self._has_chosen_time = True
        self._wanted_time = str(self.time.itemData(index))

    def _show_times(self) -> None:
        names = [name for name, kind in self._columns.items() if kind is ColumnType.TIME]
        if self._has_chosen_time:
            wanted = self._wanted_time
        else:
            before = self.found.time_column if self.found is not None else ""
            wanted = before if before in names else next(iter(names), "")
        with QSignalBlocker(self.time):
            self.time.clear()
            self.time.addItem(self.tr("None"), "")
            for name in names:
                self.time.addItem(name, name)
            self.time.setCurrentIndex(max(0, self.time.findData(wanted)))
        self.time.setEnabled(bool(names))

    # What differs

    def _show_changes(self) -> None:
        while (item := self.changes.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        found = self.found
        if found is None or found.is_new or not self._columns:
            return
        for line in self._change_lines(found):
            self.changes.addWidget(line)

    def _change_lines(self, found: queries.Destination) -> list[QWidget]:
        against = f"{found.name}@{found.number}"
        changes = queries.column_changes(found.columns, {name: kind.value for name, kind in self._columns.items()})
        if not changes.any:
            return [ChangeLine("success", "ok", self.tr("Same columns as {version}").format(version=against), "")]
        lines: list[QWidget] = [Label(self.tr("Against {version}").format(version=against), secondary=True)]
        if changes.new:
            lines.append(ChangeLine("plus", "info", self.tr("{n} new").format(n=len(changes.new)), _named(changes.new)))
        if changes.missing:
            title = self.tr("{n} missing").format(n=len(changes.missing))
            lines.append(ChangeLine("minus", "warning", title, _named(changes.missing)))
        if changes.retyped:
            texts = [f"{name}: {before} → {after}" for name, before, after in changes.retyped]
            title = self.tr("{n} of another type").format(n=len(texts))
            lines.append(ChangeLine("warning", "warning", title, _named(texts)))
            lines.append(caption(self.tr("The types of before are kept where every value fits."), wrap=True))
        return lines


def _named(texts: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    shown = "\n".join(texts[:_MOST_NAMED]) if "→" in "".join(texts) else ", ".join(texts[:_MOST_NAMED])
    return shown if len(texts) <= _MOST_NAMED else f"{shown}, +{len(texts) - _MOST_NAMED}"
