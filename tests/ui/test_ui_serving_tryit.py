"""Try it: the form of a signature, the answer of a real gateway, its refusals, and the label that is sent back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from loop_kit import wait_until
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.errors import EnvironmentProblem, InvalidInput
from mlops_desktop.core.models import Feature
from mlops_desktop.serving.config import Route
from mlops_desktop.serving.rules import InputRules
from mlops_desktop.ui.pages.try_it import TryIt
from mlops_desktop.ui.pages.try_it_form import MOST_FIELDS, RowFields
from mlops_desktop.ui.queries.gateway import Address, predict
from mlops_desktop.ui.queries.rowforms import Input, RowForm, row_form
from mlops_desktop.ui.shots_serving_parts import Stage, staged
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.workspace import Workspace
from tests.ui_kit import shown
from tests.ui_serving_kit import ENDPOINT, MODEL, SIGNATURE, build_serving, serving, tell_engine

STRICT = InputRules(refuse_unknown_categories=True)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_serving(tmp_path_factory.mktemp("serving") / "workspace")


@pytest.fixture
def folder(told: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(told, tmp_path / "workspace"))


@pytest.fixture
def tab(folder: Path, qtbot: QtBot) -> Iterator[TryIt]:
    """The form over a gateway that refuses categories that training did not see."""
    with serving(folder, STRICT), staged(folder, TryIt) as (_, made):
        qtbot.waitUntil(made.send.isEnabled)
        yield made


def press(qtbot: QtBot, button: QPushButton) -> None:
    qtbot.waitUntil(button.isEnabled)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def sent(qtbot: QtBot, tab: TryIt) -> None:
    press(qtbot, tab.send)
    qtbot.waitUntil(lambda: not tab.is_sending, timeout=20_000)


def test_a_row_is_sent_and_its_answer_shown_in_full(tab: TryIt, qtbot: QtBot) -> None:
    sent(qtbot, tab)
    answer = tab.answer.answer
    assert answer is not None
    assert answer.version == 1 and answer.role == "primary" and answer.milliseconds > 0
    assert sum(answer.probabilities.values()) == pytest.approx(1.0, abs=1e-5)
    assert tab.answer.figure.text() == str(answer.prediction)
    assert tab.answer.bars.accessibleName().startswith("Probabilities: ")
    assert tab.trouble.isHidden()


def test_a_label_goes_to_the_log_under_the_id_of_the_answer(tab: TryIt, folder: Path, qtbot: QtBot) -> None:
    sent(qtbot, tab)
    assert not tab.answer.send_label.isEnabled()  # nothing is chosen that could be recorded by accident
    tab.answer.choices.setCurrentText("1")
    press(qtbot, tab.answer.send_label)
    qtbot.waitUntil(tab.answer.said.isVisible, timeout=20_000)
    assert tab.answer.said.tone is Tone.OK
    workspace = Workspace(folder)
    (row,) = workspace.serving.tail(ENDPOINT).rows
    workspace.close()
    assert tab.answer.answer is not None
    assert (f"{row.id}/{row.row}", row.label) == (tab.answer.answer.inference_id, 1)


def test_an_answer_of_the_endpoint_before_is_not_shown(tab: TryIt, folder: Path, qtbot: QtBot) -> None:
    press(qtbot, tab.send)
    assert tab.is_sending and tab.row is not None
    workspace = Workspace(folder)
    wait_until(lambda: bool(workspace.serving.tail(ENDPOINT).rows))  # it is answered, and nothing shows it yet
    workspace.close()
    tab.show_endpoint(replace(tab.row, endpoint=msgspec.structs.replace(tab.row.endpoint, name="another")))
    assert not tab.is_sending
    with qtbot.waitCallback() as told:
        tab.bridge.ask("a later question", lambda _workspace: None, told)
    assert tab.answer.answer is None


def test_a_refusal_shows_at_the_field_that_it_names(tab: TryIt, qtbot: QtBot) -> None:
    field = tab.fields.fields["carrier"]
    field.line.setText("ZZ")
    assert "not seen in training" in field.note.text()
    sent(qtbot, tab)
    assert field.editor.property("invalid") is True
    assert "'ZZ' is no category" in field.note.text() and tab.trouble.isHidden()
    field.line.setText("UA")
    assert field.editor.property("invalid") is False
    sent(qtbot, tab)
    assert tab.answer.answer is not None


def test_what_is_no_number_is_told_before_and_refused_by_name(tab: TryIt, qtbot: QtBot) -> None:
    field = tab.fields.fields["dep delay"]
    field.line.setText("1,5")
    assert "a number is expected" in field.note.text()
    sent(qtbot, tab)
    assert "A number is expected, not text" in field.note.text()


def test_an_empty_field_is_a_missing_value(tab: TryIt, folder: Path, qtbot: QtBot) -> None:
    tab.fill_empty()
    assert set(tab.given().values()) == {None}
    tab.fields.fields["hour"].line.setText("7")
    sent(qtbot, tab)
    workspace = Workspace(folder)
    (row,) = workspace.serving.tail(ENDPOINT).rows
    workspace.close()
    assert row.inputs == {"dep delay": None, "hour": 7, "carrier": None}


def test_rows_to_start_from(tab: TryIt, folder: Path, qtbot: QtBot) -> None:
    typical = tab.given()
    assert typical["carrier"] in ("AA", "UA")
    tab.fill_last()
    qtbot.waitUntil(tab.trouble.isVisible)
    assert "answered nothing" in tab.trouble.accessibleName()
    tab.fill({"dep delay": 0.25, "hour": 3, "carrier": "UA"})
    sent(qtbot, tab)
    tab.fill_typical()
    assert tab.given() == typical
    tab.fill_last()
    qtbot.waitUntil(lambda: tab.given() == {"dep delay": 0.25, "hour": 3, "carrier": "UA"})
    tab.fill_random()
    qtbot.waitUntil(lambda: tab.given()["dep delay"] != 0.25)
    rows = (folder.parent / "workspace-files").exists()
    assert not rows  # it came from the stored version, the file is elsewhere
    assert isinstance(tab.given()["hour"], int) and 0 <= tab.given()["hour"] < 24


def test_ctrl_enter_sends(tab: TryIt, qtbot: QtBot) -> None:
    line = tab.fields.fields["hour"].line
    line.setFocus()
    qtbot.keyClick(line, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: tab.answer.answer is not None, timeout=20_000)


def test_a_canary_that_answers_is_shown_as_such(folder: Path, qtbot: QtBot) -> None:
    with serving(folder, route=Route(1, 2, 1.0)), staged(folder, TryIt) as (page, tab):
        sent(qtbot, tab)
        assert tab.answer.role.status == "canary"
        with qtbot.waitSignal(page.openRequested) as opened:
            press(qtbot, tab.answer.model)
        assert opened.args == [f"models/{MODEL}@2"]


def test_a_stopped_endpoint_says_why_nothing_can_be_sent(folder: Path, qtbot: QtBot) -> None:
    tell_engine(folder, 1)
    with staged(folder, TryIt) as (_, tab):
        assert not tab.send.isEnabled() and tab.why.text() == "The endpoint is stopped."


def test_without_an_engine_nothing_is_sent(folder: Path, qtbot: QtBot) -> None:
    with serving(folder):
        tell_engine(folder, 1, running=False)
        with staged(folder, TryIt) as (_, tab):
            assert not tab.send.isEnabled() and tab.why.text() == "No engine runs."


def test_a_gateway_that_has_gone_is_told(folder: Path, qtbot: QtBot) -> None:
    with serving(folder):
        pass
    with staged(folder, TryIt) as (_, tab):
        sent(qtbot, tab)
        assert "did not answer" in tab.trouble.accessibleName()
        assert tab.answer.nothing.kind == "never"


def test_a_token_never_leaves_this_machine() -> None:
    for url in ("http://192.0.2.1/models/m/predict", "https://127.0.0.1:1/models/m/predict"):
        with pytest.raises(InvalidInput, match="not on this machine"):
            predict(Address(url, "secret"), {})
    with pytest.raises(EnvironmentProblem):
        predict(Address("http://127.0.0.1:1/models/m/predict"), {})


# The form alone


def test_a_form_knows_what_training_saw(told: Path) -> None:
    workspace = Workspace(told)
    form = row_form(workspace, f"{MODEL}@1")
    workspace.close()
    delay, hour, carrier = form.inputs
    assert carrier.choices == ("AA", "UA") and carrier.is_closed
    assert (hour.low, hour.high) == (0, 23) and isinstance(form.typical["hour"], int)
    assert delay.is_outside("99") and not delay.is_outside("0.5") and not delay.is_outside("")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (ColumnType.NUMBER, "1.5", 1.5),
        (ColumnType.NUMBER, "7", 7),
        (ColumnType.NUMBER, " ", None),
        (ColumnType.NUMBER, "nan", "nan"),
        (ColumnType.INTEGER, "x", "x"),
        (ColumnType.BOOLEAN, "true", True),
        (ColumnType.BOOLEAN, "", None),
        (ColumnType.TEXT, " a", " a"),
        (ColumnType.TEXT, "", None),
        (ColumnType.TIME, "1970-01-02", 86400.0),
        (ColumnType.TIME, "12", 12),
    ],
)
def test_texts_become_the_values_that_are_sent(kind: ColumnType, text: str, value: object) -> None:
    given = Input(Feature("x", kind, "x"))
    assert given.value(text) == value
    assert given.is_wrong(text) == (isinstance(value, str) and kind is not ColumnType.TEXT)


@pytest.mark.parametrize(
    "value", [1.5, 7, -3.0, True, False, None, "007", datetime(2024, 1, 1, tzinfo=UTC).timestamp()]
)
def test_what_a_field_shows_is_read_back(value: object) -> None:
    kinds = {bool: ColumnType.BOOLEAN, str: ColumnType.TEXT}
    given = Input(Feature("x", kinds.get(type(value), ColumnType.NUMBER), "x"))
    assert given.value(given.text(value)) == value


def test_thousands_of_inputs_make_a_form_of_some(qtbot: QtBot) -> None:
    inputs = tuple(Input(Feature(f"x{n}", ColumnType.NUMBER, f"x{n}"), float(n)) for n in range(1_000))
    fields = RowFields()
    shown(qtbot, fields)
    with qtbot.waitSignal(fields.made, timeout=20_000):
        fields.set_form(RowForm("wide@1", "data@1", SIGNATURE, inputs))
    assert len(fields.fields) == MOST_FIELDS
    assert fields.row() == {f"x{n}": n for n in range(1_000)}
    fields.set_row({"x0": 5, "x999": 6})
    assert fields.row()["x0"] == 5 and fields.row()["x999"] == 6 and fields.row()["x1"] is None


def test_columns_of_fields_follow_the_width(qtbot: QtBot) -> None:
    inputs = tuple(Input(Feature(f"x{n}", ColumnType.NUMBER, f"x{n}")) for n in range(6))
    fields = RowFields()
    shown(qtbot, fields, 1_000, 400)
    with qtbot.waitSignal(fields.made, timeout=20_000):
        fields.set_form(RowForm("m@1", "data@1", SIGNATURE, inputs))
    assert fields._columns == 5
    fields.resize(420, 400)
    qtbot.waitUntil(lambda: fields._columns == 2)


def test_every_focusable_widget_has_a_name(tab: TryIt) -> None:
    stage = tab.window()
    assert isinstance(stage, Stage)
    for field in tab.fields.fields.values():
        assert field.editor.accessibleName() == field.input.name
    for widget in (tab.answer.choices, tab.answer.number, tab.answer.id.copy):
        assert widget.accessibleName()
