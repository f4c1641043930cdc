"""Three weeks of the sample, headless: what the loop leaves on record, and what is said when its input is bad."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from loop_kit import ROOT, answer, program, wait_until, without_qt

from mlops_desktop.core.deployments import EndpointState
from mlops_desktop.core.ids import sha256_hex
from mlops_desktop.core.runs import RunState
from mlops_desktop.data.read import read_table
from mlops_desktop.pipelines.engine import Engine
from mlops_desktop.pipelines.sample import ENDPOINT, HISTORY_END, sample_folder
from mlops_desktop.registry import Registry
from mlops_desktop.serving.log import FeedbackRecord, predictions_of, read_log

SAMPLE = sample_folder()


@pytest.fixture(scope="module")
def registry(demo: tuple[Path, dict[str, Any]]) -> Any:
    registry = Registry(demo[0])
    yield registry
    registry.close()


def test_the_demo_says_what_it_did_as_json(demo: tuple[Path, dict[str, Any]]) -> None:
    folder, printed = demo
    assert printed["summary"]["journal_intact"] and printed["workspace"] == str(folder)
    assert Path(printed["report"]).stat().st_size > 0


def test_every_promotion_has_a_gate_and_a_decision_before_it(registry: Registry) -> None:
    events = list(registry.journal.all())
    kinds = Counter(event.kind for event in events)
    assert registry.journal.verify().intact
    assert kinds["model.version.registered"] >= 1 and kinds["gate.decided"] >= 3 and kinds["window.monitored"] >= 4
    passed = {
        event.subject for event in events if event.kind == "gate.decided" and event.payload["verdict"] == "passed"
    }
    for version in registry.models.versions(ENDPOINT):
        assert f"run:{version.run}" in passed
    moved = [event for event in events if event.kind == "alias.moved" and event.payload["alias"] == "production"]
    decided = [event for event in events if event.kind == "rollout.decided" and event.payload["outcome"] == "promoted"]
    assert moved[0].payload["before"] == "nothing" and len(moved) == 1 + len(decided)
    assert all(event.payload["checks"] for event in events if event.kind == "gate.decided")


def test_no_pipeline_run_failed_and_none_is_left(registry: Registry) -> None:
    states = Counter(run.state for run in registry.pipeline_runs.all())
    assert set(states) == {RunState.SUCCEEDED} and registry.pipeline_runs.active() == []
    assert {run.state for run in registry.runs.all()} == {RunState.SUCCEEDED}


def test_every_answered_row_is_in_the_predictions_with_its_label(registry: Registry) -> None:
    records = list(read_log(registry.folder / "spool" / ENDPOINT))
    table = read_table(registry, f"{ENDPOINT}.predictions@latest")
    until = max(table.column("time").to_pylist())
    answered = [record for record in predictions_of(records) if record.moment <= until]
    expected = [f"{record.id}/{row}" for record in answered for row in range(record.rows)]
    assert sorted(table.column("inference_id").to_pylist()) == sorted(expected) and len(expected) > 10_000
    labels = {record.id: record.label for record in records if isinstance(record, FeedbackRecord)}
    found = dict(zip(table.column("entity_id").to_pylist(), table.column("label").to_pylist(), strict=True))
    assert found == {id: float(labels[id]) for id in found}
    assert {record.version for record in answered} <= {v.number for v in registry.models.versions(ENDPOINT)}


def test_no_model_was_trained_on_rows_of_its_own_future(registry: Registry) -> None:
    for version in registry.models.versions(ENDPOINT):
        assert version.train_end is not None and version.train_end < version.created
    events = registry.journal.newest(1_000, kinds=["gate.decided"])
    seen = [check for event in events for check in event.payload["checks"] if "has not seen" in check["name"]]
    assert seen and all(check["passed"] for check in seen)


def test_production_is_traced_back_to_the_file_it_began_with(demo: tuple[Path, dict[str, Any]]) -> None:
    found = answer(program("lineage", f"{ENDPOINT}@production", "--json", "-w", demo[0]))
    made_by = {links["kind"]: links["links"] for links in found["made_by"]}
    digest = sha256_hex((SAMPLE / "flights.parquet").read_bytes())
    assert [link["note"] for link in made_by["source"]] == [f"file {digest}"]
    spec = answer(program("spec", "show", made_by["spec"][0]["reference"], "--json", "-w", demo[0]))
    assert spec["text"] == (SAMPLE / "late-arrival.toml").read_text(encoding="utf-8-sig")


def test_the_clock_of_the_workspace_is_that_of_the_replay(registry: Registry) -> None:
    assert datetime.fromisoformat("2013-04-20T00:00:00+00:00") <= registry.clock.now()
    times = [event.time for event in registry.journal.all()]
    assert times == sorted(times) and times[0] == HISTORY_END


# Bad input, each with one message that says what to do


def says_once(finished: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert finished.returncode == 1, finished.stdout + finished.stderr
    lines = finished.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("mlops-desktop: "), finished.stderr
    assert "Traceback" not in finished.stderr
    for part in parts:
        assert part in lines[0], lines[0]


def demo_with_sample(samples: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """A headless demo that looks for its sample in another folder."""
    code = (
        "import sys; from pathlib import Path; import mlops_desktop.pipelines.sample as sample\n"
        "folder = Path(sys.argv.pop(1)); sample.resource_folder = lambda name: folder\n"
        "from mlops_desktop.cli.main import main; sys.exit(main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", code, str(samples), "demo", "--headless", "--out", str(out)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=without_qt(), timeout=120)


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """A folder of samples of one's own, to be spoiled."""
    shutil.copytree(SAMPLE, tmp_path / "samples" / "flights2013")
    return tmp_path / "samples"


def test_a_missing_sample_is_named_and_nothing_is_begun(samples: Path, tmp_path: Path) -> None:
    (samples / "flights2013" / "flights.parquet").unlink()
    says_once(demo_with_sample(samples, tmp_path / "out"), "flights.parquet is missing", "Restore it")
    assert not (tmp_path / "out").exists()


def test_a_broken_sample_ends_the_demo_with_one_message(samples: Path, tmp_path: Path) -> None:
    path = samples / "flights2013" / "flights.parquet"
    path.write_bytes(path.read_bytes()[:50_000])
    says_once(demo_with_sample(samples, tmp_path / "out"), "flights.parquet", "cannot be read")


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ('"hist_gradient_boosting"', '"hist_gradient_bosting"', ["did you mean 'hist_gradient_boosting'"]),
        ("max_iter", "max_iters", ["did you mean 'max_iter'"]),
        ('cron = ""', "", []),
        ('retrain = "0 5 * * mon"', 'retrain = "0 5 * * monday!"', ["is not a cron expression"]),
        ("seed = 2013", "seed = ", ["not valid TOML"]),
        ("min_improvement", "min_improvment", ["min_improvment"]),
    ],
)
def test_a_spec_with_a_mistake_is_not_saved(
    demo: tuple[Path, dict[str, Any]], tmp_path: Path, old: str, new: str, parts: list[str]
) -> None:
    text = (SAMPLE / "late-arrival.toml").read_text()
    spec = tmp_path / "mine.toml"
    spec.write_text(text.replace(old, new) if old in text else text + "\n[nonsense]\n")
    before = answer(program("spec", "list", "--json", "-w", demo[0]))
    says_once(program("spec", "save", spec, "-w", demo[0]), "mine.toml" if "cron" not in str(parts) else "", *parts)
    assert answer(program("spec", "list", "--json", "-w", demo[0])) == before


def test_a_spec_that_names_an_unknown_column_fails_its_run_with_what_was_meant(played: Path, tmp_path: Path) -> None:
    spec = tmp_path / "mine.toml"
    spec.write_text((SAMPLE / "late-arrival.toml").read_text().replace('"carrier"', '"carier"'))
    assert program("spec", "save", spec, "-w", played).returncode == 0
    assert program("pipelines", "run", "retrain", f"endpoint={ENDPOINT}", "-w", played).returncode == 0
    assert program("worker", played).returncode == 1
    run = answer(program("pipelines", "runs", "--json", "-w", played))[0]
    assert run["state"] == "failed" and "'carrier'" in run["reason"] and "unexpected" not in run["reason"]


def test_a_port_in_use_fails_the_endpoint_and_its_status_says_so(
    played: Path, at_end: Callable[[Callable[[], object]], None]
) -> None:
    registry = Registry(played)
    at_end(registry.close)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert program("serve", "start", ENDPOINT, "--port", port, "-w", played).returncode == 0
        engine = Engine(played)
        at_end(engine.stop)
        assert engine.start()
        wait_until(lambda: registry.endpoints.get(ENDPOINT).state is EndpointState.FAILED, what="the failure")
        status = program("serve", "status", "-w", played)
        assert status.returncode == 1 and f"{ENDPOINT} failed: " in status.stdout and str(port) in status.stdout
        assert engine.is_running and engine.failure == ""
    assert program("serve", "start", ENDPOINT, "--port", port, "-w", played).returncode == 0
    wait_until(lambda: registry.endpoints.get(ENDPOINT).state is EndpointState.SERVING, what="serving")
    assert registry.endpoints.get(ENDPOINT).port == port


def test_a_damaged_model_fails_its_endpoint_but_not_the_engine(
    played: Path, at_end: Callable[[Callable[[], object]], None]
) -> None:
    registry = Registry(played)
    at_end(registry.close)
    path = registry.objects.path(registry.models.get(f"{ENDPOINT}@production").artifacts["onnx"])
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    engine = Engine(played)
    at_end(engine.stop)
    assert engine.start()
    wait_until(lambda: registry.endpoints.get(ENDPOINT).state is EndpointState.FAILED, what="the failure")
    assert "damaged" in registry.endpoints.get(ENDPOINT).reason and engine.is_running
