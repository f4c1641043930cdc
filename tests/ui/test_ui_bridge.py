"""The bridge: questions in threads, news of the journal, deeds, and what happens when something goes wrong."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from mlops_desktop.core.errors import Conflict
from mlops_desktop.ui.bridge import Bridge
from mlops_desktop.workspace import Workspace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Workspace.create(tmp_path / "work", name="Bridge test").close()
    return tmp_path / "work"


@pytest.fixture
def bridge(folder: Path, qtbot: QtBot) -> Iterator[Bridge]:
    made = Bridge(folder)
    with qtbot.waitSignal(made.opened):
        made.open()
    yield made
    made.close()
    made.deleteLater()


def test_opening_tells_what_the_workspace_is(folder: Path, qtbot: QtBot) -> None:
    bridge = Bridge(folder)
    with qtbot.waitSignal(bridge.opened) as opened:
        bridge.open()
    facts = opened.args[0]
    assert (facts.name, facts.is_replay, facts.is_writable, facts.last_seq) == ("Bridge test", False, True, 1)
    bridge.close()
    bridge.deleteLater()


def test_a_folder_without_a_workspace_is_said_to_be_none(tmp_path: Path, qtbot: QtBot) -> None:
    bridge = Bridge(tmp_path)
    with qtbot.waitSignal(bridge.unopenable) as refused:
        bridge.open()
    assert "no workspace" in refused.args[0].message
    bridge.close()
    bridge.deleteLater()


def test_a_workspace_of_a_newer_program_is_not_opened(folder: Path, qtbot: QtBot) -> None:
    workspace = Workspace(folder)
    workspace.registry.set_meta("schema_version", "999")
    workspace.close()
    bridge = Bridge(folder)
    with qtbot.waitSignal(bridge.unopenable) as refused:
        bridge.open()
    assert "newer version" in refused.args[0].message
    assert refused.args[0].hint
    bridge.close()
    bridge.deleteLater()


def test_a_question_is_answered_off_the_windows_thread(bridge: Bridge, qtbot: QtBot) -> None:
    answers: list[tuple[str, str]] = []

    def query(workspace: Workspace) -> tuple[str, str]:
        return workspace.name, threading.current_thread().name

    bridge.ask("name", query, answers.append)
    qtbot.waitUntil(lambda: bool(answers))
    assert answers[0] == ("Bridge test", "reader")


def test_a_write_of_another_process_is_noticed(bridge: Bridge, folder: Path, qtbot: QtBot) -> None:
    code = (
        "import sys; from pathlib import Path; from mlops_desktop.workspace import Workspace\n"
        "workspace = Workspace(Path(sys.argv[1])); workspace.queue('retrain', {'endpoint': 'x'}); workspace.close()"
    )
    with qtbot.waitSignal(bridge.changed, timeout=20_000) as changed:
        subprocess.run([sys.executable, "-c", code, str(folder)], check=True)
    kinds, last = changed.args
    assert kinds == frozenset({"pipeline.run.queued"})
    assert last == 2


def test_a_burst_of_writes_arrives_as_few_signals_and_misses_none(bridge: Bridge, folder: Path, qtbot: QtBot) -> None:
    heard: list[int] = []
    bridge.changed.connect(lambda _kinds, last: heard.append(last))
    workspace = Workspace(folder)
    for _ in range(40):
        workspace.queue("retrain", {"endpoint": "x"})
    workspace.close()
    qtbot.waitUntil(lambda: bool(heard) and heard[-1] == 41)
    assert len(heard) < 40
    assert heard == sorted(heard)


def test_an_answer_that_nobody_waits_for_any_more_is_dropped(bridge: Bridge, qtbot: QtBot) -> None:
    gate = threading.Event()
    answers: list[str] = []

    def slow(_workspace: Workspace) -> str:
        gate.wait(10)
        return "late"

    bridge.ask("page", slow, answers.append)
    bridge.ask("page", lambda _workspace: "newest", answers.append)
    qtbot.waitUntil(lambda: bool(answers))
    gate.set()
    done: list[int] = []
    for key in ("first", "second"):  # one for each reader: the late answer has been delivered before both are
        bridge.ask(key, lambda _workspace: 1, done.append)
    qtbot.waitUntil(lambda: len(done) == 2)
    assert answers == ["newest"]


def test_a_deed_is_done_and_told(bridge: Bridge, folder: Path, qtbot: QtBot) -> None:
    with qtbot.waitSignal(bridge.changed), qtbot.waitSignal(bridge.succeeded) as told:
        bridge.do(lambda workspace: workspace.queue("retrain", {"endpoint": "x"}), "{} queued")
    assert told.args == ["retrain queued"]
    workspace = Workspace(folder)
    assert [run.pipeline for run in workspace.registry.pipeline_runs.all()] == ["retrain"]
    workspace.close()


def test_a_deed_that_cannot_be_done_says_why(bridge: Bridge, qtbot: QtBot) -> None:
    def refuse(_workspace: Workspace) -> Any:
        raise Conflict("It is taken.", hint="Choose another.")

    with qtbot.waitSignal(bridge.problem) as problem:
        bridge.do(refuse)
    assert (problem.args[0].message, problem.args[0].hint) == ("It is taken.", "Choose another.")


def test_a_bug_in_a_query_is_reported_with_its_traceback_and_does_not_end_the_reader(
    bridge: Bridge, qtbot: QtBot
) -> None:
    failures: list[Any] = []
    with qtbot.waitSignal(bridge.bug) as bug:
        bridge.ask("broken", lambda _workspace: 1 // 0, failures.append, failures.append)
    assert "ZeroDivisionError" in bug.args[0]
    qtbot.waitUntil(lambda: bool(failures))
    answers: list[str] = []
    for key in ("one", "two", "three"):
        bridge.ask(key, lambda workspace: workspace.name, answers.append)
    qtbot.waitUntil(lambda: len(answers) == 3)


def test_nothing_arrives_after_closing(folder: Path, qtbot: QtBot) -> None:
    bridge = Bridge(folder)
    with qtbot.waitSignal(bridge.opened):
        bridge.open()
    answers: list[str] = []
    bridge.ask("name", lambda workspace: workspace.name, answers.append)
    bridge.close()
    assert not [each for each in threading.enumerate() if each.name in ("reader", "deeds", "journal-watch")]
    qtbot.wait(1)
    assert answers == []
    bridge.deleteLater()
