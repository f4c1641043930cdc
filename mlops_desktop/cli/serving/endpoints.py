"""`serve start | stop | restart | status | scale`: which models are served, and by how many workers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from mlops_desktop.cli.output import Answer, counted, table
from mlops_desktop.cli.parsing import Commands, add_command, not_negative, open_workspace, positive
from mlops_desktop.cli.progress import job
from mlops_desktop.cli.serving.words import NO_ENGINE, summary_of
from mlops_desktop.core.deployments import Endpoint, EndpointState, Rollout
from mlops_desktop.pipelines.engine_state import EndpointTraffic, VersionTraffic
from mlops_desktop.serving.figures import PoolStats
from mlops_desktop.workspace import Workspace

_HEADERS = ("endpoint", "state", "url", "version", "role", "workers", "requests", "errors", "p50 ms", "p99 ms")


def add_commands(serve: Commands, common: argparse.ArgumentParser) -> None:
    start = add_command(serve, common, "start", _start, "ask the engine to serve a model's production version")
    start.add_argument("endpoint")
    start.add_argument("--model", default="", help="needed the first time")
    start.add_argument("--port", type=int, default=0, help="default: the one it had, else a free one")
    _add_waiting(start)
    stop = add_command(serve, common, "stop", _stop, "ask the engine to stop an endpoint")
    stop.add_argument("endpoint")
    _add_waiting(stop)
    restart = add_command(serve, common, "restart", _restart, "stop an endpoint, wait, start it, and wait")
    restart.add_argument("endpoint")
    restart.add_argument("--seconds", type=positive, default=60, help="how long to wait at most (default: 60)")
    add_command(serve, common, "status", _status, "endpoints with their traffic, workers and rollouts")
    scale = add_command(serve, common, "scale", _scale, "change how many workers each version may have, at once")
    scale.add_argument("endpoint")
    scale.add_argument("--min", type=not_negative, metavar="N", help="0 lets it end all workers when it is idle")
    scale.add_argument("--max", type=positive, metavar="N")
    scale.add_argument("--as-spec", action="store_true", help="as many as the spec says again")
    scale.add_argument("--reason", required=True)


def _add_waiting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="until it is done")
    parser.add_argument("--seconds", type=positive, default=60, help="how long to wait at most (default: 60)")


def _start(arguments: argparse.Namespace) -> Answer:
    workspace = open_workspace(arguments)
    endpoint = workspace.start_serving(arguments.endpoint, arguments.model, port=arguments.port)
    if arguments.wait:
        return _served(workspace, arguments)
    hint = "" if workspace.engine_state().running else NO_ENGINE
    return Answer(endpoint, f"{endpoint.name} will be served.{hint}")


def _stop(arguments: argparse.Namespace) -> Answer:
    workspace = open_workspace(arguments)
    endpoint = workspace.stop_serving(arguments.endpoint)
    if not arguments.wait:
        return Answer(endpoint, f"{endpoint.name} will be stopped.")
    return Answer(_waited(workspace, arguments, EndpointState.STOPPED), f"{endpoint.name} is stopped.")


def _restart(arguments: argparse.Namespace) -> Answer:
    workspace = open_workspace(arguments)
    with job() as progress:
        workspace.restart_serving(arguments.endpoint, seconds=arguments.seconds, progress=progress)
    return _served(workspace, arguments)


def _served(workspace: Workspace, arguments: argparse.Namespace) -> Answer:
    endpoint = _waited(workspace, arguments, EndpointState.SERVING)
    return Answer(endpoint, f"{endpoint.name} is served at {_url(workspace, endpoint)}.")


def _waited(workspace: Workspace, arguments: argparse.Namespace, state: EndpointState) -> Endpoint:
    with job() as progress:
        return workspace.serving.wait_for(arguments.endpoint, state, seconds=arguments.seconds, progress=progress)


def _url(workspace: Workspace, endpoint: Endpoint) -> str:
    scheme = "https" if workspace.serving.limits(endpoint.name).security.certificate else "http"
    return f"{scheme}://{endpoint.host}:{endpoint.port}" if endpoint.port else ""


def _scale(arguments: argparse.Namespace) -> Answer:
    if arguments.as_spec == (arguments.min is not None or arguments.max is not None):
        arguments.wrong_usage("give --min or --max, or --as-spec")
    serving = open_workspace(arguments).serving
    if arguments.as_spec:
        endpoint = serving.scale_by_spec(arguments.endpoint, reason=arguments.reason)
    else:
        endpoint = serving.scale(
            arguments.endpoint, minimum=arguments.min, maximum=arguments.max, reason=arguments.reason
        )
    scaler = serving.limits(endpoint.name).autoscaler
    return Answer(endpoint, f"{endpoint.name} has {scaler.min_workers} to {scaler.max_workers} workers a version.")


def _status(arguments: argparse.Namespace) -> Answer:
    workspace = open_workspace(arguments)
    state = workspace.engine_state()
    traffic = {each.name: each for each in state.endpoints}
    endpoints = workspace.registry.endpoints.all()
    rollouts = {e.name: found for e in endpoints if (found := workspace.registry.rollouts.running(e.name))}
    rows = [row for e in endpoints for row in _rows(e, _url(workspace, e), traffic.get(e.name))]
    text = table(_HEADERS, rows, "No endpoints yet: `mlops-desktop serve start NAME --model MODEL`.")
    told = [
        line for e in endpoints for line in _told(workspace, e, traffic.get(e.name), rollouts.get(e.name))
    ]  # fmt: skip
    data = {
        "endpoints": endpoints,
        "engine": state,
        "rollouts": rollouts,
        "limits": {endpoint.name: workspace.serving.limits(endpoint.name) for endpoint in endpoints},
    }
    has_failed = any(endpoint.state is EndpointState.FAILED for endpoint in endpoints)
    return Answer(data, "\n".join([text, *told]), 1 if has_failed else 0)


def _rows(endpoint: Endpoint, url: str, traffic: EndpointTraffic | None) -> Iterator[tuple[object, ...]]:
    """One for each version and role; a version without requests has one as well."""
    named = (endpoint.name, endpoint.state.value, url)
    pools = {pool.version: pool for pool in traffic.pools} if traffic else {}
    versions = traffic.versions if traffic else ()
    for number in sorted({*pools, *(version.number for version in versions)}):
        workers = _workers(pools.get(number))
        seen: list[VersionTraffic] = [version for version in versions if version.number == number]
        yield from ((*named, number, v.role, workers, v.requests, v.errors, v.p50, v.p99) for v in seen)
        if not seen:
            yield (*named, number, "", workers, 0, 0, "", "")
    if not pools and not versions:
        yield (*named, "", "", "", "", "", "", "")


def _workers(pool: PoolStats | None) -> str:
    return f"{len(pool.pids)} of {pool.wanted}" if pool else ""


def _told(
    workspace: Workspace, endpoint: Endpoint, traffic: EndpointTraffic | None, rollout: Rollout | None
) -> Iterator[str]:
    """What the table has no room for."""
    name, limits = endpoint.name, workspace.serving.limits(endpoint.name).autoscaler
    if endpoint.state is EndpointState.FAILED:
        yield f"{name} failed: {endpoint.reason}"
    elif endpoint.reason and endpoint.state is EndpointState.SERVING:
        yield f"{name}: {endpoint.reason}"
    by_hand = endpoint.workers
    if by_hand is not None and (by_hand.minimum, by_hand.maximum) == (limits.min_workers, limits.max_workers):
        yield f"{name}: {by_hand.minimum} to {by_hand.maximum} workers a version, set by hand"
    for pool in traffic.pools if traffic else ():
        if pool.decisions:
            yield f"{name}@{pool.version}: {pool.decisions[-1].reason}"
        if pool.queued:
            yield f"{name}@{pool.version}: {counted(pool.queued, 'request')} waiting"
    if traffic and traffic.unlogged:
        yield f"{name}: {counted(traffic.unlogged, 'request')} answered without a record in the log"
    if rollout is not None:
        yield f"{name}: {summary_of(rollout)}"
