"""What deleting a version would mean is shown first, and refused where something deployed or named needs it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mlops_desktop.core.datasets import Origin
from mlops_desktop.core.deployments import Endpoint, EndpointState
from mlops_desktop.core.errors import Conflict, InvalidInput, NotFound
from mlops_desktop.core.ids import new_id
from mlops_desktop.core.models import ModelVersion, Parity, Runtime, Signature, Task
from mlops_desktop.core.monitoring import Window, WindowKind
from mlops_desktop.data.read import read_table
from mlops_desktop.data.upkeep.collection import collect, plan_collection
from mlops_desktop.data.upkeep.removal import consequences, delete
from mlops_desktop.data.upkeep.verify import verify
from mlops_desktop.data.versions.store import write_version
from mlops_desktop.registry import Registry

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def model(registry: Registry, data: str) -> ModelVersion:
    run = registry.runs.start("late", "late@1", data, {})
    registry.runs.finish(run, metrics={}, artifacts={}, summary="", seconds=1.0)
    signature = Signature(Task.CLASSIFICATION, (), "late", ("0", "1"))
    version = ModelVersion(
        new_id(), "late", 0, run.id, data, signature, Runtime.ONNX, Parity(True, 1, 0.0), {}, {}, None, None, NOW
    )
    return registry.models.register(version)


def serve(registry: Registry, state: EndpointState = EndpointState.SERVING) -> None:
    registry.endpoints.put(Endpoint("late", "late", state, "127.0.0.1", 9, None, NOW))


def promote(registry: Registry, number: int) -> None:
    registry.models.move_alias("late", "production", number, actor="tester", reason="better")


@pytest.fixture
def versions(registry: Registry, origin: Origin, numbered) -> Registry:
    """Two versions that share rows, and one of another dataset that came of the first."""
    write_version(registry, "t", numbered(60_000), origin)
    write_version(registry, "t", numbered(120_000), origin)
    write_version(registry, "joined", numbered(10), Origin("table", "join", parents=("t@1",)))
    return registry


def test_a_version_that_nothing_uses_says_what_it_would_free_and_goes(versions: Registry) -> None:
    found = consequences(versions, "t@2")
    assert (found.reference, found.rows, found.refusal) == ("t@2", 120_000, "")
    assert found.derived == found.runs == found.models == found.aliases == ()
    rows = read_table(versions, "t@1")
    assert delete(versions, "t@2", "a test").reference == "t@2"
    assert collect(versions, plan_collection(versions)).size == found.freed > 0
    assert read_table(versions, "t@1").equals(rows) and verify(versions, deep=True).is_sound


def test_all_who_use_a_version_are_named(versions: Registry) -> None:
    first, second = model(versions, "t@1"), model(versions, "joined@1")
    promote(versions, 2)
    serve(versions)
    versions.windows.add([Window("w", "late", second.reference, WindowKind.DAY, NOW, NOW, 1, 0, (), ())], "")
    versions.datasets.tag("t@1", "raw")
    versions.datasets.set_alias("joined@1", "clean")
    found = consequences(versions, "t@1")
    assert (found.derived, found.tags, found.aliases) == (("joined@1",), ("raw",), ())
    assert set(found.runs) == {first.run, second.run}
    uses = {use.reference: (use.aliases, use.endpoints, use.windows) for use in found.models}
    assert uses == {"late@1": ((), (), 0), "late@2": (("production",), ("late",), 1)}
    assert found.refusal == "late@2 learned from t@1, and it is production, served by late."
    assert consequences(versions, "joined@1").refusal == "joined@1 is clean of joined."


def test_what_a_deployed_model_learned_from_stays_also_where_rows_were_derived_on_the_way(versions: Registry) -> None:
    model(versions, "joined@1")
    promote(versions, 1)
    for reference in ("t@1", "joined@1"):
        with pytest.raises(Conflict, match="late@1 learned from") as caught:
            delete(versions, reference, "a test")
        assert caught.value.hint and versions.datasets.get(reference)
    delete(versions, "t@2", "a test")


def test_what_a_canary_learned_from_stays_until_the_rollout_ends(versions: Registry) -> None:
    model(versions, "t@2")
    model(versions, "t@1")
    rollout = versions.rollouts.start("late", "late", canary=2, primary=1, weight=0.1)
    with pytest.raises(Conflict, match="late@2 learned from t@1, and it is served by late") as caught:
        serve(versions)
        delete(versions, "t@1", "a test")
    assert caught.value.hint
    with pytest.raises(Conflict, match="late@1 learned from t@2"):
        delete(versions, "t@2", "a test")
    versions.rollouts.decide(rollout, outcome=type(rollout.state).ROLLED_BACK, reason="worse")
    delete(versions, "t@1", "a test")


def test_a_model_without_alias_or_endpoint_keeps_the_reference_as_a_name(versions: Registry) -> None:
    trained = model(versions, "t@1")
    delete(versions, "t@1", "personal data")
    assert versions.models.get(trained.reference).dataset_version == "t@1"
    with pytest.raises(NotFound, match="t@1 was deleted"):
        versions.datasets.get("t@1")


def test_an_alias_or_no_reason_keeps_a_version(versions: Registry) -> None:
    versions.datasets.set_alias("t@1", "reference")
    with pytest.raises(Conflict, match="t@1 is reference of t"):
        delete(versions, "t@reference", "a test")
    with pytest.raises(InvalidInput, match="needs a reason"):
        delete(versions, "t@2", "")


def test_shared_rows_and_rows_of_a_damaged_version_are_not_promised(versions: Registry, origin: Origin) -> None:
    write_version(versions, "copy", read_table(versions, "t@2"), origin)
    found = consequences(versions, "t@2")
    own = versions.objects.size(versions.datasets.get("t@2").manifest)
    assert own is not None and found.freed <= own
    versions.objects.path(versions.datasets.get("t@2").manifest).unlink()
    assert consequences(versions, "t@2").freed == 0
