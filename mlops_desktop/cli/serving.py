"""`serve …`, `alerts …`, `pipelines …`: what runs, and what it noticed."""

from __future__ import annotations

import argparse

from mlops_desktop.cli.access import add_token_commands
from mlops_desktop.cli.output import Answer, table
from mlops_desktop.cli.parsing import Commands, add_command, add_group, open_workspace
from mlops_desktop.core.deployments import EndpointState


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    serve = add_group(commands, "serve", "endpoints")
    start = add_command(serve, common, "start", _start, "ask the engine to serve a model's production version")
    start.add_argument("endpoint")
    start.add_argument("--model", default="")
    start.add_argument("--port", type=int, default=0)
    stop = add_command(serve, common, "stop", _stop, "ask the engine to stop an endpoint")
    stop.add_argument("endpoint")
    add_command(serve, common, "status", _status, "endpoints, their traffic and latency")
    add_token_commands(serve, common)
    alerts = add_group(commands, "alerts", "alerts")
    add_command(alerts, common, "list", _alerts, "alerts, newest first")
    acknowledge = add_command(alerts, common, "acknowledge", _acknowledge, "mark an alert as seen")
    acknowledge.add_argument("number", type=int)
    resolve = add_command(alerts, common, "resolve", _resolve, "close an alert")
    resolve.add_argument("number", type=int)
    pipelines = add_group(commands, "pipelines", "pipelines and their runs")
    add_command(pipelines, common, "runs", _runs, "pipeline runs, newest first")
    run = add_command(pipelines, common, "run", _run, "queue a pipeline for the engine")
    run.add_argument("pipeline")
    run.add_argument("parameters", nargs="*", metavar="KEY=VALUE")
    cancel = add_command(pipelines, common, "cancel", _cancel, "ask a pipeline run to end")
    cancel.add_argument("run_id")


def _start(arguments: argparse.Namespace) -> Answer:
    workspace = open_workspace(arguments)
    endpoint = workspace.start_serving(arguments.endpoint, arguments.model, port=arguments.port)
    running = workspace.engine_state().running
    hint = "" if running else " No engine runs: open the window, or start `mlops-desktop agent`."
    return Answer(endpoint, f"{endpoint.name} will be served.{hint}")


def _stop(arguments: argparse.Namespace) -> Answer:
    endpoint = open_workspace(arguments).stop_serving(arguments.endpoint)
    return Answer(endpoint, f"{endpoint.name} will be stopped.")


def _status(arguments: argparse.Namespace) -> Answer:
    workspace = open_workspace(arguments)
    state = workspace.engine_state()
    endpoints = workspace.registry.endpoints.all()
    rows: list[tuple[object, ...]] = [
        (
            e.name,
            e.state.value,
            f"http://{e.host}:{e.port}" if e.port else "",
            v.number,
            v.role,
            v.requests,
            v.p50,
            v.p99,
        )
        for e in endpoints
        for t in state.endpoints
        if t.name == e.name
        for v in t.versions
    ] or [(e.name, e.state.value, f"http://{e.host}:{e.port}" if e.port else "", "", "", "", "", "") for e in endpoints]
    failed = [f"{e.name} failed: {e.reason}" for e in endpoints if e.state is EndpointState.FAILED]
    headers = ("endpoint", "state", "url", "version", "role", "requests", "p50 ms", "p99 ms")
    data = {"endpoints": endpoints, "engine": state}
    text = table(headers, rows, "No endpoints yet: `mlops-desktop serve start NAME --model MODEL`.")
    return Answer(data, "\n".join([text, *failed]), 1 if failed else 0)


def _alerts(arguments: argparse.Namespace) -> Answer:
    alerts = open_workspace(arguments).registry.alerts.all()
    rows = [
        (a.number, a.state.value, a.severity.value, a.cause.value, a.title, a.action.value, f"{a.raised:%Y-%m-%d}")
        for a in alerts
    ]
    return Answer(
        alerts, table(("alert", "state", "severity", "cause", "what", "action", "raised"), rows, "No alerts.")
    )


def _acknowledge(arguments: argparse.Namespace) -> Answer:
    alert = open_workspace(arguments).acknowledge(arguments.number)
    return Answer(alert, f"Alert {alert.number} is acknowledged.")


def _resolve(arguments: argparse.Namespace) -> Answer:
    alert = open_workspace(arguments).resolve(arguments.number)
    return Answer(alert, f"Alert {alert.number} is resolved.")


def _runs(arguments: argparse.Namespace) -> Answer:
    runs = open_workspace(arguments).registry.pipeline_runs.all()
    rows = [(r.id, r.pipeline, r.state.value, r.trigger, f"{r.queued:%Y-%m-%d %H:%M}", r.reason[:70]) for r in runs]
    return Answer(runs, table(("run", "pipeline", "state", "trigger", "queued", "outcome"), rows, "No pipeline runs."))


def _run(arguments: argparse.Namespace) -> Answer:
    from mlops_desktop.core.errors import InvalidInput

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
