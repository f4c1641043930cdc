"""The journal: whatever is changed, removed or reordered in it is noticed."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_desktop.core.errors import AppError, Damaged
from mlops_desktop.core.events import GENESIS, ReportWritten, ScoreRecorded
from mlops_desktop.registry import Registry

EVENTS = 12
COLUMNS = ("time", "recorded", "actor", "kind", "subject", "payload", "previous", "hash")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry.create(tmp_path / "workspace", actor="tester")
    yield registry
    registry.close()


def write(registry: Registry, count: int) -> None:
    for number in range(count):
        registry.record(ReportWritten(path=f"report {number} – ünïcode", sha256="ab" * 32), f"subject {number}")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("journal") / "workspace"
    registry = Registry.create(folder, actor="tester")
    write(registry, EVENTS - 1)
    registry.close()
    return folder


def tampered(written: Path, statements: list[tuple[str, tuple[Any, ...]]]) -> Registry:
    """A copy of the workspace on which somebody ran SQL."""
    copy = written.with_name("copy")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(written, copy)
    with closing(sqlite3.connect(copy / "registry.db")) as connection:
        for statement, values in statements:
            connection.execute(statement, values)
        connection.commit()
    return Registry(copy)


def stored(written: Path, seq: int, column: str) -> Any:
    with closing(sqlite3.connect(written / "registry.db")) as connection:
        return connection.execute(f"SELECT {column} FROM journal WHERE seq = ?", (seq,)).fetchone()[0]


def test_an_untouched_journal_is_intact(registry: Registry) -> None:
    write(registry, 5)
    found = registry.journal.verify()
    assert (found.intact, found.events, found.first_broken) == (True, 6, None)
    events = list(registry.journal.all())
    assert [event.seq for event in events] == [1, 2, 3, 4, 5, 6]
    assert events[0].previous == GENESIS and found.head == events[-1].hash


@settings(max_examples=80, deadline=None)
@given(seq=st.integers(1, EVENTS), column=st.sampled_from(COLUMNS), data=st.data())
def test_a_changed_byte_is_noticed_where_it_is(written: Path, seq: int, column: str, data: st.DataObject) -> None:
    before = stored(written, seq, column)
    content = bytearray(before.encode() if isinstance(before, str) else before)
    index = data.draw(st.integers(0, len(content) - 1))
    content[index] ^= data.draw(st.integers(1, 255))
    changed: Any = bytes(content)
    if isinstance(before, str):
        # Stored as text whatever the bytes are, as an editor of the file would leave it.
        statement = f"UPDATE journal SET {column} = CAST(? AS TEXT) WHERE seq = ?"
    else:
        statement = f"UPDATE journal SET {column} = ? WHERE seq = ?"
    registry = tampered(written, [(statement, (changed, seq))])
    try:
        found = registry.journal.verify()
        assert found.first_broken == seq or (found.intact and _says_the_same(registry, written, seq))
    finally:
        registry.close()


def _says_the_same(registry: Registry, written: Path, seq: int) -> bool:
    """A time written in another way, or JSON with another blank, is no change of what the event says."""
    original = Registry(written)
    try:
        return registry.journal.tail(seq - 1, limit=1) == original.journal.tail(seq - 1, limit=1)
    finally:
        original.close()


@pytest.mark.parametrize("seq", [1, 2, EVENTS // 2, EVENTS - 1, EVENTS])
def test_a_removed_event_is_noticed_also_the_last(written: Path, seq: int) -> None:
    registry = tampered(written, [("DELETE FROM journal WHERE seq = ?", (seq,))])
    found = registry.journal.verify()
    registry.close()
    assert (found.intact, found.first_broken) == (False, seq)


def test_a_journal_emptied_as_a_whole_is_noticed(written: Path) -> None:
    registry = tampered(written, [("DELETE FROM journal", ())])
    found = registry.journal.verify()
    registry.close()
    assert (found.intact, found.first_broken) == (False, 1)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, EVENTS), min_size=2, max_size=2, unique=True))
def test_two_events_that_changed_places_are_noticed(written: Path, places: list[int]) -> None:
    one, other = sorted(places)
    swap = "UPDATE journal SET seq = ? WHERE seq = ?"
    registry = tampered(written, [(swap, (99, one)), (swap, (one, other)), (swap, (other, 99))])
    found = registry.journal.verify()
    registry.close()
    assert (found.intact, found.first_broken) == (False, one)


def test_an_event_put_between_others_is_noticed(written: Path) -> None:
    shift = [
        ("UPDATE journal SET seq = seq + 100 WHERE seq > 5", ()),
        ("UPDATE journal SET seq = seq - 99 WHERE seq > 100", ()),
    ]
    insert = (
        "INSERT INTO journal SELECT 6, time, recorded, actor, kind, subject, payload, previous, hash "
        "FROM journal WHERE seq = 5",
        (),
    )
    registry = tampered(written, [*shift, insert])
    found = registry.journal.verify()
    registry.close()
    assert (found.intact, found.first_broken) == (False, 6)


def test_an_unreadable_event_is_damage_with_a_hint_for_readers(written: Path) -> None:
    registry = tampered(written, [("UPDATE journal SET payload = ? WHERE seq = 4", (b"{",))])
    with pytest.raises(Damaged) as caught:
        registry.journal.tail(0)
    registry.close()
    assert "Event 4" in caught.value.message and caught.value.hint


def test_a_figure_that_is_not_a_number_does_not_break_the_chain(registry: Registry) -> None:
    registry.record(ScoreRecorded("2024-01", float("nan"), float("inf"), 0.5, {"n": 2**60, "x": 1e300}), "late")
    write(registry, 2)
    assert registry.journal.verify().intact


def test_the_journal_can_be_read_from_any_point_and_by_kind(registry: Registry) -> None:
    write(registry, 4)
    registry.record(ScoreRecorded("2024-01", 0.5, 0.5, 0.5, {}), "late")
    journal = registry.journal
    assert [event.seq for event in journal.tail(3)] == [4, 5, 6]
    assert [event.seq for event in journal.newest(2)] == [6, 5]
    assert [event.seq for event in journal.newest(9, kinds=[ScoreRecorded.kind])] == [6]
    assert [event.seq for event in journal.newest(9, before=3)] == [2, 1]
    assert [event.subject for event in journal.newest(9, subject="late")] == ["late"]
    assert journal.head() == 6


WRITER = """
import sys
from pathlib import Path
from mlops_desktop.core.events import ReportWritten
from mlops_desktop.registry import Registry
registry = Registry(Path(sys.argv[1]), actor=sys.argv[2])
for number in range(40):
    registry.record(ReportWritten(path=str(number), sha256=""), sys.argv[2])
registry.close()
"""


def test_processes_that_write_at_the_same_time_keep_the_chain(registry: Registry) -> None:
    names = [f"writer {number}" for number in range(4)]
    command = [sys.executable, "-c", WRITER, str(registry.folder)]
    writers = [subprocess.Popen([*command, name], stderr=subprocess.PIPE) for name in names]
    failures = [writer.communicate()[1].decode() for writer in writers]
    assert failures == ["", "", "", ""]
    found = registry.journal.verify()
    assert (found.intact, found.events) == (True, 161)
    for name in names:
        paths = [event.payload["path"] for event in registry.journal.newest(200, subject=name)]
        assert paths == [str(number) for number in reversed(range(40))]


def test_a_write_that_fails_leaves_neither_row_nor_event(registry: Registry) -> None:
    class Stop(Exception):
        pass

    before = registry.journal.head()
    with pytest.raises(Stop), registry.transaction():
        registry.specs.save("late", "one")
        raise Stop
    assert registry.specs.all() == [] and registry.journal.head() == before


def test_a_failing_part_of_a_transaction_takes_only_its_own_rows_and_events_back(registry: Registry) -> None:
    class Stop(Exception):
        pass

    with registry.transaction():
        registry.specs.save("kept", "text")
        try:
            with registry.transaction():
                registry.specs.save("dropped", "text")
                raise Stop
        except Stop:
            pass
        registry.specs.save("also kept", "text")
    assert [spec.name for spec in registry.specs.all()] == ["also kept", "kept"]
    subjects = [event.subject for event in registry.journal.all()]
    assert subjects[1:] == ["kept@1", "also kept@1"] and registry.journal.verify().intact


def test_an_app_error_inside_a_transaction_rolls_it_back_and_stays_itself(registry: Registry) -> None:
    with pytest.raises(AppError, match="no model version"), registry.transaction():
        registry.specs.save("late", "one")
        registry.models.get("late@1")
    assert registry.specs.all() == []
