"""What the sheets of data's upkeep ask: what an act would mean, and how the run that does it stands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_desktop.core.contracts import ContractReport
from mlops_desktop.core.datasets import DatasetVersion, VersionLine
from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.core.runs import RunState
from mlops_desktop.workspace import Workspace

if TYPE_CHECKING:
    from mlops_desktop.data.upkeep.collection import CollectionPlan
    from mlops_desktop.data.upkeep.removal import Consequences

EXPORT, VERIFY, COLLECT, CHECK = "export", "verify data", "collect unused", "check contract"
ARCHIVE, RESTORE = "archive", "restore"
PARQUET_FOLDER = "parquet-folder"


@dataclass(frozen=True)
class RunView:
    """A pipeline run with what its worker says at the moment; `fraction` is in [0, 1] or None.

    `result` is what it came to: an `Exported`, a `Verification`, a `Collected` or a `ContractReport`; else None.
    `ahead` names a pipeline that runs before it.
    """

    run: PipelineRun
    stage: str = ""
    fraction: float | None = None
    is_waiting_for_engine: bool = False
    ahead: str = ""
    result: Any = None

    @property
    def is_over(self) -> bool:
        return self.run.state in (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED)

    @property
    def reason(self) -> str:
        """Why it ended as it did, without the name of the step."""
        return self.run.reason.removeprefix(f"{self.run.pipeline}: ")


@dataclass(frozen=True)
class FormatInfo:
    """A format that can be written. `most_rows` and `most_columns` are 0 for no limit."""

    name: str
    extension: str
    most_rows: int
    most_columns: int


@dataclass(frozen=True)
class ExportChoice:
    version: DatasetVersion
    formats: tuple[FormatInfo, ...]


def run_view(workspace: Workspace, run: str) -> RunView:
    """How a run stands now. Raises `NotFound`."""
    found = workspace.registry.pipeline_runs.get(run)
    engine = workspace.engine_state()
    mine = engine.job if engine.job is not None and engine.job.run == run else None
    others = [each for each in workspace.registry.pipeline_runs.active() if each.id != run]
    return RunView(
        found,
        mine.stage if mine else "",
        mine.fraction if mine else None,
        is_waiting_for_engine=found.state is RunState.QUEUED and not engine.running,
        ahead=others[0].pipeline if found.state is RunState.QUEUED and others else "",
        result=_result(found),
    )


def _result(run: PipelineRun) -> Any:
    """What the run's last step left, as a value; None where there is nothing."""
    from mlops_desktop.data.export import Exported
    from mlops_desktop.data.upkeep.collection import Collected
    from mlops_desktop.data.upkeep.verify import Verification

    kinds: dict[str, tuple[str, Any]] = {
        EXPORT: ("exported", Exported),
        VERIFY: ("verification", Verification),
        COLLECT: ("collected", Collected),
        CHECK: ("report", ContractReport),
    }
    key, kind = kinds.get(run.pipeline, ("", None))
    found = run.steps[-1].output.get(key) if run.steps else None
    return None if found is None else msgspec.convert(found, kind)


def consequences(workspace: Workspace, reference: str) -> Consequences:
    return workspace.data.consequences(reference)


def collection_plan(workspace: Workspace) -> CollectionPlan:
    return workspace.data.plan_collection()


def archived(workspace: Workspace, dataset: str) -> tuple[VersionLine, ...]:
    """The archived versions of a dataset, newest first."""
    lines = workspace.registry.datasets.lines(dataset, include_archived=True)
    return tuple(line for line in lines if line.is_archived)


def export_choice(workspace: Workspace, reference: str) -> ExportChoice:
    from mlops_desktop.data.writers import FORMATS

    found = (FormatInfo(name, each.extensions[0], each.most_rows, each.most_columns) for name, each in FORMATS.items())
    return ExportChoice(workspace.registry.datasets.get(reference), tuple(found))


def queued(pipeline: str, parameters: dict[str, Any]) -> partial[PipelineRun]:
    """The deed that queues a pipeline."""
    return partial(_queue, pipeline=pipeline, parameters=parameters)


def _queue(workspace: Workspace, pipeline: str, parameters: dict[str, Any]) -> PipelineRun:
    return workspace.queue(pipeline, parameters)
