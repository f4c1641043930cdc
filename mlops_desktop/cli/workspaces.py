"""`init`, `trust`: workspaces as such."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlops_desktop.cli.output import Answer
from mlops_desktop.cli.parsing import Commands, add_command, open_workspace
from mlops_desktop.workspace import Workspace


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    init = add_command(commands, common, "init", _init, "make a new workspace")
    init.add_argument("folder", type=Path)
    init.add_argument("--name", default="")
    add_command(commands, common, "trust", _trust, "allow the workspace's original models (pickles) to be loaded here")


def _init(arguments: argparse.Namespace) -> Answer:
    workspace = Workspace.create(arguments.folder, name=arguments.name)
    data = {"folder": str(workspace.folder), "name": workspace.name}
    return Answer(data, f"Workspace {workspace.name} is at {workspace.folder}.")


def _trust(arguments: argparse.Namespace) -> Answer:
    workspace = open_workspace(arguments)
    workspace.registry.trust()
    return Answer({"folder": str(workspace.folder), "trusted": True}, f"{workspace.name} is trusted on this machine.")
