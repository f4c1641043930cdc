"""Try it: one row goes to the live endpoint, its answer shows beside it, and its true outcome can be sent back."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout

from mlops_desktop.core.deployments import EndpointState
from mlops_desktop.core.errors import AppError, NotFound
from mlops_desktop.ui.pages.serving_tab import EndpointTab
from mlops_desktop.ui.pages.try_it_answer import AnswerPanel
from mlops_desktop.ui.pages.try_it_form import RowFields
from mlops_desktop.ui.queries import gateway
from mlops_desktop.ui.queries import rowforms as queries
from mlops_desktop.ui.queries.gateway import Answered, Refused
from mlops_desktop.ui.queries.rowforms import RowForm
from mlops_desktop.ui.queries.serving import ServingRow
from mlops_desktop.ui.queries.serving_live import LiveReading
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.banner import Banner
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.card import Card
from mlops_desktop.ui.widgets.labels import ElidedLabel
from mlops_desktop.workspace import Workspace

_ANSWER_WIDTH = 372


class TryIt(EndpointTab):
    """A form made from the signature of the version in production, and the answer to what it sends."""

    key = "try"

    def build(self) -> None:
        self.is_sending = False
        self._endpoint = ""
        self._is_running = False
        self._wanted: dict[str, Any] | None = None
        self.trouble = Banner(Tone.CRITICAL, "", dismissible=False)
        self.trouble.hide()
        self.fields = RowFields()
        self.fields.made.connect(self._on_made)
        self.answer = AnswerPanel()
        self.answer.labelGiven.connect(self._on_label)
        self.answer.modelRequested.connect(lambda reference: self.page.openRequested.emit(f"models/{reference}"))
        self.send = button(self.tr("Send"), "play", "primary", self.send_row)
        self.send.setToolTip(self.tr("Send the row (Ctrl+Enter)"))
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(self.send.click)
        self._lay_out()

    def _lay_out(self) -> None:
        self.examples = QHBoxLayout()
        self.examples.setSpacing(t.SPACE_2)
        for text, tip, act in (
            (
                self.tr("Typical row"),
                self.tr("Medians and most frequent values of the training data"),
                self.fill_typical,
            ),
            (self.tr("Random row"), self.tr("Any row of the training data"), self.fill_random),
            (self.tr("Last request"), self.tr("The newest row in the prediction log"), self.fill_last),
            (self.tr("Clear"), self.tr("Every value missing"), self.fill_empty),
        ):
            each = button(text, kind="quiet", on_click=act)
            each.setToolTip(tip)
            self.examples.addWidget(each)
        self.why = ElidedLabel("", fonts.Type.CAPTION, secondary=True)
        self.why.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.examples.addWidget(self.why, 1)
        self.examples.addWidget(self.send)
        self.card = Card(self.tr("Row"), " ")
        self.card.add(self.fields, 1)
        self.card.body.addLayout(self.examples)
        side = Card(self.tr("Answer"))
        side.setFixedWidth(_ANSWER_WIDTH)
        side.add(self.answer, 1)
        row = QHBoxLayout()
        row.setSpacing(t.SPACE_4)
        row.addWidget(self.card, 1)
        row.addWidget(side)
        self.column.addWidget(self.trouble)
        self.column.addLayout(row, 1)

    # What is shown

    @property
    def form(self) -> RowForm | None:
        return self.fields.form

    @property
    def is_settled(self) -> bool:
        return self.form is not None and self.fields.is_made and not self.is_sending

    @property
    def endpoint(self) -> str:
        return self.row.endpoint.name if self.row is not None else ""

    @property
    def is_serving(self) -> bool:
        return self._is_running and self.row is not None and self.row.endpoint.state is EndpointState.SERVING

    def show_endpoint(self, row: ServingRow) -> None:
        super().show_endpoint(row)
        if row.endpoint.name != self._endpoint:
            self._endpoint = row.endpoint.name
            self._forget_others()
        self._say_state()
        if row.version is not None and (self.form is None or self.form.reference != row.version.reference):
            query = partial(queries.row_form, reference=row.version.reference)
            self.bridge.ask("serving form", query, self._show_form, self._on_trouble)

    def _forget_others(self) -> None:
        """What was asked of another endpoint is not shown here: a label for it would go to this one."""
        for key in ("serving try", "serving label", "serving example"):
            self.bridge.forget(key)
        self.is_sending = False
        self.answer.clear()

    def show_live(self, reading: LiveReading) -> None:
        if reading.engine.running != self._is_running:
            self._is_running = reading.engine.running
            self._say_state()

    def _say_state(self) -> None:
        """Why nothing can be sent now, where that is so."""
        state = self.row.endpoint.state if self.row is not None else EndpointState.STOPPED
        is_idle = state is EndpointState.SERVING and not self._is_running
        why = self.tr("No engine runs.") if is_idle else self.tr("The endpoint is {}.").format(state.value)
        self.why.setText("" if self.is_serving else why)
        self._enable()

    def _show_form(self, form: RowForm) -> None:
        self.fields.set_form(form)
        assert self.card.header is not None  # noqa: S101 - it has a title
        note = self.tr("{n} inputs of {reference}; an empty field is a missing value")
        self.card.header.set_note(note.format(n=len(form.inputs), reference=form.reference))
        self._enable()

    def _on_made(self) -> None:
        if self._wanted is not None:
            wanted, self._wanted = self._wanted, None
            self.fields.set_row(wanted)

    def given(self) -> dict[str, Any]:
        """The row of the form as it is sent; empty while there is no form."""
        return self.fields.row()

    def _enable(self) -> None:
        self.send.setEnabled(self.is_serving and not self.is_sending and self.form is not None)

    def _on_trouble(self, error: AppError) -> None:
        self.trouble.set_message(Tone.CRITICAL, str(error))
        self.trouble.show()

    # Examples

    def fill(self, row: dict[str, Any]) -> None:
        """Take over a row, for example one of the log; at once, or as soon as the fields are there."""
        if self.form is None or not self.fields.is_made:
            self._wanted = row
        else:
            self.fields.set_row(row)

    def fill_typical(self) -> None:
        if self.form is not None:
            self.fields.set_row(self.form.typical)

    def fill_random(self) -> None:
        if self.form is not None:
            query = partial(queries.random_row, form=self.form)
            self.bridge.ask("serving example", query, self.fields.set_row, self._on_trouble)

    def fill_last(self) -> None:
        query = partial(_last_row, endpoint=self.endpoint)
        self.bridge.ask("serving example", query, self.fields.set_row, self._on_trouble)

    def fill_empty(self) -> None:
        self.fields.set_row({})

    # Sending

    def send_row(self) -> None:
        """Send the row to the endpoint as it serves now."""
        if self.form is None or self.is_sending:
            return
        self.is_sending = True
        self._enable()
        self.trouble.hide()
        self.fields.clear_problems()
        self.answer.show_waiting()
        query = partial(_predict, endpoint=self.endpoint, row=self.given())
        self.bridge.ask("serving try", query, self._on_answer, self._on_refused)

    def _on_answer(self, answer: Answered) -> None:
        self.is_sending = False
        self._enable()
        if self.form is not None:
            self.answer.show_answer(answer, self.form.signature)

    def _on_refused(self, error: AppError) -> None:
        self.is_sending = False
        self._enable()
        self.answer.back()
        column = error.column if isinstance(error, Refused) else ""
        if not (column and self.fields.show_problem(column, error.message)):
            self._on_trouble(error)

    def _on_label(self, label: str | float) -> None:
        answer = self.answer.answer
        if answer is None:
            return
        query = partial(_send_label, endpoint=self.endpoint, inference_id=answer.inference_id, label=label)
        said = self.tr("{label} is recorded as the true outcome.").format(label=label)
        self.bridge.ask(
            "serving label",
            query,
            lambda _accepted: self.answer.say(Tone.OK, said),
            lambda error: self.answer.say(Tone.CRITICAL, str(error)),
        )


def _predict(workspace: Workspace, endpoint: str, row: dict[str, Any]) -> Answered:
    return gateway.predict(gateway.address_of(workspace, endpoint), row)


def _send_label(workspace: Workspace, endpoint: str, inference_id: str, label: str | float) -> int:
    return gateway.send_label(gateway.address_of(workspace, endpoint), inference_id, label)


def _last_row(workspace: Workspace, endpoint: str) -> dict[str, Any]:
    """The inputs of the newest answered row in the log. Raises `NotFound`."""
    answered = [row.inputs for row in workspace.serving.tail(endpoint, last=20).rows if row.inputs]
    if not answered:
        raise NotFound(f"{endpoint} has answered nothing that is logged.", hint="Send it a row first.")
    return answered[-1]
