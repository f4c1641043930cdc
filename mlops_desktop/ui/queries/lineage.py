"""From a file to what serves: nodes, and what came from what."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_desktop.core.errors import NotFound
from mlops_desktop.core.models import ModelVersion
from mlops_desktop.governance.lineage import ancestry, served_at
from mlops_desktop.workspace import Workspace

COLUMNS = ("source", "data", "spec", "run", "model", "endpoint")


@dataclass(frozen=True)
class Node:
    """`kind` is one of `COLUMNS`; `target` names what a click opens."""

    id: str
    kind: str
    title: str
    note: str
    target: str = ""
    status: str = ""


@dataclass(frozen=True)
class Lineage:
    """`references` are all model versions, newest first; edges lead from what came first to what came of it."""

    references: tuple[str, ...]
    focus: str
    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]


def lineage(workspace: Workspace, reference: str = "") -> Lineage:
    """The ancestry of a model version (the one in production where none is named) and the endpoint that serves it."""
    registry = workspace.registry
    versions = [version for model in registry.models.names() for version in registry.models.versions(model)]
    references = tuple(version.reference for version in versions)
    focus = reference if reference in references else _first(workspace, references)
    if not focus:
        return Lineage(references, "", (), ())
    found = ancestry(registry, focus)
    version, run = found.model_version, found.run
    model_id, run_id, spec_id = f"model:{focus}", f"run:{run.id}", f"spec:{found.spec.reference}"
    aliases = [a.name for a in registry.models.aliases(version.model) if a.number == version.number]
    nodes = [
        Node(
            model_id,
            "model",
            version.reference,
            f"served by {version.runtime.value}",
            f"models/{focus}",
            (aliases or [""])[0],
        ),
        Node(run_id, "run", f"Run {run.id[-6:]}", f"{run.started:%Y-%m-%d}", f"experiments/{run.id}", run.state.value),
        Node(spec_id, "spec", found.spec.reference, str(found.spec.git or f"{found.spec.id[:10]}…")),
    ]
    edges = [(spec_id, run_id), (run_id, model_id)]
    for index, data in enumerate(found.data):
        data_id = f"data:{data.reference}"
        nodes.append(Node(data_id, "data", data.reference, f"{data.rows:,} rows", f"data/{data.reference}"))
        if index == 0:
            edges.append((data_id, run_id))
        edges += [(f"data:{parent}", data_id) for parent in data.origin.parents]
        if not data.origin.parents:
            source_id = f"source:{data.origin.name}"
            nodes.append(Node(source_id, "source", data.origin.name, data.origin.kind))
            edges.append((source_id, data_id))
    nodes += _endpoints(workspace, version)
    edges += [(model_id, node.id) for node in nodes if node.kind == "endpoint"]
    unique = {node.id: node for node in nodes}
    return Lineage(references, focus, tuple(unique.values()), tuple(dict.fromkeys(edges)))


def _first(workspace: Workspace, references: tuple[str, ...]) -> str:
    for model in workspace.registry.models.names():
        try:
            return workspace.registry.models.get(f"{model}@production").reference
        except NotFound:
            continue
    return next(iter(references), "")


def _endpoints(workspace: Workspace, version: ModelVersion) -> list[Node]:
    return [
        Node(f"endpoint:{endpoint.name}", "endpoint", endpoint.name, role, "serving", endpoint.state.value)
        for endpoint, role in served_at(workspace.registry, version)
    ]
