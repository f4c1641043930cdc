"""What made a version and what used it, in both directions: datasets and models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from mlops_desktop.core.datasets import DatasetVersion
from mlops_desktop.core.deployments import Endpoint
from mlops_desktop.core.errors import NotFound
from mlops_desktop.core.models import ModelVersion
from mlops_desktop.core.monitoring import Window
from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.core.runs import Run, SpecVersion
from mlops_desktop.governance.promotion import production_version
from mlops_desktop.registry import Registry

SHOWN = 20
"""How many things of a kind a lineage lists; it counts all."""


class Ancestry(Struct, frozen=True):
    """What a model version came from. `data` starts with the version it was trained on, followed by its ancestors."""

    model_version: ModelVersion
    run: Run
    spec: SpecVersion
    data: tuple[DatasetVersion, ...]


class Link(Struct, frozen=True):
    """One thing that a version came from or went into. `note` says what a person looks for first."""

    reference: str
    note: str = ""


class Links(Struct, frozen=True):
    """The first things of one kind, nearest or newest first, and how many there are.

    `kind` is `source`, `data`, `contract`, `pipeline run`, `spec`, `run`, `model`, `endpoint` or `window`.
    """

    kind: str
    links: tuple[Link, ...]
    total: int


class Lineage(Struct, frozen=True):
    """A dataset or model version with what made it and what used it; kinds of which there is nothing are left out."""

    reference: str
    made_by: tuple[Links, ...]
    used_by: tuple[Links, ...]


def lineage(registry: Registry, reference: str, *, shown: int = SHOWN) -> Lineage:
    """The lineage of `flights@3`, or, where no dataset is called so, of a model version. Raises `NotFound`."""
    if reference.partition("@")[0] in registry.datasets.names(include_archived=True):
        return data_lineage(registry, registry.datasets.get(reference), shown=shown)
    try:
        return model_lineage(registry, reference, shown=shown)
    except NotFound:
        raise NotFound(
            f"There is no dataset version or model version {reference}.",
            hint="List them with `mlops-desktop data list`.",
        ) from None


def data_lineage(registry: Registry, version: DatasetVersion, *, shown: int = SHOWN) -> Lineage:
    """What a dataset version was made by, and everything on record that used it."""
    writers, readers = _pipeline_runs(registry, version.reference)
    models = registry.models.of_data(version.reference)
    ancestors = _with_ancestors(registry, version.reference)
    contract = [Link(version.contract)] if version.contract else []
    ids = [id for run in readers for step in run.steps for id in step.output.get("windows", ())]
    windows = [registry.windows.get(id) for id in ids[:shown]]
    return Lineage(
        version.reference,
        made_by=_some(
            shown,
            source=_sources(ancestors),
            data=_data_links(ancestors)[1:],
            contract=contract,
            pipeline_run=[_pipeline_link(run) for run in writers],
        ),
        used_by=_some(
            shown,
            data=[_data_link(each) for each in registry.datasets.derived_from(version.reference)],
            pipeline_run=[_pipeline_link(run) for run in readers],
            run=[_run_link(run) for run in registry.runs.of_data(version.reference)],
            model=[_model_link(model) for model in models],
            endpoint=[link for model in models for link in _endpoint_links(registry, model)],
        )
        + _windows(windows, len(ids)),
    )


def model_lineage(registry: Registry, reference: str, *, shown: int = SHOWN) -> Lineage:
    """What a model version was made by, back to its files, and what it served. Raises `NotFound`."""
    found = ancestry(registry, reference)
    version, spec = found.model_version, found.spec
    git = f", {spec.git}" if spec.git else ""
    made_by = _some(
        shown,
        source=_sources(found.data),
        data=_data_links(found.data, (version.dataset_version,)),
        spec=[Link(spec.reference, f"{spec.id[:12]}{git}")],
        run=[_run_link(found.run)],
    )
    windows, total = registry.windows.of_model(version.reference, limit=shown)
    used_by = _some(shown, endpoint=_endpoint_links(registry, version)) + _windows(windows, total)
    return Lineage(version.reference, made_by, used_by)


def ancestry(registry: Registry, model_reference: str) -> Ancestry:
    """Trace `late-arrival@3` (or an alias of it) back to the files its rows came from."""
    version = registry.models.get(model_reference)
    run = registry.runs.get(version.run)
    return Ancestry(
        model_version=version,
        run=run,
        spec=registry.specs.get(run.spec),
        data=tuple(_with_ancestors(registry, version.dataset_version)),
    )


def served_at(registry: Registry, version: ModelVersion) -> list[tuple[Endpoint, str]]:
    """The endpoints that a model version answers at now, each with its role: `primary` or `canary, 20 %`."""
    primary = production_version(registry, version.model)
    found = []
    for endpoint in registry.endpoints.all():
        if endpoint.model != version.model:
            continue
        rollout = registry.rollouts.running(endpoint.name)
        if rollout is not None and rollout.canary == version.number:
            found.append((endpoint, f"canary, {rollout.weight * 100:.0f} %"))
        elif primary is not None and primary.number == version.number:
            found.append((endpoint, "primary"))
    return found


def _with_ancestors(registry: Registry, reference: str) -> list[DatasetVersion]:
    """A version and all it was derived from, nearest first. One that was deleted since ends its branch."""
    found: list[DatasetVersion] = []
    waiting, seen = [reference], set[str]()
    while waiting:
        current = waiting.pop(0)
        if current in seen:
            continue
        seen.add(current)
        try:
            version = registry.datasets.get(current)
        except NotFound:
            continue
        found.append(version)
        waiting.extend(version.origin.parents)
    return found


def _pipeline_runs(registry: Registry, reference: str) -> tuple[list[PipelineRun], list[PipelineRun]]:
    """Pipeline runs with a step that made the version, and those with one that read it."""
    runs = registry.pipeline_runs.naming(reference)
    made = [run for run in runs if _names(run, "made", reference)]
    return made, [run for run in runs if _names(run, "read", reference)]


def _names(run: PipelineRun, key: str, reference: str) -> bool:
    return any(reference in step.output.get(key, ()) for step in run.steps)


def _some(shown: int, **kinds: Sequence[Link]) -> tuple[Links, ...]:
    return tuple(
        Links(kind.replace("_", " "), tuple(links[:shown]), len(links)) for kind, links in kinds.items() if links
    )


def _sources(versions: Sequence[DatasetVersion]) -> list[Link]:
    """Where rows came in from outside: of the versions that no other one is the parent of."""
    roots = [version.origin for version in versions if not version.origin.parents]
    links = [Link(origin.name, f"{origin.kind} {origin.sha256}".strip()) for origin in roots]
    return list(dict.fromkeys(links))


def _data_links(known: Sequence[DatasetVersion], named: Iterable[str] = ()) -> list[Link]:
    """Ancestors, and after them those that are named as parents and are no longer there."""
    there = {version.reference for version in known}
    parents = dict.fromkeys([*named, *(parent for version in known for parent in version.origin.parents)])
    gone = [Link(parent, "deleted since") for parent in parents if parent not in there]
    return [_data_link(version) for version in known] + gone


def _data_link(version: DatasetVersion) -> Link:
    return Link(version.reference, f"{version.rows:,} rows from {version.origin.name}")


def _pipeline_link(run: PipelineRun) -> Link:
    return Link(run.id, f"{run.pipeline}, {run.trigger}, {run.queued:%Y-%m-%d %H:%M}")


def _run_link(run: Run) -> Link:
    return Link(run.id, f"{run.experiment}, {run.state.value}, {run.started:%Y-%m-%d}")


def _model_link(version: ModelVersion) -> Link:
    return Link(version.reference, f"{version.created:%Y-%m-%d}")


def _endpoint_links(registry: Registry, version: ModelVersion) -> list[Link]:
    return [Link(endpoint.name, f"{version.reference}, {role}") for endpoint, role in served_at(registry, version)]


def _windows(windows: Sequence[Window], total: int) -> tuple[Links, ...]:
    links = tuple(Link(w.id, f"{w.endpoint}, {w.kind} from {w.start:%Y-%m-%d}, {w.rows:,} rows") for w in windows)
    return (Links("window", links, total),) if total else ()
