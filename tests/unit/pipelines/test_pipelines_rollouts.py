"""Rollouts by hand and by their spec, as the gateway is told of them; and the replay of logged requests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest
from loop_kit import ENDPOINT, log_predictions, make_served_workspace, run_pipeline

from mlops_desktop.core.deployments import RolloutKind, RolloutState
from mlops_desktop.core.errors import AppError, Conflict, InvalidInput, NotFound
from mlops_desktop.core.ids import new_id
from mlops_desktop.core.models import ModelVersion
from mlops_desktop.core.runs import RunState
from mlops_desktop.data.read import read_table
from mlops_desktop.pipelines.delivery import Delivery
from mlops_desktop.pipelines.rollouts import RolloutKeeper, spec_of
from mlops_desktop.serving.config import Route
from mlops_desktop.serving.rollout_reader import RolloutReader
from mlops_desktop.workspace import Workspace


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    workspace = make_served_workspace(tmp_path_factory.mktemp("rollouts"))
    yield workspace
    assert workspace.registry.journal.verify().intact
    workspace.close()


@pytest.fixture
def workspace(served: Workspace) -> Iterator[Workspace]:
    """The first version is in production, and nothing is tried."""
    yield served
    if served.registry.rollouts.running(ENDPOINT):
        served.serving.hold(ENDPOINT, reason="the test is over")
    if served.registry.models.alias(ENDPOINT, "production").number != 1:  # type: ignore[union-attr]
        served.promote(f"{ENDPOINT}@1", reason="the test is over")


def another_version(workspace: Workspace) -> ModelVersion:
    first = workspace.registry.models.get(f"{ENDPOINT}@1")
    return workspace.registry.models.register(msgspec.structs.replace(first, id=new_id(), run=new_id()))


def routed(workspace: Workspace) -> Route:
    delivery = Delivery(workspace.registry)
    return delivery._served(workspace.registry.endpoints.get(ENDPOINT)).route  # type: ignore[union-attr]


def test_a_rollout_goes_by_the_spec_that_it_was_started_with(workspace: Workspace) -> None:
    version = another_version(workspace)
    rollout = workspace.serving.start_rollout(ENDPOINT, version.reference, weight=0.2, reason="a try")
    assert (rollout.kind, rollout.weight) == (RolloutKind.CANARY, 0.2)
    assert rollout.spec == workspace.registry.specs.get(ENDPOINT).reference
    assert routed(workspace) == Route(1, version.number, 0.2)
    assert spec_of(workspace.registry, rollout).kind is RolloutKind.CANARY
    told = [event for event in workspace.registry.journal.all() if event.kind == "rollout.changed"]
    assert told[-1].payload["reason"] == "by hand: a try"


def test_a_shadow_gets_copies_and_no_share(workspace: Workspace) -> None:
    version = another_version(workspace)
    rollout = workspace.serving.start_rollout(ENDPOINT, version.reference, kind=RolloutKind.SHADOW)
    assert rollout.weight == 0.0
    assert routed(workspace) == Route(1, shadow=version.number)
    with pytest.raises(Conflict, match="shadow"):
        workspace.serving.set_weight(ENDPOINT, 0.5)


def test_an_ab_test_ends_held_with_its_figures(workspace: Workspace) -> None:
    rollout = workspace.serving.start_rollout(ENDPOINT, another_version(workspace).reference, kind=RolloutKind.AB)
    RolloutKeeper(workspace.registry).bring_on(workspace.registry.clock.now() + timedelta(days=400))
    ended = workspace.registry.rollouts.get(rollout.id)
    assert ended.state is RolloutState.HELD and ended.reason.startswith("Measured for")


def test_workers_that_keep_ending_roll_back_at_once(workspace: Workspace) -> None:
    version = another_version(workspace)
    rollout = workspace.serving.start_rollout(ENDPOINT, version.reference)
    crashes = {(ENDPOINT, version.number): "5 workers ended"}
    RolloutKeeper(workspace.registry).bring_on(workspace.registry.clock.now(), crashes)
    ended = workspace.registry.rollouts.get(rollout.id)
    assert ended.state is RolloutState.ROLLED_BACK and "5 workers ended" in ended.reason


def test_each_step_can_be_decided_by_hand_with_a_reason(workspace: Workspace) -> None:
    serving, version = workspace.serving, another_version(workspace)
    serving.start_rollout(ENDPOINT, version.reference)
    assert serving.set_weight(ENDPOINT, 0.1, reason="careful").weight == 0.1
    with pytest.raises(InvalidInput, match="reason"):
        serving.promote_now(ENDPOINT, reason=" ")
    assert serving.hold(ENDPOINT, reason="later").state is RolloutState.HELD
    assert routed(workspace) == Route(1)
    serving.start_rollout(ENDPOINT, version.reference)
    assert serving.roll_back(ENDPOINT, reason="no").state is RolloutState.ROLLED_BACK
    serving.start_rollout(ENDPOINT, version.reference)
    assert serving.promote_now(ENDPOINT, reason="good enough").number == version.number
    assert routed(workspace).primary == version.number
    newest = serving.rollouts(ENDPOINT)[0]
    assert (newest.state, newest.reason) == (RolloutState.PROMOTED, "by hand: good enough")
    for act in (serving.hold, serving.roll_back, serving.promote_now, serving.advance):
        with pytest.raises(AppError, match="No rollout"):
            act(ENDPOINT, reason="why")


def test_a_share_set_by_hand_while_the_engine_looks_is_kept(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = workspace.registry
    rollout = workspace.serving.start_rollout(ENDPOINT, another_version(workspace).reference)
    read = RolloutReader.update

    def read_meanwhile(reader: RolloutReader) -> bool:
        workspace.serving.set_weight(ENDPOINT, 0.37, reason="fewer people are to see it")
        return read(reader)

    with monkeypatch.context() as patched:
        patched.setattr(RolloutReader, "update", read_meanwhile)
        keeper = RolloutKeeper(registry)
        keeper.bring_on(registry.clock.now() + timedelta(days=400))
    assert registry.rollouts.get(rollout.id).weight == 0.37
    assert registry.rollouts.running(ENDPOINT) is not None
    keeper.bring_on(registry.clock.now() + timedelta(days=400))
    assert registry.rollouts.get(rollout.id).state is RolloutState.HELD


def test_no_step_comes_after_the_last(workspace: Workspace) -> None:
    rollout = workspace.serving.start_rollout(ENDPOINT, another_version(workspace).reference)
    for step in range(1, spec_of(workspace.registry, rollout).last_step + 1):
        assert workspace.serving.advance(ENDPOINT, reason="quick").step == step
    with pytest.raises(Conflict, match="last step"):
        workspace.serving.advance(ENDPOINT, reason="quick")


def test_logged_requests_are_replayed_by_another_version(workspace: Workspace) -> None:
    registry, version = workspace.registry, another_version(workspace)
    assert registry.models.get(version.reference)
    with pytest.raises(NotFound):
        workspace.serving.replayed(version.reference)
    dataset = registry.datasets.get(registry.models.get(f"{ENDPOINT}@1").dataset_version).reference
    log_predictions(registry, read_table(registry, dataset).slice(0, 60), labelled=False)
    queued = workspace.serving.replay(ENDPOINT, version.reference, requests=50)
    assert queued.parameters == {"endpoint": ENDPOINT, "reference": version.reference, "requests": 50}
    registry.pipeline_runs.request_cancel(queued.id)
    done = run_pipeline(registry, "replay", **queued.parameters)
    assert done.state is RunState.SUCCEEDED, done.reason
    report = workspace.serving.replayed(version.reference)
    assert (report.requests, report.rows, report.refused, report.failed) == (50, 50, 0, 0), report.problem
    assert report.version == version.number and report.latency_after.n == 50
    assert len(report.rows_shown) == report.changed
    assert f"{version.reference} on 50 requests" in done.steps[-1].output["summary"]
