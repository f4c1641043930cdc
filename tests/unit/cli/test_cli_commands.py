"""The command line: every command prints text or JSON, errors go to standard error, exit codes say how it ended."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from loop_kit import ENDPOINT, ROOT, make_served_workspace, program, without_qt

from mlops_desktop.cli.main import build_parser, main
from mlops_desktop.core.ids import new_id
from mlops_desktop.core.monitoring import Action, Cause, Severity
from mlops_desktop.registry import Registry
from mlops_desktop.workspace import Workspace

Invoke = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a workspace that has a bit of everything, and the project's files."""
    above = tmp_path_factory.mktemp("cli")
    workspace = make_served_workspace(above)
    for cause in (Cause.DATA_DRIFT, Cause.PERFORMANCE):
        workspace.registry.alerts.raise_or_update(
            endpoint=ENDPOINT, model_version="late@1", cause=cause, severity=Severity.WARNING, action=Action.INFORM,
            title="drifts", evidence={"n": 1},
        )  # fmt: skip
    workspace.queue("monitor", {"endpoint": ENDPOINT})
    workspace.close()
    return above


@pytest.fixture
def invoke(project: Path, capfd: pytest.CaptureFixture[str]) -> Invoke:
    """Runs a command on the workspace in this process: exit code, standard output, standard error."""

    def invoke(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return invoke


def commands(project: Path) -> dict[str, list[object]]:
    """Every command that prints a result, with arguments that work, in an order in which they do."""
    queued = next_queued(project)
    return {
        "init": [project / "fresh", "--name", "Fresh"],
        "status": [],
        "data list": [],
        "data versions": ["trips"],
        "data show": ["trips@1"],
        "data ingest": [project / "project" / "trips.parquet", "again", "--time-column", "at"],
        "data watch": ["--list"],
        "data plan": [written_project(project)],
        "data apply": [written_project(project)],
        "data verify": [],
        "data log": [],
        "data lineage": ["trips@1"],
        "data profile": ["trips@1", "--column", "carrier"],
        "data diff": ["trips@1", "trips@1", "--rows", "5"],
        "data tag": ["trips@1", "good"],
        "data untag": ["trips@1", "good"],
        "data note": ["trips@1", "by hand"],
        "data alias": ["trips@1", "mine"],
        "data unalias": ["trips", next_alias(project)],
        "data contract infer": ["trips@1"],
        "data contract save": ["trips", written_contract(project)],
        "data contract show": ["trips"],
        "data contract check": ["trips@1"],
        "data contract history": ["trips"],
        "data export": ["trips@1", project / "trips.csv", "--overwrite"],
        "data archive": ["again@1"],
        "data restore": ["again@1"],
        "data delete": [next_to_delete(project), "--reason", "by test", "--yes"],
        "data gc": ["--apply"],
        "spec save": [project / "project" / "late.toml"],
        "spec list": [],
        "spec show": ["late@1"],
        "trust": [],
        "runs": ["--limit", "5"],
        "models": [],
        "promote": ["late@1", "--reason", "by test"],
        "lineage": ["late@production"],
        "export": ["late@1", project / "mlflow"],
        "serve start": [ENDPOINT],
        "serve scale": [ENDPOINT, "--max", "3", "--reason", "by test"],
        "serve status": [],
        "serve stop": [ENDPOINT],
        "serve replay": [ENDPOINT, "late@1"],
        "serve token create": [f"client {new_id()}", "--scope", "predict", "--scope", "feedback"],
        "serve token list": [],
        "serve token revoke": [next_token(project)],
        "serve certificate": ["localhost", "--folder", tempfile.mkdtemp(dir=project)],
        "alerts list": [],
        "alerts acknowledge": ["1"],
        "alerts resolve": ["2"],
        "pipelines runs": [],
        "pipelines run": ["retrain", f"endpoint={ENDPOINT}"],
        "pipelines cancel": [queued],
        "report": [project / "report.html"],
        "card": ["late@production"],
        "journal list": ["--limit", "3"],
        "journal verify": [],
        "journal export": [project / "journal.jsonl"],
    }


def written_project(project: Path) -> Path:
    folder = project / "in files"
    folder.mkdir(exist_ok=True)
    (folder / "project.toml").write_text(
        'name = "trips"\n[datasets.trips]\naliases = { first = 1 }\n', encoding="utf-8"
    )
    return folder


def written_contract(project: Path) -> Path:
    path = project / "trips.toml"
    path.write_text('mode = "accept"\n', encoding="utf-8")
    return path


def next_alias(project: Path) -> str:
    with contextlib.closing(Registry(project / "workspace")) as registry:
        registry.datasets.set_alias("trips@1", "passing")
    return "passing"


def next_to_delete(project: Path) -> str:
    with contextlib.closing(Workspace(project / "workspace")) as workspace:
        made = workspace.data.add("passing", pa.table({"a": [len(workspace.data.attempts())]})).version
    assert made is not None
    return made.reference


def next_token(project: Path) -> str:
    """The name of a token that is there."""
    workspace = Workspace(project / "workspace")
    token, _ = workspace.tokens.make(f"client {new_id()}")
    workspace.close()
    return token.name


def next_queued(project: Path) -> str:
    registry = Registry(project / "workspace")
    found = registry.pipeline_runs.all(limit=1)[0].id
    registry.close()
    return found


NOT_TRIED = {
    "window": "opens a window",
    "demo": "is played by the tests of the whole loop",
    "rollback": "has nothing to return to here; see below",
    "serve restart": "needs an engine; see test_cli_serving.py",
    "serve tail": "prints one JSON value a line; see test_cli_serving.py",
    **dict.fromkeys(
        (f"serve rollout {verb}" for verb in ("start", "status", "weight", "advance", "promote", "hold", "back")),
        "needs a second version; see test_cli_serving.py",
    ),
}
NAMES = [
    "init", "trust", "status", "data list", "data versions", "data show", "data ingest", "data watch",
    "data plan", "data apply", "data verify", "data log", "data lineage", "data profile", "data diff", "data tag",
    "data untag", "data note", "data alias", "data unalias", "data contract infer", "data contract save",
    "data contract show", "data contract check", "data contract history", "data export", "data archive",
    "data restore", "data delete", "data gc", "spec save", "spec list", "spec show", "runs",
    "models", "promote", "lineage", "export",
    "serve start", "serve scale", "serve status", "serve stop", "serve replay",
    "serve token create", "serve token list",
    "serve token revoke", "serve certificate", "alerts list", "alerts acknowledge", "alerts resolve",
    "pipelines runs", "pipelines run", "pipelines cancel", "report", "card", "journal list", "journal verify",
    "journal export",
]  # fmt: skip


def known_commands() -> set[str]:
    """Names of all commands, as the parser knows them."""
    return set(named(build_parser(), ""))


def named(parser: argparse.ArgumentParser, name: str) -> Iterator[str]:
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for group in groups:
        for inner, choice in group.choices.items():
            yield from named(choice, f"{name} {inner}".strip())
    if not groups:
        yield name


def test_every_command_is_tried_here() -> None:
    assert known_commands() == set(NAMES) | set(NOT_TRIED)


@pytest.mark.parametrize("name", NAMES)
def test_a_command_prints_valid_json_and_nothing_else(project: Path, invoke: Invoke, name: str) -> None:
    arguments = commands(project)[name]
    place = [] if name == "init" else ["-w", project / "workspace"]
    code, out, err = invoke(*name.split(), *arguments, "--json", *place)
    assert (code, err) == (0, ""), out + err
    assert json.loads(out) is not None


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("init", "export", "pipelines cancel")])
def test_a_command_prints_text_for_people(project: Path, invoke: Invoke, name: str) -> None:
    code, out, err = invoke(*name.split(), *commands(project)[name], "-w", project / "workspace")
    assert (code, err) == (0, "") and out.strip()
    with contextlib.suppress(json.JSONDecodeError):
        pytest.fail(f"JSON without being asked: {json.loads(out)}")


WRONG: list[tuple[str, list[Any], str]] = [
    ("data versions", ["nothing"], "no dataset version nothing@latest"),
    ("data show", ["trips@99"], "no dataset version trips@99"),
    ("data ingest", ["missing.csv", "trips"], "missing.csv"),
    ("data ingest", [".", "trips"], "."),
    ("data ingest", ["{project}/trips.parquet", "a@b"], "a@b"),
    ("data ingest", ["{project}/late.toml", "trips"], "late.toml"),
    ("data ingest", ["{project}/trips.parquet", "new", "--time-column", "carrier"], "carrier"),
    ("data plan", ["{project}"], "no project.toml"),
    ("data apply", ["{project}"], "no project.toml"),
    ("data ingest", ["log:nothing", "trips"], "no prediction log of 'nothing'"),
    ("data watch", [], "no folder and dataset to watch"),
    ("data watch", ["{project}/nowhere", "trips", "--once"], "nowhere"),
    ("data export", ["trips@1", "{project}/x.docx"], "no such format"),
    ("data profile", ["trips@1", "--column", "nope"], "no column 'nope'"),
    ("data contract", ["show", "nothing"], "nothing has no contract"),
    ("data contract", ["save", "trips", "{project}/missing.toml"], "missing.toml"),
    ("data restore", ["trips", "--from", "{project}/late.toml"], "late.toml"),
    ("data watch", ["{project}", "trips", "--pattern", "../*", "--add"], "../*"),
    ("data watch", ["--remove", "nothing"], "no watch nothing"),
    ("spec save", ["missing.toml"], "missing.toml"),
    ("spec save", ["{project}/trips.parquet"], "trips.parquet"),
    ("promote", ["late@9", "--reason", "x"], "no model version late@9"),
    ("rollback", [ENDPOINT, "--reason", "x"], "no version to return to"),
    ("rollback", ["nothing", "--reason", "x"], "no endpoint nothing"),
    ("lineage", ["other@production"], "no dataset version or model version other@production"),
    ("export", ["late@9", "x"], "no model version late@9"),
    ("export", ["late@1", "{project}"], "not an empty folder"),
    ("export", ["late@1", "{project}/late.toml"], "late.toml"),
    ("serve start", ["new"], "is new"),
    ("serve start", ["new", "--model", "nothing"], "no version in production"),
    ("serve stop", ["nothing"], "no endpoint nothing"),
    ("serve restart", ["nothing"], "no endpoint nothing"),
    ("serve scale", ["nothing", "--max", "2", "--reason", "x"], "no endpoint nothing"),
    ("serve rollout status", ["nothing"], "nothing has had no rollout"),
    ("serve rollout hold", ["nothing", "--reason", "x"], "No rollout is running on nothing"),
    ("serve replay", ["nothing", "late@1"], "no endpoint nothing"),
    ("serve tail", ["nothing"], "no endpoint nothing"),
    ("serve token create", ["a/b"], "cannot be the name of a token"),
    ("serve token revoke", ["nobody"], "no token named nobody"),
    ("alerts acknowledge", ["99"], "no alert 99"),
    ("pipelines run", ["retrian"], "no pipeline retrian"),
    ("pipelines run", ["retrain"], "endpoint is missing"),
    ("pipelines run", ["retrain", "late"], "not of the form KEY=VALUE"),
    ("pipelines cancel", ["nothing"], "no pipeline run nothing"),
    ("report", ["{project}/late.toml/report.html"], "cannot be written"),
    ("card", ["late@9"], "no model version late@9"),
    ("card", ["late@1", "--out", "{project}/late.toml/card.md"], "cannot be written"),
    ("journal export", ["missing/folder/journal.jsonl"], "cannot be written"),
]


@pytest.mark.parametrize(("name", "arguments", "says"), WRONG)
def test_an_error_is_one_line_on_standard_error_and_code_1(
    project: Path, invoke: Invoke, name: str, arguments: list[Any], says: str
) -> None:
    filled = [str(argument).format(project=project / "project") for argument in arguments]
    code, out, err = invoke(*name.split(), *filled, "-w", project / "workspace")
    assert (code, out) == (1, ""), err
    assert err.startswith("mlops-desktop: ") and says in err and len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("name", ["status", "models", "journal verify", "data list"])
def test_without_a_workspace_every_command_says_how_to_make_one(tmp_path: Path, invoke: Invoke, name: str) -> None:
    code, out, err = invoke(*name.split(), "-w", tmp_path)
    assert (code, out) == (1, "") and "no workspace" in err and "init" in err


def test_an_error_is_json_too_where_json_was_asked_for(tmp_path: Path, invoke: Invoke) -> None:
    code, out, err = invoke("status", "--json", "-w", tmp_path)
    assert code == 1 and set(json.loads(out)) == {"error", "hint"} and err.startswith("mlops-desktop: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["data"],
        ["data", "nonsense"],
        ["promote", "late@1"],
        ["runs", "--limit", "x"],
        ["data", "show", "trips@1", "--rows", "-3"],
        ["data", "log", "--limit", "0"],
        ["data", "ingest", "trips.csv", "trips", "--type", "carrier"],
        ["data", "delete", "trips@1"],
        ["alerts", "resolve", "one"],
        ["serve", "scale", "late", "--reason", "x"],
        ["serve", "scale", "late", "--max", "0", "--reason", "x"],
        ["serve", "scale", "late", "--max", "2", "--as-spec", "--reason", "x"],
        ["serve", "scale", "late", "--max", "2"],
        ["serve", "rollout", "weight", "late", "much", "--reason", "x"],
        ["serve", "rollout", "back", "late"],
    ],
)
def test_wrong_usage_is_code_2_with_the_usage_on_standard_error(invoke: Invoke, arguments: list[str]) -> None:
    code, out, err = invoke(*arguments)
    assert (code, out) == (2, "") and "usage: mlops-desktop" in err


def test_help_and_version_are_no_errors(invoke: Invoke) -> None:
    for arguments in (["--help"], ["--version"], ["data", "--help"], ["data", "ingest", "--help"]):
        code, out, err = invoke(*arguments)
        assert code == 0 and "mlops-desktop" in out and err == ""


def test_a_day_that_the_demo_does_not_know_is_refused_before_anything_is_made(tmp_path: Path, invoke: Invoke) -> None:
    for day in ("tomorrow", "2013-13-01", "2012-01-01", "2015-01-01"):
        code, _, err = invoke("demo", "--headless", "--out", tmp_path / "out", "--until", day)
        assert code == 1 and day in err and not (tmp_path / "out").exists()


def test_a_broken_journal_is_code_1_and_says_where(tmp_path: Path, invoke: Invoke) -> None:
    registry = Registry.create(tmp_path / "workspace")
    with registry.transaction():
        registry._database.tables.journal.update(actor="somebody else").execute()
    registry.close()
    code, out, _ = invoke("journal", "verify", "-w", tmp_path / "workspace")
    assert code == 1 and "broken at event 1" in out


def test_damaged_data_is_code_1_and_names_the_versions(project: Path, tmp_path: Path, invoke: Invoke) -> None:
    workspace = tmp_path / "workspace"
    invoke("init", workspace)
    invoke("data", "ingest", project / "project" / "trips.parquet", "trips", "-w", workspace)
    registry = Registry(workspace)
    path = registry.objects.path(registry.datasets.get("trips").profile)
    registry.close()
    path.chmod(0o644)
    path.write_bytes(b"{}")
    code, out, _ = invoke("data", "verify", "-w", workspace)
    assert code == 1 and "trips@1" in out and "damaged" in out


def test_the_workspace_is_taken_from_the_environment(project: Path) -> None:
    environment = without_qt() | {"MLOPS_WORKSPACE": str(project / "workspace")}
    command = [sys.executable, str(ROOT / "main.py"), "models", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=project)
    assert json.loads(done.stdout)[0]["version"]["model"] == "late"


def test_a_reader_that_goes_away_is_no_error(project: Path) -> None:
    command = [sys.executable, str(ROOT / "main.py"), "journal", "list", "-w", str(project / "workspace")]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, env=without_qt(), stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_qt_the_window_says_what_to_install(project: Path) -> None:
    done = program("window", project / "workspace")
    assert done.returncode == 1 and "mlops-desktop[gui]" in done.stderr and len(done.stderr.splitlines()) == 1
