"""The request tail: newest first, followed or held, filtered, and each request in full."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from mlops_desktop.core.deployments import EndpointState
from mlops_desktop.serving.log import FeedbackRecord, LogPosition, SegmentHeader
from mlops_desktop.serving.tail import Tail, TailRow
from mlops_desktop.ui.pages.serving_tail import RequestTail
from mlops_desktop.ui.pages.try_it import TryIt
from mlops_desktop.ui.queries.gateway import address_of, predict
from mlops_desktop.ui.queries.requests import MOST_ROWS, Line, Look, Newest, short_inputs
from mlops_desktop.ui.shots_serving_parts import Stage, staged
from mlops_desktop.ui.workspace_view import WorkspaceView
from mlops_desktop.workspace import Workspace
from tests.ui_serving_kit import ENDPOINT, MODEL, build_serving, put_endpoint, record, serving, write_log

CANARY = {"version": 2, "role": "canary"}
FAILED: dict[str, Any] = {"status": 500, "error": "The worker ended.", "features": {}, "scores": [], "predictions": []}
Staged = tuple[Stage, RequestTail]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_serving(tmp_path_factory.mktemp("serving") / "workspace")


@pytest.fixture
def folder(told: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(told, tmp_path / "workspace"))


@pytest.fixture
def logged(folder: Path) -> Path:
    """Sixty requests, of them six by the canary and one that failed."""
    records = [record(f"r{n:02d}", n / 10, **(CANARY if n % 10 == 3 else {})) for n in range(60)]
    records[41] = record("r41", 4.1, **FAILED)
    write_log(folder, *records, FeedbackRecord("r58/0", "1", 1, 1, ENDPOINT))
    return folder


@pytest.fixture
def stage(logged: Path, qtbot: QtBot) -> Iterator[Staged]:
    with staged(logged, RequestTail, (1_100, 500)) as found:
        yield found


def column(tab: RequestTail, key: str) -> list[Any]:
    return list(tab.table.model.column_of(key))


def waits(qtbot: QtBot, condition: Callable[[], bool]) -> None:
    qtbot.waitUntil(condition, timeout=20_000)


def test_the_newest_request_is_on_top_with_what_is_known_of_it(stage: Staged) -> None:
    _, tab = stage
    assert column(tab, "id")[:2] == ["r59/0", "r58/0"] and len(tab.shown) == 60
    assert column(tab, "label")[:2] == ["–", "1"]
    assert column(tab, "probability")[0] == pytest.approx(0.7)  # of the class 0, which was predicted
    assert column(tab, "inputs")[0] == "dep delay 5.90, hour 12, carrier AA"
    failed = column(tab, "id").index("r41/0")
    assert column(tab, "role")[failed] == "failed" and column(tab, "inputs")[failed] == "The worker ended."


def test_new_requests_come_while_it_follows_and_wait_while_somebody_reads(
    stage: Staged, logged: Path, qtbot: QtBot
) -> None:
    _, tab = stage
    write_log(logged, record("s1", 1.0))
    waits(qtbot, lambda: column(tab, "id")[0] == "s1/0")
    bar = tab.table.view.verticalScrollBar()
    bar.setValue(10)
    assert not tab.controls.is_following
    write_log(logged, record("s2", 1.0), record("s3", 1.0))
    waits(qtbot, lambda: "2 new" in tab.controls.follow.text())
    assert column(tab, "id")[0] == "s1/0" and bar.value() == 10
    bar.setValue(0)
    assert tab.controls.is_following and column(tab, "id")[0] == "s3/0"


def test_a_pause_by_hand_lasts_until_it_is_ended_by_hand(stage: Staged, logged: Path, qtbot: QtBot) -> None:
    _, tab = stage
    tab.controls.follow.click()
    tab.table.view.verticalScrollBar().setValue(5)
    tab.table.view.verticalScrollBar().setValue(0)
    write_log(logged, record("s1", 1.0))
    waits(qtbot, lambda: "1 new" in tab.controls.follow.text())
    assert column(tab, "id")[0] == "r59/0"
    tab.controls.follow.click()
    assert column(tab, "id")[0] == "s1/0" and tab.controls.follow.text() == "Pause"


def test_of_labels_for_a_row_and_for_its_entity_the_last_one_counts(stage: Staged, logged: Path, qtbot: QtBot) -> None:
    _, tab = stage
    write_log(logged, record("s1", 1.0, entity_ids=["trip-7"]))
    for id, value in (("trip-7", "0"), ("s1/0", "1"), ("trip-7", "0")):
        write_log(logged, FeedbackRecord(id, value, 2, 2, ENDPOINT))
        waits(qtbot, lambda told=value: column(tab, "label")[0] == told)  # type: ignore[misc]


def test_a_label_that_comes_later_reaches_its_row(stage: Staged, logged: Path, qtbot: QtBot) -> None:
    _, tab = stage
    tab.table.select_row(0)
    write_log(logged, FeedbackRecord("r59/0", "0", 2, 2, ENDPOINT))
    waits(qtbot, lambda: column(tab, "label")[0] == "0")
    assert tab.panel.isVisible() and tab.panel._label == "0"


def test_requests_are_filtered_by_version_role_and_errors(stage: Staged, qtbot: QtBot) -> None:
    _, tab = stage
    tab.controls.version.setCurrentIndex(tab.controls.version.findData(2))
    tab.controls.version.activated.emit(1)
    waits(qtbot, lambda: len(tab.shown) == 6)
    assert set(column(tab, "role")) == {"canary"}
    tab.controls.errors.click()
    waits(qtbot, lambda: tab.table.empty.kind == "never" and tab.table.empty.isVisible())
    assert tab.table.empty.title.text() == "Nothing matches the filter"
    tab.table.empty.action.click()
    waits(qtbot, lambda: len(tab.shown) == 60)
    tab.controls.errors.click()
    waits(qtbot, lambda: column(tab, "id") == ["r41/0"])


def test_a_text_filter_finds_ids_and_values(stage: Staged) -> None:
    _, tab = stage
    tab.table.set_filter("r17")
    assert tab.table.model.rowCount() == 1
    tab.table.set_filter("delay 0.30")
    assert tab.table.model.rowCount() == 1


def test_what_was_chosen_stays_chosen_as_others_come(stage: Staged, logged: Path, qtbot: QtBot) -> None:
    _, tab = stage
    tab.table.select_row(4)
    line = tab.panel.line
    assert line is not None and line.key == "r55/0"
    write_log(logged, record("s1", 1.0))
    waits(qtbot, lambda: column(tab, "id")[0] == "s1/0")
    assert tab.table.selected_rows() == [5] and tab.panel.line is line
    tab.panel.close_panel()
    write_log(logged, record("s2", 1.0))
    waits(qtbot, lambda: column(tab, "id")[0] == "s2/0")
    assert tab.table.selected_rows() == [] and not tab.panel.isVisible()


def test_a_request_is_copied_whole_and_leads_to_its_model(stage: Staged, qtbot: QtBot) -> None:
    page, tab = stage
    tab.table.select_row(6)
    with qtbot.waitSignal(page.bridge.succeeded):
        tab.panel.copy.click()
    copied = json.loads(QGuiApplication.clipboard().text())
    assert copied["inference_id"] == "r53/0" and copied["model"] == f"{MODEL}@2" and copied["role"] == "canary"
    assert copied["inputs"] == {"dep delay": 5.3, "hour": 12, "carrier": "AA"} and copied["label"] is None
    for button, target in ((tab.panel.open_model, "models"), (tab.panel.open_lineage, "lineage")):
        with qtbot.waitSignal(page.openRequested) as opened:
            button.click()
        assert opened.args == [f"{target}/{MODEL}@2"]


def test_a_failed_request_tells_why_and_cannot_be_tried(stage: Staged) -> None:
    _, tab = stage
    tab.table.select_row(column(tab, "id").index("r41/0"))
    assert tab.panel.chip.status == "failed" and not tab.panel.try_row.isEnabled()


def test_a_row_of_the_log_is_tried_again(
    logged: Path, open_view: Callable[[Path], WorkspaceView], qtbot: QtBot
) -> None:
    view = open_view(logged)
    view.open("serving")
    page: Any = view.page("serving")
    waits(qtbot, lambda: bool(page.is_settled))
    page.show_tab("requests")
    tab = page.tab
    waits(qtbot, lambda: len(tab.shown) == 60)
    tab.table.select_row(0)
    tab.panel.try_row.click()
    form = page.tab
    assert isinstance(form, TryIt) and not tab.is_active and not tab._timer.isActive()
    waits(qtbot, lambda: form.is_settled and form.given() == {"dep delay": 5.9, "hour": 12, "carrier": "AA"})


def test_nothing_is_read_while_nobody_looks(stage: Staged, logged: Path, qtbot: QtBot) -> None:
    page, tab = stage
    waits(qtbot, lambda: not tab.is_asking)
    tab.set_active(False)
    position = tab.newest.position
    write_log(logged, record("s1", 1.0))
    answered: list[object] = []
    page.bridge.ask("after it", lambda _: None, answered.append)
    waits(qtbot, lambda: bool(answered))
    assert tab.newest.position == position
    tab.set_active(True)
    waits(qtbot, lambda: column(tab, "id")[0] == "s1/0")


def test_an_empty_log_says_what_helps(folder: Path, qtbot: QtBot) -> None:
    with staged(folder, RequestTail) as (page, tab):
        waits(qtbot, tab.table.empty.isVisible)
        assert tab.table.empty.title.text() == "No requests yet" and "Start the endpoint" in tab.table.empty.text.text()
        workspace = Workspace(folder)
        put_endpoint(workspace, EndpointState.SERVING, 9)
        workspace.close()
        page.reload()
        waits(qtbot, lambda: tab.table.empty.action.text() == "Try a row")


def test_an_endpoint_that_is_gone_is_told_and_asked_for_again(stage: Staged, qtbot: QtBot) -> None:
    _, tab = stage
    assert tab.row is not None
    gone = msgspec.structs.replace(tab.row.endpoint, name="gone")
    tab.show_endpoint(type(tab.row)(gone, tab.row.version, None))
    waits(qtbot, lambda: tab.table.empty.kind == "error")
    assert not tab._timer.isActive()
    tab.table.empty.action.click()
    waits(qtbot, lambda: tab._timer.isActive() or tab.table.empty.kind == "error")


def test_what_the_log_leaves_out_is_said(folder: Path, qtbot: QtBot) -> None:
    header = SegmentHeader(ENDPOINT, 0.25, {"carrier": "hash"})
    write_log(folder, header, record("a", 1.0, features={"dep delay": [1.0], "hour": [1], "carrier": ["9f3a"]}))
    with staged(folder, RequestTail) as (_, tab):
        waits(qtbot, lambda: len(tab.shown) == 1)
        assert "25" in tab.note.text() and "carrier" in tab.note.text()


def test_a_request_to_a_real_gateway_shows_with_its_probability(folder: Path, qtbot: QtBot) -> None:
    with serving(folder), staged(folder, RequestTail) as (_, tab):
        workspace = Workspace(folder)
        answer = predict(address_of(workspace, ENDPOINT), {"dep delay": 0.4, "hour": 3, "carrier": "UA"})
        workspace.close()
        waits(qtbot, lambda: column(tab, "id") == [answer.inference_id])
        expected = answer.probabilities[str(answer.prediction)]
        assert column(tab, "probability")[0] == pytest.approx(expected, abs=1e-5)


# Memory


def lines(count: int, first: int = 0, inputs: int = 3) -> tuple[Line, ...]:
    values = {f"x{n}": 1.0 for n in range(inputs)}
    moment = record("a", 1.0).moment
    return tuple(
        Line(TailRow(moment, f"r{n}", 0, 1, "primary", 1.0, values, "0", {}), f"r{n}/0", "")
        for n in range(first, first + count)
    )


def test_memory_is_bounded_by_rows_values_and_labels() -> None:
    newest = Newest()
    assert newest.add(Look(lines(4_000), Tail((), LogPosition())))
    assert newest.add(Look(lines(4_000, 4_000), Tail((), LogPosition(), {f"r{n}": n for n in range(30_000)})))
    assert len(newest.lines) == MOST_ROWS and newest.lines[0].key == "r3000/0" and len(newest.labels) == 20_000
    newest.add(Look(lines(400, inputs=1_000), Tail((), LogPosition())))
    assert len(newest.lines) == 400
    assert not newest.add(Look((), Tail((), LogPosition())))


def test_more_at_once_than_the_list_takes_is_said_once_it_follows() -> None:
    newest = Newest()
    newest.add(Look(lines(5), Tail((), LogPosition("a", 1), left_out=True)))
    assert not newest.has_gap  # there are always older ones
    newest.add(Look(lines(5, 5), Tail((), LogPosition("a", 2), left_out=True)))
    assert newest.has_gap


def test_inputs_are_told_in_short() -> None:
    given = {"a": "x" * 50, "b": True, "c": None, "d": 1_234_567, "e": -0.123456}
    assert short_inputs(given) == f"a {'x' * 23}…, b true, c –, d 1,234,567, e \N{MINUS SIGN}0.12"
    assert short_inputs({str(n): n for n in range(100)}).endswith(", …")
