"""`data delete`: for good, with the consequences first."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlops_desktop.cli.data.versions import REFERENCE
from mlops_desktop.cli.output import Answer, counted, note, referenced, size_in_words
from mlops_desktop.cli.parsing import Commands, add_command, open_workspace
from mlops_desktop.cli.progress import job

if TYPE_CHECKING:
    from mlops_desktop.data.upkeep.removal import Consequences


def add_commands(group: Commands, common: argparse.ArgumentParser) -> None:
    delete = add_command(group, common, "delete", _delete, "delete a version for good; shows first what that means")
    delete.add_argument("reference", help=REFERENCE)
    delete.add_argument("--reason", required=True, help="for the journal")
    delete.add_argument("--yes", action="store_true", help="do it without asking")


def _delete(arguments: argparse.Namespace) -> Answer:
    data = open_workspace(arguments).data
    with job() as progress:
        found = data.consequences(arguments.reference, progress)
    told = "\n".join(_told(found))
    if found.refusal:
        said = f"{told}\n{found.refusal} Point the alias at another version, or roll the model back, first."
        return Answer({"consequences": found, "deleted": None}, said, 1)
    if not arguments.yes and not _agreed(told, found.reference, as_json=arguments.json):
        end = "Nothing was deleted; --yes deletes it without asking."
        return Answer({"consequences": found, "deleted": None}, end if _can_ask() else f"{told}\n{end}", 1)
    tombstone = data.delete(found.reference, arguments.reason)
    said = f"{found.reference} is deleted; `mlops-desktop data gc --apply` frees its room."
    return Answer({"consequences": found, "deleted": referenced(tombstone)}, said)


def _told(found: Consequences) -> Iterator[str]:
    yield f"Deleting {found.reference} removes {counted(found.rows, 'row')}; {size_in_words(found.freed)} become free."
    if found.tags:
        yield f"  It is tagged {', '.join(found.tags)}."
    if found.derived:
        yield f"  Versions that came of it stay: {', '.join(found.derived)}."
    if found.runs:
        yield f"  Its rows can no longer be seen for {counted(len(found.runs), 'training run')} that learned from it."
    for model in found.models:
        ways = ", ".join([*model.aliases, *(f"served by {endpoint}" for endpoint in model.endpoints)])
        yield f"  Model {model.reference} came of it{f' ({ways})' if ways else ''}."


def _can_ask() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def _agreed(told: str, reference: str, *, as_json: bool) -> bool:
    if as_json or not _can_ask():
        return False
    note(f"{told}\nDelete {reference} for good? [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
