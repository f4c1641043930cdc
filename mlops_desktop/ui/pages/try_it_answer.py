"""What an endpoint answered to one row, and the place to say what the true outcome was."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from mlops_desktop.core.models import Signature, Task
from mlops_desktop.ui.pages.base import at_left
from mlops_desktop.ui.queries.gateway import Answered
from mlops_desktop.ui.queries.rowforms import number_of
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.banner import Banner
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.chips import StatusChip
from mlops_desktop.ui.widgets.columnchart import figure
from mlops_desktop.ui.widgets.emptystate import EmptyState
from mlops_desktop.ui.widgets.figures import fixed
from mlops_desktop.ui.widgets.idline import IdLine
from mlops_desktop.ui.widgets.inspector import FactList
from mlops_desktop.ui.widgets.labels import Label, caption
from mlops_desktop.ui.widgets.probabilitybars import ProbabilityBars


class AnswerPanel(QWidget):
    """Nothing yet, or the newest answer.

    Signals:
        labelGiven(object): the true outcome, as it is to be sent.
        modelRequested(str): the version that answered was chosen.
    """

    labelGiven = Signal(object)
    modelRequested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.answer: Answered | None = None
        self._signature: Signature | None = None
        self.nothing = EmptyState()
        self.shown = QWidget()
        self._stack = QStackedWidget()
        self._stack.addWidget(self.nothing)
        self._stack.addWidget(self.shown)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)
        self._build()
        self.clear()

    def _build(self) -> None:
        self.target = caption()
        self.figure = Label("", fonts.Type.FIGURE, fonts.SEMIBOLD)
        self.role = StatusChip()
        head = QHBoxLayout()
        head.addWidget(self.figure, 1)
        head.addWidget(self.role)
        self.bars = ProbabilityBars()
        self.facts = FactList()
        self.id = IdLine()
        self.model = button("", "models", "quiet", self._on_model)
        self.model.setToolTip(self.tr("Open this version under Models"))
        column = QVBoxLayout(self.shown)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(t.SPACE_2)
        column.addWidget(self.target)
        column.addLayout(head)
        column.addWidget(self.bars)
        column.addWidget(self.facts)
        column.addWidget(self.id)
        column.addWidget(at_left(self.model))
        column.addSpacing(t.SPACE_3)
        column.addLayout(self._make_label_row())
        self.said = Banner(Tone.OK, "", dismissible=False)
        self.said.hide()
        column.addWidget(self.said)
        column.addStretch(1)

    def _make_label_row(self) -> QVBoxLayout:
        self.choices = QComboBox()
        self.choices.setAccessibleName(self.tr("True outcome"))
        self.choices.setPlaceholderText(self.tr("Choose…"))
        self.choices.currentIndexChanged.connect(lambda _index: self._enable())
        self.number = QLineEdit()
        self.number.setAccessibleName(self.tr("True outcome"))
        self.number.setPlaceholderText(self.tr("a number"))
        self.number.textChanged.connect(lambda _text: self._enable())
        self.number.returnPressed.connect(self._on_label)
        self.send_label = button(self.tr("Send label"), on_click=self._on_label)
        self.send_label.setToolTip(self.tr("Recorded in the prediction log for this inference id"))
        row = QHBoxLayout()
        row.setSpacing(t.SPACE_2)
        row.addWidget(self.choices, 1)
        row.addWidget(self.number, 1)
        row.addWidget(self.send_label)
        column = QVBoxLayout()
        column.setSpacing(t.SPACE_1)
        column.addWidget(Label(self.tr("Known by now what came true?"), fonts.Type.TABLE, fonts.MEDIUM))
        column.addLayout(row)
        return column

    # Showing

    def clear(self) -> None:
        """No answer to look at."""
        self.answer = None
        text = self.tr("Fill in a row, or take an example, and send it to the endpoint.")
        self.nothing.show_never_set_up(self.tr("No answer yet"), text, "", "play")
        self._stack.setCurrentWidget(self.nothing)

    def show_waiting(self) -> None:
        self.nothing.show_loading(self.tr("Waiting for the answer"))
        self._stack.setCurrentWidget(self.nothing)

    def back(self) -> None:
        """Show what was there before the wait."""
        if self.answer is None:
            self.clear()
        else:
            self._stack.setCurrentWidget(self.shown)

    def show_answer(self, answer: Answered, signature: Signature) -> None:
        self.answer, self._signature = answer, signature
        is_regression = signature.task is Task.REGRESSION
        self.target.setText(self.tr("Predicted {target}").format(target=signature.target))
        told = figure(float(answer.prediction)) if is_regression else str(answer.prediction)
        self.figure.setText(told)
        self.figure.setAccessibleName(f"{self.target.text()}: {told}")
        self.role.set_status(answer.role)
        self.bars.set_probabilities(answer.probabilities, str(answer.prediction))
        self.bars.setVisible(bool(answer.probabilities))
        milliseconds = self.tr("{ms} ms, there and back").format(ms=fixed(answer.milliseconds, 1))
        version = self.tr("version {n} of {model}").format(n=answer.version, model=answer.model)
        self.facts.set_facts([(self.tr("Answered by"), version), (self.tr("Latency"), milliseconds)])
        self.id.set_id(answer.inference_id)
        self.model.setText(self.tr("Open model v{}").format(answer.version))
        if [self.choices.itemText(at) for at in range(self.choices.count())] != list(signature.classes):
            self.choices.clear()
            self.choices.addItems(list(signature.classes))
        self.choices.setCurrentIndex(-1)  # nobody records a label by accident
        self.choices.setVisible(not is_regression)
        self.number.setVisible(is_regression)
        self.number.clear()
        self.said.hide()
        self._enable()
        self._stack.setCurrentWidget(self.shown)

    def say(self, tone: Tone, text: str) -> None:
        """What came of the label."""
        self.said.set_message(tone, text)
        self.said.show()
        self._enable()

    # Doing

    def label(self) -> str | int | float | None:
        """The true outcome as it is sent: numbers as numbers; None while there is none."""
        if self._signature is None:
            return None
        if self._signature.task is Task.REGRESSION:
            return number_of(self.number.text().strip())
        text = self.choices.currentText()
        return int(text) if text.isdecimal() and str(int(text)) == text else text or None

    def _enable(self) -> None:
        self.send_label.setEnabled(self.label() is not None)

    def _on_label(self) -> None:
        if (label := self.label()) is not None and self.answer is not None:
            self.send_label.setEnabled(False)
            self.labelGiven.emit(label)

    def _on_model(self) -> None:
        if self.answer is not None:
            self.modelRequested.emit(f"{self.answer.model}@{self.answer.version}")
