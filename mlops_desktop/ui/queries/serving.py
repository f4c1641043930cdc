"""Endpoints, and where they are reached."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from mlops_desktop.core.deployments import Endpoint, Rollout
from mlops_desktop.core.models import ModelVersion
from mlops_desktop.pipelines.engine_state import EndpointTraffic
from mlops_desktop.workspace import Workspace


@dataclass(frozen=True)
class ServingRow:
    """`version` is what is in production."""

    endpoint: Endpoint
    version: ModelVersion | None
    rollout: Rollout | None


@dataclass(frozen=True)
class Serving:
    rows: tuple[ServingRow, ...]
    servable: tuple[str, ...]


def serving(workspace: Workspace) -> Serving:
    """All endpoints, and the models that have a version in production but no endpoint yet."""
    registry = workspace.registry
    rows = []
    for endpoint in registry.endpoints.all():
        alias = registry.models.alias(endpoint.model, "production")
        version = registry.models.get(f"{endpoint.model}@{alias.number}") if alias else None
        rows.append(ServingRow(endpoint, version, registry.rollouts.running(endpoint.name)))
    served = {row.endpoint.model for row in rows}
    ready = [m for m in registry.models.names() if m not in served and registry.models.alias(m, "production")]
    return Serving(tuple(rows), tuple(ready))


def base_url(endpoint: Endpoint, traffic: EndpointTraffic | None = None) -> str:
    """Scheme, host and port of what serves an endpoint: as the engine says, else as recorded; empty without one."""
    if traffic is not None and traffic.url:
        parts = urlsplit(traffic.url)
        return f"{parts.scheme}://{parts.netloc}"
    return f"http://{endpoint.host}:{endpoint.port}" if endpoint.port else ""


def addresses(base: str, name: str) -> dict[str, str]:
    """Where each protocol is spoken, by a short key; `base` as `base_url` gives it, empty for no addresses."""
    paths = {
        "predict": f"/models/{name}/predict",
        "v2": f"/v2/models/{name}/infer",
        "invocations": f"/models/{name}/invocations",
        "feedback": f"/models/{name}/feedback",
        "metrics": "/metrics",
        "docs": "/docs",
    }
    return {key: base + path for key, path in paths.items()} if base else {}
