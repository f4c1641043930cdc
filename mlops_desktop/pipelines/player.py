"""Plays the sample's recorded year against the gateway: it moves the workspace's time, sends the requests of each day
and, a day late, their labels. It decides nothing; the engine reacts as it would to real traffic.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct

from mlops_desktop.core.deployments import EndpointState
from mlops_desktop.core.errors import Conflict, EnvironmentProblem
from mlops_desktop.core.runs import RunState
from mlops_desktop.pipelines.client import GatewayClient
from mlops_desktop.pipelines.engine_state import read_engine_state
from mlops_desktop.pipelines.sample import END, ENDPOINT, HISTORY_END, sample_folder
from mlops_desktop.pipelines.settings import feedback_token
from mlops_desktop.pipelines.traffic import DAY, DayOfTraffic, Traffic
from mlops_desktop.registry import Registry

_MORNING = timedelta(hours=5)
_SETTLING_PATIENCE = 300.0
_ENGINE_PATIENCE = 10.0
# The labels of the last days need this long to come in and to be collected.
_AFTERMATH = 3


class Progress(Struct, frozen=True):
    """Where the replay is. `fraction` of its days is in [0, 1]."""

    day: str
    fraction: float
    state: str
    message: str = ""


class Control:
    """Play, pause, speed and stop, set from any thread. `speed` is in days per second, 0 as fast as possible."""

    def __init__(self, *, playing: bool = True, speed: float = 0.0) -> None:
        self._playing = threading.Event()
        self._stopped = threading.Event()
        self.speed = speed
        if playing:
            self._playing.set()

    def play(self) -> None:
        self._playing.set()

    def pause(self) -> None:
        self._playing.clear()

    def stop(self) -> None:
        self._stopped.set()
        self._playing.set()

    @property
    def is_stopped(self) -> bool:
        return self._stopped.is_set()

    @property
    def is_paused(self) -> bool:
        return not self._playing.is_set()

    def wait_while_paused(self) -> None:
        self._playing.wait()

    def wait(self, seconds: float) -> None:
        """Wait, but not beyond a stop."""
        self._stopped.wait(seconds)


class Player:
    """One replay of the sample in a workspace; it goes on where an earlier one ended."""

    def __init__(
        self, folder: Path, control: Control, report: Callable[[Progress], None], *, until: datetime = END
    ) -> None:
        self._registry = Registry(folder, actor="player")
        self._control = control
        self._report = report
        self._until = until
        sample = sample_folder()
        self._traffic = Traffic(
            sample / "flights.parquet", time="scheduled_at", id="flight_id", target="late", group="origin"
        )
        self._client = GatewayClient(self._address, feedback_token(folder))

    def play(self) -> bool:
        """Play to the end; False when stopped before."""
        try:
            self._wait_for_endpoint()
            start = self._next_day()
            yesterday = self._traffic.of_day(start - DAY) if start > HISTORY_END else None
            for day in self._traffic.days(start, self._until + _AFTERMATH * DAY):
                if not self._is_to_go_on(day):
                    return False
                began = time.monotonic()
                yesterday = self._play_day(day, yesterday)
                self._keep_pace(began)
            self._wait_until_idle()
            self._report(Progress(f"{self._until:%Y-%m-%d}", 1.0, "finished"))
            return True
        finally:
            self._client.close()
            self._registry.close()

    def _next_day(self) -> datetime:
        now = self._registry.clock.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight if now == midnight else midnight + DAY

    def _is_to_go_on(self, day: datetime) -> bool:
        if self._control.is_paused:
            self._report(self._progress(day, "paused"))
            self._control.wait_while_paused()
        if not self._control.is_stopped:
            self._report(self._progress(day, "playing"))
        return not self._control.is_stopped

    def _play_day(self, day: datetime, yesterday: DayOfTraffic | None) -> DayOfTraffic | None:
        self._registry.advance_clock(day + _MORNING)
        self._wait_until_settled(day + _MORNING)
        if yesterday is not None and yesterday.ids:
            body = {"endpoint": ENDPOINT, "ids": yesterday.ids, "labels": yesterday.labels}
            self._client.post("/feedback", body, {"X-Event-Time": (day + _MORNING).isoformat()})
        if day >= self._until:
            self._finish_months(day)
            return None
        today = self._traffic.of_day(day)
        for request in today.requests:
            content: dict[str, object] = {"columns": request.columns, "ids": request.ids}
            self._client.post(f"/models/{ENDPOINT}/predict", content, {"X-Event-Time": request.time.isoformat()})
        self._finish_months(day)
        return today

    def _finish_months(self, day: datetime) -> None:
        """Two days into a month all labels of the month before are in: have it scored."""
        if day.day == 1 + _AFTERMATH - 1 and day > HISTORY_END + 7 * DAY:
            month = (day.replace(day=1) - DAY).strftime("%Y-%m")
            parameters = {"endpoint": ENDPOINT, "month": month}
            self._registry.pipeline_runs.queue("score month", parameters, "replay")

    def _keep_pace(self, began: float) -> None:
        if self._control.speed > 0:
            self._control.wait(max(0.0, 1 / self._control.speed - (time.monotonic() - began)))

    def _wait_for_endpoint(self) -> None:
        deadline = time.monotonic() + _SETTLING_PATIENCE
        no_engine_deadline = time.monotonic() + _ENGINE_PATIENCE
        while not self._control.is_stopped:
            self._raise_if_set_up_failed()
            self._raise_without_engine(no_engine_deadline)
            endpoints = {endpoint.name: endpoint for endpoint in self._registry.endpoints.all()}
            found = endpoints.get(ENDPOINT)
            if found is not None and found.state is EndpointState.SERVING:
                return
            if found is not None and found.state is EndpointState.FAILED:
                raise EnvironmentProblem(f"The endpoint {ENDPOINT} failed: {found.reason}.", hint="Start it again.")
            if time.monotonic() > deadline:
                raise EnvironmentProblem(f"The endpoint {ENDPOINT} did not start.", hint="See logs/gateway.log.")
            self._report(Progress(f"{HISTORY_END:%Y-%m-%d}", 0.0, "waiting", "the first model is being trained"))
            self._control.wait(0.1)

    def _raise_if_set_up_failed(self) -> None:
        for run in self._registry.pipeline_runs.all():
            if run.pipeline == "set up" and run.state in (RunState.FAILED, RunState.CANCELLED):
                raise Conflict(f"Setting up the sample {run.state.value}: {run.reason}", hint="Make a new workspace.")

    def _wait_until_settled(self, moment: datetime) -> None:
        """Wait until the engine has done all that was due: in the data's time, work takes no time."""
        deadline = time.monotonic() + _SETTLING_PATIENCE
        no_engine_deadline = time.monotonic() + _ENGINE_PATIENCE
        while not self._control.is_stopped:
            state = read_engine_state(self._registry.folder)
            if state.settled is not None and state.settled >= moment:
                return
            self._raise_without_engine(no_engine_deadline)
            if time.monotonic() > deadline:
                raise EnvironmentProblem(
                    "The engine has not come to rest for five minutes.",
                    hint="See the pipelines page or logs/worker.log.",
                )
            self._control.wait(0.005)

    def _wait_until_idle(self) -> None:
        """The last month is scored after the last day."""
        deadline = time.monotonic() + _SETTLING_PATIENCE
        while self._registry.pipeline_runs.active() and not self._control.is_stopped:
            if time.monotonic() > deadline:
                raise EnvironmentProblem(
                    "The last pipeline run did not end within five minutes.", hint="See logs/worker.log."
                )
            self._control.wait(0.05)

    def _raise_without_engine(self, deadline: float) -> None:
        if time.monotonic() > deadline and not read_engine_state(self._registry.folder).running:
            raise EnvironmentProblem(
                "No engine runs on this workspace.", hint="Open it in the window, or start `mlops-desktop agent`."
            )

    def _address(self) -> tuple[str, int]:
        endpoint = self._registry.endpoints.get(ENDPOINT)
        return endpoint.host, endpoint.port

    def _progress(self, day: datetime, state: str) -> Progress:
        whole = (self._until - HISTORY_END).days
        return Progress(f"{day:%Y-%m-%d}", min(1.0, (day - HISTORY_END).days / whole), state)
