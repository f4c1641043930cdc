"""Entry of the command line: finds the command, opens the workspace, prints the answer.

Exit codes: 0 done, 1 something is wrong or was refused, with a message that says what to do, 2 wrong usage,
130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from mlops_desktop import __version__
from mlops_desktop.cli.output import PRINTED, Answer, as_json, note, say
from mlops_desktop.cli.parsing import asked_modules
from mlops_desktop.core.errors import AppError, Cancelled

WORKSPACE_VARIABLE = "MLOPS_WORKSPACE"
# The modules of commands, and the first words of the commands that each adds.
_MODULES = {
    "window": ("window",),
    "demo": ("demo",),
    "engine": ("status",),
    "workspaces": ("init", "trust"),
    "data": ("data",),
    "specs": ("spec",),
    "models": ("runs", "models", "promote", "rollback", "lineage", "export"),
    "serving": ("serve",),
    "alerts": ("alerts",),
    "pipelines": ("pipelines",),
    "report": ("report", "card"),
    "journal": ("journal",),
}


def build_parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser of all commands or, where `words` begin with the name of one, just of those of its module."""
    parser = argparse.ArgumentParser(
        prog="mlops-desktop",
        description="The whole machine-learning lifecycle in one local program.",
        epilog="`mlops-desktop agent FOLDER` runs the engine of a workspace without a window.",
    )
    parser.add_argument("--version", action="version", version=f"mlops-desktop {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print the result as JSON")
    common.add_argument(
        "-w",
        "--workspace",
        type=Path,
        default=Path(os.environ.get(WORKSPACE_VARIABLE, ".")),
        help=f"folder of the workspace (default: ${WORKSPACE_VARIABLE}, or the current folder)",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name in asked_modules(_MODULES, words):
        module = import_module(f"mlops_desktop.cli.{name}")
        if name in ("data", "serving"):
            module.add_commands(commands, common, words[1:])
        else:
            module.add_commands(commands, common)
    return parser


def main(argv: list[str]) -> int:
    """Run one command; with none, open the window."""
    words = argv or ["window"]
    parser = build_parser(words)
    arguments = parser.parse_args(words)
    if not hasattr(arguments, "run"):
        parser.print_usage(sys.stderr)
        return 2
    try:
        return _answered(arguments)
    except AppError as error:
        return _fail(error, as_json_wanted=getattr(arguments, "json", False))
    except (KeyboardInterrupt, Cancelled):
        note("mlops-desktop: cancelled.")
        return 130
    except BrokenPipeError:
        # The reader went away, as `head` does. What is left to print has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _answered(arguments: argparse.Namespace) -> int:
    answer: Answer = arguments.run(arguments)
    if answer is PRINTED:
        return 0
    if getattr(arguments, "json", False):
        say(as_json(answer.data))
    elif answer.text:
        say(answer.text)
    return answer.code


def _fail(error: AppError, *, as_json_wanted: bool) -> int:
    if as_json_wanted:
        say(as_json({"error": error.message, "hint": error.hint}))
    if sys.stderr is not None:
        sys.stderr.write(f"mlops-desktop: {error}\n")
    return 1
