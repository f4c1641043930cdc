"""What the tests of the whole loop share: a workspace in which the sample was played for three weeks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loop_kit import program

UNTIL = "2013-04-20"


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The workspace that a short headless demo left, and what the demo printed."""
    out = tmp_path_factory.mktemp("demo")
    finished = program("demo", "--headless", "--json", "--out", out, "--until", UNTIL)
    assert finished.returncode == 0, finished.stderr
    return out / "workspace", json.loads(finished.stdout)


@pytest.fixture
def played(demo: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    """A copy of that workspace of one's own."""
    return Path(shutil.copytree(demo[0], tmp_path / "workspace"))


@pytest.fixture
def at_end() -> Any:
    """Things to do when the test is over, the last one first."""
    actions: list[Callable[[], object]] = []
    yield actions.append
    for action in reversed(actions):
        action()
