"""Reading versions: columns, spans of time, pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_desktop.core.datasets import DatasetVersion, Origin
from mlops_desktop.core.errors import Damaged, InvalidInput, NotFound
from mlops_desktop.data.read import iter_batches, manifest, preview, read_table
from mlops_desktop.data.versions.store import write_version
from mlops_desktop.registry import Registry

ROWS = 200_000


@pytest.fixture
def version(registry: Registry, origin: Origin, numbered) -> DatasetVersion:
    return write_version(registry, "numbers", numbered(ROWS), origin)


def test_columns_come_in_the_order_asked_for(registry: Registry, version: DatasetVersion):
    table = read_table(registry, "numbers@latest", columns=["value", "key"])
    assert table.column_names == ["value", "key"]
    assert table.num_rows == ROWS


def test_a_column_whose_name_starts_another_is_read_alone(registry: Registry, origin: Origin):
    version = write_version(registry, "t", pa.table({"a.b": [1], "a": [2]}), origin)
    assert read_table(registry, version, columns=["a"]).to_pydict() == {"a": [2]}
    assert preview(registry, version, columns=["a"]).to_pydict() == {"a": [2]}


def test_a_span_of_time_includes_its_start_and_not_its_end(registry: Registry, version: DatasetVersion):
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=50_000)
    table = read_table(registry, version, columns=["key"], between=("at", start, start + timedelta(minutes=3)))
    assert table.to_pydict() == {"key": [50_000, 50_001, 50_002]}


def test_open_sides_and_texts_are_spans_too(registry: Registry, version: DatasetVersion):
    assert read_table(registry, version, between=("at", None, "1970-01-01T00:02")).num_rows == 2
    assert read_table(registry, version, between=("at", "1970-05-19T21:19", None)).num_rows == 1
    assert read_table(registry, version, between=("at", None, None)).num_rows == ROWS
    assert read_table(registry, version, between=("at", "2001-01-01", None)).num_rows == 0


def test_a_span_reads_only_the_chunks_it_touches(
    registry: Registry, version: DatasetVersion, monkeypatch: pytest.MonkeyPatch
):
    read = []
    original = pq.ParquetFile.read
    monkeypatch.setattr(pq.ParquetFile, "read", lambda file, *args: read.append(file) or original(file, *args))
    read_table(registry, version, between=("at", "1970-01-02", "1970-01-03"))
    assert len(read) == 1 < len(manifest(registry, version).chunks)


def test_a_span_over_edited_rows_is_right_and_leaves_out_the_rest(
    registry: Registry, origin: Origin, numbered, monkeypatch: pytest.MonkeyPatch
):
    table = numbered(ROWS)
    write_version(registry, "edited", table, origin)
    for key in (10, 100_000, 199_990):
        new = numbered(1, first=key).set_column(1, "label", pa.array(["edited"]))
        table = pa.concat_tables([table.slice(0, key), new, table.slice(key + 1)])
    version = write_version(registry, "edited", table, origin)
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=99_990)
    read = []
    original = pq.ParquetFile.read
    monkeypatch.setattr(pq.ParquetFile, "read", lambda file, *args: read.append(file) or original(file, *args))
    found = read_table(registry, version, between=("at", start, start + timedelta(minutes=20)))
    assert found.equals(table.slice(99_990, 20))
    assert len(read) == 2


def test_dates_and_local_times_and_nanoseconds_have_spans(registry: Registry, origin: Origin):
    days = pa.array([0, 1, 2, None], pa.int32()).cast(pa.date32())
    table = pa.table(
        {
            "day": days,
            "local": days.cast(pa.timestamp("us")),
            "fine": days.cast(pa.timestamp("ns")),
            "zoned": days.cast(pa.timestamp("us", "America/New_York")),
        }
    )
    version = write_version(registry, "days", table, origin)
    for name in table.column_names:
        assert read_table(registry, version, between=(name, "1970-01-02", "1970-01-03")).num_rows == 1
        assert read_table(registry, version, between=(name, "1970-01-01T12:00", "1970-01-02T12:00")).num_rows == 1


def test_wrong_requests_are_refused_by_name(registry: Registry, version: DatasetVersion):
    with pytest.raises(InvalidInput, match="'absent'"):
        read_table(registry, version, columns=["absent"])
    with pytest.raises(InvalidInput, match="'key'"):
        read_table(registry, version, between=("key", None, None))
    with pytest.raises(InvalidInput, match="'yesterday'"):
        read_table(registry, version, between=("at", "yesterday", None))
    with pytest.raises(NotFound):
        read_table(registry, "numbers@9")


def test_a_page_is_read_wherever_it_lies(registry: Registry, version: DatasetVersion):
    edge = manifest(registry, version).chunks[0].rows
    for offset in (0, edge - 3, edge, ROWS - 4):
        page = preview(registry, version, offset, 7)
        assert page["key"].to_pylist() == list(range(offset, min(offset + 7, ROWS)))
    assert preview(registry, version, ROWS + 5, 7).num_rows == 0
    assert preview(registry, version, 3, 0).num_rows == 0


def test_batches_give_all_rows_in_order(registry: Registry, version: DatasetVersion):
    keys = [key for batch in iter_batches(registry, version, columns=["key"]) for key in batch["key"].to_pylist()]
    assert keys == list(range(ROWS))


def test_a_missing_and_a_broken_chunk_are_told_apart(registry: Registry, version: DatasetVersion):
    path = registry.objects.path(manifest(registry, version).objects[0].sha256)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(Damaged, match="damaged"):
        read_table(registry, version)
    path.unlink()
    with pytest.raises(NotFound, match="missing"):
        read_table(registry, version)
