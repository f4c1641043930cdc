"""`data tag | untag | note | alias | unalias`: what people say about versions."""

from __future__ import annotations

import argparse

from mlops_desktop.cli.data.versions import REFERENCE
from mlops_desktop.cli.output import Answer
from mlops_desktop.cli.parsing import Commands, add_command, open_workspace
from mlops_desktop.core.datasets import Marks


def add_commands(group: Commands, common: argparse.ArgumentParser) -> None:
    for name, run, help_text in (
        ("tag", _tag, "mark a version with tags"),
        ("untag", _untag, "take tags from a version"),
    ):
        command = add_command(group, common, name, run, help_text)
        command.add_argument("reference", help=REFERENCE)
        command.add_argument("tags", nargs="+", metavar="TAG")
    note = add_command(group, common, "note", _note, "replace a version's note")
    note.add_argument("reference", help=REFERENCE)
    note.add_argument("text", help="an empty one removes the note")
    alias = add_command(group, common, "alias", _alias, "point a name at a version, as in flights@reference")
    alias.add_argument("reference", help=REFERENCE)
    alias.add_argument("name")
    unalias = add_command(group, common, "unalias", _unalias, "remove a name")
    unalias.add_argument("dataset")
    unalias.add_argument("name")
    for command in (alias, unalias):
        command.add_argument("--reason", default="", help="for the journal")


def _tag(arguments: argparse.Namespace) -> Answer:
    return _told(open_workspace(arguments).data.tag(arguments.reference, *arguments.tags))


def _untag(arguments: argparse.Namespace) -> Answer:
    return _told(open_workspace(arguments).data.untag(arguments.reference, *arguments.tags))


def _told(marks: Marks) -> Answer:
    return Answer(marks, f"{marks.dataset}@{marks.number} has the tags {', '.join(marks.tags) or '(none)'}.")


def _note(arguments: argparse.Namespace) -> Answer:
    marks = open_workspace(arguments).data.note(arguments.reference, arguments.text)
    said = f"has the note: {marks.note}" if marks.note else "has no note."
    return Answer(marks, f"{marks.dataset}@{marks.number} {said}")


def _alias(arguments: argparse.Namespace) -> Answer:
    alias = open_workspace(arguments).data.set_alias(arguments.reference, arguments.name, arguments.reason)
    return Answer(alias, f"{alias.dataset}@{alias.name} is {alias.dataset}@{alias.number}.")


def _unalias(arguments: argparse.Namespace) -> Answer:
    data = open_workspace(arguments).data
    data.drop_alias(arguments.dataset, arguments.name, arguments.reason)
    answer = {"dataset": arguments.dataset, "removed": arguments.name, "aliases": data.aliases(arguments.dataset)}
    return Answer(answer, f"{arguments.dataset} has no alias {arguments.name} any more.")
