"""The autoscaler against simulated load, with a clock of the test's own."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_desktop.serving.config import AutoscalerSpec
from mlops_desktop.serving.figures import ScalingDecision
from mlops_desktop.serving.gateway.autoscaler import Autoscaler

SPEC = AutoscalerSpec(min_workers=0, max_workers=50)


class Simulation:
    """Ticks through a load given as a function of time; workers are ready `start_seconds` after they are wanted."""

    def __init__(self, spec: AutoscalerSpec = SPEC, start_seconds: float = 1.0) -> None:
        self.spec, self.start_seconds = spec, start_seconds
        self.now = 1000.0
        self.scaler = Autoscaler(spec, self.now)
        self.decisions: list[tuple[float, ScalingDecision]] = []
        self.wanted: list[tuple[float, int]] = [(self.now - start_seconds, self.scaler.wanted)]

    @property
    def ready(self) -> int:
        """The least of what was wanted while a worker starts: starting takes time, ending does not."""
        before = [count for since, count in self.wanted if since <= self.now - self.start_seconds]
        during = [count for since, count in self.wanted if since > self.now - self.start_seconds]
        return min([before[-1], *during])

    def run(self, seconds: float, load: Callable[[float], float] | float) -> None:
        """`load` of the seconds since the beginning of this run."""
        begun = self.now
        while self.now < begun + seconds:
            self.now += self.spec.tick_seconds
            level = load(self.now - begun) if callable(load) else load
            self.note(self.scaler.tick(self.now, level, self.ready, self.now))

    def note(self, decision: ScalingDecision | None) -> None:
        if decision is not None:
            self.decisions.append((self.now, decision))
            self.wanted.append((self.now, decision.after))

    @property
    def changes(self) -> list[tuple[int, int]]:
        return [(decision.before, decision.after) for _, decision in self.decisions]


def test_a_steady_load_gets_what_its_target_asks_for_and_keeps_it() -> None:
    simulation = Simulation()
    simulation.run(120, 30.0)
    assert simulation.scaler.wanted == 5  # 30 requests at 10 x 70 % a worker
    settled = len(simulation.decisions)
    simulation.run(600, 30.0)
    assert len(simulation.decisions) == settled


def test_a_tenfold_spike_is_answered_at_the_next_tick_and_in_panic_nothing_falls() -> None:
    simulation = Simulation()
    simulation.run(120, 7.0)
    spiked = simulation.now
    simulation.run(4, 70.0)
    when, first = simulation.decisions[-1] if len(simulation.decisions) == 1 else simulation.decisions[0]
    assert when - spiked <= 2.0 and first.before == 1 and first.after >= 4 and first.is_panic
    simulation.run(4, 70.0)
    peak = simulation.scaler.wanted
    assert peak == 10
    simulation.run(40, 0.5)
    assert simulation.scaler.is_panic and simulation.scaler.wanted == peak
    simulation.run(120, 0.5)
    assert not simulation.scaler.is_panic and simulation.scaler.wanted == 1
    assert all(after >= before // 2 for before, after in simulation.changes)


def test_a_spike_is_looked_at_before_the_next_tick() -> None:
    scaler = Autoscaler(SPEC, 0.0)
    assert scaler.tick(2.0, 5.0, 1, 0.0) is None
    assert not scaler.is_due(2.5, 14) and not scaler.is_due(2.3, 50) and scaler.is_due(2.5, 50)
    decision = scaler.tick(2.5, 50.0, 1, 0.0)
    assert decision is not None and decision.is_panic and decision.after == 2
    assert scaler.is_due(4.4, 0)


def test_down_goes_by_half_at_most() -> None:
    simulation = Simulation(msgspec.structs.replace(SPEC, stable_seconds=6.0))
    simulation.run(60, 210.0)
    assert simulation.scaler.wanted == 30
    simulation.decisions.clear()
    simulation.run(60, 1.0)
    assert [after for _, after in simulation.changes][-1] == 1
    assert all(after >= before // 2 for before, after in simulation.changes)


def test_a_slow_ramp_needs_no_panic() -> None:
    simulation = Simulation()
    simulation.run(120, 14.0)
    simulation.decisions.clear()
    simulation.run(600, lambda t: 14.0 + t / 10)
    assert simulation.decisions and not any(decision.is_panic for _, decision in simulation.decisions)
    assert all(after == before + 1 for before, after in simulation.changes)


def test_a_load_that_flaps_does_not_make_workers_flap() -> None:
    simulation = Simulation()
    simulation.run(240, lambda t: 0.0 if t // 4 % 2 else 40.0)
    settled = len(simulation.decisions)
    simulation.run(600, lambda t: 0.0 if t // 4 % 2 else 40.0)
    assert len(simulation.decisions) == settled


def test_an_idle_version_goes_to_zero_after_idle_and_grace_seconds_and_a_request_brings_it_back() -> None:
    simulation = Simulation()
    simulation.run(60, 1.0)
    simulation.run(88, 0.0)
    assert simulation.scaler.wanted == 1
    simulation.run(2, 0.0)
    assert simulation.changes[-1] == (1, 0)
    assert simulation.decisions[-1][1].reason == "1 → 0 workers: no request for 90 s"
    decision = simulation.scaler.wake(simulation.now, 0.0)
    assert decision is not None and decision.reason == "0 → 1 worker: a request came"
    assert simulation.scaler.wake(simulation.now, 0.0) is None
    simulation.note(decision)
    simulation.run(60, 0.0)
    assert simulation.scaler.wanted == 1


def test_where_nothing_is_set_there_is_always_one_worker() -> None:
    simulation = Simulation(AutoscalerSpec())
    simulation.run(60, 500.0)
    simulation.run(300, 0.0)
    assert simulation.decisions == [] and simulation.scaler.wanted == 1


def test_the_reason_names_load_window_target_and_the_limit() -> None:
    simulation = Simulation(AutoscalerSpec(max_workers=5, metric="queue"))
    simulation.run(2, 41.0)
    (decision,) = [decision for _, decision in simulation.decisions]
    assert decision.reason == (
        "1 → 5 workers: 41 requests wait on average over 6 s, target 7 a worker; "
        "6 would be needed, at most 5 are allowed"
    )
    assert (decision.load, decision.window_s, decision.target) == (41.0, 6.0, 7.0)


def test_another_spec_changes_at_once_only_what_it_forbids() -> None:
    scaler = Autoscaler(SPEC, 0.0)
    assert scaler.follow(AutoscalerSpec(max_workers=9), 0.0) is None
    decision = scaler.follow(AutoscalerSpec(min_workers=3, max_workers=9), 0.0)
    assert decision is not None and decision.reason == "1 → 3 workers: its limits ask for at least 3"
    lower = scaler.follow(AutoscalerSpec(max_workers=2), 0.0)
    assert lower is not None and lower.reason == "3 → 2 workers: its limits ask for at most 2"


def test_a_clock_that_stands_still_or_goes_back_decides_nothing() -> None:
    scaler = Autoscaler(SPEC, 100.0)
    assert scaler.tick(100.0, 500.0, 1, 0.0) is None
    assert scaler.tick(40.0, 500.0, 1, 0.0) is None
    assert scaler.wanted == 1


@pytest.mark.parametrize(
    "wrong",
    [{"min_workers": 2}, {"max_workers": 0}, {"target": 0.0}, {"utilisation": 1.5}, {"panic_threshold": 1.0},
     {"panic_seconds": 90.0}, {"tick_seconds": 0.0}, {"max_down": 1.0}, {"grace_seconds": -1.0}],
)  # fmt: skip
def test_a_contradictory_spec_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, AutoscalerSpec)


@settings(max_examples=150, deadline=None)
@given(
    loads=st.lists(st.floats(0, 500), min_size=1, max_size=120),
    least=st.integers(0, 3),
    most=st.integers(3, 40),
    start_seconds=st.sampled_from([0.0, 1.0, 9.0]),
)
def test_whatever_the_load_the_bounds_hold(loads: list[float], least: int, most: int, start_seconds: float) -> None:
    simulation = Simulation(AutoscalerSpec(min_workers=least, max_workers=most), start_seconds)
    for load in loads:
        before, ready = simulation.scaler.wanted, simulation.ready
        known = len(simulation.decisions)
        simulation.run(2, load)
        after = simulation.scaler.wanted
        assert least <= after <= most
        assert load == 0 or after >= 1
        if simulation.scaler.is_panic:
            assert after >= before
        if after < before and after > 0:
            assert after >= max(1, ready) // 2
        # Every change is told, and only changes.
        told = [decision for _, decision in simulation.decisions[known:]]
        assert [(d.before, d.after) for d in told] == ([(before, after)] if before != after else [])
        if not simulation.scaler.wanted and load:
            simulation.note(simulation.scaler.wake(simulation.now, 0.0))
