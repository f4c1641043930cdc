"""Steps from data to a model version: train the candidates, gate them, release the one that passed."""

from __future__ import annotations

import io
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlops_desktop.core.deployments import Endpoint, EndpointState
from mlops_desktop.core.errors import AppError
from mlops_desktop.core.events import GateDecided
from mlops_desktop.core.ids import new_id
from mlops_desktop.core.models import ModelVersion, Parity, Runtime, Signature
from mlops_desktop.core.progress import Progress
from mlops_desktop.core.runs import Run, RunState
from mlops_desktop.data.read import read_table
from mlops_desktop.evaluation.business import cost_metric
from mlops_desktop.evaluation.metrics import evaluate
from mlops_desktop.evaluation.multiclass import top_label
from mlops_desktop.governance.gates import Contender, GateVerdict, TestRows, as_payload, judge
from mlops_desktop.governance.promotion import production_version, promote
from mlops_desktop.monitoring.reference import build_reference
from mlops_desktop.monitoring.spec import MonitoringSpec
from mlops_desktop.pipelines.rollouts import begin_rollout
from mlops_desktop.pipelines.runner import Output, StepContext, register_step
from mlops_desktop.pipelines.scoring import scores_as, scores_of
from mlops_desktop.pipelines.settings import Settings, set_schedules, settings_for
from mlops_desktop.registry import Registry
from mlops_desktop.training.fit import one_thread
from mlops_desktop.training.references import LABEL, SCORE, as_column, from_column
from mlops_desktop.training.train import TrainingResult, train


@register_step("train")
def train_candidates(context: StepContext) -> Output:
    """Train one model per candidate length of history; each is a run of its own."""
    registry = context.registry
    settings = settings_for(registry, context.parameters.get("spec") or context.parameters["endpoint"])
    version = registry.datasets.get(settings.spec.data.dataset)
    table = read_table(registry, version)
    is_first = production_version(registry, settings.spec.model.name) is None
    lengths = settings.candidates[:1] if is_first else _worth_trying(settings, table)
    reported = _one_at_a_time(context.progress)

    def train_candidate(days: int) -> Run:
        try:
            return _train_one(context, settings, version.reference, table, days, reported)
        finally:
            registry.close()  # the connection of this thread

    # A fit takes one core, most of it without Python's lock: the candidates share the cores.
    with one_thread(), ThreadPoolExecutor(max_workers=min(len(lengths), os.cpu_count() or 1)) as pool:
        runs = list(pool.map(train_candidate, lengths))
    metric = settings.gate.metric_for(settings.spec.model.task)
    scores = " and ".join(f"{run.metrics.get(metric.name, float('nan')):.3f}" for run in runs)
    summary = f"{len(runs)} candidates trained on {version.reference}, test {metric.label} {scores}"
    return {"runs": [run.id for run in runs], "read": [version.reference], "summary": summary}


def _one_at_a_time(progress: Progress) -> Progress:
    """A progress that several threads may report to."""
    lock = threading.Lock()

    def report(fraction: float | None, message: str = "") -> None:
        with lock:
            progress(fraction, message)

    return report


def _worth_trying(settings: Settings, table: pa.Table) -> list[int]:
    """The candidates' lengths, shortest first, up to the first one that reaches back to the first row."""
    lengths: list[int] = []
    for days in sorted(settings.candidates):
        lengths.append(days)
        if _covers_all(settings, table, days):
            break  # a longer history would be the same rows again
    return lengths


def _covers_all(settings: Settings, table: pa.Table, days: int) -> bool:
    """Whether `days` of training history before the test days reach back to the first row."""
    span = pc.min_max(table.column(settings.spec.data.time_column)).as_py()
    return bool(span["max"] - span["min"] <= timedelta(days=days + settings.spec.split.test_days))


def _train_one(
    context: StepContext, settings: Settings, data: str, table: pa.Table, days: int, progress: Progress
) -> Run:
    registry, spec = context.registry, settings.spec
    split = msgspec.structs.replace(spec.split, train_days=days)
    candidate = msgspec.structs.replace(spec, split=split)
    started = time.perf_counter()
    saved = registry.specs.get(context.parameters.get("spec") or settings.endpoint)
    parameters = candidate.parameters() | {"pipeline_run": context.run.id, "trigger": context.run.trigger}
    run = registry.runs.start(spec.model.name, saved.reference, data, parameters)
    try:
        result = train(candidate, table, registry.clock.now(), progress)
    except AppError as error:
        registry.runs.fail(run, str(error))
        raise
    with registry.objects.in_use():
        artifacts = _store(registry, result)
        seconds = time.perf_counter() - started
        return registry.runs.finish(
            run, metrics=_finite(result.metrics), artifacts=artifacts, summary=result.summary, seconds=seconds
        )


class RunFacts(msgspec.Struct, frozen=True):
    """What a run leaves beside its metrics for later steps: an object in the content store."""

    signature: Signature
    threshold: float
    parity: Parity
    runtime: Runtime
    train_start: datetime
    train_end: datetime
    test_start: datetime
    importance: dict[str, float]
    notes: tuple[str, ...]


def facts_of(registry: Registry, run: Run) -> RunFacts:
    return msgspec.json.decode(registry.objects.read_bytes(run.artifacts["facts"]), type=RunFacts)


def _store(registry: Registry, result: TrainingResult) -> dict[str, str]:
    facts = RunFacts(
        signature=result.signature,
        threshold=result.threshold,
        parity=result.parity,
        runtime=result.runtime,
        train_start=result.train_start,
        train_end=result.train_end,
        test_start=result.test_start,
        importance=_finite(result.importance),
        notes=result.notes,
    )
    rows = result.reference_test
    for name, scores in result.baselines.items():
        rows = rows.append_column(f"__{name}__", as_column(scores))
    put = registry.objects.put_bytes
    artifacts = {
        "facts": put(msgspec.json.encode(facts)),
        "original": put(result.original),
        "test_rows": put(_parquet(rows)),
    }
    if result.onnx is not None:
        artifacts["onnx"] = put(result.onnx)
    return artifacts


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _finite(values: dict[str, float]) -> dict[str, float]:
    """JSON knows no NaN: what could not be computed is left out."""
    return {name: float(value) for name, value in values.items() if np.isfinite(value)}


@register_step("gate")
def gate(context: StepContext) -> Output:
    """Compare each candidate with the champion on the same newest rows; of those that pass, the largest gain wins."""
    registry = context.registry
    settings = settings_for(registry, context.parameters.get("spec") or context.parameters["endpoint"])
    champion = production_version(registry, settings.spec.model.name)
    verdicts: list[tuple[Run, GateVerdict]] = []
    for run_id in context.outputs["train"]["runs"]:
        run = registry.runs.get(run_id)
        verdict = _judge(registry, settings, run, champion)
        event = GateDecided(
            verdict=verdict.verdict,
            champion=champion.reference if champion else "no champion yet",
            reason=verdict.reason,
            checks=as_payload(verdict),
            pipeline_run=context.run.id,
        )
        registry.record(event, f"run:{run.id}")
        verdicts.append((run, verdict))
    passed = [(run, verdict) for run, verdict in verdicts if verdict.has_passed]
    if not passed:
        refused = "; ".join(f"{v.verdict}: {v.reason}" for _, v in verdicts)
        return {"winner": "", "summary": f"the champion stays ({refused})"}
    winner, verdict = max(passed, key=lambda pair: pair[1].gain or 0.0)
    return {
        "winner": winner.id,
        "reason": verdict.reason,
        "champion": champion.reference if champion else "",
        "champion_metrics": _metrics_on_rows_of(registry, settings, winner, champion) if champion else {},
        "summary": f"passed ({verdict.reason})",
    }


def _metrics_on_rows_of(registry: Registry, settings: Settings, run: Run, champion: ModelVersion) -> dict[str, float]:
    """What the champion measures on the test rows of a run, under the names of the run's own metrics."""
    table = _test_rows(registry, run)
    labels = from_column(table, LABEL)
    scores = scores_as(champion.signature, facts_of(registry, run).signature, scores_of(registry, champion, table))
    found = evaluate(settings.spec.model.task, labels, scores, champion.threshold)
    if settings.values is not None:
        found["cost"] = cost_metric(settings.values)(labels, scores, champion.threshold)
    return _finite({name: value for name, value in found.items() if name in run.metrics})


def _test_rows(registry: Registry, run: Run) -> pa.Table:
    return pq.read_table(io.BytesIO(registry.objects.read_bytes(run.artifacts["test_rows"])))


def _judge(registry: Registry, settings: Settings, run: Run, champion: ModelVersion | None) -> GateVerdict:
    table = _test_rows(registry, run)
    facts = facts_of(registry, run)
    times = np.asarray(table.column(settings.spec.data.time_column)).astype("datetime64[D]").astype(np.int64)
    labels, signature = from_column(table, LABEL), facts.signature
    rows = TestRows(labels=labels, blocks=times, start=facts.test_start, classes=len(signature.classes))
    contender: Contender | None = None
    if champion is not None:
        scores = scores_as(champion.signature, signature, scores_of(registry, champion, table))
        contender = Contender("the champion", scores, champion.train_end)
    return judge(
        settings.gate,
        rows,
        Contender("the challenger", from_column(table, SCORE), facts.train_end),
        contender,
        baselines={name: from_column(table, f"__{name}__") for name in ("dummy", "persistence")},
        values=settings.values,
        seed=settings.spec.seed,
    )


@register_step("release")
def release(context: StepContext) -> Output:
    """Register the winner; the first version goes straight to production, a later one becomes a canary."""
    registry = context.registry
    run_id = context.outputs["gate"]["winner"]
    if not run_id:
        return {"summary": ""}
    settings = settings_for(registry, context.parameters.get("spec") or context.parameters["endpoint"])
    version = _register(registry, settings, registry.runs.get(run_id), context.outputs["gate"])
    champion = production_version(registry, version.model)
    if champion is None:
        return _first(registry, settings, version)
    running = registry.rollouts.running(settings.endpoint)
    if running is not None:
        if running.canary == version.number:
            return {"version": version.number, "summary": f"{version.reference} is a canary"}
        return {"version": version.number, "summary": f"{version.reference} waits: another canary is running"}
    rollout = begin_rollout(registry, settings.endpoint, version, champion)
    return {"version": version.number, "summary": f"{version.reference} is a {rollout.kind} with {rollout.weight:.0%}"}


def _first(registry: Registry, settings: Settings, version: ModelVersion) -> Output:
    with registry.transaction():
        promote(registry, version, reason="first version that passed the gate")
        endpoint = Endpoint(
            name=settings.endpoint,
            model=version.model,
            state=EndpointState.STARTING,
            host="127.0.0.1",
            port=0,
            pid=None,
            updated=registry.clock.now(),
            reason="first version in production",
        )
        registry.endpoints.put(endpoint)
        set_schedules(registry, settings)
    return {"version": version.number, "summary": f"{version.reference} is in production"}


def _register(registry: Registry, settings: Settings, run: Run, gated: Output) -> ModelVersion:
    known = registry.models.of_run(run.id)
    if known is not None:
        return known
    with registry.objects.in_use():
        return registry.models.register(_as_version(registry, settings, run, gated))


def _as_version(registry: Registry, settings: Settings, run: Run, gated: Output) -> ModelVersion:
    facts = facts_of(registry, run)
    served = {name: digest for name, digest in run.artifacts.items() if name != "facts"}
    return ModelVersion(
        id=new_id(),
        model=settings.spec.model.name,
        number=0,
        run=run.id,
        dataset_version=run.dataset_version,
        signature=facts.signature,
        runtime=facts.runtime,
        parity=facts.parity,
        artifacts=served | {"reference": _reference(registry, settings, run, facts)},
        metrics=run.metrics,
        train_start=facts.train_start,
        train_end=facts.train_end,
        created=registry.clock.now(),
        threshold=facts.threshold,
        note=gated["reason"],
        champion=gated.get("champion", ""),
        champion_metrics=gated.get("champion_metrics", {}),
    )


def _reference(registry: Registry, settings: Settings, run: Run, facts: RunFacts) -> str:
    table = _test_rows(registry, run)
    labels, scores = top_label(from_column(table, LABEL), from_column(table, SCORE))
    reference = build_reference(
        table,
        facts.signature.features,
        scores=scores,
        labels=labels,
        times=np.asarray(table.column(settings.spec.data.time_column)),
        importances={name: max(0.0, value) for name, value in facts.importance.items()},
        task=facts.signature.task,
        decision_threshold=facts.threshold,
        values=settings.values,
        top_label=facts.signature.is_multiclass,
        spec=settings.spec.section("monitoring", MonitoringSpec),
        seed=settings.spec.seed,
    )
    return registry.objects.put_bytes(reference.to_bytes())


def runs_of(registry: Registry, model: str) -> list[Run]:
    """Finished training runs of a model, oldest first."""
    done = [r for r in registry.runs.all(limit=10_000) if r.experiment == model and r.state is RunState.SUCCEEDED]
    return sorted(done, key=lambda run: run.id)
