"""Model cards: what a version is, what it was made of, how good it was shown to be, and where it should not be trusted.

The sections follow Mitchell et al. 2019, "Model Cards for Model Reporting".
"""

from __future__ import annotations

import tomllib
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from mlops_desktop.core.errors import Damaged, NotFound
from mlops_desktop.core.events import AliasMoved, GateDecided
from mlops_desktop.core.models import Alias, ModelVersion, Runtime
from mlops_desktop.core.runs import Run, SpecVersion
from mlops_desktop.governance.lineage import ancestry
from mlops_desktop.governance.promotion import PRODUCTION
from mlops_desktop.governance.provenance import Provenance, provenance
from mlops_desktop.governance.rendering import render
from mlops_desktop.registry import Registry

BASELINES = ("dummy", "persistence")
_GREATER_IS_BETTER = frozenset({"auc", "accuracy", "balanced_accuracy", "f1", "r2"})


class MetricRow(Struct, frozen=True):
    """A metric on the held-out rows beside what the baselines got there; None where it was not computed."""

    name: str
    value: float
    dummy: float | None
    persistence: float | None
    greater_is_better: bool


class Decision(Struct, frozen=True):
    """The gate that let the version's run pass, or not."""

    time: datetime
    verdict: str
    champion: str
    reason: str
    checks: tuple[dict[str, Any], ...]


class Service(Struct, frozen=True):
    """A span in production; `end` is None while it lasts."""

    start: datetime
    end: datetime | None
    reason: str


class ModelCard(Struct, frozen=True):
    """Everything on record about a version. `importance` and `notes` come from its run; empty where that is lost."""

    version: ModelVersion
    run: Run
    spec: SpecVersion
    data: tuple[Provenance, ...]
    aliases: tuple[Alias, ...]
    metrics: tuple[MetricRow, ...]
    gate: Decision | None
    service: tuple[Service, ...]
    description: str
    positive: str
    importance: dict[str, float]
    notes: tuple[str, ...]
    limits: tuple[str, ...]


def model_card(registry: Registry, reference: str) -> ModelCard:
    """The card of `late-arrival@3`, or of an alias such as `late-arrival@production`. Raises `NotFound`."""
    found = ancestry(registry, reference)
    version, run = found.model_version, found.run
    section = _section(found.spec.text, "model")
    facts = _facts(registry, run)
    notes = tuple(str(note) for note in facts.get("notes", ()))
    return ModelCard(
        version=version,
        run=run,
        spec=found.spec,
        data=tuple(provenance(registry, data) for data in found.data),
        aliases=tuple(a for a in registry.models.aliases(version.model) if a.number == version.number),
        metrics=_metric_rows(version.metrics or run.metrics),
        gate=gate_decision(registry, run.id),
        service=service_spans(registry, version.model).get(version.number, ()),
        description=str(section.get("description", "")),
        positive=str(section.get("positive", "")),
        importance={str(k): float(v) for k, v in facts.get("importance", {}).items()},
        notes=notes,
        limits=_limits(version),
    )


def as_markdown(card: ModelCard) -> str:
    """The card as CommonMark; names from outside are escaped."""
    return render("card.md", card=card)


def as_html(card: ModelCard) -> str:
    """The card as a page of its own, without scripts or anything to be loaded."""
    return render("card_page.html", card=card)


def gate_decision(registry: Registry, run: str) -> Decision | None:
    """The newest verdict on a run."""
    found = registry.journal.newest(1, kinds=[GateDecided.kind], subject=f"run:{run}")
    if not found:
        return None
    payload = found[0].payload
    return Decision(
        time=found[0].time,
        verdict=payload["verdict"],
        champion=payload["champion"],
        reason=payload["reason"],
        checks=tuple(payload["checks"]),
    )


def service_spans(registry: Registry, model: str) -> dict[int, tuple[Service, ...]]:
    """When each version of a model was in production, read from the moves of the alias."""
    found: dict[int, tuple[Service, ...]] = {}
    current: tuple[int, Service] | None = None
    for event in registry.journal.all():
        if event.kind != AliasMoved.kind or (event.payload["model"], event.payload["alias"]) != (model, PRODUCTION):
            continue
        if current is not None:
            number, span = current
            found[number] = (*found.get(number, ()), msgspec.structs.replace(span, end=event.time))
        after = str(event.payload["after"])
        current = (int(after), Service(event.time, None, event.payload["reason"])) if after.isdecimal() else None
    if current is not None:
        number, span = current
        found[number] = (*found.get(number, ()), span)
    return found


def _metric_rows(metrics: dict[str, float]) -> tuple[MetricRow, ...]:
    own = [name for name in metrics if not name.startswith(tuple(f"{baseline}_" for baseline in BASELINES))]
    return tuple(
        MetricRow(
            name,
            metrics[name],
            metrics.get(f"dummy_{name}"),
            metrics.get(f"persistence_{name}"),
            name in _GREATER_IS_BETTER,
        )
        for name in own
    )


def _section(text: str, name: str) -> dict[str, Any]:
    try:
        section = tomllib.loads(text).get(name, {})
    except tomllib.TOMLDecodeError:
        return {}
    return section if isinstance(section, dict) else {}


def _facts(registry: Registry, run: Run) -> dict[str, Any]:
    """What a run left beside its metrics, as JSON."""
    try:
        facts = msgspec.json.decode(registry.objects.read_bytes(run.artifacts["facts"]))
    except (KeyError, NotFound, Damaged, msgspec.DecodeError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _limits(version: ModelVersion) -> tuple[str, ...]:
    limits = [
        "Shown to hold on rows like those it was tested on; the season, the market and the way data are recorded may "
        "change, which is why it is monitored while it serves.",
        "A score is a probability estimated from past cases. It does not say why, and it is not a cause.",
    ]
    categorical = [feature.name for feature in version.signature.features if feature.categories]
    if categorical:
        limits.append(
            f"Values of {', '.join(categorical)} that were not among the training rows are treated as unknown."
        )
    if version.train_end is not None:
        limits.append(f"It has seen nothing after {version.train_end:%Y-%m-%d %H:%M} UTC.")
    if version.runtime is not Runtime.ONNX:
        limits.append(f"It is served by the original, not by ONNX: {version.parity.reason or 'the export differs'}.")
    return tuple(limits)
