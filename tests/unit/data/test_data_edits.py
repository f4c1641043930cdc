"""Whatever is done to a table, its versions read back as they were written, and what did not change is kept once."""

from __future__ import annotations

import io
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_desktop.core.datasets import DatasetVersion, Origin
from mlops_desktop.data.read import iter_batches, manifest, preview, profile, read_table
from mlops_desktop.data.versions import versionwriter
from mlops_desktop.data.versions.chunking import Cutting
from mlops_desktop.data.versions.store import append_version, write_version
from mlops_desktop.registry import Registry

KINDS = {"number": pa.float64(), "text": pa.string(), "count": pa.int64()}
ORIGIN = Origin(kind="table", name="edits")
Row = tuple[Any, ...]

cells = (
    st.sampled_from([None, float("nan"), 0.0, -0.0, 1.5, -2.25]),
    st.sampled_from([None, "", "a", "longer text"]),
    st.one_of(st.none(), st.integers(-3, 3), st.integers(0, 2**60)),
)
rows = st.lists(st.tuples(*cells), max_size=60)
edits = st.lists(
    st.tuples(
        st.sampled_from(["insert", "delete", "replace", "move", "duplicate", "append"]),
        st.integers(0, 1 << 16),
        st.integers(0, 1 << 16),
        st.lists(st.tuples(*cells), min_size=1, max_size=6),
    ),
    max_size=6,
)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versionwriter, "cutting_of", lambda _schema: Cutting(minimum=4, bits=3, maximum=24))


def table_of(given_rows: list[Row]) -> pa.Table:
    return pa.table(
        {name: pa.array([row[i] for row in given_rows], kind) for i, (name, kind) in enumerate(KINDS.items())}
    )


def edited(before: list[Row], edit: tuple[str, int, int, list[Row]]) -> list[Row]:
    kind, first, second, fresh = edit
    after = list(before)
    at, to = first % (len(after) + 1), second % (len(after) + 1)
    block = after[at : at + len(fresh)]
    if kind == "append":
        return after + fresh
    if kind == "insert":
        after[at:at] = fresh
    elif kind == "duplicate":
        after[to:to] = block
    else:
        after[at : at + len(fresh)] = fresh if kind == "replace" else []
        if kind == "move":
            after[to:to] = block
    return after


def said(table: pa.Table) -> str:
    """Values as text, so that NaN equals NaN; -0.0 is 0.0, as for hashes."""
    return str(table.to_pylist()).replace("-0.0", "0.0")


@pytest.mark.usefixtures("small_chunks")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows, st.lists(edits, min_size=1, max_size=4), st.uuids())
def test_edited_versions_read_back_and_are_named_by_their_rows_alone(registry: Registry, start, scripts, name):
    states = [start]
    for script in scripts:
        state = states[-1]
        for edit in script:
            state = edited(state, edit)
        states.append(state)
    written = [write_version(registry, f"{name}", table_of(state), ORIGIN) for state in states]
    for number, (version, state) in enumerate(zip(written, states, strict=True)):
        expected = table_of(state)
        assert said(read_table(registry, version)) == said(expected)
        fresh = write_version(registry, f"{name} {number}", expected, ORIGIN)
        assert (fresh.content_id, fresh.profile) == (version.content_id, version.profile)
        half = len(state) // 2
        assert said(preview(registry, version, half, 5)) == said(expected.slice(half, 5))
        assert sum(batch.num_rows for batch in iter_batches(registry, version)) == len(state)


@pytest.mark.usefixtures("small_chunks")
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows, st.lists(rows, min_size=1, max_size=5), st.uuids())
def test_a_chain_of_appends_is_the_table_written_at_once(registry: Registry, start, parts, name):
    version = write_version(registry, f"{name}", table_of(start), ORIGIN)
    whole = list(start)
    for part in parts:
        whole += part
        version = append_version(registry, f"{name}", table_of(part), ORIGIN)
    at_once = write_version(registry, f"{name} at once", table_of(whole), ORIGIN)
    assert (version.content_id, version.profile) == (at_once.content_id, at_once.profile)
    assert said(read_table(registry, version)) == said(table_of(whole))


def with_edits(table: pa.Table, positions: list[int]) -> pa.Table:
    mask = np.zeros(table.num_rows, dtype=np.bool_)
    mask[positions] = True
    column = table.column("value").combine_chunks()
    fresh = pa.array([-float(position) for position in sorted(positions)])
    return table.set_column(2, "value", pc.replace_with_mask(column, pa.array(mask), fresh))


def objects(registry: Registry) -> dict[str, int]:
    return {name: registry.objects.path(name).stat().st_size for name in registry.objects.names()}


def rows_added(registry: Registry, before: DatasetVersion, after: DatasetVersion) -> int:
    old = {stored.sha256 for stored in manifest(registry, before).objects}
    return sum(stored.rows for stored in manifest(registry, after).objects if stored.sha256 not in old)


def test_scattered_edits_store_only_the_edited_rows(registry: Registry, numbered):
    table = numbered(200_000)
    before = write_version(registry, "t", table, ORIGIN)
    edited_table = with_edits(table, random.Random(1).sample(range(200_000), 100))
    after = write_version(registry, "t", edited_table, ORIGIN)
    assert rows_added(registry, before, after) == 100
    assert read_table(registry, after).equals(edited_table)
    assert read_table(registry, before).equals(table)


def test_an_inserted_and_a_removed_row_leave_the_rest_where_it_is(registry: Registry, numbered):
    table = numbered(100_000)
    before = write_version(registry, "t", table, ORIGIN)
    changed = pa.concat_tables([table.slice(0, 70_000), numbered(3, first=10**9), table.slice(70_010)])
    after = write_version(registry, "t", changed, ORIGIN)
    assert rows_added(registry, before, after) == 3
    assert read_table(registry, after).equals(changed)


def test_appended_rows_are_written_once_and_old_ones_not_again(registry: Registry, numbered):
    version = write_version(registry, "t", numbered(60_000), ORIGIN)
    for first in range(60_000, 72_000, 2_000):
        before, version = version, append_version(registry, "t", numbered(2_000, first=first), ORIGIN)
        assert rows_added(registry, before, version) == 2_000
    assert read_table(registry, version).equals(numbered(72_000))


def test_a_closed_chunk_that_was_appended_to_keeps_its_summary(registry: Registry, numbered, monkeypatch):
    write_version(registry, "t", numbered(30_000), ORIGIN)
    while len(manifest(registry, "t@latest").chunks) < 3:
        start = registry.datasets.get("t@latest").rows
        append_version(registry, "t", numbered(5_000, first=start), ORIGIN)
    read: list[object] = []
    monkeypatch.setattr("mlops_desktop.data.versions.chunks.summary_of", read.append)
    before = registry.datasets.get("t@latest")
    version = append_version(registry, "t", numbered(10, first=before.rows), ORIGIN)
    assert read == []
    at_once = write_version(registry, "at once", numbered(before.rows + 10), ORIGIN)
    assert profile(registry, version) == profile(registry, at_once)


def test_many_nights_take_little_more_than_one_file(registry: Registry, numbered):
    table = numbered(50_000)
    edits = random.Random(2)
    for _night in range(10):
        write_version(registry, "t", table, ORIGIN)
        table = pa.concat_tables([table, numbered(1_000, first=table.num_rows)])
        table = with_edits(table, edits.sample(range(table.num_rows), 20))
    write_version(registry, "t", table, ORIGIN)
    one = io.BytesIO()
    pq.write_table(table, one)
    assert sum(objects(registry).values()) < 1.3 * len(one.getvalue())


def test_a_chunk_edited_all_over_is_stored_whole(registry: Registry, numbered):
    table = numbered(20_000)
    write_version(registry, "t", table, ORIGIN)
    version = write_version(registry, "t", with_edits(table, list(range(0, 20_000, 3))), ORIGIN)
    assert all(len(chunk.pieces) == 1 for chunk in manifest(registry, version).chunks)


def test_going_back_to_an_earlier_content_stores_nothing(registry: Registry, numbered):
    table = numbered(30_000)
    first = write_version(registry, "t", table, ORIGIN)
    write_version(registry, "t", with_edits(table, [5, 20_000]), ORIGIN)
    before = objects(registry)
    again = write_version(registry, "t", table, ORIGIN)
    assert (again.number, again.manifest, again.repeats) == (3, first.manifest, first.reference)
    assert objects(registry) == before


def test_rows_whose_hashes_collide_are_not_taken_for_each_other(registry: Registry, numbered, monkeypatch):
    def blind(batch: pa.RecordBatch) -> np.ndarray:
        return np.arange(batch.num_rows, dtype=np.uint64) | np.uint64(1)

    monkeypatch.setattr("mlops_desktop.data.versions.chunking.row_hashes", blind)
    monkeypatch.setattr("mlops_desktop.data.versions.chunkwriter.row_hashes", blind)
    write_version(registry, "t", numbered(3_000), ORIGIN)
    version = write_version(registry, "t", numbered(3_000, first=7), ORIGIN)
    assert read_table(registry, version).equals(numbered(3_000, first=7))


@pytest.mark.parametrize("harm", ["missing", "torn"])
def test_rows_in_a_harmed_object_are_written_again(registry: Registry, numbered, harm: str):
    first = write_version(registry, "t", numbered(20_000), ORIGIN)
    path = registry.objects.path(manifest(registry, first).objects[0].sha256)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-9])
    if harm == "missing":
        path.unlink()
    table = with_edits(numbered(20_000), [7])
    assert read_table(registry, write_version(registry, "t", table, ORIGIN)).equals(table)
    assert read_table(registry, write_version(registry, "u", numbered(20_000), ORIGIN)).equals(numbered(20_000))
    assert read_table(registry, first).equals(numbered(20_000))


def test_content_whose_rows_are_lost_becomes_a_version_that_can_be_read(registry: Registry, numbered):
    table = with_edits(numbered(20_000), [7])
    write_version(registry, "t", numbered(20_000), ORIGIN)
    broken = write_version(registry, "t", table, ORIGIN)
    path = registry.objects.path(manifest(registry, broken).objects[0].sha256)
    path.unlink()
    mended = write_version(registry, "t", table, ORIGIN)
    assert (mended.number, mended.content_id, mended.repeats) == (3, broken.content_id, broken.reference)
    assert read_table(registry, mended).equals(table)
    assert write_version(registry, "t", table, ORIGIN) == mended


def test_a_lost_manifest_does_not_stand_in_the_way(registry: Registry, numbered):
    first = write_version(registry, "t", numbered(1_000), ORIGIN)
    registry.objects.path(first.manifest).unlink()
    write_version(registry, "t", numbered(1_100), ORIGIN)
    assert read_table(registry, "t@latest").equals(numbered(1_100))
