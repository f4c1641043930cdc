"""Endpoints, where they are reached, and an example of a request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from mlops_desktop.core.datasets import ColumnProfile, ColumnType
from mlops_desktop.core.deployments import Endpoint, Rollout
from mlops_desktop.core.models import Feature, ModelVersion
from mlops_desktop.data.versions.manifests import read_profile
from mlops_desktop.pipelines.engine_state import EndpointTraffic
from mlops_desktop.workspace import Workspace


@dataclass(frozen=True)
class ServingRow:
    """`example` holds a typical value per feature; `version` is what is in production."""

    endpoint: Endpoint
    version: ModelVersion | None
    rollout: Rollout | None
    example: dict[str, Any]


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
        example = example_of(workspace, version) if version else {}
        rows.append(ServingRow(endpoint, version, registry.rollouts.running(endpoint.name), example))
    served = {row.endpoint.model for row in rows}
    ready = [m for m in registry.models.names() if m not in served and registry.models.alias(m, "production")]
    return Serving(tuple(rows), tuple(ready))


def example_of(workspace: Workspace, version: ModelVersion) -> dict[str, Any]:
    """A typical row: the median or the most frequent value of each feature in the training data."""
    registry = workspace.registry
    data = registry.datasets.get(version.dataset_version)
    profile = read_profile(registry, data)
    columns = {column.name: column for column in profile.columns}
    return {each.name: _typical(each, columns.get(each.name)) for each in version.signature.features}


def _typical(feature: Feature, column: ColumnProfile | None) -> Any:
    if feature.categories:
        return feature.categories[0]
    if column is None:
        return 0
    if column.type in (ColumnType.TEXT, ColumnType.BOOLEAN):
        return column.top[0][0] if column.top else ""
    middle = column.quantiles[len(column.quantiles) // 2] if column.quantiles else (column.mean or 0.0)
    return round(middle) if column.type is ColumnType.INTEGER else round(float(middle), 4)


def request_body(features: tuple[Feature, ...], row: dict[str, Any]) -> dict[str, Any]:
    """One row as an Open Inference Protocol (V2) request."""
    kinds = {ColumnType.TEXT: "BYTES", ColumnType.BOOLEAN: "BOOL", ColumnType.INTEGER: "INT64"}
    inputs = [
        {
            "name": each.name,
            "shape": [1],
            "datatype": kinds.get(each.type, "FP64"),
            "data": [_sent(each, row.get(each.name))],
        }
        for each in features
    ]
    return {"inputs": inputs}


def _sent(feature: Feature, value: Any) -> Any:
    if feature.type is ColumnType.TEXT:
        return "" if value is None else str(value)
    if value in (None, ""):
        return None
    if feature.type is ColumnType.BOOLEAN:
        return str(value).lower() in ("true", "1", "yes")
    return int(float(value)) if feature.type is ColumnType.INTEGER else float(value)


def curl_snippet(url: str, body: dict[str, Any]) -> str:
    """A command that can be pasted into a terminal."""
    return f"curl -s {url} \\\n  -H 'Content-Type: application/json' \\\n  -d '{json.dumps(body)}'"


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
