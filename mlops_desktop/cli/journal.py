"""`journal …`: what happened, and whether the record is intact."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from mlops_desktop.cli.output import Answer
from mlops_desktop.cli.parsing import Commands, add_command, add_group, open_workspace
from mlops_desktop.core.errors import EnvironmentProblem
from mlops_desktop.core.events import Event, describe


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    group = add_group(commands, "journal", "the record of everything that happened")
    show = add_command(group, common, "list", _list, "the newest events")
    show.add_argument("--limit", type=int, default=50)
    show.add_argument("--kind", action="append", default=[], help="only events of this kind; may be repeated")
    show.add_argument("--subject", default="")
    add_command(group, common, "verify", _verify, "recompute the chain of hashes")
    export = add_command(group, common, "export", _export, "write all events as JSON lines")
    export.add_argument("path", type=Path)


def line(event: Event) -> str:
    return f"{event.seq:>6}  {event.time:%Y-%m-%d %H:%M}  {event.actor:<12}  {describe(event)}"


def _list(arguments: argparse.Namespace) -> Answer:
    journal = open_workspace(arguments).registry.journal
    events = journal.newest(arguments.limit, kinds=arguments.kind, subject=arguments.subject)[::-1]
    return Answer(events, "\n".join(line(event) for event in events))


def _verify(arguments: argparse.Namespace) -> Answer:
    found = open_workspace(arguments).registry.journal.verify()
    if found.intact:
        return Answer(found, f"The journal is intact: {found.events:,} events, head {found.head[:16]}…")
    return Answer(found, f"The journal is broken at event {found.first_broken}: {found.reason}.", 1)


def _export(arguments: argparse.Namespace) -> Answer:
    journal = open_workspace(arguments).registry.journal
    count = 0
    try:
        with arguments.path.open("wb") as file:
            for event in journal.all():
                file.write(msgspec.json.encode(event) + b"\n")
                count += 1
    except OSError as error:
        raise EnvironmentProblem(
            f"{arguments.path} cannot be written: {error.strerror}.", hint="Choose another path."
        ) from error
    return Answer({"path": str(arguments.path), "events": count}, f"{count:,} events written to {arguments.path}.")
