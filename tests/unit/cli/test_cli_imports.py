"""What commands import, which is much of the time that short ones take."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_desktop.cli.main import build_parser
from mlops_desktop.workspace import Workspace

FOREIGN_TO_INGESTING = [
    "apscheduler", "asyncio", "duckdb", "joblib", "multiprocessing", "onnxruntime", "openpyxl", "pandas", "pandera",
    "pg8000", "psutil", "pymysql", "python_calamine", "scipy", "sklearn",
    "mlops_desktop.evaluation", "mlops_desktop.monitoring", "mlops_desktop.pipelines", "mlops_desktop.training",
]  # fmt: skip
RUN = """
import json, sys
from mlops_desktop.__main__ import main
code = main()
print(json.dumps([code, sorted(sys.modules)]))
"""


def imported_by(*arguments: str) -> set[str]:
    command = [sys.executable, "-c", RUN, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    return set(modules)


@pytest.fixture
def workspace(tmp_path: Path) -> str:
    Workspace.create(tmp_path / "workspace").close()
    return str(tmp_path / "workspace")


def test_ingesting_imports_nothing_of_other_stages(workspace: str, tmp_path: Path) -> None:
    source = tmp_path / "flights.csv"
    source.write_text("id,delay\n1,2.5\n2,0.5\n")
    modules = imported_by("data", "ingest", str(source), "flights", "-w", workspace)
    assert "mlops_desktop.data.intake.ingest" in modules
    assert sorted(modules & set(FOREIGN_TO_INGESTING)) == []


def test_a_command_imports_only_its_own_module(workspace: str) -> None:
    modules = imported_by("data", "list", "-w", workspace)
    assert {name for name in modules if name.startswith("mlops_desktop.cli.data.")} == {
        "mlops_desktop.cli.data.versions"
    }
    assert "pyarrow" not in modules


def commands_of(parser: argparse.ArgumentParser) -> set[str]:
    """The commands just below a parser."""
    (group,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return set(group.choices)


def test_the_parser_of_a_command_has_no_commands_of_other_modules() -> None:
    commands = commands_of(build_parser())
    assert commands_of(build_parser(["no-such-command"])) == commands
    for command in commands:
        assert command in commands_of(build_parser([command])) < commands


def test_the_parser_of_a_data_command_has_no_commands_of_other_modules() -> None:
    def of_data(*words: str) -> set[str]:
        (group,) = (a for a in build_parser(["data", *words])._actions if isinstance(a, argparse._SubParsersAction))
        return commands_of(group.choices["data"])

    commands = of_data()
    assert of_data("no-such-command") == commands
    for command in commands:
        assert command in of_data(command) < commands
