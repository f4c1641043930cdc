"""Serving that outlives its window: the agent takes over, is found, and ends when it is asked to."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from loop_kit import ENDPOINT, ROOT, make_served_workspace, wait_until, without_qt

from mlops_desktop.core.deployments import EndpointState
from mlops_desktop.pipelines.background import ask_to_end, start_in_background
from mlops_desktop.pipelines.engine import Engine
from mlops_desktop.pipelines.engine_state import read_engine_state
from mlops_desktop.workspace import Workspace


def agent(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "main.py"), "agent", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=without_qt(), timeout=120)


def serves(workspace: Workspace) -> bool:
    found = workspace.registry.endpoints.get(ENDPOINT)
    if found.state is not EndpointState.SERVING or not found.port:
        return False
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{found.port}/v2/health/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def test_endpoints_are_served_on_when_their_window_goes(tmp_path: Path) -> None:
    workspace = make_served_workspace(tmp_path)
    folder = workspace.folder
    engine = Engine(folder)
    assert engine.start()
    wait_until(lambda: serves(workspace), what="serving by the window's engine")
    port = workspace.registry.endpoints.get(ENDPOINT).port
    try:
        start_in_background(folder)
    finally:
        engine.stop()
    try:
        wait_until(lambda: serves(workspace), what="serving by the agent")
        assert workspace.registry.endpoints.get(ENDPOINT).port == port
        assert not Engine(folder).start()
        refused = agent(folder)
        assert refused.returncode == 1 and "already runs" in refused.stderr
    finally:
        stopped = agent(folder, "--stop")
    assert (stopped.returncode, "has ended" in stopped.stdout) == (0, True), stopped.stderr
    assert not read_engine_state(folder).running and not serves(workspace)
    assert workspace.registry.journal.verify().intact
    workspace.close()


def test_a_window_takes_over_from_the_agent(tmp_path: Path) -> None:
    workspace = make_served_workspace(tmp_path)
    folder = workspace.folder
    start_in_background(folder)
    wait_until(lambda: serves(workspace), what="serving by the agent")
    ask_to_end(folder)
    engine = Engine(folder)
    try:
        assert engine.start(patience=60)
        wait_until(lambda: serves(workspace), what="serving by the window's engine")
    finally:
        engine.stop()
        workspace.close()


def test_a_request_to_end_that_was_meant_for_an_earlier_agent_ends_no_later_one(tmp_path: Path) -> None:
    workspace = make_served_workspace(tmp_path)
    ask_to_end(workspace.folder)
    start_in_background(workspace.folder)
    try:
        wait_until(lambda: serves(workspace), what="serving by the agent")
    finally:
        assert agent(workspace.folder, "--stop").returncode == 0
    assert "No engine" in agent(workspace.folder, "--stop").stdout
    workspace.close()
