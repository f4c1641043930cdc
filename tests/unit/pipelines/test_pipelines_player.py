"""The player: what it waits for, what it does not wait for, and the traffic of the sample."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mlops_desktop.core.errors import AppError, Conflict, EnvironmentProblem, InvalidInput
from mlops_desktop.core.runs import RunState
from mlops_desktop.pipelines import player as playing
from mlops_desktop.pipelines.player import Control, Player, Progress
from mlops_desktop.pipelines.sample import HISTORY_END, create_sample_workspace, sample_folder
from mlops_desktop.pipelines.traffic import DAY, Traffic
from mlops_desktop.registry import Registry


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create_sample_workspace(tmp_path / "workspace")
    return tmp_path / "workspace"


@pytest.fixture(scope="module")
def traffic() -> Iterator[Traffic]:
    yield Traffic(
        sample_folder() / "flights.parquet", time="scheduled_at", id="flight_id", target="late", group="origin"
    )


def play(folder: Path, control: Control) -> list[Progress]:
    reported: list[Progress] = []
    Player(folder, control, reported.append).play()
    return reported


def test_without_an_engine_the_player_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "_ENGINE_PATIENCE", 0.05)
    with pytest.raises(EnvironmentProblem, match="No engine runs") as caught:
        play(folder, Control())
    assert "agent" in caught.value.hint


def test_a_failed_set_up_ends_the_replay_with_its_reason(folder: Path) -> None:
    registry = Registry(folder)
    run = registry.pipeline_runs.all()[0]
    registry.pipeline_runs.finish(run.id, RunState.FAILED, "ingest: the file is broken")
    registry.close()
    with pytest.raises(Conflict, match="the file is broken"):
        play(folder, Control())


def test_a_stopped_player_ends_at_once_also_while_it_waits_or_is_paused(folder: Path) -> None:
    for control in (Control(), Control(playing=False)):
        thread = threading.Thread(target=play, args=(folder, control))
        thread.start()
        control.stop()
        thread.join(20)
        assert not thread.is_alive()


def test_a_day_of_the_sample_is_its_flights_each_once(traffic: Traffic) -> None:
    day = traffic.of_day(HISTORY_END)
    assert len(day.ids) == len(set(day.ids)) == len(day.labels) > 500
    assert sorted(id for request in day.requests for id in request.ids) == sorted(day.ids)
    assert set(day.labels) <= {0, 1}
    for request in day.requests:
        assert HISTORY_END <= request.time < HISTORY_END + DAY
        assert {len(values) for values in request.columns.values()} == {len(request.ids)}
        assert not {"late", "flight_id", "scheduled_at"} & set(request.columns)


def test_a_day_outside_the_sample_has_no_flights(traffic: Traffic) -> None:
    for day in (HISTORY_END - timedelta(days=900), HISTORY_END + timedelta(days=900)):
        assert traffic.of_day(day).requests == [] and traffic.of_day(day).ids == []


@pytest.mark.parametrize("content", [None, b"", b"PAR1 but nothing else"])
def test_a_sample_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "flights.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"flights\.parquet") as caught:
        Traffic(path, time="scheduled_at", id="flight_id", target="late", group="origin")
    assert isinstance(caught.value, AppError) and caught.value.hint
