"""Moving aliases into production and back, and tracing a version to its data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlops_desktop.core.datasets import Origin, Schema
from mlops_desktop.core.errors import Conflict, NotFound
from mlops_desktop.core.ids import new_id, sha256_hex
from mlops_desktop.core.models import ModelVersion, Parity, Runtime, Signature, Task
from mlops_desktop.governance.lineage import ancestry
from mlops_desktop.governance.promotion import production_version, promote, roll_back
from mlops_desktop.registry import Registry

NOW = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry.create(tmp_path / "workspace", actor="tester")
    yield registry
    assert registry.journal.verify().intact
    registry.close()


def add_data(registry: Registry, dataset: str, content: str, *, parents: tuple[str, ...] = ()) -> str:
    origin = Origin("file", f"{dataset}.csv", sha256=sha256_hex(content.encode()), parents=parents)
    return registry.datasets.add_version(
        dataset=dataset, content_id=content, manifest="m", profile="p", rows=3, size=9, schema=Schema(()),
        origin=origin, chunks=1, new_chunks=1, added_bytes=9, seconds=0.1,
    ).reference  # fmt: skip


def add_version(registry: Registry, data: str = "flights@1") -> ModelVersion:
    spec = registry.specs.save("late", "text")
    run = registry.runs.start("late", spec.reference, data, {})
    version = ModelVersion(
        new_id(), "late", 0, run.id, data, Signature(Task.CLASSIFICATION, (), "late", ("0", "1")), Runtime.ONNX,
        Parity(True, 1, 0.0), {}, {}, None, None, NOW,
    )  # fmt: skip
    return registry.models.register(version)


def in_production(registry: Registry) -> int | None:
    version = production_version(registry, "late")
    return version.number if version else None


def test_a_second_rollback_goes_further_back_and_never_returns_to_what_was_left(registry: Registry) -> None:
    for number in (1, 2, 3):
        promote(registry, add_version(registry), reason=f"number {number}")
    assert roll_back(registry, "late", reason="bad").number == 2
    assert roll_back(registry, "late", reason="worse").number == 1
    assert registry.models.alias("late", "previous") is None
    with pytest.raises(Conflict):
        roll_back(registry, "late", reason="no more")
    promote(registry, add_version(registry), reason="number 4")
    assert roll_back(registry, "late", reason="bad again").number == 1


def test_promotion_remembers_who_was_there_before(registry: Registry) -> None:
    first, second = add_version(registry), add_version(registry)
    assert in_production(registry) is None
    promote(registry, first, reason="first")
    assert registry.models.alias("late", "previous") is None
    promote(registry, second, reason="better", expected=1)
    previous = registry.models.alias("late", "previous")
    assert in_production(registry) == 2 and previous is not None and previous.number == 1


def test_promoting_what_is_in_production_changes_nothing(registry: Registry) -> None:
    first = add_version(registry)
    promote(registry, first, reason="first")
    head = registry.journal.head()
    promote(registry, first, reason="again")
    assert registry.journal.head() == head


def test_a_promotion_that_lost_a_race_changes_nothing(registry: Registry) -> None:
    first, second, third = (add_version(registry) for _ in range(3))
    promote(registry, first, reason="first")
    promote(registry, second, reason="by hand")
    head = registry.journal.head()
    with pytest.raises(Conflict, match="points to 2 by now, not to 1"):
        promote(registry, third, reason="canary", expected=1)
    assert in_production(registry) == 2 and registry.journal.head() == head


def test_a_rollback_returns_to_the_version_before_and_says_why(registry: Registry) -> None:
    for _ in range(2):
        promote(registry, add_version(registry), reason="better")
    assert roll_back(registry, "late", reason="alert 7").number == 1
    alias = registry.models.alias("late", "production")
    assert in_production(registry) == 1 and alias is not None and alias.reason == "rollback: alert 7"


def test_without_a_version_before_there_is_no_rollback(registry: Registry) -> None:
    promote(registry, add_version(registry), reason="first")
    with pytest.raises(Conflict, match="no version to return to") as caught:
        roll_back(registry, "late", reason="alert 7")
    assert caught.value.hint and in_production(registry) == 1


def test_a_version_is_traced_to_every_file_its_rows_came_from(registry: Registry) -> None:
    raw = add_data(registry, "raw", "rows of a file")
    weather = add_data(registry, "weather", "rows of another")
    joined = add_data(registry, "flights", "joined", parents=(raw, weather, raw))
    version = add_version(registry, joined)
    found = ancestry(registry, version.reference)
    assert [data.reference for data in found.data] == ["flights@1", "raw@1", "weather@1"]
    assert found.data[1].origin.sha256 == sha256_hex(b"rows of a file")
    assert (found.run.id, found.spec.reference) == (version.run, "late@1")


def test_lineage_of_what_is_not_there_is_not_found(registry: Registry) -> None:
    with pytest.raises(NotFound, match="no model version late@9"):
        ancestry(registry, "late@9")
