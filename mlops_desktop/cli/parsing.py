"""Shared pieces of the commands' parsers."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlops_desktop.cli.output import Answer
from mlops_desktop.workspace import Workspace

Commands = Any  # argparse's sub-parsers have no public type
Run = Callable[[argparse.Namespace], Answer]


def asked_modules(modules: Mapping[str, Sequence[str]], words: Sequence[str]) -> list[str]:
    """Of modules, each with the commands that it adds, the one that the first of `words` asks for, else all.

    So a command costs the imports and the parser of its own module alone.
    """
    asked = [name for name, commands in modules.items() if words and words[0] in commands]
    return asked or list(modules)


def add_command(
    commands: Commands, common: argparse.ArgumentParser, name: str, run: Run, help_text: str
) -> argparse.ArgumentParser:
    """A command that `run` carries out; it calls `arguments.wrong_usage(message)` for what the parser cannot see."""
    parser: argparse.ArgumentParser = commands.add_parser(name, parents=[common], help=help_text, description=help_text)
    parser.set_defaults(run=run, wrong_usage=parser.error)
    return parser


def add_group(commands: Commands, name: str, help_text: str) -> Commands:
    """A command that has commands of its own, one of which must be given."""
    parser = commands.add_parser(name, help=help_text, description=help_text)
    return parser.add_subparsers(dest=f"{name} command", metavar="COMMAND", required=True)


def open_workspace(arguments: argparse.Namespace) -> Workspace:
    return Workspace(arguments.workspace)


def positive(text: str) -> int:
    """The type of an option that counts from 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def not_negative(text: str) -> int:
    """The type of an option that counts from 0."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return number
