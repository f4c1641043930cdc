"""Whatever is done to versions in whatever order, each that is there reads back as it was, and the store is sound."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pyarrow as pa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from mlops_desktop.core.datasets import Origin
from mlops_desktop.core.errors import Conflict
from mlops_desktop.data.read import read_table
from mlops_desktop.data.upkeep.archiving import archive, restore
from mlops_desktop.data.upkeep.collection import collect, plan_collection
from mlops_desktop.data.upkeep.removal import consequences, delete
from mlops_desktop.data.upkeep.verify import verify
from mlops_desktop.data.versions.store import append_version, write_version
from mlops_desktop.registry import Registry

ORIGIN = Origin("table", "test")


def some_rows(first: int, rows: int) -> pa.Table:
    keys = range(first, first + rows)
    return pa.table(
        {"key": pa.array(keys, pa.int64()), "text": pa.array([f"row {key % 97}" for key in keys], pa.string())}
    )


class Lifecycle(RuleBasedStateMachine):
    """`rows` are what each version must read back as, `packed` the versions whose rows may be gone."""

    references = Bundle("references")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.registry = Registry.create(self.folder / "workspace")
        self.rows: dict[str, pa.Table] = {}
        self.packed: set[str] = set()
        self.files = 0

    def teardown(self) -> None:
        assert self.registry.journal.verify().intact
        self.registry.close()
        shutil.rmtree(self.folder)

    def keep(self, reference: str, table: pa.Table):
        if reference in self.rows:
            return multiple()
        self.rows[reference] = table
        return reference

    @initialize(target=references)
    def begin(self):
        return self.write("a", 0, 3)

    @rule(target=references, dataset=st.sampled_from("ab"), first=st.integers(0, 3), rows=st.integers(0, 4))
    def write(self, dataset: str, first: int, rows: int):
        table = some_rows(first * 1_000, rows * 1_500)
        return self.keep(write_version(self.registry, dataset, table, ORIGIN).reference, table)

    @rule(target=references, dataset=st.sampled_from("ab"), rows=st.integers(1, 300))
    def append(self, dataset: str, rows: int):
        latest = self.registry.datasets.names()
        before = read_table(self.registry, dataset) if dataset in latest else some_rows(0, 0)
        added = some_rows(9_000, rows)
        version = append_version(self.registry, dataset, added, ORIGIN)
        return self.keep(version.reference, pa.concat_tables([before, added]))

    @rule(reference=consumes(references))
    def delete(self, reference: str) -> None:
        refusal = consequences(self.registry, reference).refusal
        try:
            delete(self.registry, reference, "a test")
        except Conflict as error:
            assert refusal == error.message
            return
        assert not refusal
        del self.rows[reference]
        self.packed.discard(reference)

    @rule(reference=references, alias=st.sampled_from(["gold", "reference"]))
    def name(self, reference: str, alias: str) -> None:
        if reference in self.rows:
            self.registry.datasets.set_alias(reference, alias)
            assert self.registry.datasets.get(f"{reference[0]}@{alias}").reference == reference

    @rule(reference=references, is_packed=st.booleans())
    def archive(self, reference: str, is_packed: bool) -> None:
        if reference not in self.rows or reference in self.packed:
            return
        self.files += 1
        try:
            archive(self.registry, reference, self.folder / f"{self.files}.zip" if is_packed else None)
        except Conflict:
            return
        if is_packed:
            self.packed.add(reference)

    @rule(reference=references)
    def restore(self, reference: str) -> None:
        if reference in self.rows:
            assert restore(self.registry, reference).reference == reference
            self.packed.discard(reference)

    @rule()
    def collect(self) -> None:
        plan = plan_collection(self.registry)
        assert collect(self.registry, plan).objects == plan.objects
        assert plan_collection(self.registry).unused == ()

    @invariant()
    def every_version_reads_back_equal(self) -> None:
        listed = self.registry.datasets.lines(include_archived=True)
        assert {line.reference for line in listed} == set(self.rows)
        assert {line.reference for line in listed if line.packed} == self.packed
        for reference, table in self.rows.items():
            if reference not in self.packed:
                assert read_table(self.registry, reference).equals(table)

    @invariant()
    def the_store_is_sound(self) -> None:
        assert verify(self.registry, deep=True).is_sound


TestLifecycle = Lifecycle.TestCase
TestLifecycle.settings = settings(
    max_examples=8, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
