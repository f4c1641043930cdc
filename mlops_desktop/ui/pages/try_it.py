"""A form that sends one row to an endpoint and shows its answer."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from mlops_desktop.core.errors import AppError, EnvironmentProblem, InvalidInput
from mlops_desktop.core.models import Feature
from mlops_desktop.ui.bridge import Bridge
from mlops_desktop.ui.queries.serving import request_body
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.labels import Label, caption

_TIMEOUT = 10.0


def ask_endpoint(url: str, body: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """The answer to one request and the milliseconds it took. Raises `EnvironmentProblem` or `InvalidInput`."""
    if not url.startswith("http://127.0.0.1") and not url.startswith("http://localhost"):
        raise InvalidInput(f"{url} is not on this machine.", hint="Use the endpoint's own address.")
    request = urllib.request.Request(  # noqa: S310 - an address of this machine, checked above
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    started = time.perf_counter()
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310 - as above
            found = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise InvalidInput(f"The endpoint refused the row: {_reason(error)}.", hint="Check the values.") from error
    except (OSError, ValueError) as error:
        raise EnvironmentProblem(
            f"The endpoint did not answer ({error}).", hint="Look at its state above; start it if it is stopped."
        ) from error
    return found, (time.perf_counter() - started) * 1_000


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read()).get("error", error.reason)).rstrip(".")
    except (ValueError, AttributeError, OSError):
        return str(error.reason)


class TryIt(QWidget):
    """One field per feature, filled with a typical row.

    Signals:
        rowChanged: a value was edited.
    """

    rowChanged = Signal()

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self.url = ""
        self.features: tuple[Feature, ...] = ()
        self._fields: dict[str, QLineEdit | QComboBox] = {}
        self._grid_holder = QWidget()
        self._grid = QGridLayout(self._grid_holder)
        self._grid.setContentsMargins(0, 0, t.SPACE_2, 0)
        self._grid.setHorizontalSpacing(t.SPACE_4)
        self._grid.setVerticalSpacing(t.SPACE_1)
        area = QScrollArea()
        self._area = area
        area.setWidgetResizable(True)
        area.setWidget(self._grid_holder)
        area.viewport().setAutoFillBackground(False)
        self._grid_holder.setAutoFillBackground(False)
        self.send = button(self.tr("Send"), "play", "primary", self._on_send)
        self.answer = Label(self.tr("The answer shows here."), secondary=True, wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(t.SPACE_2)
        layout.addWidget(area, 20)
        layout.addWidget(self.send)
        layout.addWidget(self.answer)
        layout.addStretch(1)

    def set_signature(self, features: tuple[Feature, ...], example: dict[str, Any]) -> None:
        """Make the fields; what was typed stays while the features are the same."""
        if features == self.features:
            return
        self.features = features
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        self._fields.clear()
        for index, feature in enumerate(features):
            row, column = divmod(index, 3)
            cell = QWidget()
            box = QVBoxLayout(cell)
            box.setContentsMargins(0, 0, 0, 0)
            box.setSpacing(2)
            box.addWidget(caption(feature.name))
            field = self._field(feature, example.get(feature.name))
            box.addWidget(field)
            self._fields[feature.name] = field
            self._grid.addWidget(cell, row, column)
        self._grid.setRowStretch(len(features) // 3 + 1, 1)
        self._grid_holder.adjustSize()
        self._area.setMaximumHeight(self._grid_holder.sizeHint().height() + t.SPACE_2)

    def _field(self, feature: Feature, value: Any) -> QLineEdit | QComboBox:
        field: QLineEdit | QComboBox
        if feature.categories:
            field = QComboBox()
            field.addItems(list(feature.categories))
            field.setCurrentText(str(value))
            field.currentTextChanged.connect(lambda _text: self.rowChanged.emit())
        else:
            field = QLineEdit("" if value is None else str(value))
            field.textChanged.connect(lambda _text: self.rowChanged.emit())
        field.setAccessibleName(feature.name)
        field.setFont(fonts.font(fonts.Type.TABLE))
        return field

    def row(self) -> dict[str, Any]:
        """What the fields hold, as text."""
        return {
            name: field.currentText() if isinstance(field, QComboBox) else field.text().strip()
            for name, field in self._fields.items()
        }

    def body(self) -> dict[str, Any]:
        """The request. Raises `InvalidInput` where a number is none."""
        try:
            return request_body(self.features, self.row())
        except ValueError as error:
            raise InvalidInput(f"A value is not a number: {error}.", hint="Write it as 12.5.") from error

    def _on_send(self) -> None:
        url = self.url
        try:
            body = self.body()
        except AppError as error:
            self._say(str(error))
            return
        self.send.setEnabled(False)
        self._say(self.tr("Waiting for the answer…"))
        self._bridge.ask("try it", lambda _workspace: ask_endpoint(url, body), self._on_answer, self._on_problem)

    def _on_answer(self, found: tuple[dict[str, Any], float]) -> None:
        answer, milliseconds = found
        self.send.setEnabled(True)
        outputs = "\n".join(
            f"{each.get('name')}: {', '.join(str(value) for value in each.get('data', [])[:4])}"
            for each in answer.get("outputs", [])
        )
        version = answer.get("model_version", "")
        text = self.tr("{outputs}\nanswered by version {version} in {ms} ms")
        self._say(text.format(outputs=outputs or answer, version=version, ms=f"{milliseconds:.1f}"))

    def _on_problem(self, error: AppError) -> None:
        self.send.setEnabled(True)
        self._say(str(error))

    def _say(self, text: str) -> None:
        self.answer.setText(text)
        self.answer.setAccessibleName(text)
