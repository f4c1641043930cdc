"""The step that takes a source in: a file, a folder, a query, a prediction log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.intake.ingest import Ingested, ingest
from mlops_desktop.data.sources import open_source, read_source
from mlops_desktop.data.versions.store import write_version
from mlops_desktop.pipelines.log_source import located
from mlops_desktop.pipelines.runner import Output, StepContext, register_step
from mlops_desktop.pipelines.settings import settings_for


@register_step("ingest")
def ingest_source(context: StepContext) -> Output:
    """Store a source as a dataset version.

    Parameters: `path` (any location that a source is opened by), `dataset` (or a `spec` that names it), and as far as
    wanted `options` (of `ReadOptions`), `time_column`, `mode`, `note`, `tags`. With `before` only the rows before that
    moment are stored, for a replay.
    """
    if "before" in context.parameters:
        return _ingest_until(context)
    parameters = context.parameters
    dataset = parameters.get("dataset") or settings_for(context.registry, parameters["spec"]).spec.data.dataset
    ingested = ingest(
        context.registry,
        located(context.registry, parameters["path"]),
        dataset,
        options=options_of(parameters),
        time_column=parameters.get("time_column", ""),
        mode=parameters.get("mode"),
        note=parameters.get("note", ""),
        tags=parameters.get("tags", ()),
        progress=context.progress,
    )
    if ingested.version is None and context.run.pipeline != "ingest":  # what comes next needs rows
        aside = ingested.quarantined.reference if ingested.quarantined else ""
        raise InvalidInput(f"All rows broke the contract of {dataset}.", hint=f"They are in {aside}, with the reasons.")
    return _output(ingested)


def _output(ingested: Ingested) -> Output:
    """What became of the rows, for later steps, for lineage (`made`) and for people."""
    version, aside = ingested.version, ingested.quarantined
    is_new = version is not None and ingested.outcome == "stored"
    return {
        "dataset_version": version.reference if version else "",
        "quarantine": aside.reference if aside else "",
        "outcome": ingested.outcome,
        "warnings": list(ingested.warnings),
        "made": [each.reference for each in (version if is_new else None, aside) if each is not None],
        "summary": "; ".join(_sentences(ingested)),
    }


def _sentences(ingested: Ingested) -> Iterator[str]:
    version, aside, warnings = ingested.version, ingested.quarantined, len(ingested.warnings)
    if version is not None:
        is_repeat = ingested.outcome == "repeated"
        yield f"the same rows as {version.reference}" if is_repeat else f"{version.reference}, {version.rows:,} rows"
    if aside is not None:
        yield f"{aside.rows:,} rows put aside in {aside.reference}"
    if warnings:
        yield f"{warnings} warnings" if warnings > 1 else ingested.warnings[0].rstrip(".")


def options_of(parameters: dict[str, Any]) -> ReadOptions:
    """How a run's source is read. Raises `InvalidInput` for options that there are not."""
    try:
        return msgspec.convert(parameters.get("options", {}), ReadOptions)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"The options of the ingestion do not fit: {error}.", hint="Correct them.") from error


def _ingest_until(context: StepContext) -> Output:
    parameters = context.parameters
    data = settings_for(context.registry, parameters["spec"]).spec.data
    path = Path(parameters["path"])
    table = read_source(path)
    known = pc.less(table.column(data.time_column), pa.scalar(datetime.fromisoformat(parameters["before"])))
    rows, origin = table.filter(known), open_source(path).origin()
    version = write_version(context.registry, data.dataset, rows, origin, time_column=data.time_column)
    return {
        "dataset_version": version.reference,
        "made": [version.reference],
        "summary": f"{version.reference}, {version.rows:,} rows",
    }
