"""What a replay of logged requests can be made of, and what earlier ones found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_desktop.core.errors import NotFound
from mlops_desktop.ui.queries.serving_rollout import RolloutView, rollout_view
from mlops_desktop.workspace import Workspace

if TYPE_CHECKING:
    from mlops_desktop.serving.replay import ReplayReport

REPLAY = "replay"


@dataclass(frozen=True)
class ReplayChoice:
    """`view` has the versions that can be tried, `last` is when the newest logged row was answered, empty for none."""

    view: RolloutView
    last: str


def replay_choice(workspace: Workspace, endpoint: str) -> ReplayChoice:
    """Raises `NotFound` for an endpoint that is not there."""
    answered = [row for row in workspace.serving.tail(endpoint, last=20).rows if row.status == 200]
    last = f"{answered[-1].time:%Y-%m-%d %H:%M}" if answered else ""
    return ReplayChoice(rollout_view(workspace, endpoint), last)


def earlier_replay(workspace: Workspace, endpoint: str, reference: str) -> ReplayReport | None:
    """The newest finished replay of a version; None where there is none."""
    try:
        return workspace.serving.replayed(reference, endpoint)
    except NotFound:
        return None
