"""Projects in files: what differs is shown, applied as one, and then differs no longer."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from loop_kit import SPEC, START

from mlops_desktop.core.clock import ManualClock
from mlops_desktop.core.datasets import Origin, Schema
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.runs import RunState
from mlops_desktop.pipelines.plans import Action, Plan, apply, plan
from mlops_desktop.pipelines.projects import ProjectBroken, read_project
from mlops_desktop.registry import Registry

PROJECT = """
name = "trips"

[datasets.trips]
source = "data/trips.csv"
time_column = "at"
contract = "contracts/trips.toml"
options = { delimiter = ";", nulls = ["-"] }
aliases = { reference = 1 }

[datasets.trips.watch]
folder = "arrivals"
pattern = "*.csv"
"""
CONTRACT = """
# Trips as they come from the buses.
mode = "quarantine"
key = ["trip"]

[columns.trip]
type = "text"
"""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry.create(tmp_path / "workspace", actor="tester", clock=ManualClock(START))
    yield registry
    assert registry.journal.verify().intact
    registry.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    files = {
        "project.toml": PROJECT,
        "contracts/trips.toml": CONTRACT,
        "pipelines/late.toml": SPEC,
        "data/trips.csv": "trip;at\n1;2024-01-01\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def edit(folder: Path, name: str, before: str, after: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert before in text
    (folder / name).write_text(text.replace(before, after), encoding="utf-8")


def add_version(registry: Registry) -> None:
    registry.datasets.add_version(
        dataset="trips", content_id="c", manifest="m", profile="p", rows=3, size=9, schema=Schema(()),
        origin=Origin("file", "trips.csv"), chunks=1, new_chunks=1, added_bytes=9, seconds=0.1,
    )  # fmt: skip


def to_do(found: Plan) -> list[tuple[str, str, str]]:
    return [(change.action.value, change.kind, change.name) for change in found.to_do]


def test_a_plan_writes_nothing_and_applying_it_leaves_none(registry: Registry, folder: Path) -> None:
    head = registry.journal.head()
    wanted = [
        ("create", "contract", "trips"),
        ("create", "watch", "trips"),
        ("create", "spec", "late"),
        ("create", "schedule", "monitor late"),
        ("create", "schedule", "retrain late"),
    ]
    assert to_do(plan(registry, folder)) == wanted and registry.journal.head() == head
    assert to_do(apply(registry, folder)) == wanted
    assert to_do(plan(registry, folder)) == [] and to_do(apply(registry, folder)) == []
    (event,) = registry.journal.newest(5, kinds=["project.applied"])
    assert event.subject == "trips" and event.payload["changes"][0] == "create contract trips"


def test_what_was_applied_is_what_the_files_say(registry: Registry, folder: Path) -> None:
    apply(registry, folder)
    contract = registry.contracts.newest("trips")
    assert contract is not None and contract.text == CONTRACT and contract.contract.key == ("trip",)
    watch = registry.watches.get("trips")
    assert (watch.folder, watch.pattern, watch.time_column) == (str(folder / "arrivals"), "*.csv", "at")
    assert watch.settings == {"delimiter": ";", "nulls": ["-"]}
    assert registry.specs.get("late").text == SPEC
    assert registry.schedules.get("retrain late").next_at is not None


def test_a_change_is_shown_as_a_text_difference(registry: Registry, folder: Path) -> None:
    apply(registry, folder)
    edit(folder, "contracts/trips.toml", '"quarantine"', '"refuse"')
    edit(folder, "pipelines/late.toml", 'retrain = "0 5 * * mon"', 'retrain = "0 6 * * mon"')
    found = plan(registry, folder)
    assert to_do(found) == [
        ("change", "contract", "trips"),
        ("change", "spec", "late"),
        ("change", "schedule", "retrain late"),
    ]
    lines = found.to_do[0].diff.splitlines()
    assert '-mode = "quarantine"' in lines and '+mode = "refuse"' in lines and ' key = ["trip"]' in lines
    apply(registry, folder)
    assert registry.contracts.get("trips").number == 2 and registry.specs.get("late").number == 2
    assert registry.schedules.get("retrain late").cron == "0 6 * * mon"


def test_an_alias_waits_for_its_version(registry: Registry, folder: Path) -> None:
    apply(registry, folder)
    waiting = {(c.kind, c.name, c.note) for c in plan(registry, folder).changes if c.action is Action.WAIT}
    assert ("alias", "trips@reference", "there is no trips@1 yet") in waiting
    add_version(registry)
    assert to_do(apply(registry, folder)) == [("create", "alias", "trips@reference")]
    assert registry.datasets.aliases("trips") == {"reference": 1} and not plan(registry, folder).to_do


def test_sources_are_taken_in_when_asked_for_once_and_again_when_they_change(registry: Registry, folder: Path) -> None:
    assert any(c.kind == "source" and c.action is Action.WAIT for c in apply(registry, folder).changes)
    assert registry.pipeline_runs.all() == []
    assert to_do(plan(registry, folder, ingest=True)) == [("create", "source", "trips")]
    apply(registry, folder, ingest=True)
    (run,) = registry.pipeline_runs.all()
    assert (run.pipeline, run.parameters["path"]) == ("ingest", str(folder / "data" / "trips.csv"))
    assert (run.parameters["options"]["delimiter"], run.trigger) == (";", "project trips")
    assert to_do(plan(registry, folder, ingest=True)) == []
    (folder / "data" / "trips.csv").write_text("trip;at\n1;2024-01-01\n2;2024-01-02\n", encoding="utf-8")
    assert to_do(plan(registry, folder, ingest=True)) == [("create", "source", "trips")]
    apply(registry, folder, ingest=True)
    registry.pipeline_runs.finish(registry.pipeline_runs.all()[0].id, RunState.FAILED, "no")
    assert to_do(plan(registry, folder, ingest=True)) == [("create", "source", "trips")]


def test_what_only_the_workspace_has_is_reported_and_stays(registry: Registry, folder: Path) -> None:
    apply(registry, folder)
    registry.specs.save("other", "text")
    edit(folder, "project.toml", 'contract = "contracts/trips.toml"', "")
    edit(folder, "project.toml", '\n[datasets.trips.watch]\nfolder = "arrivals"\npattern = "*.csv"\n', "")
    found = apply(registry, folder)
    kept = [(c.kind, c.name) for c in found.changes if c.action is Action.KEEP]
    assert kept == [("contract", "trips"), ("watch", "trips"), ("spec", "other")] and not found.to_do
    assert registry.contracts.newest("trips") is not None and registry.watches.get("trips")


def test_all_mistakes_are_told_at_once_with_file_and_key(registry: Registry, folder: Path) -> None:
    edit(folder, "project.toml", 'name = "trips"', 'nam = "trips"')
    edit(folder, "project.toml", 'delimiter = ";"', 'delimeter = ";", skip_rows = "two"')
    edit(folder, "project.toml", "[datasets.trips.watch]", 'tags = []\n[datasets."a@b"]\n[datasets.trips.watch]\nx = 1')
    edit(folder, "contracts/trips.toml", '"quarantine"', '"ignore"')
    edit(folder, "pipelines/late.toml", "train_days = 40", "train_day = 40")
    (folder / "pipelines" / "second.toml").write_text("[model", encoding="utf-8")
    head = registry.journal.head()
    for ask in (plan, apply):
        with pytest.raises(ProjectBroken) as caught:
            ask(registry, folder)
        problems = "\n".join(caught.value.problems)
        for part in (
            "project.toml: nam is not a known key, did you mean 'name'",
            "project.toml: name is missing",
            "pipelines/late.toml: [split] has no key 'train_day'",
            "pipelines/second.toml is not valid TOML",
        ):
            assert part in problems
    assert registry.journal.head() == head


def test_mistakes_of_datasets_are_told_at_once(folder: Path) -> None:
    edit(folder, "project.toml", 'delimiter = ";"', 'delimeter = ";", skip_rows = "two"')
    edit(folder, "project.toml", 'folder = "arrivals"', "folder = 7\nx = 1")
    address = "postgresql://ann:" + "secret@host/db"
    more = (
        '[datasets."a@b"]\n'
        f'[datasets.db]\nsource = "{address}"\n'
        '[datasets.gone]\ncontract = "gone.toml"\n'
        '[datasets.up.watch]\nfolder = "x"\npattern = "../*"\n'
    )
    with (folder / "project.toml").open("a", encoding="utf-8") as file:
        file.write(more)
    edit(folder, "contracts/trips.toml", '"quarantine"', '"ignore"')
    with pytest.raises(ProjectBroken) as caught:
        read_project(folder)
    problems = "\n".join(caught.value.problems)
    for part in (
        "project.toml: datasets.trips.options.delimeter is not a known key, did you mean 'delimiter'",
        "project.toml: datasets.trips.options.skip_rows: expected `int`, got `str`",
        "project.toml: datasets.trips.watch.folder: expected `str`, got `int`",
        "project.toml: datasets.trips.watch.x is not a known key",
        "project.toml: datasets.a@b: 'a@b' cannot be the name of a dataset",
        "project.toml: datasets.db.source holds a password",
        "gone.toml: cannot be read",
        "project.toml: datasets.up.watch: '../*'",
    ):
        assert part in problems, problems
    assert "secret" not in str(caught.value)


def test_two_specs_of_one_model_are_a_mistake(folder: Path) -> None:
    shutil.copy(folder / "pipelines" / "late.toml", folder / "pipelines" / "twin.toml")
    with pytest.raises(ProjectBroken, match=r"is the model of pipelines/late\.toml too"):
        read_project(folder)


@pytest.mark.parametrize("content", [b"name = \xff", b"name = ", b"", b"datasets = 3\nname = 'x'"])
def test_a_broken_project_file_is_named(folder: Path, content: bytes) -> None:
    (folder / "project.toml").write_bytes(content)
    with pytest.raises(ProjectBroken, match=r"project\.toml"):
        read_project(folder)


def test_a_folder_without_a_project_is_refused(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no project\.toml"):
        plan(registry, tmp_path)


def test_a_failure_half_way_applies_nothing(registry: Registry, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(registry.specs, "save", failing)
    head = registry.journal.head()
    with pytest.raises(RuntimeError):
        apply(registry, folder)
    assert registry.journal.head() == head and registry.contracts.newest("trips") is None


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_git_state_goes_with_the_event_and_the_specs(registry: Registry, folder: Path) -> None:
    subprocess.run(["git", "init", "--initial-branch", "main"], cwd=folder, check=True, capture_output=True)
    found = apply(registry, folder)
    assert found.git is not None and found.git.is_dirty
    (event,) = registry.journal.newest(5, kinds=["project.applied"])
    assert (event.payload["branch"], event.payload["is_dirty"]) == ("main", True)
    assert registry.specs.get("late").git == found.git


def test_a_project_of_names_alone_is_a_project(registry: Registry, folder: Path) -> None:
    shutil.rmtree(folder / "pipelines")
    (folder / "project.toml").write_text('name = "empty"', encoding="utf-8")
    assert apply(registry, folder).changes == ()
