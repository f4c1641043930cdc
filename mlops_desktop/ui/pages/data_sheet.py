"""What the sheets of data's upkeep share: title, text, content, one row of buttons, a run that is followed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from mlops_desktop.core.errors import AppError
from mlops_desktop.core.runs import RunState
from mlops_desktop.ui.pages.base import Page
from mlops_desktop.ui.pages.data_jobs import JobBar, tell_end
from mlops_desktop.ui.queries.upkeep import RunView
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.banner import Banner
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.inspector import FactList
from mlops_desktop.ui.widgets.labels import Label, body

_WIDTH = 600


class Sheet(QDialog):
    """A modal sheet over a page. Subclasses fill `column` and set `act` up; `say` puts a message above the buttons.

    A run that was started from it is followed; when the sheet is closed before, its end is told by a toast.
    """

    def __init__(self, page: Page, title: str, text: str, act: str, kind: str = "primary") -> None:
        super().__init__(page.window())
        self.page, self.bridge = page, page.bridge
        self._key = f"sheet {id(self)}"
        self.setWindowTitle(title)
        self.setModal(True)
        self.setMinimumWidth(_WIDTH)
        self.title = Label(title, fonts.Type.PAGE, fonts.SEMIBOLD, wrap=True)
        self.text = body(text, secondary=True)
        self.column = QVBoxLayout()
        self.column.setSpacing(t.SPACE_3)
        self.message = Banner(Tone.INFO, "", dismissible=False)
        self.message.hide()
        self.job = JobBar(self.bridge)
        self.job.ended.connect(self._on_ended)
        self.job.refused.connect(self._on_refused)
        self.act: QPushButton = button(act, kind=kind, on_click=self.go_ahead)
        self.cancel: QPushButton = button(self.tr("Cancel"), on_click=self.reject)
        self._lay_out()
        self.finished.connect(lambda _result: self._leave())

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(t.SPACE_6, t.SPACE_6, t.SPACE_6, t.SPACE_4)
        layout.setSpacing(t.SPACE_3)
        layout.addWidget(self.title)
        layout.addWidget(self.text)
        layout.addLayout(self.column, 1)
        layout.addWidget(self.message)
        self.links = QHBoxLayout()
        layout.addLayout(self.links)
        layout.addWidget(self.job)
        self.buttons = QHBoxLayout()
        self.buttons.setSpacing(t.SPACE_2)
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.cancel)
        self.buttons.addWidget(self.act)
        layout.addSpacing(t.SPACE_1)
        layout.addLayout(self.buttons)

    def go_ahead(self) -> None:
        """What the button does."""
        raise NotImplementedError

    def ask(self, query: Callable[[Any], Any], done: Callable[[Any], None]) -> None:
        """Ask the workspace; a failure is said in the sheet."""
        self.bridge.ask(self._key, query, done, self.say_problem)

    def run(self, pipeline: str, parameters: dict[str, Any]) -> None:
        """Queue a pipeline and follow it."""
        self.message.hide()
        self.act.setEnabled(False)
        self.cancel.setText(self.tr("Close"))
        self.cancel.setToolTip(self.tr("The work goes on; see Jobs (Ctrl+J)"))
        self.job.start(pipeline, parameters)

    def show_end(self, view: RunView) -> None:
        """What came of the run, once it succeeded."""
        self.say(Tone.OK, view.reason)

    def say(self, tone: Tone, text: str) -> None:
        self.message.set_message(tone, text)
        self.message.show()
        self.fit()

    def say_problem(self, error: AppError) -> None:
        self.say(Tone.CRITICAL, str(error))

    def fit(self) -> None:
        """Give what is shown now the height it needs."""
        needed = max(self.sizeHint().height(), self.minimumSizeHint().height())
        if (layout := self.layout()) is not None:
            layout.activate()
            needed = max(needed, layout.totalHeightForWidth(self.width()))
        self.resize(self.width(), needed)

    def is_over(self) -> None:
        """Nothing is left to do but to close."""
        self.act.hide()
        self.cancel.setText(self.tr("Close"))
        self.cancel.setToolTip("")
        self.cancel.setDefault(True)
        self.cancel.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_ended(self, view: RunView) -> None:
        self.cancel.setText(self.tr("Cancel"))
        self.cancel.setToolTip("")
        self.act.setEnabled(True)
        if view.run.state is RunState.SUCCEEDED:
            self.show_end(view)
        elif view.run.state is RunState.CANCELLED:
            self.say(Tone.INFO, self.tr("Cancelled. Nothing was left half-done."))
        else:
            self.say(Tone.CRITICAL, view.reason)

    def _on_refused(self, error: AppError) -> None:
        self.act.setEnabled(True)
        self.say_problem(error)

    def _leave(self) -> None:
        self.bridge.forget(self._key)
        if (watch := self.job.give_away()) is not None:
            tell_end(watch, self.page, self.bridge)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        QPainter(self).fillRect(self.rect(), current().surface)


def show_facts(facts: FactList, found: Sequence[tuple[str, str]], width: int = _WIDTH - 2 * t.SPACE_6) -> int:
    """Fill a list of facts and give it just the height that it needs at a width; returns that height."""
    facts.set_facts(found)
    facts.setFixedHeight(max(facts.heightForWidth(width), 0) + t.SPACE_2)
    facts.show()
    return facts.height()


def opened(sheet: Sheet) -> None:
    """Show a sheet over its page; it goes away by itself."""
    sheet.finished.connect(lambda _result: sheet.deleteLater())
    sheet.open()


def indented(widget: QWidget) -> QWidget:
    """The widget under the choice that it belongs to."""
    holder = QWidget()
    holder.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
    row = QHBoxLayout(holder)
    row.setContentsMargins(t.SPACE_6, 0, 0, 0)
    row.addWidget(widget)
    return holder
