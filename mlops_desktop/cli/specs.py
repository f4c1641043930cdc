"""`spec …`: specs of models."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlops_desktop.cli.output import Answer, table
from mlops_desktop.cli.parsing import Commands, add_command, add_group, open_workspace


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    group = add_group(commands, "spec", "specs of models")
    save = add_command(group, common, "save", _save, "check a spec file and save it as a version")
    save.add_argument("path", type=Path)
    add_command(group, common, "list", _list, "saved specs")
    show = add_command(group, common, "show", _show, "one saved spec: its text and where it came from")
    show.add_argument("reference", help="for example late-arrival@2")


def _save(arguments: argparse.Namespace) -> Answer:
    spec = open_workspace(arguments).adopt_spec(arguments.path)
    return Answer(spec, f"{spec.reference} saved.")


def _list(arguments: argparse.Namespace) -> Answer:
    specs = open_workspace(arguments).registry.specs.all()
    rows = [(s.reference, s.id[:12], f"{s.created:%Y-%m-%d %H:%M}", str(s.git or "")) for s in specs]
    return Answer(specs, table(("spec", "hash", "saved", "Git"), rows, "No specs yet: `mlops-desktop spec save FILE`."))


def _show(arguments: argparse.Namespace) -> Answer:
    spec = open_workspace(arguments).registry.specs.get(arguments.reference)
    git = f", Git {spec.git}" if spec.git else ""
    return Answer(spec, f"# {spec.reference}, {spec.id[:12]}, saved {spec.created:%Y-%m-%d %H:%M}{git}\n{spec.text}")
