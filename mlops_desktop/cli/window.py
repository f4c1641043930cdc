"""`window`: open the desktop window."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

from mlops_desktop.cli.output import Answer
from mlops_desktop.cli.parsing import Commands, add_command
from mlops_desktop.core.errors import EnvironmentProblem


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    parser = add_command(commands, common, "window", _window, "open the window (also without any command)")
    parser.add_argument("folder", nargs="?", type=Path, help="workspace to open; the welcome page when left out")


def _window(arguments: argparse.Namespace) -> Answer:
    return Answer(None, "", run_window(getattr(arguments, "folder", None)))


def is_qt_installed() -> bool:
    """Whether the window could be opened; looks without importing anything."""
    try:
        return importlib.util.find_spec("PySide6") is not None
    except ModuleNotFoundError:
        return False


def run_window(folder: Path | None, *, sample: bool = False, play: bool = False) -> int:
    """Open the window; says what to install where Qt is missing."""
    if not is_qt_installed():
        raise EnvironmentProblem(
            "The window needs PySide6, which is not installed.",
            hint='Install it with `pip install "mlops-desktop[gui]"`.',
        )
    # Found by name, so that the command line itself never depends on Qt.
    app = importlib.import_module("mlops_desktop.app")
    return int(app.run_window(folder, sample=sample, play=play))
