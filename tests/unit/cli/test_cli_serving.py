"""`serve …` with a real engine and gateway: from the start of an endpoint to its end, as people type it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from loop_kit import ENDPOINT, ROOT, log_predictions, make_served_workspace, trips, wait_until, without_qt
from serving_kit import Client

from mlops_desktop.cli.main import main
from mlops_desktop.core.ids import new_id
from mlops_desktop.pipelines.engine import Engine
from mlops_desktop.workspace import Workspace

ROW = {"delay": 2.0, "hour": 12, "carrier": "AA"}
Serve = Callable[..., str]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    workspace = make_served_workspace(tmp_path_factory.mktemp("serving"))
    first = workspace.registry.models.get(f"{ENDPOINT}@1")
    workspace.registry.models.register(msgspec.structs.replace(first, id=new_id(), run=new_id(), threshold=0.05))
    yield workspace
    assert workspace.registry.journal.verify().intact
    workspace.close()


@pytest.fixture
def engine(workspace: Workspace) -> Iterator[Engine]:
    engine = Engine(workspace.folder)
    assert engine.start()
    yield engine
    engine.stop()


@pytest.fixture
def serve(workspace: Workspace, capfd: pytest.CaptureFixture[str]) -> Serve:
    """Runs a command of `serve` and returns what it printed; it must end with the code."""

    def serve(*arguments: object, code: int = 0) -> str:
        capfd.readouterr()
        ended = main(["serve", *map(str, arguments), "-w", str(workspace.folder)])
        printed = capfd.readouterr()
        assert ended == code, printed
        return printed.err if code else printed.out.strip()

    return serve


@pytest.fixture
def endpoint(workspace: Workspace) -> str:
    """An endpoint that is known, and not served."""
    if ENDPOINT not in [endpoint.name for endpoint in workspace.registry.endpoints.all()]:
        workspace.start_serving(ENDPOINT, ENDPOINT)
    return ENDPOINT


def parsed(text: str) -> Any:
    return json.loads(text)


def test_an_endpoint_is_started_looked_at_scaled_restarted_and_stopped(serve: Serve, engine: Engine) -> None:
    assert engine.is_running
    started = serve("start", ENDPOINT, "--model", ENDPOINT, "--wait")
    assert started.startswith("late is served at http://127.0.0.1:")
    port = int(started.rstrip(".").rpartition(":")[2])
    client = Client(port)
    answers = [client.predict(ROW | {"delay": delay}, version=1) for delay in (-2.0, 2.0)]
    client.close()

    lines = [parsed(line) for line in serve("tail", ENDPOINT, "-n", 2, "--json").splitlines()]
    assert [line["id"] for line in lines] == [answer["id"] for answer in answers]
    assert lines[1]["inputs"] == ROW and set(lines[1]["probabilities"]) == {"0", "1"}
    (text,) = serve("tail", ENDPOINT, "-n", 1).splitlines()
    assert "primary @1" in text or "pinned  @1" in text
    assert text.endswith("delay=2.0000 hour=12 carrier=AA")

    assert (
        serve("scale", ENDPOINT, "--min", 2, "--max", 3, "--reason", "a sale") == "late has 2 to 3 workers a version."
    )
    wait_until(lambda: "2 of 2" in serve("status"))
    status = serve("status")
    assert "late: 2 to 3 workers a version, set by hand" in status
    assert "late@1: 1 → 2 workers: its limits ask for at least 2" in status
    limits = parsed(serve("status", "--json"))["limits"][ENDPOINT]["autoscaler"]
    assert (limits["min_workers"], limits["max_workers"]) == (2, 3)

    assert serve("restart", ENDPOINT) == started
    assert serve("scale", ENDPOINT, "--as-spec", "--reason", "it is over") == "late has 1 to 1 workers a version."
    assert serve("stop", ENDPOINT, "--wait") == "late is stopped."
    assert parsed(serve("status", "--json"))["endpoints"][0]["state"] == "stopped"


def test_a_replay_is_waited_for_and_shows_what_changes(
    serve: Serve, engine: Engine, workspace: Workspace, endpoint: str
) -> None:
    assert engine.is_running
    log_predictions(workspace.registry, trips(3), labelled=False)
    text = serve("replay", endpoint, "late@2", "--requests", 100, "--rows", 3, "--wait")
    lines = text.splitlines()
    assert lines[0].startswith("late@2 on 100 requests, 2024-01-")
    assert lines[1].startswith("  agrees    on ") and " of 100 rows (" in lines[1]
    assert lines[2].startswith("  changed   ") and lines[2] != "  changed   0"
    assert "score after" in text and len(lines) == 12
    report = parsed(serve("replay", endpoint, "late@2", "--last", "--json"))
    assert report["requests"] == 100 and report["agreement"] == 1 - report["changed"] / 100
    assert "no model version late@9" in serve("replay", endpoint, "late@9", code=1)


def test_a_rollout_is_led_by_hand_with_its_rules_and_what_is_missing(serve: Serve, endpoint: str) -> None:
    assert "late has had no rollout" in serve("rollout", "status", endpoint, code=1)
    told = serve("rollout", "start", endpoint, "late@2", "--weight", "10%", "--reason", "a try")
    assert told.startswith("late: canary late@2 at 10%, step 1, running since ")
    assert "at 25%" in serve("rollout", "weight", endpoint, "0.25", "--reason", "more")
    status = serve("rollout", "status", endpoint)
    assert "  rules     late@1" in status and "  steps     [50%]" in status
    assert "  decides   with 1,500 labels and 50 requests of each version" in status
    assert "requests that both versions answered" in status
    found = parsed(serve("rollout", "status", endpoint, "--json"))
    assert found["rollout"]["weight"] == 0.25 and found["rules"]["min_labelled"] == 1500 and found["missing"]
    assert "late: canary late@2 at 25%" in serve("status")
    assert "last step" in serve("rollout", "advance", endpoint, "--reason", "on", code=1)
    assert " held since " in serve("rollout", "hold", endpoint, "--reason", "wait")
    serve("rollout", "start", endpoint, "late@2", "--kind", "shadow")
    assert " rolled back since " in serve("rollout", "back", endpoint, "--reason", "no")
    serve("rollout", "start", endpoint, "late@2")
    assert serve("rollout", "promote", endpoint, "--reason", "good") == "late@2 is in production."
    assert parsed(serve("rollout", "status", endpoint, "--json"))["rollout"]["state"] == "promoted"


def test_without_an_engine_nobody_waits_in_vain(serve: Serve, endpoint: str) -> None:
    assert "No engine runs" in serve("start", endpoint, "--wait", code=1)
    assert "No engine runs" in serve("stop", endpoint, "--wait", code=1)
    assert "No engine runs" in serve("replay", endpoint, "late@1", "--wait", code=1)


def test_following_shows_each_new_row_once_and_ends_cleanly(workspace: Workspace, endpoint: str) -> None:
    log_predictions(workspace.registry, trips(1, seed=1), labelled=False)
    command = [sys.executable, str(ROOT / "main.py"), "serve", "tail", endpoint, "-n", "2", "--follow", "--json"]
    with subprocess.Popen(
        [*command, "-w", str(workspace.folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=without_qt(),
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stderr is not None
        before = [parsed(process.stdout.readline())["id"] for _ in range(2)]
        assert before == ["r0101-38", "r0101-39"]
        news = trips(1, seed=2)
        log_predictions(workspace.registry, news, labelled=False)  # a segment of its own
        found = [parsed(process.stdout.readline())["id"] for _ in range(len(news))]
        assert found == [f"r{trip}" for trip in news["trip"].to_pylist()]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert (process.stdout.read(), process.stderr.read()) == ("", "")


def test_rows_are_shown_by_version_role_and_error(serve: Serve, workspace: Workspace, endpoint: str) -> None:
    log_predictions(workspace.registry, trips(1, per_day=3, seed=3), version=7, labelled=False)
    assert len(serve("tail", endpoint, "--version", 7).splitlines()) == 3
    assert serve("tail", endpoint, "--errors") == ""
    assert serve("tail", endpoint, "--version", 7, "--role", "canary") == ""
