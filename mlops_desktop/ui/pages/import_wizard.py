"""The import wizard: what a source holds as it would be read, corrected where needed, and where its rows go."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from msgspec import structs
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mlops_desktop.core.errors import AppError
from mlops_desktop.core.sources import ReadOptions, SourcePreview
from mlops_desktop.ui.bridge import Bridge
from mlops_desktop.ui.pages.import_destination import DestinationPanel
from mlops_desktop.ui.pages.import_look import Look
from mlops_desktop.ui.pages.import_settings import FORMATS
from mlops_desktop.ui.pages.import_source import SourcePage
from mlops_desktop.ui.queries import imports as queries
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.figures import compact
from mlops_desktop.ui.widgets.labels import ElidedLabel, caption

_DEBOUNCE_MS = 300
_MINIMUM = (900, 600)
_WISHED = (1160, 760)
_EXACT_BELOW = 10_000
_KILOBYTE = 1_000
_EXACT_FORMATS = ("parquet", "arrow")
_KINDS = dict(FORMATS) | {"zip": "ZIP"}


class ImportWizard(QDialog):
    """`ImportWizard(bridge, request, parent)`: without a location it begins with the choice of the source.

    Signals:
        previewed(SourcePreview): a look at the source is on screen.
    """

    previewed = Signal(object)

    def __init__(
        self,
        bridge: Bridge,
        request: queries.ImportRequest,
        parent: QWidget | None = None,
        *,
        preview: queries.Preview = queries.preview,
    ) -> None:
        super().__init__(parent)
        self._bridge, self._preview = bridge, preview
        self._key = f"import preview {id(self)}"
        self._location, self._asked = "", ReadOptions()
        self.seen: SourcePreview | None = None
        self.is_reading = self._is_fresh = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._read)
        self._lay_out()
        self._connect()
        self._fit(parent)
        if request.location:
            self.look_at(request)
        else:
            self._show_source()

    def _lay_out(self) -> None:
        self.setWindowTitle(self.tr("Add data"))
        self.setMinimumSize(*_MINIMUM)
        self.setSizeGripEnabled(True)
        self.title = ElidedLabel("", fonts.Type.PAGE, fonts.SEMIBOLD)
        self.about = caption()
        self.back = button(self.tr("Another source…"), "arrow-left", "quiet", self._show_source)
        self.source = SourcePage()
        self.look = Look()
        self.destination = DestinationPanel(self._bridge)
        self.accept_button = button("", "import", "primary", self.accept)
        self.cancel_button = button(self.tr("Cancel"), on_click=self.reject)
        self.said = caption()
        both = QWidget()
        row = QHBoxLayout(both)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(t.SPACE_4)
        row.addWidget(self.look, 1)
        row.addWidget(self.destination)
        self.steps = QStackedWidget()
        self.steps.addWidget(self.source)
        self.steps.addWidget(both)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(t.SPACE_6, t.SPACE_4, t.SPACE_6, t.SPACE_4)
        layout.setSpacing(t.SPACE_3)
        head = QHBoxLayout()
        head.setSpacing(t.SPACE_3)
        head.addWidget(self.title)
        head.addWidget(self.about)
        head.addStretch(1)
        head.addWidget(self.back)
        layout.addLayout(head)
        layout.addWidget(self.look.settings_row)
        layout.addWidget(self.steps, 1)
        foot = QHBoxLayout()
        foot.setSpacing(t.SPACE_2)
        foot.addWidget(self.said, 1)
        foot.addWidget(self.cancel_button)
        foot.addWidget(self.accept_button)
        layout.addLayout(foot)
        for each in self.findChildren(type(self.accept_button)):
            each.setAutoDefault(each in (self.source.files_button, self.source.folder_button))
        self.accept_button.setDefault(True)

    def _connect(self) -> None:
        self.source.chosen.connect(lambda location: self.look_at(queries.ImportRequest(location)))
        self.source.queryGiven.connect(self._on_query)
        self.look.changed.connect(self._read_soon)
        self.look.retried.connect(self._read)
        self.look.columnsChanged.connect(self._on_columns)
        self.destination.changed.connect(self._check)

    def _fit(self, parent: QWidget | None) -> None:
        window = parent.window().size() if parent is not None else None
        width, height = _WISHED
        if window is not None:
            width, height = min(width, window.width() - 2 * t.SPACE_4), min(height, window.height() - 2 * t.SPACE_4)
        self.resize(max(width, _MINIMUM[0]), max(height, _MINIMUM[1]))

    # Steps

    def _show_source(self) -> None:
        self._bridge.forget(self._key)
        self._timer.stop()
        if "://" in self._location:
            self.source.show_query(self._location, self.look.options().query)
        self.title.setText(self.tr("Add data"))
        self.about.setText("")
        self.steps.setCurrentWidget(self.source)
        for widget in (self.back, self.look.settings_row, self.accept_button):
            widget.hide()
        self.said.setText("")
        self.source.files_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_query(self, url: str, password: str, query: str) -> None:
        request = queries.ImportRequest(url, options=ReadOptions(query=query))
        if not password:
            self.look_at(request)
            return
        self.source.run_button.setEnabled(False)
        self._bridge.ask(
            self._key,
            partial(queries.remember_password, url=url, password=password),
            lambda _url: self.look_at(request),
            self._on_no_keyring,
        )

    def _on_no_keyring(self, error: AppError) -> None:
        self.source.run_button.setEnabled(True)
        self.source.url_field.set_error(str(error))

    def look_at(self, request: queries.ImportRequest) -> None:
        """Show what a source holds, read as the request says, and where it may go."""
        self._location = request.location
        self.seen = None
        self.title.setText(self.tr("Add {name}").format(name=queries.source_name(request.location)))
        self.look.begin_with(request.options)
        self.destination.begin_with(request)
        for widget in (self.back, self.look.settings_row, self.accept_button):
            widget.show()
        self.steps.setCurrentIndex(1)
        self._is_fresh = True
        self.accept_button.setDefault(True)
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self._read()

    # The look

    def _read_soon(self) -> None:
        if self.look.options() == self._asked and not self.is_reading:
            return
        self.is_reading = True
        self._timer.start(_DEBOUNCE_MS)
        self._check()

    def _read(self) -> None:
        if self._bridge.is_closed:
            return
        self.is_reading = True
        self.look.show_reading()
        self._check()
        self._asked = self.look.options()
        query = partial(self._preview, location=self._location, options=self._asked)
        self._bridge.ask(self._key, query, self._show, self._on_failure)

    def _show(self, seen: SourcePreview) -> None:
        self.is_reading = self._timer.isActive()
        self.seen = seen
        self.about.setText(self._described(seen))
        self.look.show_preview(seen)
        self._on_columns()
        self.previewed.emit(seen)

    def _on_failure(self, error: AppError) -> None:
        seen = SourcePreview(queries.source_name(self._location), "", self.look.options(), problem=str(error))
        self._show(seen)

    def _on_columns(self) -> None:
        is_readable = self.seen is not None and not self.seen.problem
        self.destination.set_columns(self.look.table.kept() if is_readable else {})
        self._check()

    # Going ahead

    def obstacle(self) -> str:
        """Why the import cannot be queued as it stands; empty when it can."""
        if self.is_reading or self.seen is None:
            return self.tr("Reading…")
        if self.seen.problem or not self.seen.columns:
            return self.tr("Correct the settings first.")
        if not self.look.table.kept():
            return self.tr("Every column is left out.")
        if clashes := self.look.table.clashes():
            return self.tr("Two columns have the name {name}.").format(name=clashes[0])
        if not self.destination.name:
            return self.tr("Give the dataset a name.")
        return "" if self.destination.is_known else " "

    def _check(self) -> None:
        obstacle = self.obstacle()
        self.accept_button.setEnabled(not obstacle)
        if not obstacle and self._is_fresh:
            # One key is enough for a source that needs no correction; what a person has gone to keeps the focus.
            self._is_fresh = False
            if self.focusWidget() in (None, self, self.back):
                self.accept_button.setFocus(Qt.FocusReason.OtherFocusReason)
        self.accept_button.setText(self._act())
        self.said.setText(obstacle.strip() or self._extent())

    def _act(self) -> str:
        count = self._rows(self.seen) if self.seen is not None and not self.seen.problem else ""
        if not count:
            return self.tr("Add the rows")
        return self.tr("Add one row") if count == "1" else self.tr("Add {n} rows").format(n=count)

    def _rows(self, seen: SourcePreview) -> str:
        """How many rows there are, in words short enough for a button; empty where unknown."""
        shown = len(seen.cells)
        if 0 < shown < queries.PREVIEW_ROWS and not seen.problem:
            return str(shown)
        if not seen.rows:
            return ""
        if seen.settings.format in _EXACT_FORMATS:
            return f"{seen.rows:,}" if seen.rows < _EXACT_BELOW else compact(seen.rows)
        return self.tr("about {n}").format(n=compact(seen.rows)) if seen.rows < _EXACT_BELOW else compact(seen.rows)

    def _described(self, seen: SourcePreview) -> str:
        kind = " ".join(_KINDS.get(word, word) for word in seen.kind.split())
        gap = " " if 0 < seen.size < _KILOBYTE else ""
        size = f"{compact(seen.size)}{gap}B" if seen.size else ""
        count = self._rows(seen)
        rows = self.tr("{n} rows").format(n=count) if count else ""
        return "  ·  ".join(part for part in (kind[:1].upper() + kind[1:], size, rows) if part)

    def _extent(self) -> str:
        seen = self.seen
        if seen is None or not seen.columns:
            return ""
        shown = len(seen.cells)
        text = self.tr("First {shown} rows, {columns} columns")
        if shown < queries.PREVIEW_ROWS:
            text = self.tr("All {shown} rows, {columns} columns")
        return text.format(shown=shown, columns=f"{len(seen.columns):,}")

    def request(self) -> queries.ImportRequest:
        """What was entered."""
        assert self.seen is not None  # noqa: S101 - the button is off until then
        table, place = self.look.table, self.destination
        options = queries.chosen_options(self.seen, table.names, table.left_out)
        return queries.ImportRequest(
            self._location,
            place.name,
            structs.replace(options, query=self.look.options().query),
            str(place.time.currentData() or ""),
            place.chosen_mode,
            place.note.text().strip(),
            place.tag_list,
        )

    def accept(self) -> None:
        """Queue the import and close; does nothing while something is in the way."""
        if self.steps.currentWidget() is self.source or self.obstacle():
            return
        request = self.request()
        name = queries.source_name(request.location)
        done = self.tr("{file} is being read; see Jobs (Ctrl+J)").format(file=name.replace("{}", ""))
        self._bridge.do(lambda workspace: workspace.queue(queries.PIPELINE, request.parameters()), done)
        super().accept()

    def done(self, result: int) -> None:
        self._timer.stop()
        self._bridge.forget(self._key)
        self.destination.stop()
        super().done(result)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        QPainter(self).fillRect(self.rect(), current().background)


def open_wizard(
    bridge: Bridge,
    window: QWidget,
    request: queries.ImportRequest | None = None,
    *,
    paths: Sequence[Path] = (),
    preview: queries.Preview = queries.preview,
) -> ImportWizard:
    """Open the wizard over a window, on a request or on files; it goes away by itself."""
    wizard = ImportWizard(bridge, request or queries.ImportRequest(""), window, preview=preview)
    wizard.finished.connect(lambda _result: wizard.deleteLater())
    wizard.open()
    if paths:
        wizard.source.take(list(paths))
    return wizard
