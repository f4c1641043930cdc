"""A workspace with nine months behind it, written through the registry: for pictures and tests of the window.

The figures are made up (seeded) and the course of events is told, so that every page has something to show: a first
model, a drift alert that led to a retrained one, a refused challenger, a rollback, a canary that runs now.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from mlops_desktop.core.clock import ManualClock, to_text
from mlops_desktop.core.datasets import ColumnType, Origin
from mlops_desktop.core.deployments import Endpoint, EndpointState, Guardrail, Rollout, RolloutState
from mlops_desktop.core.events import GateDecided, ScoreRecorded
from mlops_desktop.core.ids import new_id
from mlops_desktop.core.models import Feature, ModelVersion, Parity, Runtime, Signature, Task
from mlops_desktop.core.monitoring import (
    Action,
    AlertState,
    Cause,
    FeatureDrift,
    MetricValue,
    Severity,
    Window,
    WindowKind,
)
from mlops_desktop.core.pipelines import Schedule, StepRun
from mlops_desktop.core.runs import RunState
from mlops_desktop.pipelines.engine_state import EndpointTraffic, EngineState, JobState, VersionTraffic
from mlops_desktop.pipelines.engine_state import write_engine_state as write_state
from mlops_desktop.registry import Registry
from mlops_desktop.ui.shots_traffic import made_pools

MODEL = ENDPOINT = "late-arrival"
DATASET = "flights"
START = datetime(2013, 1, 1, tzinfo=UTC)
END = datetime(2013, 10, 1, tzinfo=UTC)
FEATURES = (
    "carrier", "origin", "dest", "distance", "scheduled_minute", "weekday", "temp", "dewp", "humid", "wind_dir",
    "wind_speed", "precip", "pressure", "visib",
)  # fmt: skip
_CATEGORIES = {"carrier", "origin", "dest", "weekday"}
_IMPORTANCE = dict(
    zip(
        FEATURES,
        (0.14, 0.07, 0.11, 0.04, 0.21, 0.03, 0.07, 0.08, 0.09, 0.03, 0.04, 0.02, 0.05, 0.02),
        strict=True,
    )
)
_ROLLOUT = """steps = [0.05, 0.2, 0.5]
bake_minutes = 4320.0"""
_SERVING = """
[serving.autoscaler]
min_workers = 0
max_workers = 4
"""


class StoryTeller:
    """Writes the history, day by day; the clock is the story's."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(START)
        self.registry = Registry.create(
            folder, name="Flights out of New York", actor="engine", clock=self.clock, replay_from=to_text(START)
        )
        self.random = np.random.default_rng(2013)
        self.production = 0

    # What happens

    def tell(self, days: int) -> None:
        self.first_model()
        happenings: dict[int, Callable[[], object]] = {
            74: self.drift_alert,
            75: lambda: self.train(2, "alert 1", 0.7312, passed=True),
            76: lambda: self.start_canary(2),
            83: lambda: self.decide(RolloutState.PROMOTED, "all guardrails passed at 50 %"),
            120: lambda: self.train(3, "schedule monthly", 0.7298, passed=False),
            158: self.performance_alert,
            159: lambda: self.train(4, "alert 2", 0.7466, passed=True),
            160: lambda: self.start_canary(4),
            163: lambda: self.decide(RolloutState.ROLLED_BACK, "log loss worse by 0.031, interval excludes 0"),
            186: lambda: self.train(5, "schedule monthly", 0.7527, passed=True),
            187: lambda: self.start_canary(5),
            194: lambda: self.decide(RolloutState.PROMOTED, "all guardrails passed at 50 %"),
            221: self.quality_alert,
            224: lambda: self.settle(3, "the weather file arrived again, complete"),
            262: self.late_drift_alert,
            264: lambda: self.train(6, "alert 4", 0.7581, passed=True),
            266: lambda: self.start_canary(6),
        }
        pending: list[Window] = []
        for day in range(1, days + 1):
            self.clock.set(START + timedelta(days=day, hours=4))
            if day > 31:
                pending.append(self.window(day - 1, 1, WindowKind.DAY))
            if day > 31 and day % 7 == 0:
                verdict = self.window(day - 7, 7, WindowKind.VERDICT)
                share = sum(f.drifting for f in verdict.features)
                self.registry.windows.add([*pending, verdict], f"{share} of {len(FEATURES)} features drift")
                pending = []
            if day in happenings:
                happenings[day]()
            if (START + timedelta(days=day)).day == 2 and day > 31:
                self.month_ends(day)
        self.registry.set_meta("replay_time", to_text(self.clock.now()))

    def first_model(self) -> None:
        self.registry.specs.save(MODEL, _spec())
        self.ingest(31, "flights-2013-01.csv")
        for schedule in (
            Schedule("monthly", "retrain", "0 6 2 * *", {"endpoint": ENDPOINT}, None),
            Schedule("weekly monitoring", "monitor", "0 5 * * mon", {"endpoint": ENDPOINT}, None),
            Schedule("nightly ingest", "ingest", "30 2 * * *", {"dataset": DATASET}, None, enabled=False),
        ):
            self.registry.schedules.save(schedule)
        self.train(1, "user:setup", 0.7204, passed=True)
        self.promote(1, "the first model; beats the baseline by 0.061 AUC")
        self.serve(EndpointState.STARTING, "asked for")
        self.serve(EndpointState.SERVING, "answering")

    def serve(self, state: EndpointState, reason: str) -> None:
        self.registry.endpoints.put(
            Endpoint(ENDPOINT, MODEL, state, "127.0.0.1", 8731, 4242, self.clock.now(), reason=reason)
        )

    def ingest(self, days: int, name: str) -> None:
        import pyarrow.parquet as pq

        from mlops_desktop.core.resources import resource_folder
        from mlops_desktop.data.versions.store import write_version

        table = pq.read_table(resource_folder("samples") / "flights2013" / "flights.parquet")
        rows = table.slice(0, min(days * 880, 60_000))
        origin = Origin("file", name, sha256="5f" * 32, host="workstation", user="ana")
        write_version(self.registry, DATASET, rows, origin, time_column="scheduled_at")

    def month_ends(self, day: int) -> None:
        ended = START + timedelta(days=day - 2)
        if ended.month <= 4:
            self.ingest(day - 2, f"flights-2013-{ended.month:02d}.csv")
        wave = 0.012 * math.sin(day / 40)
        loop = 0.733 + wave + self.random.normal(0, 0.003)
        never, always = loop - 0.0003 * day * 0.35, loop - 0.002
        event = ScoreRecorded(f"{ended:%Y-%m}", round(never, 4), round(always, 4), round(loop, 4), {"rows": 27_000})
        self.registry.record(event, MODEL)

    def train(self, number: int, trigger: str, auc: float, *, passed: bool) -> None:
        pipeline = self.registry.pipeline_runs.queue("retrain", {"endpoint": ENDPOINT}, trigger)
        self.registry.pipeline_runs.start(pipeline, 4711)
        dataset = self.registry.datasets.names()[0]
        reference = self.registry.datasets.get(dataset).reference
        now = self.clock.now()
        parameters = {"learning_rate": 0.08, "max_leaf_nodes": 31 + 8 * (number % 3), "max_iter": 120 + 20 * number}
        run = self.registry.runs.start(MODEL, f"{MODEL}@1", reference, parameters | {"seed": 7})
        for index, step in enumerate(("read", "train", "export", "gate", "roll out")):
            start = now + timedelta(seconds=(0, 4, 31, 36, 41)[index])
            end = now + timedelta(seconds=(4, 31, 36, 41, 43)[index])
            skipped = step == "roll out" and not passed
            state = RunState.SKIPPED if skipped else RunState.SUCCEEDED
            reason = "the gate refused" if skipped else ""
            self.registry.pipeline_runs.set_step(pipeline.id, StepRun(step, state, {}, start, end, reason))
        metrics = {"auc": auc, "log_loss": 1.21 - auc, "brier": 0.31 - auc / 5, "cost": 9.1 - auc * 8, "f1": auc - 0.22}
        done = self.registry.runs.finish(run, metrics=metrics, artifacts={}, summary=f"AUC {auc:.3f}", seconds=27.4)
        version = self.registry.models.register(self.version(done.id, reference, metrics, number))
        champion = f"{MODEL}@{self.production}" if self.production else "nothing"
        verdict, reason = (
            ("passed", f"AUC +{auc - 0.7204:.3f}, lower bound above the minimum gain of 0.003")
            if passed
            else ("refused", "AUC -0.001 against the champion; not enough evidence, the champion stays")
        )
        checks: list[dict[str, Any]] = [
            {"name": "gain in auc", "passed": passed, "value": auc - 0.73, "limit": 0.003},
            {"name": "calibration", "passed": True, "value": 0.014, "limit": 0.03},
            {"name": "rows lie after training", "passed": True},
        ]
        self.registry.record(GateDecided(verdict, champion, reason, checks, pipeline.id), version.reference)
        self.registry.pipeline_runs.finish(pipeline.id, RunState.SUCCEEDED, f"gate {verdict}")
        for alert in self.registry.alerts.unresolved():
            if trigger == f"alert {alert.number}":
                linked = self.registry.alerts.link(alert, pipeline.id)
                if number < 6:
                    self.registry.alerts.change_state(linked, AlertState.RESOLVED, "a retrained version took over")

    def version(self, run: str, dataset: str, metrics: dict[str, float], number: int) -> ModelVersion:
        features = tuple(
            Feature(name, ColumnType.TEXT if name in _CATEGORIES else ColumnType.NUMBER, name) for name in FEATURES
        )
        return ModelVersion(
            id=new_id(),
            model=MODEL,
            number=0,
            run=run,
            dataset_version=dataset,
            signature=Signature(Task.CLASSIFICATION, features, "late", ("0", "1")),
            runtime=Runtime.SKLEARN if number == 3 else Runtime.ONNX,
            parity=Parity(number != 3, 2_048, 3.1e-7 if number != 3 else 0.021, "" if number != 3 else "differs"),
            artifacts={},
            metrics=metrics,
            train_start=START,
            train_end=self.clock.now() - timedelta(days=1),
            created=self.clock.now(),
            threshold=0.31,
        )

    def promote(self, number: int, reason: str) -> None:
        before = self.production
        self.registry.models.move_alias(MODEL, "production", number, actor="engine", reason=reason)
        if before:
            self.registry.models.move_alias(MODEL, "previous", before, actor="engine", reason="was before")
        self.production = number

    def start_canary(self, number: int) -> None:
        rollout = self.registry.rollouts.start(ENDPOINT, MODEL, canary=number, primary=self.production, weight=0.05)
        self.registry.models.move_alias(MODEL, "canary", number, actor="engine", reason="gate passed")
        wider = msgspec.structs.replace(rollout, weight=0.2, step=1, guardrails=_guardrails(number))
        self.registry.rollouts.change(wider, "guardrails passed at 5 %")

    def running(self) -> Rollout:
        rollout = self.registry.rollouts.running(ENDPOINT)
        assert rollout is not None  # noqa: S101 - the story starts one before it decides
        return rollout

    def decide(self, outcome: RolloutState, reason: str) -> None:
        rollout = self.running()
        self.registry.rollouts.decide(rollout, outcome, reason)
        self.registry.models.drop_alias(MODEL, "canary", reason=outcome.value)
        if outcome is RolloutState.PROMOTED:
            self.promote(rollout.canary, reason)

    def alert(self, cause: Cause, severity: Severity, action: Action, title: str, evidence: dict[str, Any]) -> None:
        newest = self.registry.windows.all(ENDPOINT, WindowKind.VERDICT)[-1]
        for _ in range(2 if severity is Severity.WARNING else 1):
            self.registry.alerts.raise_or_update(
                endpoint=ENDPOINT,
                model_version=f"{MODEL}@{self.production}",
                cause=cause,
                severity=severity,
                action=action,
                title=title,
                evidence=evidence,
                window=newest.id,
            )

    def drift_alert(self) -> None:
        evidence = {"feature": "temp", "method": "psi", "score": 0.312, "threshold": 0.25, "windows": "3 of 3"}
        title = "PSI of temp 0.31 > 0.25 in 3 of 3 windows"
        self.alert(Cause.DATA_DRIFT, Severity.WARNING, Action.RETRAIN, title, evidence)

    def performance_alert(self) -> None:
        evidence = {"metric": "auc", "value": 0.688, "low": 0.679, "high": 0.697, "baseline": 0.731, "n": 6_180}
        title = "AUC 0.688 lies below its band of 0.71 to 0.75"
        self.alert(Cause.PERFORMANCE, Severity.CRITICAL, Action.RETRAIN, title, evidence)

    def quality_alert(self) -> None:
        evidence = {"feature": "wind_dir", "violation": "completeness", "value": 0.41, "limit": 0.05}
        title = "wind_dir is missing in 41 % of rows, 5 % allowed"
        self.alert(Cause.DATA_QUALITY, Severity.CRITICAL, Action.BLOCK_RETRAINING, title, evidence)

    def late_drift_alert(self) -> None:
        evidence = {"feature": "humid", "method": "psi", "score": 0.284, "threshold": 0.25, "windows": "3 of 3"}
        title = "PSI of humid 0.28 > 0.25 in 3 of 3 windows"
        self.alert(Cause.DATA_DRIFT, Severity.WARNING, Action.RETRAIN, title, evidence)

    def settle(self, number: int, reason: str) -> None:
        self.registry.alerts.change_state(self.registry.alerts.get(number), AlertState.RESOLVED, reason)

    # What is measured

    def window(self, day: int, length: int, kind: WindowKind) -> Window:
        start = START + timedelta(days=day)
        rows = int(880 * length * (1 + 0.08 * math.sin(day / 3.5)) + self.random.normal(0, 18 * length))
        rollout = self.registry.rollouts.running(ENDPOINT)
        shares = {f"{MODEL}@{self.production}": rows}
        if rollout is not None:
            canary = int(rows * rollout.weight)
            shares = {f"{MODEL}@{rollout.primary}": rows - canary, f"{MODEL}@{rollout.canary}": canary}
        labelled = 0 if day > 268 else rows
        return Window(
            id=new_id(),
            endpoint=ENDPOINT,
            model_version=f"{MODEL}@{self.production}",
            kind=kind,
            start=start,
            end=start + timedelta(days=length),
            rows=rows,
            labelled=labelled,
            features=tuple(self.drift(name, day, length) for name in FEATURES),
            metrics=self.metrics(day, labelled) if labelled else (),
            rows_by_version=shares,
        )

    def drift(self, name: str, day: int, length: int) -> FeatureDrift:
        noise = 0.02 if length > 1 else 0.05
        # Weather moves away from the month the model was trained in, and each new model comes closer to it again.
        since = {0: 0, 1: 0, 2: 76, 4: 160, 5: 187}.get(self.production, 187)
        seasonal = {"temp": 1.0, "dewp": 0.9, "humid": 0.65, "pressure": 0.35, "visib": 0.12}.get(name, 0.03)
        score = seasonal * 0.33 * abs(math.sin((day - since) / 58)) ** 2 + abs(self.random.normal(0, noise))
        if name == "humid" and day > 240:
            score += 0.13
        threshold = 0.25 if length > 1 else 0.32
        drifting = score > threshold
        missing = 0.41 if name == "wind_dir" and 214 < day < 222 else 0.01
        method = "jensen_shannon" if name in _CATEGORIES else "psi"
        return FeatureDrift(
            name, method, score, threshold, 0.001 if drifting else 0.4, drifting, missing, 0.0, _IMPORTANCE[name]
        )

    def metrics(self, day: int, rows: int) -> tuple[MetricValue, ...]:
        age = day - {0: 0, 1: 0, 2: 76, 4: 160, 5: 187}.get(self.production, 187)
        auc = 0.742 - 0.0005 * age + 0.006 * math.sin(day / 9) + self.random.normal(0, 0.006)
        half = 1.6 / math.sqrt(max(rows, 1))
        rate = 0.24 + 0.07 * math.sin(day / 29) + self.random.normal(0, 0.01)
        values = {"auc": auc, "log_loss": 1.24 - auc, "brier": 0.31 - auc / 5, "cost": 9.6 - auc * 8.2 + rate}
        baselines = {"auc": 0.738, "log_loss": 0.5, "brier": 0.163, "cost": 3.72}
        found = [
            MetricValue(name, value, value - half, value + half, rows, baselines[name], name == "auc" and auc < 0.695)
            for name, value in values.items()
        ]
        return (*found, MetricValue("positive_rate", rate, rate - half, rate + half, rows, 0.24))


def _spec() -> str:
    """The sample's, with a rollout of three steps and workers that come and go."""
    from mlops_desktop.core.resources import resource_folder

    sample = resource_folder("samples") / "flights2013" / "late-arrival.toml"
    return sample.read_text(encoding="utf-8").replace("steps = [0.5]", _ROLLOUT) + _SERVING


def _guardrails(number: int) -> tuple[Guardrail, ...]:
    worse = number == 4
    return (
        Guardrail("brier", 0.162, 0.181 if worse else 0.159, 0.019 if worse else -0.003,
                  0.011 if worse else -0.014, 0.027 if worse else 0.008, 2_932, 733, "fail" if worse else "undecided"),
        Guardrail("cost per row", 3.72, 3.61, -0.11, -0.41, 0.19, 2_932, 733, "undecided"),
        Guardrail("error rate", 0.0002, 0.0, -0.0002, -0.0011, 0.0007, 4_932, 1_233, "pass", "share of requests"),
        Guardrail("slower than 1.6 x p99", 0.0011, 0.0014, 0.0003, -0.0012, 0.0018, 4_932, 1_233, "pass",
                  "share of requests"),
        Guardrail("change of predictions", 0.0, 0.041, 0.041, 0.002, 0.083, 4_932, 1_233, "pass", "KS"),
    )  # fmt: skip


def build_workspace(folder: Path, *, days: int = 273) -> Path:
    """Make the workspace in `folder` (which must hold none) and return it; takes a few seconds."""
    story = StoryTeller(folder)
    with story.registry.transaction():
        story.tell(days)
    story.registry.close()
    return folder


def write_live_state(folder: Path, *, job: str = "") -> None:
    """What a running engine would write beside the registry: traffic of two versions, and maybe a job."""
    versions = (
        VersionTraffic(5, "primary", 41_932, 41_932, 3, 1.9, 3.1, 5.8, 182.4),
        VersionTraffic(6, "canary", 10_455, 10_455, 0, 2.0, 3.3, 6.1, 45.9),
    )
    pools = made_pools(ENDPOINT, time.time())
    traffic = EndpointTraffic(ENDPOINT, "http://127.0.0.1:8731", "serving", "", 4242, 0, 0, versions, pools)
    doing = JobState(job, 4711, "training, 64 of 120 trees", 0.53) if job else None
    write_state(folder, EngineState(pid=1, running=True, written=END, job=doing, endpoints=(traffic,)))
