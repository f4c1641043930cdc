"""The import wizard: what it shows of a source, what a person corrects, and what is queued in the end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from mlops_desktop.core.contracts import Contract, ContractMode
from mlops_desktop.core.datasets import Column, ColumnType
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.sources import PreviewColumn, ReadOptions, SourcePreview
from mlops_desktop.ui.pages.import_source import location_of, url_with
from mlops_desktop.ui.pages.import_wizard import ImportWizard, open_wizard
from mlops_desktop.ui.queries import imports as queries
from mlops_desktop.ui.queries.imports import ImportRequest
from mlops_desktop.ui.workspace_view import WorkspaceView
from mlops_desktop.workspace import Workspace

OpenView = Callable[[Path], WorkspaceView]
CSV = ReadOptions(format="csv", delimiter=",", encoding="utf-8", decimal=".", has_header=True)
TRIPS = (
    PreviewColumn("at", ColumnType.TIME, "timestamp[us]"),
    PreviewColumn("carrier", ColumnType.TEXT, "string"),
    PreviewColumn("delay", ColumnType.NUMBER, "double", "3 values do not fit"),
)
CELLS = (("2013-01-01 05:15:00.000000", "UA", "11"), ("2013-01-01 05:29:00.000000", "AA", None)) * 50


class Reader:
    """A preview that remembers what it was asked for."""

    def __init__(self, **changes: Any) -> None:
        self.asked: list[ReadOptions] = []
        self.shown = structs.replace(SourcePreview("trips.csv", "csv", CSV, TRIPS, CELLS, rows=1_203_441), **changes)

    def __call__(self, workspace: Workspace, location: str, options: ReadOptions) -> SourcePreview:
        self.asked.append(options)
        types = {name: ColumnType(kind) for name, kind in options.types.items()}
        columns = tuple(
            structs.replace(column, type=types.get(column.name, column.type)) for column in self.shown.columns
        )
        settings = structs.replace(
            self.shown.settings, types=options.types, delimiter=options.delimiter or self.shown.settings.delimiter
        )
        return structs.replace(self.shown, columns=columns, settings=settings)


@pytest.fixture
def view(flights: Path, open_view: OpenView) -> WorkspaceView:
    return open_view(flights)


def opened(
    qtbot: QtBot, view: WorkspaceView, reader: queries.Preview, request: ImportRequest | None = None
) -> ImportWizard:
    wizard = open_wizard(view.bridge, view.window(), request or ImportRequest("/data/trips.csv"), preview=reader)
    qtbot.waitUntil(lambda: wizard.seen is not None and not wizard.is_reading and wizard.destination.is_known)
    return wizard


def queued_request(qtbot: QtBot, view: WorkspaceView, wizard: ImportWizard) -> ImportRequest:
    with qtbot.waitSignal(view.bridge.succeeded, timeout=10_000):
        qtbot.keyClick(wizard, Qt.Key.Key_Return)
    workspace = Workspace(view.bridge.folder)
    run = workspace.registry.pipeline_runs.active()[-1]
    workspace.close()
    assert run.pipeline == "ingest"
    return ImportRequest.of(run.parameters)


# What is queued


def test_one_key_adds_a_file_that_needs_no_correction(view: WorkspaceView, qtbot: QtBot) -> None:
    wizard = opened(qtbot, view, Reader())
    assert wizard.accept_button.text() == "Add 1.2 M rows"
    assert wizard.focusWidget() is wizard.accept_button
    found = queued_request(qtbot, view, wizard)
    assert found == ImportRequest("/data/trips.csv", "trips", CSV, "at")


@pytest.mark.parametrize("field", ["dataset", "note", "nulls", "dates", "skip_rows", "format", "table"])
def test_enter_in_any_field_adds_the_rows(view: WorkspaceView, qtbot: QtBot, field: str) -> None:
    wizard = opened(qtbot, view, Reader())
    places: dict[str, QWidget] = {
        "dataset": wizard.destination.dataset, "note": wizard.destination.note, "nulls": wizard.look.settings.nulls,
        "dates": wizard.look.settings.dates, "skip_rows": wizard.look.settings.skip_rows,
        "format": wizard.look.settings.format, "table": wizard.look.table,
    }  # fmt: skip
    places[field].setFocus()
    with qtbot.waitSignal(view.bridge.succeeded, timeout=10_000):
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)


def test_what_was_corrected_is_what_is_read(view: WorkspaceView, qtbot: QtBot) -> None:
    wizard = opened(qtbot, view, Reader())
    table = wizard.look.table
    table.rename(1, "airline")
    table.toggle(2)
    table.typeChosen.emit("at", "text")
    qtbot.waitUntil(lambda: not wizard.is_reading and wizard.look.table.columns.columns[0].type is ColumnType.TEXT)
    wizard.destination.note.setText("a first look")
    wizard.destination.tags.setText("raw, 2013, raw")
    found = queued_request(qtbot, view, wizard)
    assert found.options.names == {"carrier": "airline"}
    assert found.options.types == {"at": "text"}
    assert found.options.columns == ("at", "carrier")
    assert (found.note, found.tags, found.time_column) == ("a first look", ("raw", "2013"), "")


def test_a_wizard_opened_again_shows_what_was_queued(view: WorkspaceView, qtbot: QtBot) -> None:
    options = structs.replace(
        CSV,
        names={"carrier": "airline"},
        types={"delay": "text"},
        columns=("carrier", "delay"),
        skip_rows=2,
        nulls=("-",),
    )
    request = ImportRequest("/data/trips.csv", "flights", options, "", "", "again", ("x",))
    wizard = opened(qtbot, view, Reader(settings=options), request)
    assert wizard.request() == request
    assert wizard.look.settings.skip_rows.value() == 2


def test_nothing_is_queued_while_something_is_in_the_way(view: WorkspaceView, qtbot: QtBot) -> None:
    wizard = opened(qtbot, view, Reader())
    wizard.look.table.rename(0, "carrier")
    assert not wizard.accept_button.isEnabled()
    assert "carrier" in wizard.said.text()
    wizard.look.table.toggle(0)
    assert wizard.accept_button.isEnabled()
    wizard.destination.dataset.setEditText("a@b")
    qtbot.waitUntil(lambda: "a@b" in wizard.destination.dataset_field.note.text())
    assert not wizard.accept_button.isEnabled()
    qtbot.keyClick(wizard, Qt.Key.Key_Return)
    assert wizard.isVisible()
    qtbot.keyClick(wizard, Qt.Key.Key_Escape)
    assert not wizard.isVisible()


def test_a_dropped_file_is_read_by_the_real_reader_and_queued(
    view: WorkspaceView, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "more.csv"
    path.write_text("when;what;much\n2024-01-31 10:00;a;1,5\n2024-02-29 11:30;b;2,25\n", encoding="utf-8")
    view.offer_files(path)
    qtbot.waitUntil(lambda: bool(view.window().findChildren(ImportWizard)), timeout=10_000)
    wizard = view.window().findChildren(ImportWizard)[0]
    qtbot.waitUntil(wizard.accept_button.isEnabled, timeout=10_000)
    assert wizard.look.table.kept() == {"when": ColumnType.TIME, "what": ColumnType.TEXT, "much": ColumnType.NUMBER}
    assert wizard.accept_button.text() == "Add 2 rows"
    assert wizard.look.settings.delimiter.currentText() == "Semicolon"
    found = queued_request(qtbot, view, wizard)
    assert (found.location, found.dataset, found.time_column) == (str(path), "more", "when")
    workspace = Workspace(view.bridge.folder)
    stored = workspace.data.ingest(found.location, found.dataset, options=found.options).version
    workspace.close()
    assert stored is not None
    assert [column.type.value for column in stored.schema.columns] == ["time", "text", "number"]


# The look


def test_a_changed_setting_is_read_anew_and_marked_as_set(view: WorkspaceView, qtbot: QtBot) -> None:
    reader = Reader()
    wizard = opened(qtbot, view, reader)
    delimiter = wizard.look.settings.delimiter
    delimiter.setCurrentIndex(delimiter.findText("Semicolon"))
    delimiter.activated.emit(delimiter.currentIndex())
    assert not wizard.accept_button.isEnabled()
    qtbot.waitUntil(lambda: not wizard.is_reading)
    assert reader.asked[-1].delimiter == ";"
    assert wizard.look.settings.fields["delimiter"].label.text() == "Delimiter, set"
    assert wizard.look.settings.fields["encoding"].label.text() == "Encoding"


def test_a_look_with_old_settings_that_comes_late_is_not_shown(view: WorkspaceView, qtbot: QtBot) -> None:
    release, quick = threading.Event(), Reader()

    def slow(workspace: Workspace, location: str, options: ReadOptions) -> SourcePreview:
        if not options.skip_rows:
            release.wait(10)
            return structs.replace(quick.shown, name="old", rows=1)
        return quick(workspace, location, options)

    wizard = open_wizard(view.bridge, view.window(), ImportRequest("/data/trips.csv"), preview=slow)
    wizard.look.settings.skip_rows.setValue(1)
    qtbot.waitUntil(lambda: wizard.seen is not None and not wizard.is_reading)
    release.set()
    asked: list[object] = []
    view.bridge.ask("after it", lambda _workspace: None, asked.append)
    view.bridge.ask("and the other thread", lambda _workspace: None, asked.append)
    qtbot.waitUntil(lambda: len(asked) == 2)
    assert wizard.seen is not None
    assert wizard.seen.name == "trips.csv"
    wizard.reject()


def test_a_source_that_cannot_be_read_says_why_and_keeps_its_settings(view: WorkspaceView, qtbot: QtBot) -> None:
    reader = Reader(columns=(), cells=(), problem="trips.csv, line 7: 4 values where the header names 3 columns.")
    wizard = opened(qtbot, view, reader)
    assert "line 7" in wizard.look.state.text.text()
    assert wizard.look.stack.currentWidget() is wizard.look.state
    assert wizard.look.settings.delimiter.isVisible()
    assert not wizard.accept_button.isEnabled()
    reader.shown = Reader().shown
    wizard.look.settings.skip_rows.setValue(6)
    qtbot.waitUntil(wizard.accept_button.isEnabled)
    assert wizard.look.stack.currentWidget() is wizard.look.table
    wizard.reject()


def test_rows_that_cannot_be_read_are_shown_as_they_come_under_the_reason(view: WorkspaceView, qtbot: QtBot) -> None:
    reader = Reader(problem="trips.csv, line 7: 4 values where the header names 3 columns.")
    wizard = opened(qtbot, view, reader, ImportRequest("/data/trips.csv", "flights"))
    assert wizard.look.problem.accessibleName() == reader.shown.problem
    assert wizard.look.stack.currentWidget() is wizard.look.table
    assert not wizard.accept_button.isEnabled()
    assert wizard.destination.changes.count() == 0, "what cannot be read is not compared"
    reader.shown = Reader().shown
    qtbot.mouseClick(wizard.look.problem.action, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(wizard.accept_button.isEnabled)
    assert not wizard.look.problem.isVisible()
    wizard.reject()


def test_a_preview_that_raises_is_a_problem_of_the_source(view: WorkspaceView, qtbot: QtBot) -> None:
    def gone(workspace: Workspace, location: str, options: ReadOptions) -> SourcePreview:
        raise InvalidInput("trips.csv is gone.", hint="Choose another file.")

    wizard = opened(qtbot, view, gone)
    assert wizard.look.state.text.text() == "trips.csv is gone. Choose another file."
    wizard.reject()


def test_answers_that_come_after_the_wizard_is_gone_reach_nobody(view: WorkspaceView, qtbot: QtBot) -> None:
    for _ in range(5):
        open_wizard(view.bridge, view.window(), ImportRequest("/data/trips.csv", "flights"), preview=Reader()).reject()
    qtbot.waitUntil(lambda: not view.window().findChildren(ImportWizard))
    answered: list[object] = []
    for reader in ("one", "other"):
        view.bridge.ask(reader, lambda _workspace: None, answered.append)
    qtbot.waitUntil(lambda: len(answered) == 2)


def test_warnings_are_counted_and_unfold(view: WorkspaceView, qtbot: QtBot) -> None:
    wizard = opened(qtbot, view, Reader(warnings=("one thing", "another thing")))
    assert wizard.look.banner.isVisible()
    assert "another" not in wizard.look.banner.accessibleName()
    qtbot.mouseClick(wizard.look.banner.action, Qt.MouseButton.LeftButton)
    assert "another" in wizard.look.banner.accessibleName()
    wizard.reject()


@pytest.mark.parametrize(
    ("seen", "visible"),
    [
        ({"sheets": ("one",), "members": ("a.csv",)}, (False, False)),
        ({"sheets": ("one", "two")}, (True, False)),
        ({"members": ("a.csv", "b[1].csv")}, (False, True)),
    ],
)
def test_parts_can_be_chosen_where_there_are_several(
    view: WorkspaceView, qtbot: QtBot, seen: dict[str, Any], visible: tuple[bool, bool]
) -> None:
    reader = Reader(**seen)
    wizard = opened(qtbot, view, reader)
    assert (wizard.look.sheet_field.isVisible(), wizard.look.member_field.isVisible()) == visible
    if visible[1]:
        wizard.look.member.setCurrentIndex(2)
        wizard.look.member.activated.emit(2)
        qtbot.waitUntil(lambda: not wizard.is_reading)
        assert reader.asked[-1].member == "b[[]1].csv"
        assert wizard.look.member.currentText() == "b[1].csv"
    wizard.reject()


def test_five_thousand_columns_are_shown(view: WorkspaceView, qtbot: QtBot) -> None:
    columns = tuple(PreviewColumn(f"c{i}", ColumnType.NUMBER, "double") for i in range(5_000))
    cells = tuple(tuple(str(i) for i in range(5_000)) for _ in range(100))
    wizard = opened(qtbot, view, Reader(columns=columns, cells=cells))
    assert wizard.look.table.columns.columnCount() == 5_000
    wizard.look.table.toggle(4_999)
    assert len(wizard.request().options.columns) == 4_999
    wizard.reject()


# The table by keyboard and mouse


def test_columns_are_renamed_left_out_and_retyped_by_keyboard(view: WorkspaceView, qtbot: QtBot) -> None:
    wizard = opened(qtbot, view, Reader())
    table = wizard.look.table
    table.setFocus()
    table.setCurrentIndex(table.columns.index(0, 1))
    qtbot.keyClick(table, Qt.Key.Key_F2)
    editor = QApplication.focusWidget()
    assert editor is not None
    qtbot.keyClicks(editor, "air line")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert wizard.isVisible(), "Enter in a name must not close the wizard"
    assert table.names["carrier"] == "air line"
    qtbot.keyClick(table, Qt.Key.Key_F2)
    editor = QApplication.focusWidget()
    assert editor is not None
    qtbot.keyClicks(editor, "other")
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    assert wizard.isVisible(), "Esc in a name must not close the wizard"
    assert table.names["carrier"] == "air line"
    qtbot.keyClick(table, Qt.Key.Key_Space)
    assert table.left_out == {"carrier"}
    menu = table.choose_type(2)
    with qtbot.waitSignal(table.typeChosen) as chosen:
        next(action for action in menu.actions() if action.text() == "text").trigger()
    assert chosen.args == ["delay", "text"]
    menu.close()
    wizard.reject()


def test_the_header_answers_the_mouse(view: WorkspaceView, qtbot: QtBot) -> None:
    wizard = opened(qtbot, view, Reader())
    header, table = wizard.look.table.header, wizard.look.table
    left = header.sectionViewportPosition(1)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(left + 16, 16))
    assert table.left_out == {"carrier"}
    with qtbot.waitSignal(header.typeRequested) as asked:
        place = header.type_rect(1).center() if isinstance(header.type_rect(1).center(), QPointF) else QPointF()
        qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place.toPoint())
    assert asked.args == [1]
    if (popup := QApplication.activePopupWidget()) is not None:
        popup.close()
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(left + 50, 16))
    assert header.findChildren(QWidget, options=Qt.FindChildOption.FindChildrenRecursively)
    assert QApplication.focusWidget() is not None
    assert QApplication.focusWidget().accessibleName() == "Name of the column"
    wizard.reject()


def test_every_control_has_a_name_for_assistive_technology(view: WorkspaceView, qtbot: QtBot) -> None:
    wizard = opened(qtbot, view, Reader(sheets=("a", "b"), members=("a", "b"), warnings=("x", "y")))
    named = [
        each
        for each in wizard.findChildren(QWidget)
        if each.focusPolicy() & Qt.FocusPolicy.TabFocus and each.isVisible() and each.objectName() == ""
    ]
    assert named
    nameless = [each for each in named if not (each.accessibleName() or (hasattr(each, "text") and each.text()))]
    inner = [each for each in nameless if each.parentWidget() and not each.parentWidget().accessibleName()]
    assert not inner
    assert (
        wizard.look.table.columns.headerData(2, Qt.Orientation.Horizontal, Qt.ItemDataRole.AccessibleTextRole)
        == "delay, number\n3 values do not fit"
    )
    wizard.reject()


# The destination


def test_a_known_dataset_shows_its_next_version_and_what_differs(view: WorkspaceView, qtbot: QtBot) -> None:
    workspace = Workspace(view.bridge.folder)
    contract = Contract(mode=ContractMode.QUARANTINE)
    workspace.registry.contracts.save("flights", 'mode = "quarantine"', contract)
    newest = workspace.registry.datasets.get("flights@latest")
    workspace.close()
    wizard = opened(qtbot, view, Reader(), ImportRequest("/data/trips.csv", "flights"))
    panel = wizard.destination
    assert f"@{newest.number + 1}" in panel.dataset_field.note.text()
    assert panel.mode_field.isVisible()
    assert "quarantine" in panel.mode.itemText(0)
    panel.mode.setCurrentIndex(panel.mode.findData("accept"))
    told = [panel.changes.itemAt(i).widget().accessibleName() for i in range(panel.changes.count())]
    assert any(text.startswith("2 new at, delay") for text in told), told
    assert any("missing" in text for text in told), told
    assert queued_request(qtbot, view, wizard).mode == "accept"


def test_a_new_dataset_has_no_contract_to_ask_about(view: WorkspaceView, qtbot: QtBot) -> None:
    wizard = opened(qtbot, view, Reader())
    assert wizard.destination.dataset_field.note.text() == "A new dataset"
    assert not wizard.destination.mode_field.isVisible()
    assert wizard.destination.time.currentData() == "at"
    wizard.reject()


def test_column_changes_are_new_missing_and_retyped() -> None:
    before = [Column("a", ColumnType.INTEGER, "int64"), Column("b", ColumnType.TEXT, "string")]
    changes = queries.column_changes(before, {"a": "number", "c": "text"})
    assert changes == queries.ColumnChanges(("c",), ("b",), (("a", "integer", "number"),))
    assert not queries.column_changes(before, {"a": "integer", "b": "text"}).any


# The source


def test_a_query_is_looked_at_with_the_user_in_its_address(view: WorkspaceView, qtbot: QtBot) -> None:
    reader = Reader(kind="query", settings=ReadOptions(query="SELECT * FROM ops.trips"))
    wizard = open_wizard(view.bridge, view.window(), preview=reader)
    page = wizard.source
    assert wizard.focusWidget() is page.files_button
    qtbot.keyClicks(page.url, "postgresql://db.example/ops")
    qtbot.keyClicks(page.user, "ana@home")
    page.query.setPlainText("SELECT * FROM ops.trips")
    qtbot.keyClick(page.user, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: wizard.seen is not None and wizard.destination.is_known)
    assert not wizard.look.settings_row.isVisible()
    found = queued_request(qtbot, view, wizard)
    assert found.location == "postgresql://ana%40home@db.example/ops"
    assert (found.dataset, found.options.query) == ("trips", "SELECT * FROM ops.trips")


def test_a_password_in_a_pasted_address_goes_into_its_field(view: WorkspaceView) -> None:
    wizard = open_wizard(view.bridge, view.window(), preview=Reader())
    page = wizard.source
    page.url.setText("postgresql://ana:s%40cret@db.example:5433/ops")
    page.url.editingFinished.emit()
    assert page.url.text() == "postgresql://db.example:5433/ops"
    assert (page.user.text(), page.password.text()) == ("ana", "s@cret")
    wizard.reject()


def test_an_address_with_a_password_in_it_is_refused() -> None:
    with pytest.raises(InvalidInput, match="password"):
        url_with("postgresql://ana:secret@db.example/ops", "")
    with pytest.raises(InvalidInput, match="address"):
        url_with("db.example", "ana")
    assert url_with("sqlite:////data/a.db", "") == "sqlite:////data/a.db"


def test_several_files_are_named_by_the_pattern_that_finds_them_alone(tmp_path: Path) -> None:
    for name in ("2024-01.csv", "2024-02.csv", "2023-12.csv", "notes.txt"):
        (tmp_path / name).write_text("a\n1\n", encoding="utf-8")
    both = [tmp_path / "2024-01.csv", tmp_path / "2024-02.csv"]
    assert location_of(both) == str(tmp_path / "2024-0*.csv")
    assert location_of([*both, tmp_path / "2023-12.csv"]) == str(tmp_path / "202*.csv")
    assert location_of(both[:1]) == str(both[0])
    with pytest.raises(InvalidInput, match="pattern"):
        location_of([both[0], tmp_path / "2023-12.csv"])


def test_names_come_from_files_and_queries() -> None:
    assert queries.dataset_name_for("/data/flights.2013.csv.gz") == "flights"
    assert queries.dataset_name_for("/data/2024-*.csv") == "2024-"
    assert queries.dataset_name_for("sqlite:///a.db", ReadOptions(query='select 1\nFROM "trips" t')) == "trips"
    assert queries.source_name("postgresql://ana@db.example/ops") == "db.example/ops"
