"""Versions are written whole, once per chunk, and appended to cheaply."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_desktop.core.datasets import Origin
from mlops_desktop.core.errors import Cancelled, InvalidInput, NotFound
from mlops_desktop.core.progress import CancelToken
from mlops_desktop.data.read import manifest, profile, read_table
from mlops_desktop.data.versions import store, versionwriter
from mlops_desktop.data.versions.chunking import Cutting
from mlops_desktop.data.versions.store import append_version, write_version
from mlops_desktop.registry import Registry

rows = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-5, 5)),
        st.one_of(st.none(), st.floats()),
        st.one_of(st.none(), st.text(max_size=5)),
    ),
    max_size=40,
)


def table_of(drawn: list[tuple[object, object, object]]) -> pa.Table:
    kinds = {"a": pa.int64(), "b": pa.float64(), "c": pa.string()}
    return pa.table({name: pa.array([row[i] for row in drawn], kind) for i, (name, kind) in enumerate(kinds.items())})


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versionwriter, "cutting_of", lambda _schema: Cutting(minimum=4, bits=3, maximum=24))


def test_what_was_written_is_what_is_read(registry: Registry, origin: Origin, numbered):
    table = numbered(100_000)
    version = write_version(registry, "numbers", table, origin, time_column="at")
    assert version.reference == "numbers@1"
    assert read_table(registry, version).equals(table)
    assert version.schema.names == tuple(table.column_names)
    assert version.rows == 100_000
    assert len(manifest(registry, version).chunks) > 1
    assert profile(registry, version).time_end == "1970-03-11T10:39:00Z"


def test_any_reader_of_parquet_reads_a_version(registry: Registry, origin: Origin, numbered):
    table = numbered(60_000)
    version = write_version(registry, "numbers", table, origin)
    files = [registry.objects.path(stored.sha256) for stored in manifest(registry, version).objects]
    assert pa.concat_tables(pq.read_table(file) for file in files).equals(table)


def test_the_same_rows_again_are_a_repeat_and_no_new_version(registry: Registry, origin: Origin, numbered):
    first = write_version(registry, "numbers", numbered(1_000), origin)
    again = write_version(registry, "numbers", numbered(1_000), origin)
    assert again == first
    assert [event.kind for event in registry.journal.tail(2)][-1] == "dataset.ingest.repeated"


def test_an_edit_rewrites_only_the_chunks_that_it_touches(registry: Registry, origin: Origin, numbered):
    table = numbered(300_000)
    before = write_version(registry, "numbers", table, origin)
    edited = pa.concat_tables([table.slice(0, 150_000), table.slice(150_100)])
    after = write_version(registry, "numbers", edited, origin)
    old = {stored.sha256 for stored in manifest(registry, before).objects}
    new = {stored.sha256 for stored in manifest(registry, after).objects}
    assert len(new - old) <= 2
    assert read_table(registry, after).equals(edited)


def test_a_known_chunk_whose_object_is_gone_is_stored_again(registry: Registry, origin: Origin, numbered):
    version = write_version(registry, "numbers", numbered(1_000), origin)
    path = registry.objects.path(manifest(registry, version).objects[0].sha256)
    path.chmod(0o644)
    path.unlink()
    write_version(registry, "numbers", numbered(1_000), origin)
    assert read_table(registry, version).num_rows == 1_000


@pytest.mark.usefixtures("small_chunks")
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows, rows, st.uuids())
def test_appending_is_the_same_as_writing_all_rows_at_once(registry: Registry, first, second, name):
    origin = Origin(kind="table", name="test")
    one, other = table_of(first), table_of(second)
    write_version(registry, f"{name}-a", one, origin)
    appended = append_version(registry, f"{name}-a", other, origin)
    whole = write_version(registry, f"{name}-b", pa.concat_tables([one, other]), origin)
    assert appended.content_id == whole.content_id
    assert appended.profile == whole.profile


def test_appending_keeps_every_chunk_but_the_last(registry: Registry, origin: Origin, numbered):
    before = write_version(registry, "numbers", numbered(200_000), origin, time_column="at")
    after = append_version(registry, "numbers", numbered(500, first=200_000), origin)
    old, new = manifest(registry, before).chunks, manifest(registry, after).chunks
    assert new[: len(old) - 1] == old[:-1]
    assert after.rows == 200_500
    whole = write_version(registry, "at once", numbered(200_500), origin, time_column="at")
    assert profile(registry, after) == profile(registry, whole)


def test_appending_aligns_columns_that_fit_and_refuses_others(registry: Registry, origin: Origin):
    write_version(registry, "t", pa.table({"a": pa.array([1, 2]), "b": ["x", "y"]}), origin)
    narrow = pa.table({"b": pa.array(["z"]).dictionary_encode(), "a": pa.array([3], pa.int8())})
    version = append_version(registry, "t", narrow, origin)
    assert read_table(registry, version).to_pydict() == {"a": [1, 2, 3], "b": ["x", "y", "z"]}
    with pytest.raises(InvalidInput, match=r"missing: b; new: c"):
        append_version(registry, "t", pa.table({"a": [1], "c": [1]}), origin)
    with pytest.raises(InvalidInput, match="'a'"):
        append_version(registry, "t", pa.table({"a": [1.5], "b": ["x"]}), origin)


def test_appending_to_nothing_writes_the_first_version(registry: Registry, origin: Origin, numbered):
    assert append_version(registry, "numbers", numbered(10), origin).reference == "numbers@1"


def test_an_append_that_was_overtaken_loses_no_rows(
    registry: Registry, origin: Origin, numbered, monkeypatch: pytest.MonkeyPatch
):
    write_version(registry, "numbers", numbered(100), origin)
    stored = store._staged
    overtaken = []

    def store_and_be_overtaken(*arguments):
        result = stored(*arguments)
        if not overtaken:
            overtaken.append(True)
            append_version(registry, "numbers", numbered(10, first=100), origin)
        return result

    monkeypatch.setattr(store, "_staged", store_and_be_overtaken)
    version = append_version(registry, "numbers", numbered(10, first=110), origin)
    assert version.reference == "numbers@3"
    assert read_table(registry, version)["key"].to_pylist() == list(range(120))


def test_storage_does_not_depend_on_encodings(registry: Registry, origin: Origin):
    plain = pa.table(
        {"t": ["a", None, "b"], "at": pa.array([1, 2, 3], pa.timestamp("ms", "UTC")), "n": [1.0, 2.0, 3.0]}
    )
    other = pa.table(
        {
            "t": pa.array(["a", None, "b"], pa.large_string()).dictionary_encode(),
            "at": plain["at"].cast(pa.timestamp("us", "+00:00")),
            "n": pa.chunked_array([[1.0], [2.0, 3.0]]),
        }
    ).replace_schema_metadata({"pandas": "{}"})
    one = write_version(registry, "one", plain, origin)
    assert write_version(registry, "other", other, origin).content_id == one.content_id


def test_strange_but_lawful_tables_are_stored(registry: Registry, origin: Origin):
    lawful = {
        "no rows": pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())}),
        "one row": pa.table({"a": [1]}),
        "all null": pa.table({"a": pa.array([None, None], pa.float64()), "b": pa.array(["", None])}),
        "names": pa.table({"a.b": [1], "a": [2], "日本": [3], "😀": ["😀"]}),
        "infinite": pa.table({"a": [float("inf"), float("-inf"), float("nan"), 1e308, -1e308, 5e-324]}),
        "large": pa.table({"a": pa.array([2**64 - 1, 0], pa.uint64()), "b": pa.array([-(2**63), 2**63 - 1])}),
        "long": pa.table({"a": ["x" * 100_000, "y"]}),
        "dates": pa.table({"a": pa.array([-700_000, 40_000], pa.int32()).cast(pa.date32())}),
    }
    for name, table in lawful.items():
        version = write_version(registry, name, table, origin)
        read = read_table(registry, version)
        assert read.schema.equals(table.schema), name
        assert str(read.to_pydict()) == str(table.to_pydict()), name
        assert profile(registry, version).rows == table.num_rows


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (pa.table({"a": [[1, 2]]}), "'a'"),
        (pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), "'a'"),
        (pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", " "]), "column 2"),
        (pa.table({}), "no columns"),
        (pa.table({"a": pa.array([b"\xff"], pa.binary())}), "'a'"),
    ],
)
def test_what_a_dataset_cannot_hold_is_refused_by_name(registry: Registry, origin: Origin, table: pa.Table, said: str):
    with pytest.raises(InvalidInput, match=said):
        write_version(registry, "t", table, origin)


@pytest.mark.parametrize("name", ["", "a@b", " a", "a\n"])
def test_names_that_no_reference_can_hold_are_refused(registry: Registry, origin: Origin, name: str):
    with pytest.raises(InvalidInput, match="name of a dataset"):
        write_version(registry, name, pa.table({"a": [1]}), origin)


def test_the_time_column_must_hold_times(registry: Registry, origin: Origin, numbered):
    for wrong in ("key", "absent"):
        with pytest.raises(InvalidInput, match=wrong):
            write_version(registry, "numbers", numbered(10), origin, time_column=wrong)


def test_what_fails_or_is_cancelled_leaves_no_version(registry: Registry, origin: Origin, numbered):
    class Breaking:
        schema = numbered(1).schema

        def __iter__(self) -> Iterator[pa.RecordBatch]:
            yield from numbered(300_000).to_batches()
            raise InvalidInput("The file ends in the middle.")

    with pytest.raises(InvalidInput, match="ends in the middle"):
        write_version(registry, "numbers", Breaking(), origin)
    token = CancelToken()
    with pytest.raises(Cancelled):
        write_version(
            registry, "numbers", numbered(300_000), origin, progress=token.reporting_to(lambda *_: token.cancel())
        )
    with pytest.raises(NotFound):
        registry.datasets.get("numbers@latest")


def test_the_folder_can_be_moved(registry: Registry, origin: Origin, numbered, tmp_path: Path):
    write_version(registry, "numbers", numbered(100), origin)
    registry.close()
    registry.folder.rename(tmp_path / "elsewhere")
    moved = Registry(tmp_path / "elsewhere")
    assert read_table(moved, "numbers@1").equals(numbered(100))
    moved.close()
