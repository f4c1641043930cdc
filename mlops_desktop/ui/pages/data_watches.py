"""Watched folders: how each stands; add, pause and remove them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QDialog, QFileDialog, QGridLayout, QHBoxLayout, QVBoxLayout

from mlops_desktop.core.datasets import Watch
from mlops_desktop.core.errors import AppError
from mlops_desktop.ui.pages.base import Page
from mlops_desktop.ui.pages.columns import FittingColumns
from mlops_desktop.ui.queries import watches as queries
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.forms import FormField, text_field
from mlops_desktop.ui.widgets.labels import Label, body
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind

if TYPE_CHECKING:
    from mlops_desktop.pipelines.watching import WatchState

_DATASET_LETTERS = 12


class WatchesDialog(QDialog):
    """All watched folders of the workspace."""

    def __init__(self, page: Page, datasets: list[str], dataset: str = "") -> None:
        super().__init__(page.window())
        self._bridge = page.bridge
        self.states: list[WatchState] = []
        self.setWindowTitle(self.tr("Watched folders"))
        self.resize(860, 520)
        self.table = DataTable(
            [
                ColumnSpec("name", self.tr("Name"), width=130),
                ColumnSpec("folder", self.tr("Folder"), width=200),
                ColumnSpec("pattern", self.tr("Files"), width=90),
                ColumnSpec("dataset", self.tr("Dataset"), width=120),
                ColumnSpec("state", self.tr("State"), Kind.CHIP, width=112, format=self._worded),
                ColumnSpec("taken", self.tr("Taken in"), Kind.INTEGER, width=78),
                ColumnSpec("failed", self.tr("Failed"), Kind.INTEGER, width=70),
            ],
            toolbar=False,
            compact=True,
            name=self.tr("watched folders"),
        )
        FittingColumns(self.table, "folder")
        self.table.set_never_set_up(
            self.tr("No folder is watched"),
            self.tr("Files that appear in a watched folder become versions of a dataset by themselves."),
            "",
            "folder",
        )
        self.table.selectionChanged.connect(lambda _rows: self._show_selected())
        self.said = body("", secondary=True)
        self.pause_button = button(self.tr("Pause"), "pause", on_click=self.toggle_pause)
        self.remove_button = button(self.tr("Remove"), "trash", "danger", self.remove)
        self._make_form(datasets, dataset)
        self._lay_out()
        self._ask()

    def _make_form(self, datasets: list[str], dataset: str) -> None:
        self.folder_field, self.folder = text_field(self.tr("Folder"))
        self.browse = button(self.tr("Browse…"), "folder", on_click=self._browse)
        self.pattern_field, self.pattern = text_field(self.tr("Files"), "*.csv")
        self.time_field, self.time_column = text_field(self.tr("Time column"), placeholder=self.tr("optional"))
        self.dataset = QComboBox()
        self.dataset.setEditable(True)
        self.dataset.addItems(datasets)
        self.dataset.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.dataset.setMinimumContentsLength(_DATASET_LETTERS)
        self.dataset.setCurrentText(dataset)
        self.dataset_field = FormField(self.tr("Dataset"), self.dataset)
        self.add_button = button(self.tr("Watch this folder"), "plus", "primary", self.add)
        self.folder.textChanged.connect(lambda _text: self._check())
        self.dataset.currentTextChanged.connect(lambda _text: self._check())
        self._check()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(t.SPACE_6, t.SPACE_4, t.SPACE_6, t.SPACE_4)
        layout.setSpacing(t.SPACE_3)
        layout.addWidget(Label(self.windowTitle(), fonts.Type.PAGE, fonts.SEMIBOLD))
        layout.addWidget(self.table, 1)
        row = QHBoxLayout()
        row.setSpacing(t.SPACE_2)
        row.addWidget(self.said, 1)
        row.addWidget(self.pause_button)
        row.addWidget(self.remove_button)
        layout.addLayout(row)
        form = QGridLayout()
        form.setSpacing(t.SPACE_3)
        form.addWidget(self.folder_field, 0, 0)
        form.addWidget(self.browse, 0, 1, Qt.AlignmentFlag.AlignBottom)
        form.addWidget(self.pattern_field, 0, 2)
        form.addWidget(self.dataset_field, 0, 3)
        form.addWidget(self.time_field, 0, 4)
        form.setColumnStretch(0, 3)
        for column in (2, 4):
            form.setColumnStretch(column, 1)
        layout.addLayout(form)
        foot = QHBoxLayout()
        foot.setSpacing(t.SPACE_2)
        foot.addStretch(1)
        foot.addWidget(button(self.tr("Close"), on_click=self.accept))
        foot.addWidget(self.add_button)
        layout.addLayout(foot)
        self._show_selected()

    # What is there

    def _ask(self) -> None:
        self._bridge.ask("data watches", queries.watch_states, self._show, self._on_failure)

    def _on_failure(self, error: AppError) -> None:
        self.table.show_error(error.message, error.hint)

    def _show(self, states: list[WatchState]) -> None:
        self.states = states
        self.table.set_rows(
            {
                "name": [each.watch.name for each in states],
                "folder": [each.watch.folder for each in states],
                "pattern": [each.watch.pattern for each in states],
                "dataset": [each.watch.dataset for each in states],
                "state": [_status(each) for each in states],
                "taken": [each.taken for each in states],
                "failed": [each.failed for each in states],
            }
        )
        if states:
            self.table.select_row(0)
        self._show_selected()

    def _worded(self, status: str) -> str:
        words = {"failing": self.tr("Not there"), "stopped": self.tr("Paused"), "running": self.tr("Watching")}
        return words.get(status, status)

    @property
    def selected(self) -> WatchState | None:
        rows = self.table.selected_rows()
        return self.states[rows[0]] if rows and rows[0] < len(self.states) else None

    def _show_selected(self) -> None:
        state = self.selected
        for each in (self.pause_button, self.remove_button):
            each.setVisible(state is not None)
        if state is not None:
            self.pause_button.setText(self.tr("Resume") if state.watch.is_paused else self.tr("Pause"))
            self.said.setText(f"{state.watch.name}: {state.in_words}")
        else:
            self.said.setText("")

    # What a person does

    def _check(self) -> None:
        self.add_button.setEnabled(bool(self.folder.text().strip() and self.dataset.currentText().strip()))

    def _browse(self) -> None:
        found = QFileDialog.getExistingDirectory(self, self.tr("Folder to watch"), self.folder.text())
        if found:
            self.folder.setText(found)

    def add(self) -> None:
        """Watch the folder that the form names."""
        folder = self.folder.text().strip()
        dataset = self.dataset.currentText().strip()
        taken = {state.watch.name for state in self.states}
        base = f"{dataset} from {Path(folder).name}"
        name = next(name for n in range(1, len(taken) + 2) if (name := base if n == 1 else f"{base} {n}") not in taken)
        watch = Watch(name, folder, self.pattern.text().strip(), dataset, time_column=self.time_column.text().strip())
        said = self.tr("{} is watched")
        self._bridge.do(partial(queries.save_watch, watch=watch), said, lambda _watch: self._added(), self._refused)

    def _added(self) -> None:
        self.folder.clear()
        self.folder_field.set_error("")
        self._ask()

    def _refused(self, error: AppError) -> None:
        self.folder_field.set_error(f"{error.message} {error.hint}")

    def toggle_pause(self) -> None:
        """Pause the selected watch, or let it go on."""
        state = self.selected
        if state is not None:
            is_paused = not state.watch.is_paused
            said = self.tr("{} is paused") if is_paused else self.tr("{} goes on")
            deed = partial(queries.set_paused, watch=state.watch, is_paused=is_paused)
            self._bridge.do(deed, said, lambda _watch: self._ask())

    def remove(self) -> None:
        """Stop watching the selected folder; what came from it stays."""
        state = self.selected
        if state is not None:
            said = self.tr("{name} is no longer watched; its versions stay").format(name=state.watch.name)
            self._bridge.do(partial(queries.remove_watch, name=state.watch.name), said, lambda _none: self._ask())

    def done(self, result: int) -> None:
        self._bridge.forget("data watches")
        super().done(result)
        self.deleteLater()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        QPainter(self).fillRect(self.rect(), current().surface)


def _status(state: WatchState) -> str:
    return "failing" if state.is_missing else "stopped" if state.watch.is_paused else "running"


def open_watches(page: Page, datasets: list[str], dataset: str = "") -> WatchesDialog:
    """Show the watched folders; a new one is offered for `dataset`."""
    dialog = WatchesDialog(page, datasets, dataset)
    dialog.open()
    return dialog
