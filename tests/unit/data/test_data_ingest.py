"""From files to versions, with every attempt on the record."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_desktop.core.contracts import ColumnRule, Contract
from mlops_desktop.core.errors import Cancelled, EnvironmentProblem, InvalidInput
from mlops_desktop.core.events import describe
from mlops_desktop.core.progress import CancelToken, no_progress
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.contracts import quarantine, save_contract
from mlops_desktop.data.intake.ingest import ingest, ingest_rows
from mlops_desktop.data.read import manifest, read_table
from mlops_desktop.data.sources import csv_files
from mlops_desktop.data.sources.base import FileIdentity
from mlops_desktop.data.upkeep.verify import verify
from mlops_desktop.data.versions.manifests import read_profile
from mlops_desktop.registry import Registry

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8)
typed_rows = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-(2**53), 2**53)),
        st.one_of(st.none(), st.floats(allow_subnormal=False)),
        st.one_of(st.none(), words),
        st.one_of(st.none(), st.integers(0, 2**50)),
        st.one_of(st.none(), st.booleans()),
    ),
    min_size=1,
    max_size=40,
)
KINDS = {
    "i": pa.int64(), "x": pa.float64(), "t": pa.string(), "at": pa.timestamp("us"), "f": pa.bool_(),
}  # fmt: skip
# A first row from which the types of all columns show, as a file of text has no others.
FIRST = (1, 0.5, "word", 1_357_000_000_000_001, True)


def test_a_file_becomes_a_version_with_its_origin(registry: Registry, tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("at,n\n2013-01-01T00:00:00Z,1\n2013-01-02T00:00:00Z,2\n")
    version = ingest(registry, path, "t", time_column="at").version
    assert version.origin.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (version.origin.kind, version.origin.name) == ("file", "t.csv")
    assert version.origin.host
    assert "2 rows from t.csv" in describe(registry.journal.tail(1)[-1])


def test_a_failed_attempt_is_on_the_record(registry: Registry, tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n3\n")
    with pytest.raises(InvalidInput, match="line 3"):
        ingest(registry, path, "t")
    event = registry.journal.tail(1)[-1]
    assert event.kind == "dataset.ingest.failed"
    assert "t.csv, line 3" in event.payload["reason"]
    with pytest.raises(InvalidInput):
        ingest(registry, tmp_path / "absent.csv", "t")
    assert "absent.csv" in describe(registry.journal.tail(1)[-1])


def test_a_cancelled_attempt_is_on_the_record(registry: Registry, tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        ingest(registry, path, "t", progress=token.reporting_to(lambda *_: None))
    assert registry.journal.tail(1)[-1].payload["reason"] == "cancelled"


def test_an_interrupted_attempt_is_on_the_record(registry: Registry):
    def interrupted(fraction: float | None, message: str = "") -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest_rows(registry, pa.table({"a": [1]}), "t", progress=interrupted)
    assert [attempt.outcome for attempt in registry.datasets.attempts("t")] == ["cancelled"]


def test_what_cannot_be_recorded_does_not_hide_what_went_wrong(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object, **__: object) -> None:
        raise EnvironmentProblem("The disk is full.")

    monkeypatch.setattr(registry.datasets, "record_failure", full)
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(InvalidInput, match="line 3"):
        ingest(registry, tmp_path / "t.csv", "t")


def test_a_lost_profile_or_an_unreadable_object_keeps_nothing_out(registry: Registry, tmp_path: Path):
    rows = pa.table({"at": pa.array([0, 1], pa.timestamp("us")), "n": [1, 2]})
    version = ingest_rows(registry, rows, "t", time_column="at").version
    (stored,) = manifest(registry, version).objects
    for sha256, content in ((version.profile, None), (stored.sha256, bytes(stored.size))):
        path = registry.objects.path(sha256)
        path.chmod(0o644)
        path.write_bytes(content) if content else path.unlink()
    assert ingest_rows(registry, rows, "t").outcome == "repeated"
    more = pa.concat_tables([rows, rows])
    assert read_table(registry, ingest_rows(registry, more, "t").version).equals(more)
    assert {item.sha256 for item in verify(registry).damaged} == {version.profile, stored.sha256}


def test_a_file_from_the_far_future_is_taken_in_without_its_time(registry: Registry, tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("a\n1\n")
    identity = FileIdentity(path)
    identity._expected = (4, 300_000_000_000 * 10**9)
    assert identity.origin(no_progress).modified == ""


def test_a_full_folder_for_temporary_files_is_told(registry: Registry, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    save_contract(registry, "t", Contract(columns=(ColumnRule("a", nullable=False),), max_bad_share=1.0))
    monkeypatch.setattr(quarantine.PutAside, "add", full)
    with pytest.raises(EnvironmentProblem, match=r"folder for temporary files, .* is full"):
        ingest_rows(registry, pa.table({"a": [1, None]}), "t", mode="quarantine")
    assert "temporary files" in registry.datasets.attempts("t")[0].reason


def test_every_attempt_is_listed_with_what_came_of_it(registry: Registry, tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    ingest(registry, path, "t", note="first", tags=("raw", "march"))
    assert ingest(registry, path, "t").outcome == "repeated"
    path.write_text("a,b\n1,2\n3\n")
    with pytest.raises(InvalidInput):
        ingest(registry, path, "t")
    path.write_text("a,b\n1,2\n")
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        ingest(registry, path, "t", progress=token.reporting_to(lambda *_: None))
    attempts = registry.datasets.attempts("t")
    assert [attempt.outcome for attempt in attempts] == ["cancelled", "failed", "repeated", "stored"]
    assert [attempt.rows for attempt in attempts] == [0, 0, 2, 2]
    assert all(attempt.size and attempt.origin == "t.csv" and attempt.actor for attempt in attempts)
    marks = registry.datasets.marks("t@1")
    assert (marks.note, marks.tags) == ("first", ("raw", "march"))


def test_the_password_of_a_database_is_not_on_record(registry: Registry):
    with pytest.raises(InvalidInput):
        ingest(
            registry, "nothing://ana:secret@host/flights?password=secret", "t", options=ReadOptions(query="SELECT 1")
        )
    event = registry.journal.tail(1)[-1]
    assert event.kind == "dataset.ingest.failed"
    assert "secret" not in str(event)


def test_the_time_column_stays_what_it_was(registry: Registry, tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("at,n\n2013-01-01T00:00:00Z,1\n")
    ingest(registry, path, "t", time_column="at")
    path.write_text("at,n\n2013-01-01T00:00:00Z,1\n2013-01-02T00:00:00Z,2\n")
    profile = read_profile(registry, ingest(registry, path, "t").version)
    assert (profile.time_column, profile.time_end) == ("at", "2013-01-02T00:00:00Z")
    path.write_text("n\n1\n")
    assert read_profile(registry, ingest(registry, path, "t").version).time_column == ""


def test_columns_are_read_in_the_types_that_they_had(registry: Registry, tmp_path: Path):
    ingest_rows(registry, pa.table({"code": ["01", "02"], "n": pa.array([1, 2], pa.int32())}), "t")
    path = tmp_path / "t.csv"
    path.write_text("code,n\n03,4\n")
    version = ingest(registry, path, "t").version
    assert [column.storage for column in version.schema.columns] == ["string", "int32"]
    assert read_table(registry, version).to_pylist() == [{"code": "03", "n": 4}]


def test_progress_says_how_many_rows_and_how_fast(registry: Registry, tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1234,5678\n" * 200_000)
    said: list[str] = []
    ingest(registry, path, "t", progress=lambda fraction, message="": said.append(message))
    assert re.fullmatch(r"200,000 rows, [\d,]+ MB/s", said[-1])


def test_a_file_that_changes_while_it_is_read_is_refused(registry: Registry, tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")

    def touch(fraction: float | None, message: str = "") -> None:
        os.utime(path, ns=(0, 0))

    with pytest.raises(InvalidInput, match="changed while it was read"):
        ingest(registry, path, "t", progress=touch)


def test_types_that_show_late_restart_the_reading(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(csv_files, "_BLOCK", 1 << 16)
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,\n" * 100_000 + "x,2\n")
    version = ingest(registry, path, "t").version
    table = read_table(registry, version)
    assert table.num_rows == 100_001
    assert table.slice(100_000).to_pydict() == {"a": ["x"], "b": [2]}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed_rows, st.uuids())
def test_the_same_typed_rows_are_the_same_version_from_any_format(registry: Registry, tmp_path: Path, drawn, name):
    all_rows = [FIRST, *drawn]
    table = pa.table({key: pa.array([row[i] for row in all_rows], KINDS[key]) for i, key in enumerate(KINDS)})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=7)
    pacsv.write_csv(table, tmp_path / "t.csv")
    from_parquet = ingest(registry, tmp_path / "t.parquet", f"{name}-p").version
    from_csv = ingest(registry, tmp_path / "t.csv", f"{name}-c").version
    assert from_csv.content_id == from_parquet.content_id


def test_reading_and_writing_never_import_pandas(tmp_path: Path):
    code = (
        "import sys; from pathlib import Path; from mlops_desktop.registry import Registry;"
        "import mlops_desktop.data.compare.difference, mlops_desktop.data.upkeep.verify;"
        "from mlops_desktop.data.intake.ingest import ingest; from mlops_desktop.data.read import read_table;"
        "folder = Path(sys.argv[1]); registry = Registry.create(folder / 'w');"
        "(folder / 't.csv').write_text('at,n,t,b\\n2013-01-01T00:00:00Z,1,x,true\\n,,,\\n');"
        "version = ingest(registry, folder / 't.csv', 't', time_column='at').version;"
        "table = read_table(registry, version, between=('at', '2013-01-01', None));"
        "assert table.num_rows == 1; assert 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
