"""`data …`: datasets and their versions. One module per kind of command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module

from mlops_desktop.cli.parsing import Commands, add_group, asked_modules

_MODULES = {
    "ingest": ("ingest",),
    "versions": ("list", "versions", "show", "log", "lineage"),
    "profile": ("profile",),
    "compare": ("diff",),
    "contracts": ("contract",),
    "marks": ("tag", "untag", "note", "alias", "unalias"),
    "export": ("export",),
    "storage": ("verify", "gc", "archive", "restore"),
    "removal": ("delete",),
    "watching": ("watch",),
    "projects": ("plan", "apply"),
}


def add_commands(commands: Commands, common: argparse.ArgumentParser, words: Sequence[str]) -> None:
    group = add_group(commands, "data", "datasets and their versions")
    for name in asked_modules(_MODULES, words):
        import_module(f"{__name__}.{name}").add_commands(group, common)
