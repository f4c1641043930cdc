"""Code for other programs: what can be run here is run against a real gateway, the rest is read."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from mlops_desktop.serving.tail import TailRow
from mlops_desktop.ui.pages.serving_snippets import Snippets
from mlops_desktop.ui.queries.gateway import NO_PORT
from mlops_desktop.ui.queries.snippets import (
    SNIPPETS,
    TOKEN,
    Call,
    bash,
    node,
    pandas,
    power_query,
    power_shell,
    python,
)
from mlops_desktop.ui.shots_serving_parts import staged
from mlops_desktop.workspace import Workspace
from tests.ui_serving_kit import ENDPOINT, build_serving, serving, tell_engine

NASTY = "O'Hare \"$HOME\" `id` \\ ${x} 長榮😀\n#(lf) END_OF_ROW '@"
ROW = {"dep delay": 1.5, "hour": None, "carrier": NASTY}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_serving(tmp_path_factory.mktemp("serving") / "workspace")


@pytest.fixture(scope="module")
def answering(told: Path) -> Iterator[str]:
    """The address of the endpoint, served."""
    with serving(told) as supervisor:
        yield f"http://127.0.0.1:{supervisor.port}/models/{ENDPOINT}/predict"


def newest(folder: Path) -> TailRow:
    workspace = Workspace(folder)
    (row,) = workspace.serving.tail(ENDPOINT, last=1).rows
    workspace.close()
    return row


def run(command: list[str], program: str) -> str:
    finished = subprocess.run(command, check=False, input=program, capture_output=True, text=True, timeout=60)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("bash") is None, reason="needs bash and curl")
def test_curl_sends_the_row_as_it_is(answering: str, told: Path) -> None:
    answer = json.loads(run(["bash", "-s"], bash(Call(answering, ROW))))
    row = newest(told)
    assert answer["id"] == row.id and row.inputs == ROW


def test_python_sends_the_row_as_it_is(answering: str, told: Path) -> None:
    said = run([sys.executable, "-"], python(Call(answering, ROW)))
    row = newest(told)
    assert row.inputs == ROW
    assert said.startswith(f"{row.prediction} ") and "by version 1" in said


def test_pandas_adds_the_answers_as_columns(answering: str, told: Path) -> None:
    said = run([sys.executable, "-"], pandas(Call(answering, ROW)))
    row = newest(told)
    assert row.inputs == ROW and f"{row.id}/0" in said


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_node_sends_the_row_as_it_is(answering: str, told: Path) -> None:
    run(["node", "--input-type=module", "-"], node(Call(answering, ROW)))
    assert newest(told).inputs == ROW


def test_power_shell_sends_ascii_alone_in_a_text_that_nothing_ends_early() -> None:
    text = power_shell(Call("http://127.0.0.1:1/models/it's/predict", ROW))
    assert text.isascii() and "'http://127.0.0.1:1/models/it''s/predict'" in text
    body = re.search(r"@'\n(.*?)\n'@ \| curl.exe", text, re.DOTALL)
    assert body is not None and json.loads(body[1]) == {"records": [ROW]}
    assert not any(line.startswith("'@") for line in body[1].splitlines())


def test_power_query_is_well_formed_and_names_every_input() -> None:
    text = power_query(Call("http://127.0.0.1:8731/models/late/predict", ROW))
    assert text.startswith("let\n") and text.rstrip().endswith("in\n    WithAnswers")
    assert 'Features = {"dep delay", "hour", "carrier"}' in text
    assert 'RelativePath = "models/late/predict"' in text and '"http://127.0.0.1:8731"' in text
    literal = '"O\'Hare ""$HOME"" `id` \\ ${x} 長榮😀#(lf)#(#)(lf) END_OF_ROW \'@"'
    assert f"{{1.5, null, {literal}}}" in text
    _check_m(text)


def _check_m(text: str) -> None:
    """Brackets match, each step but the last ends in a comma, and steps use only steps before them."""
    bare = re.sub(r'#?"(?:[^"]|"")*"', "T", re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    depth: list[str] = []
    for letter in bare:
        if letter in "([{":
            depth.append({"(": ")", "[": "]", "{": "}"}[letter])
        elif letter in ")]}":
            assert depth.pop() == letter
    assert not depth
    steps = re.split(r"\n    (?=[A-Z]\w+ = )", bare.partition("let")[2].partition("\nin\n")[0])[1:]
    assert all(step.rstrip().endswith(",") for step in steps[:-1]) and not steps[-1].rstrip().endswith(",")
    known: set[str] = set()
    names = [step.partition(" = ")[0] for step in steps]
    for name, step in zip(names, steps, strict=True):
        used = set(re.findall(r"(?<![\w.])[A-Z]\w+(?![\w.])", step.partition(" = ")[2])) & set(names)
        assert used <= known, (name, used - known)
        known.add(name)


def test_the_page_fills_in_the_address_that_the_engine_tells(told: Path, qtbot: QtBot) -> None:
    tell_engine(told, 9_876)
    with staged(told, Snippets) as (page, tab):
        assert "127.0.0.1:9876/models/late/predict" in tab.text.toPlainText()
        tab.set_row(ROW)
        for number, snippet in enumerate(SNIPPETS):
            tab.languages.set_current(number)
            tab.languages.chosen.emit(number)
            assert tab.text.toPlainText() == snippet.make(Call(tab.url, ROW))
            assert TOKEN in tab.text.toPlainText()
            assert snippet.title in tab.text.accessibleName()
        with qtbot.waitSignal(page.bridge.succeeded):
            tab.copy.click()
        assert QGuiApplication.clipboard().text() == tab.text.toPlainText()


def test_an_endpoint_that_was_never_served_has_no_port_yet(
    tmp_path_factory: pytest.TempPathFactory, qtbot: QtBot
) -> None:
    folder = build_serving(tmp_path_factory.mktemp("never") / "workspace")
    with staged(folder, Snippets) as (_, tab):
        assert NO_PORT in tab.text.toPlainText() and "start it" in tab.hint.text()
        assert '"carrier": "' in tab.text.toPlainText()  # a typical row, without a look at the form
