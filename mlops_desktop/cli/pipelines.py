"""`pipelines …`: what the engine does in the background."""

from __future__ import annotations

import argparse

from mlops_desktop.cli.output import Answer, table
from mlops_desktop.cli.parsing import Commands, add_command, add_group, open_workspace
from mlops_desktop.core.errors import InvalidInput


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    pipelines = add_group(commands, "pipelines", "pipelines and their runs")
    add_command(pipelines, common, "runs", _runs, "pipeline runs, newest first")
    run = add_command(pipelines, common, "run", _run, "queue a pipeline for the engine")
    run.add_argument("pipeline")
    run.add_argument("parameters", nargs="*", metavar="KEY=VALUE")
    cancel = add_command(pipelines, common, "cancel", _cancel, "ask a pipeline run to end")
    cancel.add_argument("run_id")


def _runs(arguments: argparse.Namespace) -> Answer:
    runs = open_workspace(arguments).registry.pipeline_runs.all()
    rows = [(r.id, r.pipeline, r.state.value, r.trigger, f"{r.queued:%Y-%m-%d %H:%M}", r.reason[:70]) for r in runs]
    return Answer(runs, table(("run", "pipeline", "state", "trigger", "queued", "outcome"), rows, "No pipeline runs."))


def _run(arguments: argparse.Namespace) -> Answer:
    parameters = {}
    for pair in arguments.parameters:
        key, sign, value = pair.partition("=")
        if not sign:
            raise InvalidInput(f"`{pair}` is not of the form KEY=VALUE.", hint="For example endpoint=late-arrival.")
        parameters[key] = value
    run = open_workspace(arguments).queue(arguments.pipeline, parameters)
    return Answer(run, f"{run.pipeline} is queued as {run.id}.")


def _cancel(arguments: argparse.Namespace) -> Answer:
    run = open_workspace(arguments).cancel(arguments.run_id)
    return Answer(run, f"{run.pipeline} {run.id}: {run.state.value}.")
