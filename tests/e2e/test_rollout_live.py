"""Rollouts as they happen: an engine and a gateway, clients' requests, and labels that arrive by feedback."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta

import msgspec
import pytest
from loop_kit import ENDPOINT, SPEC, make_workspace, run_pipeline, trips, wait_until, write_project
from serving_kit import Client

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.deployments import EndpointState, Rollout, RolloutKind, RolloutState
from mlops_desktop.core.ids import new_id
from mlops_desktop.core.models import Feature, ModelVersion
from mlops_desktop.core.runs import RunState
from mlops_desktop.pipelines.engine import Engine
from mlops_desktop.pipelines.rollouts import spec_of
from mlops_desktop.pipelines.settings import feedback_token
from mlops_desktop.serving.log import SHADOW, predictions_of, read_log
from mlops_desktop.workspace import Workspace

RULES = """
[rollout]
steps = [0.3, 0.6]
min_labelled = 60
min_requests = 20
auc_margin = 0.2
loss_margin = 0.1
latency_floor_ms = 2000

[serving.security]
demand_tokens = true
"""
ROWS = trips(days=20, seed=7).to_pylist()


class Live:
    """A workspace whose engine runs, with a client that sends rows and their labels. Time moves when it is told to."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace, self.registry, self.serving = workspace, workspace.registry, workspace.serving
        endpoint = self.registry.endpoints.get(ENDPOINT)
        self._client = Client(endpoint.port)
        self._token = {"Authorization": f"Bearer {feedback_token(workspace.folder)}"}
        self._sent = 0

    def send(self, requests: int, *, labelled: bool = True) -> Counter[int]:
        """So many rows, one request each, and their labels; returns how many each version answered."""
        answered: Counter[int] = Counter()
        ids, labels = [], []
        for place in range(self._sent, self._sent + requests):
            row = ROWS[place % len(ROWS)]
            body = {"records": [{name: row[name] for name in ("delay", "hour", "carrier")}], "ids": [f"t{place}"]}
            status, answer, _ = self._client.send("POST", f"/models/{ENDPOINT}/predict", body, self._token)
            assert status == 200, answer
            answered[answer["version"]] += 1
            ids.append(f"t{place}")
            labels.append(row["late"])
        self._sent += requests
        if labelled:
            body = {"endpoint": ENDPOINT, "ids": ids, "labels": labels}
            status, answer, _ = self._client.send("POST", "/feedback", body, self._token)
            assert status == 200, answer
        return answered

    def version(self, **changes: object) -> ModelVersion:
        """Another version with the model of the first."""
        first = self.registry.models.get(f"{ENDPOINT}@1")
        return self.registry.models.register(msgspec.structs.replace(first, id=new_id(), run=new_id(), **changes))

    def start(self, version: ModelVersion, kind: RolloutKind, *, weight: float | None = None) -> Rollout:
        """A rollout by the newest spec, once the gateway goes by it."""
        rollout = self.serving.start_rollout(ENDPOINT, version.reference, kind=kind, weight=weight)
        if rollout.weight:
            self.until(lambda: self.send(10, labelled=False)[version.number] > 0, "the canary answers")
        else:
            self.until(lambda: self.send(1) and self.shadowed(version), "the shadow gets copies")
        return rollout

    def shadowed(self, version: ModelVersion) -> int:
        """How many requests a version answered as a shadow."""
        records = predictions_of(read_log(self.workspace.folder / "spool" / ENDPOINT))
        return sum(record.role == SHADOW and record.version == version.number for record in records)

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Let time go on by a minute until the engine has done what is awaited."""

        def is_met() -> bool:
            met = bool(condition())
            if not met:
                self.registry.advance_clock(self.registry.clock.now() + timedelta(minutes=1))
            return met

        wait_until(is_met, what=what)

    def state(self, rollout: Rollout) -> Rollout:
        return self.registry.rollouts.get(rollout.id)

    def ended(self, rollout: Rollout) -> Rollout:
        """The rollout when it is over, with requests and labels coming in meanwhile."""
        self.until(lambda: self.state(rollout).state is not RolloutState.RUNNING or not self.send(40), "the end")
        return self.state(rollout)

    def close(self) -> None:
        self._client.close()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("live")
    workspace = make_workspace(folder)
    _, toml = write_project(folder / "changed", spec=SPEC + RULES)
    workspace.adopt_spec(toml)
    for schedule in workspace.registry.schedules.all():
        workspace.registry.schedules.save(msgspec.structs.replace(schedule, enabled=False))
    done = run_pipeline(workspace.registry, "retrain")
    assert done.state is RunState.SUCCEEDED, done.reason
    engine = Engine(workspace.folder)
    assert engine.start()
    wait_until(lambda: workspace.registry.endpoints.get(ENDPOINT).state is EndpointState.SERVING)
    found = Live(workspace)
    yield found
    found.close()
    engine.stop()
    assert engine.failure == ""
    workspace.close()


@pytest.fixture(autouse=True)
def first_in_production(live: Live) -> Iterator[None]:
    """The first version answers everything again after each test."""
    yield
    if live.registry.rollouts.running(ENDPOINT):
        live.serving.hold(ENDPOINT, reason="the test is over")
    if live.registry.models.alias(ENDPOINT, "production").number != 1:  # type: ignore[union-attr]
        live.workspace.promote(f"{ENDPOINT}@1", reason="the test is over")
    live.until(lambda: set(live.send(10, labelled=False)) == {1}, "the first version answers all")


def test_a_canary_that_is_not_worse_goes_by_steps_into_production(live: Live) -> None:
    version = live.version()
    rollout = live.start(version, RolloutKind.CANARY)
    assert rollout.weight == 0.3 and rollout.spec == live.registry.specs.get(ENDPOINT).reference
    assert spec_of(live.registry, rollout).steps == (0.3, 0.6)
    ended = live.ended(rollout)
    assert (ended.state, ended.step, ended.weight) == (RolloutState.PROMOTED, 1, 0.6), ended.reason
    assert ended.spec == rollout.spec and {g.verdict for g in ended.guardrails} == {"pass"}
    live.until(lambda: set(live.send(10)) == {version.number}, "the new version answers all")


def test_a_canary_that_cannot_take_what_the_primary_takes_is_rolled_back_at_once(live: Live) -> None:
    first = live.registry.models.get(f"{ENDPOINT}@1").signature
    wider = (*first.features, Feature("weather", ColumnType.TEXT, "weather", ("fair",)))
    version = live.version(signature=msgspec.structs.replace(first, features=wider))
    rollout = live.serving.start_rollout(ENDPOINT, version.reference, kind=RolloutKind.CANARY)
    ended = live.ended(rollout)
    assert ended.state is RolloutState.ROLLED_BACK and ended.step == 0
    assert "did not fit" in ended.reason or "cannot be served" in ended.reason
    assert set(live.send(20)) == {1}


def test_a_shadow_answers_nobody_and_may_be_followed_by_a_canary(live: Live) -> None:
    version = live.version()
    rollout = live.start(version, RolloutKind.SHADOW)
    assert set(live.send(30)) == {1}
    ended = live.ended(rollout)
    assert ended.state is RolloutState.HELD and ended.reason.startswith("Passed as a shadow"), ended.reason
    assert live.shadowed(version) >= 60
    canary = live.start(version, RolloutKind.CANARY)
    assert live.serving.promote_now(ENDPOINT, reason="it passed as a shadow").number == version.number
    assert live.state(canary).state is RolloutState.PROMOTED
    live.until(lambda: set(live.send(10)) == {version.number}, "the new version answers all")


def test_an_ab_test_is_decided_as_labels_arrive(live: Live) -> None:
    rollout = live.start(live.version(), RolloutKind.AB, weight=0.5)
    live.send(200, labelled=False)
    live.registry.advance_clock(live.registry.clock.now() + timedelta(minutes=1))
    ended = live.ended(rollout)
    assert ended.state is RolloutState.HELD and ended.reason.startswith("Decided on"), ended.reason
    assert ended.weight == 0.5 and live.registry.models.alias(ENDPOINT, "production").number == 1  # type: ignore[union-attr]


def test_each_step_can_be_taken_by_hand_and_is_served_by(live: Live) -> None:
    version = live.version()
    rollout = live.start(version, RolloutKind.CANARY)
    assert live.serving.advance(ENDPOINT, reason="it looks well").weight == 0.6
    live.serving.set_weight(ENDPOINT, 1.0, reason="all of it")
    live.until(lambda: set(live.send(10, labelled=False)) == {version.number}, "the canary answers all")
    live.serving.roll_back(ENDPOINT, reason="enough seen")
    live.until(lambda: set(live.send(10, labelled=False)) == {1}, "the primary answers all")
    ended = live.state(rollout)
    assert (ended.state, ended.reason) == (RolloutState.ROLLED_BACK, "by hand: enough seen")
    told = [e.payload["reason"] for e in live.registry.journal.all() if e.kind == "rollout.changed"]
    assert {"by hand: it looks well", "by hand: all of it"} <= set(told)
