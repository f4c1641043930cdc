"""Whether something runs that would end with the window."""

from __future__ import annotations

from mlops_desktop.core.deployments import EndpointState
from mlops_desktop.workspace import Workspace

_ON = (EndpointState.STARTING, EndpointState.SERVING)


def is_busy(workspace: Workspace) -> bool:
    registry = workspace.registry
    return bool(registry.pipeline_runs.active()) or any(each.state in _ON for each in registry.endpoints.all())
