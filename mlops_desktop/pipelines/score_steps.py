"""Scores a month of a replay under several policies: what would have happened without the loop's decisions.

`never` keeps the first version; `always` serves each newest challenger of the first candidate at once, with no gate;
`loop` is what was really answered, canaries included. Further candidates, ungated as well, are reported beside them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_desktop.core.errors import NotFound
from mlops_desktop.core.events import AliasMoved, ScoreRecorded
from mlops_desktop.core.runs import Run
from mlops_desktop.data.read import read_table
from mlops_desktop.evaluation.business import ValueMatrix
from mlops_desktop.evaluation.metrics import auc
from mlops_desktop.governance.promotion import PRODUCTION
from mlops_desktop.pipelines.collect import predictions_dataset
from mlops_desktop.pipelines.runner import Output, StepContext, register_step
from mlops_desktop.pipelines.scoring import scores_from, scores_of
from mlops_desktop.pipelines.settings import Settings, settings_for
from mlops_desktop.pipelines.training_steps import facts_of, runs_of
from mlops_desktop.registry import Registry

Scores = NDArray[np.float64]

_ALL_HISTORY = 3650


@register_step("score month")
def score_month(context: StepContext) -> Output:
    """AUC and cost per row of the policies in the month `parameters["month"]`, for rows whose label arrived."""
    registry, month = context.registry, str(context.parameters["month"])
    settings = settings_for(registry, context.parameters["endpoint"])
    table = _rows_of(registry, settings, month)
    labels = np.asarray(table.column("label").to_numpy(), dtype=np.float64)
    policies = _policies(registry, settings, table)
    figures = {name: _figures(labels, scores, settings.values) for name, scores in policies.items()}
    event = ScoreRecorded(
        month=month,
        never=figures["never"]["auc"],
        always=figures["always"]["auc"],
        loop=figures["loop"]["auc"],
        figures={"rows": table.num_rows, "policies": figures},
    )
    registry.record(event, settings.endpoint)
    return {"summary": f"{month}: {table.num_rows:,} rows", "figures": figures}


def _rows_of(registry: Registry, settings: Settings, month: str) -> pa.Table:
    start = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    end = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    dataset = predictions_dataset(settings.endpoint)
    table = read_table(registry, f"{dataset}@latest", between=("time", start, end))
    labelled = table.filter(pa.compute.is_valid(table.column("label")))
    if not labelled.num_rows:
        raise NotFound(f"No labelled predictions of {month}.", hint="Score the month after its labels arrived.")
    return labelled


def _policies(registry: Registry, settings: Settings, table: pa.Table) -> dict[str, Scores]:
    first = registry.models.get(f"{settings.spec.model.name}@{_first_in_production(registry, settings)}")
    never = scores_of(registry, first, table)
    scores = {"never": never, "loop": np.asarray(table.column("score").to_numpy(), dtype=np.float64)}
    runs = runs_of(registry, settings.spec.model.name)
    for position, days in enumerate(settings.candidates):
        name = "always" if position == 0 else _name_of(days)
        challengers = [run for run in runs if run.parameters.get("train_days") == days and run.id != first.run]
        scores[name] = _latest_first(registry, challengers, table, never)
    return scores


def _name_of(days: int) -> str:
    """How a further candidate is called: ten years are all there is."""
    return "always, all history" if days >= _ALL_HISTORY else f"always, {days} days"


def _first_in_production(registry: Registry, settings: Settings) -> int:
    for event in registry.journal.all():
        moved = event.kind == AliasMoved.kind and event.payload["alias"] == PRODUCTION
        if moved and event.payload["model"] == settings.spec.model.name:
            return int(event.payload["after"])
    raise NotFound(f"{settings.spec.model.name} never was in production.", hint="Set the endpoint up first.")


def _latest_first(registry: Registry, runs: list[Run], table: pa.Table, before: Scores) -> Scores:
    """Scores as if every run's model had been served from the end of the run until that of the next one."""
    times = np.asarray(table.column("time")).astype("datetime64[us]")
    ends = [np.datetime64(run.finished.replace(tzinfo=None), "us") for run in runs if run.finished is not None]
    scores = before.copy()
    served = np.searchsorted(np.array(ends, dtype="datetime64[us]"), times, side="right") - 1
    for index in np.unique(served[served >= 0]):
        rows = np.flatnonzero(served == index)
        run, facts = runs[index], facts_of(registry, runs[index])
        scores[rows] = scores_from(registry, run.artifacts, facts.runtime, facts.signature, table.take(rows))
    return scores


def _figures(labels: Scores, scores: Scores, values: ValueMatrix | None) -> dict[str, Any]:
    figures = {"auc": round(float(auc(labels, scores)), 6)}
    if values is not None:
        decisions = scores >= values.optimal_threshold()
        figures["cost"] = round(float(np.mean(values.cost_per_row(labels, decisions))), 6)
    return figures
