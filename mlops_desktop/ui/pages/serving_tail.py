"""The newest requests of an endpoint, as they come: followed at the top of the list, held while somebody reads on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSignalBlocker, QTimer
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from mlops_desktop.core.deployments import EndpointState
from mlops_desktop.core.errors import AppError
from mlops_desktop.ui.pages.serving_request import RequestPanel
from mlops_desktop.ui.pages.serving_tab import EndpointTab
from mlops_desktop.ui.pages.serving_tail_controls import RequestTable, TailControls
from mlops_desktop.ui.pages.try_it import TryIt
from mlops_desktop.ui.queries import requests as queries
from mlops_desktop.ui.queries.requests import Line, Look, Newest
from mlops_desktop.ui.queries.serving import ServingRow
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.figures import percent
from mlops_desktop.ui.widgets.labels import caption

if TYPE_CHECKING:
    from mlops_desktop.ui.pages.serving_replay import ReplaySheet

LOOK_MS = 250
BUSY_MS = 1_000
"""Between looks while more requests come than anybody could read."""


class RequestTail(EndpointTab):
    """A table of requests, newest first. It reads on four times a second at most, and only while it is seen."""

    key = "requests"

    def build(self) -> None:
        self.newest = Newest()
        self.shown: list[Line] = []
        self.is_asking = False
        self._held = 0
        self._chosen = ""
        self._is_showing = self._is_reading = False
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)
        self.controls = TailControls()
        self.controls.wantedChanged.connect(self._restart)
        self.controls.followChanged.connect(self._on_follow)
        self.replay = button(self.tr("Replay…"), "redo", on_click=self.open_replay)
        self.replay.setToolTip(self.tr("Let another version answer logged requests once more"))
        self.table = RequestTable(self.controls, self.replay)
        self.table.selectionChanged.connect(self._on_selected)
        self.table.emptyActionTriggered.connect(self._on_empty_action)
        self.table.view.verticalScrollBar().valueChanged.connect(self._on_scrolled)
        self.panel = RequestPanel()
        self.panel.hide()
        self.panel.closed.connect(self._on_closed)
        self.panel.openRequested.connect(self.page.openRequested)
        self.panel.tryRequested.connect(self._on_try)
        self.panel.copied.connect(lambda: self.bridge.succeeded.emit(self.tr("Copied")))
        self.note = caption()
        left = QVBoxLayout()
        left.setSpacing(t.SPACE_2)
        left.addWidget(self.table, 1)
        left.addWidget(self.note)
        row = QHBoxLayout()
        row.setSpacing(t.SPACE_3)
        row.addLayout(left, 1)
        row.addWidget(self.panel)
        self.column.addLayout(row, 1)

    # What is looked at

    def show_endpoint(self, row: ServingRow) -> None:
        is_other = self.row is None or self.row.endpoint.name != row.endpoint.name
        super().show_endpoint(row)
        if is_other:
            self.panel.close_panel()
            self.controls.clear()
            self.controls.forget_versions()
            self._restart()
        self._say_empty()

    def set_active(self, active: bool) -> None:
        super().set_active(active)
        if active:
            self._timer.start()
            self._look()
        else:
            self._timer.stop()

    @property
    def is_settled(self) -> bool:
        return self.newest.position is not None or not self.is_active

    def _restart(self) -> None:
        """Look anew from the log's end, as far back as it takes for what is wanted now."""
        self.bridge.forget("serving requests")
        self.newest, self._held, self.is_asking = Newest(), 0, False
        if self.row is not None:
            self.table.show_loading()
        self.controls.set_following(True)
        if self.is_active:
            self._look()

    def _look(self) -> None:
        if self.row is None or self.is_asking or self.bridge.is_closed:
            return
        self.is_asking = True
        query = partial(
            queries.look, endpoint=self.row.endpoint.name, after=self.newest.position, wanted=self.controls.wanted
        )
        self.bridge.ask("serving requests", query, self._take, self._on_problem)

    def _take(self, found: Look) -> None:
        self.is_asking = False
        is_first = self.newest.position is None
        is_new = self.newest.add(found)
        self._timer.setInterval(BUSY_MS if found.tail.left_out and not is_first else LOOK_MS)
        self.controls.offer_versions({line.row.version for line in found.lines})
        if is_first or (is_new and self.controls.is_following):
            self._show()
        elif is_new:
            self._held += len(found.lines)
            self.controls.set_following(False, self._held)

    def _on_problem(self, error: AppError) -> None:
        self.is_asking = False
        self._timer.stop()
        self.table.show_error(error.message, error.hint)

    # Showing

    def _show(self) -> None:
        """Put the newest lines on screen; what was chosen stays so, wherever it is by now."""
        self._held, self._is_showing = 0, True
        self.shown = list(reversed(self.newest.lines))
        self._say_empty()
        with QSignalBlocker(self.table):
            self.table.set_rows(queries.columns_of(self.newest, self.shown))
            if self._chosen:
                place = next((at for at, line in enumerate(self.shown) if line.key == self._chosen), -1)
                if place >= 0:
                    self._select(place)
        self._is_showing = False
        if self.panel.isVisible() and self.panel.line is not None and self.row is not None:
            label = self.newest.label_of(self.panel.line)
            self.panel.show_line(self.panel.line, label, self.row, self.newest.redacted)
        self._say_note()

    def _select(self, place: int) -> None:
        found = (self.table.model.order == place).nonzero()[0]
        if len(found):
            self.table.view.selectRow(int(found[0]))

    def _say_empty(self) -> None:
        if self.controls.is_filtered:
            text = self.tr("No request of this kind is among the newest of the log.")
            self.table.set_never_set_up(self.tr("Nothing matches the filter"), text, self.tr("Clear filter"), "filter")
            return
        is_serving = self.row is not None and self.row.endpoint.state is EndpointState.SERVING
        waits = self.tr("Each row that the endpoint answers shows here at once, with what it predicted.")
        stopped = self.tr("Start the endpoint; each row that it answers then shows here.")
        act = self.tr("Try a row") if is_serving else ""
        self.table.set_never_set_up(self.tr("No requests yet"), waits if is_serving else stopped, act, "play")

    def _say_note(self) -> None:
        """What a person has to know about the list to read it right."""
        newest, notes = self.newest, []
        if len(newest.lines) == newest.lines.maxlen:
            notes.append(self.tr("The newest {n} rows are kept here").format(n=f"{len(newest.lines):,}"))
        if newest.has_gap:
            notes.append(self.tr("more came at once than the list takes: some are left out"))
        if newest.share < 1:
            notes.append(self.tr("{share} of the requests are logged").format(share=percent(newest.share, 0)))
        if newest.redacted:
            notes.append(self.tr("not logged as they came: {}").format(", ".join(newest.redacted)))
        self.note.setText(" · ".join(notes))
        self.note.setVisible(bool(notes))

    # Following

    def _on_follow(self) -> None:
        self._is_reading = False
        if self.controls.is_following:
            self._show()
            self.table.view.scrollToTop()

    def _on_scrolled(self, value: int) -> None:
        """Who scrolls down reads: the list holds still until the top is reached again."""
        if self._is_showing:
            return
        if value > 0 and self.controls.is_following:
            self._is_reading = True
            self.controls.set_following(False)
        elif value == 0 and self._is_reading:
            self.controls.set_following(True)
            self._on_follow()

    # Choosing

    def _on_selected(self, rows: list[int]) -> None:
        if rows and self.row is not None:
            line = self.shown[rows[0]]
            self._chosen = line.key
            self.panel.show_line(line, self.newest.label_of(line), self.row, self.newest.redacted)
            self._make_room(False)

    def _on_closed(self) -> None:
        self._chosen = ""
        self._make_room(True)

    def _make_room(self, is_wide: bool) -> None:
        """Beside the details the filter needs the room."""
        self.table.count.setVisible(is_wide)
        self.replay.setVisible(is_wide)

    def _on_try(self, inputs: dict[str, Any]) -> None:
        self.page.show_tab("try")
        form = self.page.made["try"]
        if isinstance(form, TryIt):
            form.fill(inputs)

    def open_replay(self) -> ReplaySheet | None:
        """Ask which version is to answer the newest requests again."""
        from mlops_desktop.ui.pages.serving_replay import open_replay

        return open_replay(self.page, self.row.endpoint.name) if self.row is not None else None

    def _on_empty_action(self) -> None:
        if self.table.empty.kind == "error":
            self._restart()
            self._timer.start()
        elif self.controls.is_filtered:
            self.controls.clear()
            self._restart()
        else:
            self.page.show_tab("try")
