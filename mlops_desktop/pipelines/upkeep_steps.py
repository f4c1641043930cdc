"""Steps that keep data whole, check it, and take it elsewhere: long work that a person asks for by hand."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mlops_desktop.core.contracts import ContractReport
from mlops_desktop.core.progress import part_of
from mlops_desktop.data.contracts import check_version, from_toml
from mlops_desktop.data.export import export
from mlops_desktop.data.upkeep import archiving, collection
from mlops_desktop.data.upkeep.verify import DamagedObject, verify
from mlops_desktop.pipelines.runner import Output, StepContext, register_step

MOST_SHOWN = 200
"""Damaged objects and violations that a step's output lists; it always counts all."""


@register_step("export")
def export_version(context: StepContext) -> Output:
    """Write a version to a file or a folder.

    Parameters: `reference`, `path`, and as far as wanted `format`, `columns`, `overwrite`.
    """
    parameters = context.parameters
    reference = context.registry.datasets.get(parameters["reference"]).reference
    written = export(
        context.registry,
        reference,
        Path(parameters["path"]),
        format=parameters.get("format", ""),
        columns=parameters.get("columns") or None,
        # A worker that died may have written the file just before; the place was free when it began.
        overwrite=bool(parameters.get("overwrite")) or context.run.attempt > 1,
        progress=context.progress,
    )
    summary = f"{reference}, {written.rows:,} rows in {written.path}"
    return {"read": [reference], "exported": msgspec.to_builtins(written), "summary": summary}


@register_step("verify data")
def verify_data(context: StepContext) -> Output:
    """Hash what is stored again. Parameters, as far as wanted: `references` (all without), `deep`."""
    registry, references = context.registry, context.parameters.get("references")
    chosen = [registry.datasets.get(name) for name in references] if references else None
    found = verify(registry, chosen, deep=bool(context.parameters.get("deep")), progress=context.progress)
    shown = msgspec.structs.replace(found, damaged=found.damaged[:MOST_SHOWN])
    return {
        "verification": msgspec.to_builtins(shown),
        "damaged": len(found.damaged),
        "touched": _touched(found.damaged),
        "summary": _verdict(found.objects, len(found.damaged)),
    }


def _touched(damaged: tuple[DamagedObject, ...]) -> list[str]:
    return sorted({name for each in damaged for name in each.versions})


def _verdict(objects: int, damaged: int) -> str:
    if not damaged:
        return f"{objects:,} objects are as they were stored"
    return f"{damaged:,} of {objects:,} objects {'is' if damaged == 1 else 'are'} damaged or missing"


@register_step("collect unused")
def collect_unused(context: StepContext) -> Output:
    """Free the objects that nothing needs at the moment that it runs."""
    plan = collection.plan_collection(context.registry, progress=part_of(context.progress, 0.0, 0.4))
    collected = collection.collect(context.registry, plan, progress=part_of(context.progress, 0.4, 1.0))
    summary = f"{collected.objects:,} objects freed, {collected.size / 1e6:,.1f} MB"
    return {"collected": msgspec.to_builtins(collected), "summary": summary}


@register_step("check contract")
def check_contract(context: StepContext) -> Output:
    """Hold a stored version to a contract; nothing else is recorded.

    Parameters: `reference`; `contract` as TOML text, the dataset's own without.
    """
    text = context.parameters.get("contract", "")
    version = context.registry.datasets.get(context.parameters["reference"])
    contract = from_toml(text) if text else None
    report = check_version(context.registry, version, contract, progress=context.progress)
    shown = msgspec.structs.replace(report, violations=report.violations[:MOST_SHOWN])
    return {
        "read": [version.reference],
        "report": msgspec.to_builtins(shown),
        "violations": len(report.violations),
        "summary": _kept(version.reference, report),
    }


def _kept(reference: str, report: ContractReport) -> str:
    if report.is_kept:
        return f"{reference} keeps the contract"
    return f"{reference}: {len(report.violations):,} rules broken, {report.bad_rows:,} bad rows"


@register_step("archive")
def archive_version(context: StepContext) -> Output:
    """Move a version's rows into a file. Parameters: `reference`, `path`, and as far as wanted `reason`."""
    registry, target = context.registry, Path(context.parameters["path"])
    reference = registry.datasets.get(context.parameters["reference"]).reference
    marks = registry.datasets.marks(reference)
    if marks.packed != str(target.resolve()):  # else a worker that died had done it
        reason = context.parameters.get("reason", "")
        marks = archiving.archive(registry, reference, target, reason=reason, progress=context.progress)
    return {"read": [reference], "packed": marks.packed, "summary": f"{reference} is in {marks.packed}"}


@register_step("restore")
def restore_version(context: StepContext) -> Output:
    """Bring a version back from a file. Parameters: `reference` (or a dataset's name); `path` where it is not where it
    was packed."""
    path = context.parameters.get("path", "")
    reference = context.parameters["reference"]
    version = archiving.restore(context.registry, reference, Path(path) if path else None, progress=context.progress)
    return {"dataset_version": version.reference, "summary": f"{version.reference} is back"}
