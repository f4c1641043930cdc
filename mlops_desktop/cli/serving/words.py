"""What several commands of `serve` say."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_desktop.cli.output import in_words
from mlops_desktop.core.deployments import Rollout

NO_ENGINE = " No engine runs: open the window, or start `mlops-desktop agent`."


def summary_of(rollout: Rollout) -> str:
    """A rollout in one line."""
    reason = f": {rollout.reason}" if rollout.reason else ""
    return (
        f"{rollout.kind} {rollout.model}@{rollout.canary} at {rollout.weight:.0%}, step {rollout.step + 1}, "
        f"{rollout.state} since {rollout.started:%Y-%m-%d %H:%M}{reason}"
    )


def inputs_in_words(inputs: Mapping[str, object]) -> str:
    """A row's inputs in one line: `delay=12.5000 carrier=UA`."""
    return " ".join(f"{name}={in_words(value)}" for name, value in inputs.items())
