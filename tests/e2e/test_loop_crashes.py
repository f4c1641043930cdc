"""The loop goes on whatever is killed: workers, the gateway, the engine itself."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from loop_kit import ROOT, program, wait_until, without_qt

from mlops_desktop.core.deployments import EndpointState
from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.core.runs import RunState
from mlops_desktop.pipelines.engine import Engine
from mlops_desktop.pipelines.engine_state import read_engine_state
from mlops_desktop.pipelines.left_behind import MAX_ATTEMPTS
from mlops_desktop.pipelines.player import Control, Player
from mlops_desktop.pipelines.sample import ENDPOINT
from mlops_desktop.registry import Registry
from mlops_desktop.serving import supervisor as supervision
from mlops_desktop.serving.log import predictions_of, read_log
from mlops_desktop.workspace import Workspace

KILLS = 10


def start_agent(folder: Path) -> subprocess.Popen[bytes]:
    """The engine as a process of its own."""
    command = [sys.executable, str(ROOT / "main.py"), "agent", str(folder), "--with-parent"]
    agent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=without_qt())
    assert agent.stdout is not None and b"runs" in agent.stdout.readline()
    return agent


def stop_agent(agent: subprocess.Popen[bytes]) -> None:
    if agent.poll() is None:
        agent.communicate(timeout=30)


def job(folder: Path) -> tuple[str, int] | None:
    found = read_engine_state(folder).job
    return (found.run, found.pid) if found else None


def kill(pid: int) -> bool:
    """Kill a process at once; False when it has already ended."""
    try:
        psutil.Process(pid).kill()
    except psutil.NoSuchProcess:
        return False
    return True


def gone(pids: list[int]) -> bool:
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)


def serving_pid(registry: Registry) -> int | None:
    endpoint = registry.endpoints.get(ENDPOINT)
    return endpoint.pid if endpoint.state is EndpointState.SERVING else None


class Victim:
    """A queued retraining whose workers are killed, each so many seconds after it began."""

    def __init__(self, workspace: Workspace, moments: list[float]) -> None:
        self._folder = workspace.folder
        self._registry = workspace.registry
        self._moments = moments
        self.run = workspace.retrain(ENDPOINT)
        self.landed = 0

    def attend(self) -> PipelineRun:
        """Kill its workers as planned, and wait for its end."""
        seen: set[int] = set()
        for moment in self._moments:
            wait_until(lambda: self._is_over() or self._fresh(seen) is not None, what="the next attempt")
            pid = self._fresh(seen)
            if pid is None:
                break
            seen.add(pid)
            deadline = time.monotonic() + moment
            wait_until(lambda: time.monotonic() >= deadline)  # noqa: B023 - called before the next round
            if not self._is_over():
                self.landed += kill(pid)
        wait_until(self._is_over, what="the end of the run")
        return self._registry.pipeline_runs.get(self.run.id)

    def _fresh(self, seen: set[int]) -> int | None:
        found = job(self._folder)
        return found[1] if found and found[0] == self.run.id and found[1] not in seen else None

    def _is_over(self) -> bool:
        return self._registry.pipeline_runs.get(self.run.id).state.is_final


def test_workers_killed_at_ten_moments_of_training_are_followed_by_others(
    played: Path, at_end: Callable[[Callable[[], object]], None]
) -> None:
    agent = start_agent(played)
    at_end(lambda: stop_agent(agent))
    workspace = Workspace(played)
    at_end(workspace.close)
    undisturbed = Victim(workspace, [])
    began = time.monotonic()
    assert undisturbed.attend().state is RunState.SUCCEEDED
    whole = time.monotonic() - began
    moments = [whole * step / KILLS for step in range(KILLS)]
    victims = []
    for first, second in zip(moments[::2], moments[1::2], strict=True):
        victim = Victim(workspace, [first, second])
        done = victim.attend()
        assert done.state is RunState.SUCCEEDED, done.reason
        assert done.attempt == victim.landed + 1
        victims.append(victim)
    hopeless = Victim(workspace, [0.0] * MAX_ATTEMPTS)
    done = hopeless.attend()
    assert (done.state, hopeless.landed) == (RunState.FAILED, MAX_ATTEMPTS)
    assert "killed by signal 9" in done.reason or "ended with code" in done.reason
    assert sum(victim.landed for victim in victims) >= KILLS // 2
    assert workspace.registry.runs.left_running() == []
    assert workspace.registry.journal.verify().intact
    assert serving_pid(workspace.registry) is not None


def test_a_gateway_killed_ten_times_under_traffic_loses_no_answered_prediction(
    played: Path, at_end: Callable[[Callable[[], object]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "MAX_QUICK_DEATHS", KILLS)
    monkeypatch.setattr(supervision, "_BACK_OFF_SECONDS", (0.0,))
    engine = Engine(played)
    assert engine.start()
    at_end(engine.stop)
    registry = Registry(played)
    at_end(registry.close)
    answered: list[str] = []
    control = Control()
    failures: list[BaseException] = []

    def play() -> None:
        try:
            player = Player(played, control, lambda progress: None)
            noting(player, answered)
            player.play()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=play)
    thread.start()
    at_end(thread.join)
    at_end(control.stop)
    killed: set[int] = set()
    for _ in range(KILLS):
        wanted = len(answered) + 15
        wait_until(lambda: failures or len(answered) >= wanted)  # noqa: B023 - called before the next round
        wait_until(lambda: failures or serving_pid(registry) not in {None, *killed})
        pid = serving_pid(registry)
        assert not failures and pid is not None
        assert kill(pid)
        killed.add(pid)
    wanted = len(answered) + 30
    wait_until(lambda: failures or len(answered) >= wanted)
    control.stop()
    thread.join()
    assert failures == [] and len(killed) == KILLS
    logged = {record.id for record in predictions_of(read_log(played / "spool" / ENDPOINT))}
    assert set(answered) <= logged
    assert registry.journal.verify().intact and engine.failure == ""


def noting(player: Player, answered: list[str]) -> None:
    """Have the player's client note the id of every prediction it got an answer to."""
    client: Any = player._client
    post = client.post

    def noted(path: str, body: Any, headers: dict[str, str] | None = None) -> Any:
        answer = post(path, body, headers)
        if path.endswith("/predict"):
            answered.append(answer["id"])
        return answer

    client.post = noted


def test_a_second_engine_on_the_same_workspace_does_not_start(
    played: Path, at_end: Callable[[Callable[[], object]], None]
) -> None:
    agent = start_agent(played)
    at_end(lambda: stop_agent(agent))
    registry = Registry(played)
    at_end(registry.close)
    wait_until(lambda: serving_pid(registry) is not None, what="serving")
    before, gateway = registry.journal.head(), serving_pid(registry)
    second = Engine(played)
    assert not second.start() and f"process {agent.pid} on " in second.holder
    second.stop()
    finished = program("agent", played)
    assert finished.returncode == 1
    assert f"already runs in process {agent.pid} on " in finished.stderr and len(finished.stderr.splitlines()) == 1
    assert f"process {agent.pid}" in program("status", "-w", played).stdout
    assert (registry.journal.head(), serving_pid(registry)) == (before, gateway)
    state = read_engine_state(played)
    assert state.running and state.pid == agent.pid and agent.poll() is None


def test_a_killed_engine_leaves_no_process_behind_and_the_next_one_finishes_its_run(
    played: Path, at_end: Callable[[Callable[[], object]], None]
) -> None:
    agent = start_agent(played)
    at_end(lambda: stop_agent(agent))
    workspace = Workspace(played)
    at_end(workspace.close)
    registry = workspace.registry
    wait_until(lambda: serving_pid(registry) is not None, what="serving")
    run = workspace.retrain(ENDPOINT)
    wait_until(lambda: (found := job(played)) is not None and found[0] == run.id, what="a worker")
    worker, gateway = job(played), serving_pid(registry)
    family = [child.pid for child in psutil.Process(agent.pid).children(recursive=True)]
    assert worker is not None and worker[1] in family and gateway in family and len(family) >= 4
    assert kill(agent.pid)
    agent.communicate()
    wait_until(lambda: gone(family), 15, what="the end of all processes")
    assert registry.pipeline_runs.get(run.id).state is RunState.RUNNING
    successor = start_agent(played)
    at_end(lambda: stop_agent(successor))
    wait_until(lambda: registry.pipeline_runs.get(run.id).state.is_final, what="the end of the run")
    done = registry.pipeline_runs.get(run.id)
    assert (done.state, done.attempt) == (RunState.SUCCEEDED, 2), done.reason
    wait_until(lambda: serving_pid(registry) not in (None, gateway), what="serving again")
    assert registry.journal.verify().intact and registry.runs.left_running() == []
    stop_agent(successor)
    assert registry.endpoints.get(ENDPOINT).state is EndpointState.STARTING  # waits for the next engine
