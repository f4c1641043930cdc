"""`init`, `data …`, `spec …`: workspaces, datasets and specs."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlops_desktop.cli import data_files
from mlops_desktop.cli.output import Answer, table
from mlops_desktop.cli.parsing import Commands, add_command, add_group, open_workspace
from mlops_desktop.workspace import Workspace


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    init = add_command(commands, common, "init", _init, "make a new workspace")
    init.add_argument("folder", type=Path)
    init.add_argument("--name", default="")
    add_command(commands, common, "trust", _trust, "allow the workspace's original models (pickles) to be loaded here")
    group = add_group(commands, "data", "datasets and their versions")
    add_command(group, common, "list", _list, "datasets with their newest versions")
    versions = add_command(group, common, "versions", _versions, "all versions of a dataset")
    versions.add_argument("dataset")
    show = add_command(group, common, "show", _show, "one version: schema, origin, profile")
    show.add_argument("reference", help="for example flights@3 or flights@latest")
    ingest = add_command(group, common, "ingest", _ingest, "store a source as a version of a dataset")
    ingest.add_argument("path", help="a file, folder, pattern, the URL of a database, or log:ENDPOINT")
    ingest.add_argument("dataset")
    ingest.add_argument("--time-column", default="")
    add_command(group, common, "verify", _verify, "hash all stored chunks again and name what is damaged")
    data_files.add_commands(group, common)
    specs = add_group(commands, "spec", "specs of models")
    save = add_command(specs, common, "save", _save_spec, "check a spec file and save it as a version")
    save.add_argument("path", type=Path)
    add_command(specs, common, "list", _list_specs, "saved specs")
    show_spec = add_command(specs, common, "show", _show_spec, "one saved spec: its text and where it came from")
    show_spec.add_argument("reference", help="for example late-arrival@2")


def _init(arguments: argparse.Namespace) -> Answer:
    workspace = Workspace.create(arguments.folder, name=arguments.name)
    data = {"folder": str(workspace.folder), "name": workspace.name}
    return Answer(data, f"Workspace {workspace.name} is at {workspace.folder}.")


def _trust(arguments: argparse.Namespace) -> Answer:
    workspace = open_workspace(arguments)
    workspace.registry.trust()
    return Answer({"folder": str(workspace.folder), "trusted": True}, f"{workspace.name} is trusted on this machine.")


def _list(arguments: argparse.Namespace) -> Answer:
    datasets = open_workspace(arguments).registry.datasets
    newest = [datasets.get(f"{name}@latest") for name in datasets.names()]
    rows = [(v.dataset, v.number, v.rows, v.size / 1e6, f"{v.created:%Y-%m-%d %H:%M}") for v in newest]
    text = table(("dataset", "version", "rows", "MB", "created"), rows, "No datasets yet: `mlops-desktop data ingest`.")
    return Answer(newest, text)


def _versions(arguments: argparse.Namespace) -> Answer:
    registry = open_workspace(arguments).registry
    registry.datasets.get(f"{arguments.dataset}@latest")
    versions = registry.datasets.versions(arguments.dataset)
    rows = [(v.reference, v.rows, v.content_id[:12], v.origin.name, f"{v.created:%Y-%m-%d %H:%M}") for v in versions]
    return Answer(versions, table(("version", "rows", "content", "origin", "created"), rows))


def _show(arguments: argparse.Namespace) -> Answer:
    from mlops_desktop.data.manifests import read_profile

    registry = open_workspace(arguments).registry
    version = registry.datasets.get(arguments.reference)
    profile = read_profile(registry, version)
    rows = [
        (c.name, c.type.value, c.count, c.nulls, c.distinct, _short(c.minimum), _short(c.maximum))
        for c in profile.columns
    ]
    head = f"{version.reference}: {version.rows:,} rows from {version.origin.name}\n"
    text = head + table(("column", "type", "values", "nulls", "distinct", "min", "max"), rows)
    return Answer({"version": version, "profile": profile}, text)


def _short(value: object) -> str:
    return "" if value is None else str(value)[:24]


def _ingest(arguments: argparse.Namespace) -> Answer:
    workspace = open_workspace(arguments)
    ingested = workspace.data.ingest(arguments.path, arguments.dataset, time_column=arguments.time_column)
    made = [version for version in (ingested.version, ingested.quarantined) if version is not None]
    lines = [f"{version.reference}: {version.rows:,} rows, content {version.content_id[:12]}." for version in made]
    return Answer(ingested, "\n".join([*lines, *ingested.warnings]))


def _verify(arguments: argparse.Namespace) -> Answer:
    found = open_workspace(arguments).data.verify()
    if found.is_sound:
        return Answer(found, f"All {found.objects:,} objects of {found.versions:,} versions are as they were stored.")
    rows = [(d.sha256[:12], d.problem, ", ".join(d.versions)) for d in found.damaged]
    return Answer(found, table(("object", "problem", "versions"), rows), 1)


def _save_spec(arguments: argparse.Namespace) -> Answer:
    spec = open_workspace(arguments).adopt_spec(arguments.path)
    return Answer(spec, f"{spec.reference} saved.")


def _list_specs(arguments: argparse.Namespace) -> Answer:
    specs = open_workspace(arguments).registry.specs.all()
    rows = [(s.reference, s.id[:12], f"{s.created:%Y-%m-%d %H:%M}", str(s.git or "")) for s in specs]
    return Answer(specs, table(("spec", "hash", "saved", "Git"), rows, "No specs yet: `mlops-desktop spec save FILE`."))


def _show_spec(arguments: argparse.Namespace) -> Answer:
    spec = open_workspace(arguments).registry.specs.get(arguments.reference)
    git = f", Git {spec.git}" if spec.git else ""
    return Answer(spec, f"# {spec.reference}, {spec.id[:12]}, saved {spec.created:%Y-%m-%d %H:%M}{git}\n{spec.text}")
