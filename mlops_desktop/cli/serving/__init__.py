"""`serve …`: endpoints, their rollouts, and what they answered. One module per kind of command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module

from mlops_desktop.cli.parsing import Commands, add_group, asked_modules

_MODULES = {
    "endpoints": ("start", "stop", "restart", "status", "scale"),
    "rollouts": ("rollout",),
    "replay": ("replay",),
    "tail": ("tail",),
    "access": ("token", "certificate"),
}


def add_commands(commands: Commands, common: argparse.ArgumentParser, words: Sequence[str]) -> None:
    group = add_group(commands, "serve", "endpoints, their rollouts, and what they answered")
    for name in asked_modules(_MODULES, words):
        import_module(f"{__name__}.{name}").add_commands(group, common)
