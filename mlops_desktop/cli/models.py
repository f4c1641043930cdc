"""`runs`, `models`, `promote`, `rollback`, `lineage`, `export`."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlops_desktop.cli.output import Answer, table
from mlops_desktop.cli.parsing import Commands, add_command, open_workspace


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    runs = add_command(commands, common, "runs", _runs, "training runs, newest first")
    runs.add_argument("--limit", type=int, default=30)
    add_command(commands, common, "models", _models, "model versions and their aliases")
    promote = add_command(commands, common, "promote", _promote, "put a model version into production by hand")
    promote.add_argument("version", help="for example late-arrival@3")
    promote.add_argument("--reason", required=True)
    rollback = add_command(commands, common, "rollback", _rollback, "end a canary, or return to the version before")
    rollback.add_argument("endpoint")
    rollback.add_argument("--reason", required=True)
    trace = add_command(commands, common, "lineage", lineage, "what made a dataset or model version, and what used it")
    trace.add_argument("version", help="for example flights@latest or late-arrival@production")
    export = add_command(commands, common, "export", _export, "write a model version as an MLflow model folder")
    export.add_argument("version")
    export.add_argument("folder", type=Path)


def _runs(arguments: argparse.Namespace) -> Answer:
    runs = open_workspace(arguments).registry.runs.all(limit=arguments.limit)
    rows = [
        (r.id, r.experiment, r.state.value, r.dataset_version, r.metrics.get("auc", ""), r.reason[:60]) for r in runs
    ]
    return Answer(runs, table(("run", "experiment", "state", "data", "AUC", "reason"), rows, "No runs yet."))


def _models(arguments: argparse.Namespace) -> Answer:
    models = open_workspace(arguments).registry.models
    versions = [version for name in models.names() for version in models.versions(name)]
    aliases = {
        v.reference: ", ".join(a.name for a in models.aliases(v.model) if a.number == v.number) for v in versions
    }
    rows = [
        (
            v.reference,
            aliases[v.reference],
            v.metrics.get("auc", ""),
            v.runtime.value,
            v.dataset_version,
            f"{v.created:%Y-%m-%d}",
        )
        for v in versions
    ]
    text = table(("version", "aliases", "test AUC", "served by", "data", "created"), rows, "No models yet.")
    return Answer([{"version": v, "aliases": aliases[v.reference]} for v in versions], text)


def _promote(arguments: argparse.Namespace) -> Answer:
    version = open_workspace(arguments).promote(arguments.version, reason=arguments.reason)
    return Answer(version, f"{version.reference} is in production.")


def _rollback(arguments: argparse.Namespace) -> Answer:
    version = open_workspace(arguments).roll_back(arguments.endpoint, reason=arguments.reason)
    return Answer(version, f"{version.reference} serves {arguments.endpoint} alone.")


def lineage(arguments: argparse.Namespace) -> Answer:
    """What made `arguments.version` and what used it."""
    found = open_workspace(arguments).data.lineage(arguments.version)
    lines = [found.reference]
    for title, sides in (("made by", found.made_by), ("used by", found.used_by)):
        lines.append(f"  {title}" if sides else f"  {title} nothing")
        for side in sides:
            lines += [f"    {side.kind} {link.reference}: {link.note}".rstrip(": ") for link in side.links]
            if side.total > len(side.links):
                lines.append(f"    … {len(side.links)} of {side.total:,} of kind {side.kind}")
    return Answer(found, "\n".join(lines))


def _export(arguments: argparse.Namespace) -> Answer:
    folder = open_workspace(arguments).export_mlflow(arguments.version, arguments.folder)
    return Answer({"folder": str(folder)}, f"{arguments.version} was written to {folder}.")
