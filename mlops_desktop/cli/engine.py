"""`status`: what the engine does. (`agent`, `worker` and other processes are told apart before the command line.)"""

from __future__ import annotations

import argparse

from mlops_desktop.cli.output import Answer
from mlops_desktop.cli.parsing import Commands, add_command, open_workspace


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    add_command(commands, common, "status", _status, "the workspace at a glance")


def _status(arguments: argparse.Namespace) -> Answer:
    workspace = open_workspace(arguments)
    registry, state = workspace.registry, workspace.engine_state()
    lease = registry.engine_lease()
    free = lease.acquire()
    holder = "" if free else lease.holder()
    lease.release()
    data = {
        "workspace": workspace.name,
        "folder": str(workspace.folder),
        "time": registry.clock.now(),
        "engine": holder or "not running",
        "datasets": len(registry.datasets.names()),
        "models": registry.models.names(),
        "endpoints": registry.endpoints.all(),
        "unresolved_alerts": len(registry.alerts.unresolved()),
        "active_pipeline_runs": len(registry.pipeline_runs.active()),
        "events": registry.journal.head(),
        "state": state,
    }
    endpoints = ", ".join(f"{e.name} {e.state.value}" for e in registry.endpoints.all()) or "none"
    text = (
        f"{workspace.name} at {workspace.folder}, {registry.clock.now():%Y-%m-%d %H:%M}\n"
        f"engine: {holder or 'not running (open the window, or start `mlops-desktop agent FOLDER`)'}\n"
        f"endpoints: {endpoints}\n"
        f"alerts: {data['unresolved_alerts']} unresolved; pipeline runs: {data['active_pipeline_runs']} active; "
        f"journal: {data['events']:,} events"
    )
    return Answer(data, text)
