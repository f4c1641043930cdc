"""`data …`: datasets and their versions. One module per kind of command."""

from __future__ import annotations

import argparse

from mlops_desktop.cli.data import (
    compare,
    contracts,
    export,
    ingest,
    marks,
    profile,
    projects,
    removal,
    storage,
    versions,
    watching,
)
from mlops_desktop.cli.parsing import Commands, add_group

_KINDS = (ingest, versions, profile, compare, contracts, marks, export, storage, removal, watching, projects)


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    group = add_group(commands, "data", "datasets and their versions")
    for kind in _KINDS:
        kind.add_commands(group, common)
