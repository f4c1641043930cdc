"""The engine's rounds: recovery, cancelling, serving what is recorded, and rollouts that lost their ground."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from loop_kit import ENDPOINT, endpoint, make_served_workspace, make_workspace, wait_until

from mlops_desktop.core.deployments import EndpointState, RolloutState
from mlops_desktop.core.errors import AppError, Conflict, InvalidInput, NotFound
from mlops_desktop.core.ids import new_id
from mlops_desktop.core.models import ModelVersion
from mlops_desktop.core.pipelines import Schedule, StepRun
from mlops_desktop.core.runs import RunState
from mlops_desktop.pipelines import engine as engines
from mlops_desktop.pipelines import left_behind, worker
from mlops_desktop.pipelines.delivery import Delivery
from mlops_desktop.pipelines.engine import Engine, EngineRounds
from mlops_desktop.pipelines.engine_state import FILE, EngineState, read_engine_state
from mlops_desktop.pipelines.left_behind import MAX_ATTEMPTS
from mlops_desktop.pipelines.rollouts import RolloutKeeper
from mlops_desktop.pipelines.settings import feedback_token
from mlops_desktop.registry import Registry
from mlops_desktop.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    workspace = make_served_workspace(tmp_path)
    yield workspace
    assert workspace.registry.journal.verify().intact
    workspace.close()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry.create(tmp_path / "workspace", actor="tester")
    yield registry
    registry.close()


def another_version(registry: Registry, *, model: str = ENDPOINT, artifact: str = "") -> ModelVersion:
    """A further version, of the same artifacts or of another one."""
    import msgspec

    first = registry.models.get(f"{ENDPOINT}@1")
    artifacts = first.artifacts | ({"onnx": artifact} if artifact else {})
    changed = msgspec.structs.replace(first, id=new_id(), run=new_id(), model=model, artifacts=artifacts)
    return registry.models.register(changed)


# What an earlier engine left behind


def begin_and_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "warm_up", lambda: None)
    rounds = EngineRounds(folder, lambda: None)
    rounds.begin()
    rounds.end("")


def pid_of_an_ended_process() -> int:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def left_running(registry: Registry, attempts: int) -> str:
    """A run whose worker and engine ended in its second step."""
    run = registry.pipeline_runs.queue("retrain", {"endpoint": ENDPOINT}, "test")
    for attempt in range(attempts):
        registry.pipeline_runs.start(run, pid_of_an_ended_process())
        registry.pipeline_runs.set_step(run.id, StepRun("collect", RunState.SUCCEEDED, {"rows": 1}))
        if attempt < attempts - 1:
            registry.pipeline_runs.requeue(run.id, "killed")
    return run.id


def test_a_run_left_behind_is_queued_again_with_its_finished_steps(
    empty: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = left_running(empty, 1)
    training = empty.runs.start("late", "late@1", "trips@1", {})
    begin_and_end(empty.folder, monkeypatch)
    found = empty.pipeline_runs.get(run)
    assert (found.state, [step.name for step in found.steps]) == (RunState.QUEUED, ["collect"])
    assert empty.runs.get(training.id).state is RunState.FAILED
    assert not read_engine_state(empty.folder).running


def test_an_engine_shows_that_it_runs_before_its_workers_libraries_are_imported(
    empty: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[EngineState] = []
    monkeypatch.setattr(engines, "warm_up", lambda: seen.append(read_engine_state(empty.folder)))
    rounds = EngineRounds(empty.folder, lambda: None)
    rounds.begin()
    rounds.end("")
    assert [(state.running, state.pid, state.settled) for state in seen] == [(True, os.getpid(), None)]


def test_a_run_that_took_its_engines_along_too_often_is_given_up(
    empty: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = left_running(empty, MAX_ATTEMPTS)
    begin_and_end(empty.folder, monkeypatch)
    found = empty.pipeline_runs.get(run)
    assert found.state is RunState.FAILED and f"{MAX_ATTEMPTS} times in a row" in found.reason


def test_a_run_left_behind_that_was_to_be_cancelled_is_cancelled(
    empty: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = left_running(empty, 1)
    empty.pipeline_runs.request_cancel(run)
    begin_and_end(empty.folder, monkeypatch)
    assert empty.pipeline_runs.get(run).state is RunState.CANCELLED


def test_a_run_that_another_program_is_at_work_on_is_left_to_it_until_that_ends(
    empty: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    run = empty.pipeline_runs.queue("ingest", {}, "test")
    empty.pipeline_runs.start(run, other.pid)
    begin_and_end(empty.folder, monkeypatch)
    assert empty.pipeline_runs.get(run.id).state is RunState.RUNNING
    other.communicate(b"")
    begin_and_end(empty.folder, monkeypatch)
    assert empty.pipeline_runs.get(run.id).state is RunState.QUEUED


def test_a_process_that_only_got_the_number_of_an_ended_one_is_not_at_work(empty: Registry) -> None:
    run = empty.pipeline_runs.queue("ingest", {}, "test")
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = empty.pipeline_runs.start(run, other.pid)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(left_behind, "_CLOCKS_DIFFER", -timedelta(days=1))
        assert not left_behind.is_at_work(empty, started)
    assert left_behind.is_at_work(empty, started)
    other.communicate(b"")


def test_an_engine_on_a_workspace_that_cannot_be_opened_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Engine(tmp_path)


def test_the_engines_state_survives_any_content_of_its_file(empty: Registry) -> None:
    for content in (b"", b"{", b"[]", b'{"pid": "x"}'):
        (empty.folder / FILE).write_bytes(content)
        assert not read_engine_state(empty.folder).running


def test_the_worker_command_carries_out_one_queued_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = make_workspace(tmp_path)
    folder = str(workspace.folder)
    assert worker.main([folder]) == 0
    run = workspace.queue("monitor", {"endpoint": ENDPOINT})
    assert worker.main([folder, run.id]) == 0
    assert workspace.registry.pipeline_runs.get(run.id).state is RunState.SUCCEEDED
    assert worker.main([folder, run.id]) == 1
    broken = workspace.queue("monitor", {"endpoint": "nothing"})
    assert worker.main([folder]) == 1
    assert "nothing" in workspace.registry.pipeline_runs.get(broken.id).reason
    workspace.close()


def test_a_running_engine_carries_out_cancels_and_stops(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    engine = Engine(workspace.folder)
    assert engine.start() and engine.is_running
    try:
        runs = workspace.registry.pipeline_runs
        first, second = workspace.retrain(ENDPOINT), workspace.queue("monitor", {"endpoint": ENDPOINT})
        workspace.cancel(second.id)
        wait_until(lambda: runs.get(first.id).state.is_final)
        assert runs.get(first.id).state is RunState.SUCCEEDED, runs.get(first.id).reason
        assert runs.get(second.id).state is RunState.CANCELLED
        served = workspace.registry.endpoints
        wait_until(lambda: served.get(ENDPOINT).state is EndpointState.SERVING)
        workspace.stop_serving(ENDPOINT)
        wait_until(lambda: served.get(ENDPOINT).state is EndpointState.STOPPED)
        workspace.start_serving(ENDPOINT)
        wait_until(lambda: served.get(ENDPOINT).state is EndpointState.SERVING)
        workspace.start_serving(ENDPOINT)  # what serves already goes on
        wait_until(lambda: served.get(ENDPOINT).state is EndpointState.SERVING)
    finally:
        engine.stop()
    assert engine.failure == "" and not engine.is_running
    assert not read_engine_state(workspace.folder).running
    workspace.close()


def test_an_engine_whose_workspace_is_taken_away_says_why_it_ended_and_leaves_nothing_running(tmp_path: Path) -> None:
    workspace = make_served_workspace(tmp_path)
    engine = Engine(workspace.folder)
    assert engine.start()
    try:
        wait_until(lambda: workspace.registry.endpoints.get(ENDPOINT).state is EndpointState.SERVING)
        gateway = workspace.registry.endpoints.get(ENDPOINT).pid
        registry = workspace.registry
        with registry.transaction():
            registry._database.tables.meta.drop_table()
            registry._database.tables.endpoint.drop_table()
        wait_until(lambda: not engine.is_running)
        assert "could not be used" in engine.failure
        wait_until(lambda: gateway is not None and not psutil.pid_exists(gateway))
    finally:
        engine.stop()
        workspace.close()


# Serving what is recorded


@pytest.fixture
def delivery(workspace: Workspace) -> Iterator[Delivery]:
    delivery = Delivery(workspace.registry)
    yield delivery
    delivery.end()


def state(workspace: Workspace) -> EndpointState:
    return workspace.registry.endpoints.get(ENDPOINT).state


def test_a_canary_that_cannot_be_served_is_taken_back_and_the_primary_serves_on(
    workspace: Workspace, delivery: Delivery
) -> None:
    registry, now = workspace.registry, workspace.registry.clock.now()
    delivery.reconcile(now, time_moved=False)
    assert state(workspace) is EndpointState.SERVING
    pid = registry.endpoints.get(ENDPOINT).pid
    for artifact in (registry.objects.put_bytes(b"no model at all"), "ab" * 32):
        version = another_version(registry, artifact=artifact)
        rollout = workspace.start_canary(ENDPOINT, version.reference, weight=0.5)
        delivery.reconcile(now, time_moved=False)
        ended = registry.rollouts.get(rollout.id)
        assert ended.state is RolloutState.ROLLED_BACK and ended.reason.startswith("cannot be served: ")
        assert state(workspace) is EndpointState.SERVING and registry.endpoints.get(ENDPOINT).pid == pid


def test_a_damaged_version_before_is_no_reason_not_to_serve(workspace: Workspace, delivery: Delivery) -> None:
    registry = workspace.registry
    workspace.promote(another_version(registry, artifact="ab" * 32).reference, reason="by mistake")
    workspace.roll_back(ENDPOINT, reason="it was one")
    delivery.reconcile(registry.clock.now(), time_moved=False)
    assert state(workspace) is EndpointState.SERVING


def test_an_endpoint_whose_production_is_damaged_fails_and_serves_again_after_a_rollback(
    workspace: Workspace, delivery: Delivery
) -> None:
    registry, now = workspace.registry, workspace.registry.clock.now()
    workspace.promote(another_version(registry, artifact="ab" * 32).reference, reason="by mistake")
    delivery.reconcile(now, time_moved=False)
    assert state(workspace) is EndpointState.FAILED
    workspace.roll_back(ENDPOINT, reason="it was one")
    workspace.start_serving(ENDPOINT)
    delivery.reconcile(now, time_moved=False)
    assert state(workspace) is EndpointState.SERVING


# Rollouts and promotions by hand


@pytest.mark.parametrize(("moved_to", "outcome"), [("canary", RolloutState.PROMOTED), ("a third", RolloutState.HELD)])
def test_a_rollout_ends_when_production_is_moved_under_it(
    workspace: Workspace, moved_to: str, outcome: RolloutState
) -> None:
    registry = workspace.registry
    canary, third = another_version(registry), another_version(registry)
    rollout = workspace.start_canary(ENDPOINT, canary.reference, weight=0.5)
    number = {"canary": canary, "a third": third}[moved_to].number
    registry.models.move_alias(ENDPOINT, "production", number, actor="somebody", reason="elsewhere")
    keeper = RolloutKeeper(registry)
    for _ in range(2):
        keeper.bring_on(registry.clock.now())
    ended = registry.rollouts.get(rollout.id)
    assert ended.state is outcome and "meanwhile" in ended.reason
    assert registry.rollouts.running(ENDPOINT) is None


def test_a_rollout_without_traffic_goes_on_until_its_time_is_over(workspace: Workspace) -> None:
    registry = workspace.registry
    rollout = workspace.start_canary(ENDPOINT, another_version(registry).reference, weight=0.5)
    keeper = RolloutKeeper(registry)
    keeper.bring_on(registry.clock.now())
    assert registry.rollouts.get(rollout.id).state is RolloutState.RUNNING
    keeper.bring_on(registry.clock.now() + timedelta(days=400))
    assert registry.rollouts.get(rollout.id).state is RolloutState.HELD


def test_promoting_by_hand_ends_the_canary_by_what_it_became(workspace: Workspace) -> None:
    registry = workspace.registry
    second, third = another_version(registry), another_version(registry)
    rollout = workspace.start_canary(ENDPOINT, second.reference, weight=0.5)
    workspace.promote(second.reference, reason="good enough")
    assert registry.rollouts.get(rollout.id).state is RolloutState.PROMOTED
    rollout = workspace.start_canary(ENDPOINT, third.reference, weight=0.5)
    workspace.promote(f"{ENDPOINT}@1", reason="back")
    assert registry.rollouts.get(rollout.id).state is RolloutState.ROLLED_BACK


def test_rolling_back_by_hand_ends_a_canary_before_it_touches_production(workspace: Workspace) -> None:
    second = another_version(workspace.registry)
    workspace.promote(second.reference, reason="better")
    workspace.start_canary(ENDPOINT, f"{ENDPOINT}@1", weight=0.5)
    assert workspace.roll_back(ENDPOINT, reason="no").number == 2
    assert workspace.roll_back(ENDPOINT, reason="no").number == 1


def test_what_cannot_be_done_by_hand_is_refused_and_changes_nothing(workspace: Workspace) -> None:
    registry = workspace.registry
    second, other = another_version(registry), another_version(registry, model="other")
    registry.endpoints.put(endpoint(name="elsewhere"))
    head = registry.journal.head()
    refusals: list[tuple[type[AppError], object]] = [
        (InvalidInput, lambda: workspace.start_canary(ENDPOINT, second.reference, weight=1.5)),
        (NotFound, lambda: workspace.start_canary("nowhere", second.reference, weight=0.5)),
        (Conflict, lambda: workspace.start_canary(ENDPOINT, other.reference, weight=0.5)),
        (Conflict, lambda: workspace.start_canary(ENDPOINT, f"{ENDPOINT}@1", weight=0.5)),
        (Conflict, lambda: workspace.set_canary_weight(ENDPOINT, 0.5)),
        (Conflict, lambda: workspace.roll_back(ENDPOINT, reason="")),
        (InvalidInput, lambda: workspace.schedule(Schedule("x", "monitor", "now", {"endpoint": ENDPOINT}, None))),
        (InvalidInput, lambda: workspace.schedule(Schedule("x", "monitr", "0 5 * * *", {}, None))),
        (InvalidInput, lambda: workspace.queue("retrain")),
    ]
    for kind, ask in refusals:
        with pytest.raises(kind) as caught:
            ask()  # type: ignore[operator]
        assert caught.value.hint
    assert registry.journal.head() == head


def test_the_feedback_token_is_made_once_and_private(empty: Registry) -> None:
    token = feedback_token(empty.folder)
    assert len(token) > 30 and feedback_token(empty.folder) == token
    if os.name == "posix":
        assert (empty.folder / "serving-token").stat().st_mode & 0o077 == 0
