"""The left side of the Data page: datasets, and the versions of the chosen one as a timeline."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QLineEdit,
    QListView,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from mlops_desktop.core.datasets import VersionLine
from mlops_desktop.core.errors import AppError
from mlops_desktop.ui.bridge import Bridge
from mlops_desktop.ui.queries import datasets as queries
from mlops_desktop.ui.theme import icons
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.card import Card
from mlops_desktop.ui.widgets.datasetlist import DatasetDelegate, DatasetsModel, painted_list
from mlops_desktop.ui.widgets.emptystate import EmptyState
from mlops_desktop.ui.widgets.labels import caption
from mlops_desktop.ui.widgets.timeline import VersionDelegate, VersionsModel

_FILTER_MS = 120
_DATASET_ROW, _MOST_DATASETS = 44, 4
_MOST_SHARE = 0.36


class DatasetPanel(QWidget):
    """Signals:

    chosen(VersionLine): a version was chosen, or what is said about the chosen one changed.
    timelineShown(Timeline): the versions of the chosen dataset are on screen.
    """

    chosen = Signal(object)
    timelineShown = Signal(object)

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self.line: VersionLine | None = None
        self._dataset = self._wanted = ""
        self.is_settled = True
        self._is_moved = self._is_quiet = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._filter)
        self.datasets, self.versions = DatasetsModel(self), VersionsModel(self)
        self.dataset_view = painted_list(self.tr("Datasets"), self.datasets)
        self.dataset_view.setItemDelegate(DatasetDelegate(self.datasets, self.dataset_view))
        self.version_view = painted_list(self.tr("Versions"), self.versions)
        self.version_view.setItemDelegate(VersionDelegate(self.versions, self.version_view))
        self.dataset_view.selectionModel().currentChanged.connect(self._on_dataset)
        self.version_view.selectionModel().currentChanged.connect(self._on_version)
        self.dataset_field = _filter_field(self, self.tr("Filter datasets"))
        self.version_field = _filter_field(self, self.tr("Number, tag, note, file"))
        for field in (self.dataset_field, self.version_field):
            field.textChanged.connect(lambda _text: self._timer.start(_FILTER_MS))
        self.archived = QCheckBox(self.tr("Archived"))
        self.archived.setToolTip(self.tr("List versions that were archived, too"))
        self.archived.toggled.connect(lambda _on: self._ask())
        self.count = caption()
        self._lay_out()

    def _lay_out(self) -> None:
        self.dataset_stack, self._no_dataset = _stacked(self.dataset_view, self.dataset_field)
        self.version_stack, self._no_version = _stacked(self.version_view, self.version_field)
        self.dataset_stack.setMinimumHeight(_DATASET_ROW)  # one dataset needs no more
        above = Card(self.tr("Datasets"))
        above.add(self.dataset_field)
        above.add(self.dataset_stack, 1)
        below = Card(self.tr("Versions"))
        self.below = below
        if below.header is not None:
            below.header.add_action(self.archived)
        below.add(self.version_field)
        below.add(self.version_stack, 1)
        below.add(self.count)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(t.SPACE_3)
        self.splitter.setStyleSheet("QSplitter::handle { background: transparent; }")
        self.splitter.addWidget(above)
        self.splitter.addWidget(below)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.splitterMoved.connect(self._on_moved)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.splitter)

    # Datasets

    def show_datasets(self, found: queries.DatasetList) -> None:
        """Show all datasets, keep the chosen one, and read its versions anew."""
        lines: list[tuple[str, VersionLine | None]] = [(line.dataset, line) for line in found.newest]
        lines += [(name, None) for name in found.archived]
        self._is_quiet = True
        self.datasets.set_datasets(sorted(lines, key=lambda each: each[0].lower()))
        names = {name for name, _line in lines}
        if self._dataset not in names:
            plain = [line for line in found.newest if not line.dataset.endswith(".quarantine")] or found.newest
            self._dataset = max(plain, key=lambda line: line.created).dataset if plain else lines[0][0]
        self._mark_dataset()
        self._is_quiet = False
        self._fit()
        self._show_filtered()
        self._ask()

    def _fit(self) -> None:
        """Few datasets need little room; the versions get the rest, until a person moves the border."""
        if self._is_moved or not self.datasets.total:
            return
        is_many = self.datasets.total > _MOST_DATASETS
        self.dataset_field.setVisible(is_many)
        above = (122 if is_many else 82) + _DATASET_ROW * min(self.datasets.total, _MOST_DATASETS)
        above = min(above, round(self.height() * _MOST_SHARE))
        self.splitter.setSizes([above, self.height() - above])

    def _on_moved(self) -> None:
        self._is_moved = True

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _mark_dataset(self) -> None:
        row = self.datasets.row_of(self._dataset)
        if row >= 0:
            self.dataset_view.setCurrentIndex(self.datasets.index(row))

    def _on_dataset(self, index: QModelIndex) -> None:
        if not self._is_quiet and index.isValid() and (name := self.datasets.name(index.row())) != self._dataset:
            self._dataset = name
            self._wanted = ""
            self._clear(self.version_field)
            self._ask()

    # Versions

    def choose(self, line: VersionLine) -> None:
        """Show a version of any dataset."""
        if line.is_archived and not self.archived.isChecked():
            self.archived.blockSignals(True)
            self.archived.setChecked(True)
            self.archived.blockSignals(False)
        self._wanted = line.reference
        if line.dataset != self._dataset:
            self._clear(self.dataset_field)
            self._dataset = line.dataset
            self._is_quiet = True
            self._mark_dataset()
            self._is_quiet = False
        self._clear(self.version_field)
        self._ask()

    def _ask(self) -> None:
        if not self._dataset:
            return
        self.is_settled = False
        is_gone = self.datasets.line(self.datasets.row_of(self._dataset)) is None
        query = partial(queries.timeline, dataset=self._dataset, include_archived=self.archived.isChecked() or is_gone)
        self._bridge.ask("data timeline", query, self._show_timeline, self._on_failure)

    def _on_failure(self, error: AppError) -> None:
        self.is_settled = True
        self._no_version.show_error(error)
        self.version_stack.setCurrentWidget(self._no_version)

    def _show_timeline(self, found: queries.Timeline) -> None:
        self.is_settled = True
        if found.lines == self.versions.timeline.lines and found.lines and not self._wanted:
            self._ask_marks(found.dataset)  # anew laying out ten thousand versions would be felt
            return
        chosen = self._wanted or (self.line.reference if self.line is not None else "")
        self._is_quiet = True
        place = self.version_view.verticalScrollBar().value()
        is_same = found.dataset == self.versions.timeline.dataset
        self.versions.set_timeline(found)
        row = max(self.versions.row_of(chosen), 0)
        self.version_view.setCurrentIndex(self.versions.index(row))
        self._is_quiet = False
        if is_same and not self._wanted:
            self.version_view.verticalScrollBar().setValue(place)
        else:
            self.version_view.scrollTo(self.versions.index(row), QAbstractItemView.ScrollHint.EnsureVisible)
        self._wanted = ""
        self._show_filtered()
        self.timelineShown.emit(found)
        if self.versions.rowCount():
            self._choose(self.versions.line(row))
        self._ask_marks(found.dataset)

    def _ask_marks(self, dataset: str) -> None:
        query = partial(queries.timeline_marks, dataset=dataset)
        self._bridge.ask("data timeline marks", query, self.versions.set_marks)

    def _on_version(self, index: QModelIndex) -> None:
        if not self._is_quiet and index.isValid():
            self._choose(self.versions.line(index.row()))

    def _choose(self, line: VersionLine) -> None:
        self.line = line
        self.chosen.emit(line)

    # Filters

    def _clear(self, field: QLineEdit) -> None:
        """Take a filter away at once: what is chosen must not be hidden by it."""
        if field.text():
            field.clear()
            self._timer.stop()
            self._filter()

    def _filter(self) -> None:
        self._is_quiet = True
        if self.dataset_field.text() != self.datasets.filter:
            self.datasets.set_filter(self.dataset_field.text())
            self._mark_dataset()
        if self.version_field.text() != self.versions.filter:
            self.versions.set_filter(self.version_field.text())
            row = self.versions.row_of(self.line.reference) if self.line is not None else -1
            if row >= 0:
                self.version_view.setCurrentIndex(self.versions.index(row))
        self._is_quiet = False
        self._show_filtered()

    def _show_filtered(self) -> None:
        for model, stack, view, state in (
            (self.datasets, self.dataset_stack, self.dataset_view, self._no_dataset),
            (self.versions, self.version_stack, self.version_view, self._no_version),
        ):
            if model.rowCount():
                stack.setCurrentWidget(view)
            else:
                state.show_nothing_matches()
                stack.setCurrentWidget(state)
        shown, total = self.versions.rowCount(), len(self.versions.timeline.lines)
        text = self.tr("{shown} of {total} versions") if shown < total else self.tr("{total} versions")
        text = self.tr("1 version") if shown == total == 1 else text
        self.count.setText(text.format(shown=f"{shown:,}", total=f"{total:,}"))


def _stacked(view: QListView, field: QLineEdit) -> tuple[QStackedWidget, EmptyState]:
    state = EmptyState()
    state.actionTriggered.connect(field.clear)
    stack = QStackedWidget()
    stack.addWidget(view)
    stack.addWidget(state)
    return stack, state


def _filter_field(parent: QWidget, name: str) -> QLineEdit:
    field = QLineEdit(parent)
    field.setPlaceholderText(name)
    field.setAccessibleName(name)
    field.setClearButtonEnabled(True)
    glass = QAction(field)
    icons.set_icon(glass, "search", "secondary")
    field.addAction(glass, QLineEdit.ActionPosition.LeadingPosition)
    return field
