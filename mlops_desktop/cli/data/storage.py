"""`data verify | gc | archive | restore`: keeping what is stored whole and small."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlops_desktop.cli.data.versions import REFERENCE
from mlops_desktop.cli.output import Answer, counted, referenced, size_in_words, table
from mlops_desktop.cli.parsing import Commands, add_command, open_workspace
from mlops_desktop.cli.progress import job


def add_commands(group: Commands, common: argparse.ArgumentParser) -> None:
    verify = add_command(group, common, "verify", _verify, "hash what is stored again, and name what is damaged")
    verify.add_argument("references", nargs="*", metavar="REFERENCE", help="only these (default: everything)")
    verify.add_argument("--deep", action="store_true", help="also put the rows together and compare their content ids")
    collect = add_command(group, common, "gc", _collect, "what is stored and needed by nothing")
    collect.add_argument("--apply", action="store_true", help="remove it")
    archive = add_command(group, common, "archive", _archive, "leave a version out of lists and of @latest")
    archive.add_argument("reference", help=REFERENCE)
    archive.add_argument("--to", type=Path, metavar="FILE", help="move its rows into this file (a ZIP)")
    archive.add_argument("--reason", default="", help="for the journal")
    restore = add_command(group, common, "restore", _restore, "bring an archived version back")
    restore.add_argument("reference", help="for example flights@3; with --from also a dataset of another workspace")
    restore.add_argument("--from", dest="from_", type=Path, metavar="FILE", help="that `data archive --to` wrote")


def _verify(arguments: argparse.Namespace) -> Answer:
    data = open_workspace(arguments).data
    with job() as progress:
        found = data.verify(arguments.references or None, progress, deep=arguments.deep)
    if found.is_sound:
        size = size_in_words(found.size)
        rebuilt = f" {counted(found.chunks, 'chunk')} of rows put together again." if arguments.deep else ""
        checked = f"{counted(found.objects, 'object')} ({size}) of {counted(found.versions, 'version')}"
        return Answer(found, f"{checked}: all as stored.{rebuilt}")
    rows = [(d.sha256[:12], d.role, d.problem, ", ".join(d.versions)) for d in found.damaged]
    end = "Ingest the same source again, or restore the version from an archive: that stores what is lost anew."
    return Answer(found, table(("object", "role", "problem", "touches"), rows) + f"\n{end}", 1)


def _collect(arguments: argparse.Namespace) -> Answer:
    data = open_workspace(arguments).data
    with job() as progress:
        plan = data.plan_collection(progress)
        collected = data.collect(plan, progress) if arguments.apply else None
    answer = {"plan": plan, "collected": collected}
    if collected is not None:
        size = size_in_words(collected.size)
        left = f" and {counted(collected.temporary, 'half-written file')}" if collected.temporary else ""
        return Answer(answer, f"Removed {counted(collected.objects, 'object')} ({size}){left}.")
    lines = [f"Needed by nothing: {counted(plan.objects, 'object')} ({size_in_words(plan.size)})."]
    if plan.temporary:
        lines.append(f"Left half-written: {counted(plan.temporary, 'file')} ({size_in_words(plan.temporary_size)}).")
    lines.append(f"Needed: {counted(plan.kept, 'object')} ({size_in_words(plan.kept_size)}),")
    lines += [f"  {count:,} for {kind}" for kind, count in plan.kept_by.items()]
    if plan.objects or plan.temporary:
        lines.append("Nothing was removed; `mlops-desktop data gc --apply` does it.")
    return Answer(answer, "\n".join(lines))


def _archive(arguments: argparse.Namespace) -> Answer:
    data = open_workspace(arguments).data
    reference = data.version(arguments.reference).reference
    with job() as progress:
        marks = data.archive(reference, arguments.to, reason=arguments.reason, progress=progress)
    lines = [f"{reference} is archived: `data versions --archived` lists it, `data restore {reference}` undoes it."]
    if marks.packed:
        lines.append(f"Its rows are in {marks.packed}; `mlops-desktop data gc --apply` frees their room here.")
    return Answer(marks, "\n".join(lines))


def _restore(arguments: argparse.Namespace) -> Answer:
    data = open_workspace(arguments).data
    if arguments.from_ is None and not data.marks(arguments.reference).is_archived:
        version = data.version(arguments.reference)
        return Answer(referenced(version), f"{version.reference} is not archived; nothing was changed.")
    with job() as progress:
        version = data.restore(arguments.reference, arguments.from_, progress=progress)
    return Answer(referenced(version), f"{version.reference} is back: {counted(version.rows, 'row')}.")
