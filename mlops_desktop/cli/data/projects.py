"""`data plan | apply`: projects in files."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_desktop.cli.output import Answer
from mlops_desktop.cli.parsing import Commands, add_command, open_workspace

if TYPE_CHECKING:
    from mlops_desktop.pipelines.plans import Plan


def add_commands(group: Commands, common: argparse.ArgumentParser) -> None:
    for name, run, help_text in (
        ("plan", _plan, "what a project in files would change"),
        ("apply", _apply, "make the workspace what a project in files says"),
    ):
        command = add_command(group, common, name, run, help_text)
        command.add_argument("folder", type=Path, help="the one with project.toml in it")
        command.add_argument("--ingest", action="store_true", help="also take in sources, by the engine")


def _plan(arguments: argparse.Namespace) -> Answer:
    found = open_workspace(arguments).data.plan(arguments.folder, ingest=arguments.ingest)
    count = len(found.to_do)
    end = f"{count:,} to make with `mlops-desktop data apply`." if count else "Nothing to do."
    return Answer(found, "\n".join([*_lines(found, with_diff=True), end]))


def _apply(arguments: argparse.Namespace) -> Answer:
    found = open_workspace(arguments).data.apply(arguments.folder, ingest=arguments.ingest)
    end = f"{len(found.to_do):,} made." if found.to_do else "Nothing to do."
    return Answer(found, "\n".join([*_lines(found, with_diff=False), end]))


def _lines(plan: Plan, *, with_diff: bool) -> Iterator[str]:
    yield f"Project {plan.project} in {plan.folder}" + (f", Git {plan.git}" if plan.git else "")
    for change in plan.changes:
        note = f" ({change.note})" if change.note else ""
        yield f"  {change.action.value:6}  {change.kind} {change.name}{note}"
        if with_diff and change.before:
            yield from (f"            {line}" for line in change.diff.splitlines()[2:])
