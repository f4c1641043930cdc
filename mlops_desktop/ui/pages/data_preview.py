"""All rows of a version, in a table that fetches what comes into view."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint, QStringListModel, Qt
from PySide6.QtGui import QAction, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QCompleter, QHBoxLayout, QLineEdit, QVBoxLayout

from mlops_desktop.core.datasets import VersionLine
from mlops_desktop.core.errors import AppError
from mlops_desktop.ui.pages.data_tab import VersionTab
from mlops_desktop.ui.queries import rows as queries
from mlops_desktop.ui.theme import icons
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.columnpicker import ColumnPicker
from mlops_desktop.ui.widgets.labels import caption
from mlops_desktop.ui.widgets.rowmodel import PagedRows
from mlops_desktop.ui.widgets.rowtable import RowTable

_MOST_COPIED_CELLS = 2_000_000


class PreviewTab(VersionTab):
    """Rows with their numbers; a field to jump to one, a field to find a column, a choice of columns, copying."""

    key = "preview"

    def build(self) -> None:
        self.reader: queries.RowReader | None = None
        self.hidden: set[str] = set()
        self.rows = PagedRows(queries.TILE_ROWS, queries.TILE_COLUMNS, self)
        self.rows.wanted.connect(self._fetch)
        self.table = RowTable(self.rows, self.tr("Rows"))
        self.table.copyRequested.connect(self.copy)
        self.table.verticalScrollBar().valueChanged.connect(self._tell_place)
        self.place = caption()
        self.row_field = self._field("target", self.tr("Go to row"), self._jump, 128)
        self.column_field = self._field("search", self.tr("Find column"), self._find, 190)
        self._names = QStringListModel(self)
        completer = QCompleter(self._names, self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.activated.connect(self._find)
        self.column_field.setCompleter(completer)
        self.columns_button = button(self.tr("Columns"), "columns", on_click=self.choose_columns)
        self.copy_button = button(self.tr("Copy"), "copy", on_click=self.copy)
        self.copy_button.setToolTip(self.tr("Copy what is selected, or what is in view, with headers (Ctrl+C)"))
        head = QHBoxLayout()
        head.setSpacing(t.SPACE_2)
        head.addWidget(self.place, 1)
        for widget in (self.row_field, self.column_field, self.columns_button, self.copy_button):
            head.addWidget(widget)
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(t.SPACE_2)
        layout.addLayout(head)
        layout.addWidget(self.table, 1)
        for keys, field in (("Ctrl+G", self.row_field), ("Ctrl+Shift+F", self.column_field)):
            shortcut = QShortcut(QKeySequence(keys), self, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(partial(field.setFocus, Qt.FocusReason.ShortcutFocusReason))
            field.setToolTip(f"{field.placeholderText()} ({keys})")

    def _field(self, icon: str, name: str, act: object, width: int) -> QLineEdit:
        field = QLineEdit()
        field.setPlaceholderText(name)
        field.setAccessibleName(name)
        field.setFixedWidth(width)
        glass = QAction(field)
        icons.set_icon(glass, icon, "secondary")
        field.addAction(glass, QLineEdit.ActionPosition.LeadingPosition)
        field.returnPressed.connect(act)
        return field

    # Rows

    def ask(self, line: VersionLine) -> None:
        self.query(partial(queries.open_rows, reference=line.reference), self._show)

    def _show(self, opened: queries.Opened) -> None:
        self.reader = opened.reader
        names = [column.name for column in opened.reader.columns]
        self.hidden &= set(names)
        self._names.setStringList(names)
        shown = set(names) - self.hidden if self.hidden else None
        self.rows.open(opened.reader.columns, opened.reader.rows, [opened.tile], shown)
        self.table.scrollToTop()
        self._tell_place()

    def _fetch(self, places: list[queries.Place]) -> None:
        reader = self.reader
        if reader is None:
            return

        def arrived(tiles: list[queries.Tile]) -> None:
            if reader is self.reader:
                self.rows.put(tiles)

        def failed(error: AppError) -> None:
            self.rows.give_up()
            self.show_error(error)

        self.bridge.ask("data rows", partial(queries.read_tiles, reader=reader, places=places), arrived, failed)

    def _tell_place(self) -> None:
        total, columns = self.rows.total, len(self.rows.columns)
        seen = self.table.rows_in_view()
        span = f"{seen[0] + 1:,} – {seen[-1] + 1:,}" if seen else "0"
        text = self.tr("Rows {span} of {total}").format(span=span, total=f"{total:,}")
        shown = len(self.rows.shown)
        if shown < columns:
            text += self.tr(" · {shown} of {columns} columns").format(shown=f"{shown:,}", columns=f"{columns:,}")
        else:
            text += self.tr(" · {columns} columns").format(columns=f"{columns:,}")
        self.place.setText(text)

    # Going somewhere

    def _jump(self) -> None:
        digits = "".join(letter for letter in self.row_field.text() if letter.isdecimal())
        self.row_field.setProperty("invalid", not digits)
        self.row_field.style().polish(self.row_field)
        if digits:
            self.table.go_to_row(int(digits[:18]) - 1)
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def _find(self, text: str = "") -> None:
        wanted = (text or self.column_field.text()).strip()
        names = self._names.stringList()
        found = wanted if wanted in names else next((n for n in names if wanted and wanted.lower() in n.lower()), "")
        self.column_field.setProperty("invalid", bool(wanted) and not found)
        self.column_field.style().polish(self.column_field)
        if not found:
            return
        if found in self.hidden:
            self._show_columns(set(names) - self.hidden | {found})
        self.table.go_to_column(found)
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    # Columns

    def choose_columns(self) -> ColumnPicker:
        """Offer the columns to be shown."""
        names = self._names.stringList()
        picker = ColumnPicker(names, set(names) - self.hidden, self.tr("Show"), self)
        picker.picked.connect(self._show_columns)
        button_ = self.columns_button
        picker.open_at(button_.mapToGlobal(button_.rect().bottomRight() + QPoint(0, 4)))
        return picker

    def _show_columns(self, names: set[str]) -> None:
        self.hidden = set(self._names.stringList()) - names
        self.rows.show_columns(names if self.hidden else None)
        self._tell_place()

    # Copying

    def copy(self) -> None:
        """Put what is selected (what is in view, where nothing is) on the clipboard, under its headers."""
        rows, sections = self.table.chosen()
        if self.line is None or not rows or not sections:
            return
        names = [self.rows.column_at(section).name for section in sections]
        most = max(_MOST_COPIED_CELLS // len(names), 1)
        taken = min(len(rows), most)
        query = partial(queries.copied, reference=self.line.reference, first=rows[0], rows=taken, columns=names)

        def arrived(text: str) -> None:
            QApplication.clipboard().setText(text)
            said = self.tr("{n} of {total} rows copied") if taken < len(rows) else self.tr("{n} rows copied")
            self.bridge.succeeded.emit(said.format(n=f"{taken:,}", total=f"{len(rows):,}"))

        self.bridge.ask("data copy", query, arrived)
