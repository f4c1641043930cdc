"""The sample project: New York flights of 2013, from a model's first training to a year of traffic."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.resources import resource_folder
from mlops_desktop.pipelines.settings import adopt_spec
from mlops_desktop.registry import Registry

NAME = "New York flights 2013"
ENDPOINT = "late-arrival"
HISTORY_END = datetime(2013, 4, 1, tzinfo=UTC)
END = datetime(2014, 1, 1, tzinfo=UTC)


def sample_folder() -> Path:
    """Where the sample's files are; raises `InvalidInput` when one of them is missing."""
    try:
        folder = resource_folder("samples") / "flights2013"
    except FileNotFoundError as error:
        raise InvalidInput(str(error), hint="Install the program again.") from None
    for name in ("flights.parquet", "late-arrival.toml"):
        if not (folder / name).is_file():
            raise InvalidInput(
                f"The sample's file {folder / name} is missing.",
                hint="Restore it from the repository, or build it with `python packaging/build_sample.py`.",
            )
    return folder


def create_sample_workspace(folder: Path, *, actor: str = "") -> None:
    """Make a workspace whose time is that of the sample, and queue its set-up; the engine does the rest."""
    sample = sample_folder()
    registry = Registry.create(folder, name=NAME, actor=actor, replay_from=HISTORY_END.isoformat())
    try:
        spec = adopt_spec(registry, sample / "late-arrival.toml", schedule=False)
        parameters = {
            "endpoint": ENDPOINT,
            "spec": spec.reference,
            "path": str(sample / "flights.parquet"),
            "before": HISTORY_END.isoformat(),
        }
        registry.pipeline_runs.queue("set up", parameters, registry.actor)
    finally:
        registry.close()
