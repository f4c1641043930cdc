"""The step that plays logged requests again by a version that has no live traffic yet."""

from __future__ import annotations

import msgspec

from mlops_desktop.core.errors import Conflict, InvalidInput
from mlops_desktop.core.models import ModelVersion, Runtime
from mlops_desktop.core.progress import part_of
from mlops_desktop.pipelines.artifacts import served_artifact
from mlops_desktop.pipelines.collect import spool_folder
from mlops_desktop.pipelines.runner import Output, StepContext, register_step
from mlops_desktop.registry import Registry
from mlops_desktop.serving.config import ServedVersion
from mlops_desktop.serving.frames import LoadRequest
from mlops_desktop.serving.predictors import load_predictor
from mlops_desktop.serving.replay import ReplayReport, last_requests, replay, to_bytes

USUAL_REQUESTS = 1000


@register_step("replay")
def replay_requests(context: StepContext) -> Output:
    """Answer the last logged requests of an endpoint by another version of its model, and keep the comparison.

    Parameters: `endpoint`, `reference` (a model version), and as far as wanted `requests`. The whole report is the
    object `report`; the output holds what is needed for a look.
    """
    registry, parameters = context.registry, context.parameters
    endpoint, version = str(parameters["endpoint"]), registry.models.get(parameters["reference"])
    served = registry.endpoints.get(endpoint).model
    if served != version.model:
        raise Conflict(f"{endpoint} serves {served}, not {version.model}.", hint="Choose a version of its model.")
    records = last_requests(spool_folder(registry, endpoint), int(parameters.get("requests") or USUAL_REQUESTS))
    if not records:
        raise InvalidInput(f"{endpoint} has answered nothing that is logged.", hint="Send it some requests first.")
    candidate = served_version(registry, version)
    predictor = load_predictor(LoadRequest(candidate.artifact, candidate.runtime, candidate.signature))
    report = replay(records, predictor, candidate, endpoint, part_of(context.progress, 0.1, 1.0))
    short = msgspec.to_builtins(msgspec.structs.replace(report, rows_shown=()))
    with registry.objects.in_use():  # until the running step names the report, a collection would free it
        name = registry.objects.put_bytes(to_bytes(report))
        running = msgspec.structs.replace(context.run.steps[-1], output={"report": name})
        registry.pipeline_runs.set_step(context.run.id, running)
    return {"version": version.reference, "report": name, "replay": short, "summary": _summary(version, report)}


def served_version(registry: Registry, version: ModelVersion) -> ServedVersion:
    """A version as it would be served, its artifact checked. Raises `Damaged`, and where an original is not trusted."""
    if version.runtime is Runtime.SKLEARN:
        registry.require_trust()
    name = served_artifact(version)
    registry.objects.read_bytes(name)  # raises when it is not what was registered
    path = str(registry.objects.path(name))
    return ServedVersion(version.number, path, version.runtime, version.signature, version.threshold)


def _summary(version: ModelVersion, report: ReplayReport) -> str:
    told = (
        f"{version.reference} on {report.requests:,} requests: "
        f"{report.changed:,} of {report.rows:,} predictions change, "
        f"{report.latency_after.p50:.2f} ms (median) instead of {report.latency_before.p50:.2f}"
    )
    lost = report.refused + report.failed
    return f"{told}; {lost:,} requests not answered: {report.problem}" if lost else told
