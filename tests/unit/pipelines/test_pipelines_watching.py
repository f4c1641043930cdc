"""Watched folders: every state of every file is taken in once, whatever ends or comes back meanwhile."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from loop_kit import wait_until

from mlops_desktop.core.datasets import Watch
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.core.runs import RunState
from mlops_desktop.pipelines import following, watching
from mlops_desktop.pipelines.engine import Engine
from mlops_desktop.pipelines.following import follow
from mlops_desktop.pipelines.watching import FolderLooker, checked, watch_states
from mlops_desktop.registry import Registry


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry.create(tmp_path / "workspace", actor="tester")
    yield registry
    assert registry.journal.verify().intact
    registry.close()


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    folder = tmp_path / "arrivals"
    folder.mkdir()
    return checked(Watch("arrivals", str(folder), "*.csv", "flights"))


def put(watch: Watch, name: str, rows: int = 3, *, day: int = 1) -> Path:
    """A file as if it had been written on a day."""
    path = Path(watch.folder) / name
    path.write_text("id\n" + "".join(f"{row}\n" for row in range(rows)), encoding="utf-8")
    os.utime(path, (day * 86_400, day * 86_400))
    return path


def names(runs: list[PipelineRun]) -> list[str]:
    return [Path(run.parameters["path"]).name for run in runs]


# What is taken in


def test_a_file_is_queued_at_the_second_look_that_finds_it_the_same_and_never_again(
    registry: Registry, watch: Watch
) -> None:
    looker = FolderLooker(registry, watch)
    put(watch, "a.csv")
    assert looker.look() == []
    (run,) = looker.look()
    assert (run.pipeline, run.trigger, run.parameters["dataset"]) == ("ingest", "watch arrivals", "flights")
    assert looker.look() == [] and looker.look() == []


def test_a_file_that_grows_is_not_complete(registry: Registry, watch: Watch) -> None:
    looker = FolderLooker(registry, watch)
    for rows in range(1, 4):
        put(watch, "a.csv", rows)
        assert looker.look() == []
    assert names(looker.look()) == ["a.csv"]


@pytest.mark.parametrize("name", ["~$a.csv", ".a.csv", "a.csv.part", "a.csv.crdownload", "a.txt", "sub/a.csv"])
def test_unfinished_hidden_and_other_files_are_left_alone(registry: Registry, watch: Watch, name: str) -> None:
    (Path(watch.folder) / "sub").mkdir()
    put(watch, name)
    looker = FolderLooker(registry, Watch("all", watch.folder, "*.csv*", "flights"))
    assert looker.look() == [] and looker.look() == []


def test_a_pattern_may_reach_into_folders_but_not_into_hidden_ones(registry: Registry, watch: Watch) -> None:
    for folder in ("2024", ".git"):
        (Path(watch.folder) / folder).mkdir()
        put(watch, f"{folder}/a.csv")
    looker = FolderLooker(registry, Watch("all", watch.folder, "**/*.csv", "flights"))
    looker.look()
    (run,) = looker.look()
    assert run.parameters["path"] == str(Path(watch.folder) / "2024" / "a.csv")


def test_files_are_taken_in_the_order_in_which_they_were_written(registry: Registry, watch: Watch) -> None:
    for name, day in (("b.csv", 1), ("a.csv", 2), ("c.csv", 3)):
        put(watch, name, day=day)
    looker = FolderLooker(registry, watch)
    looker.look()
    assert names(looker.look()) == ["b.csv", "a.csv", "c.csv"]


def test_a_changed_file_is_taken_in_again_also_when_it_changes_back(registry: Registry, watch: Watch) -> None:
    looker = FolderLooker(registry, watch)
    for rows, day in ((3, 1), (4, 2), (3, 1)):
        put(watch, "a.csv", rows, day=day)
        assert (looker.look(), names(looker.look())) == ([], ["a.csv"])


# What is known is known to everybody


def test_a_new_program_neither_repeats_nor_misses(registry: Registry, watch: Watch) -> None:
    put(watch, "a.csv")
    first = FolderLooker(registry, watch)
    first.look()
    first.look()
    put(watch, "b.csv")
    second = FolderLooker(registry, watch)
    assert (second.look(), names(second.look())) == ([], ["b.csv"])


def test_of_two_programs_one_takes_a_file(registry: Registry, watch: Watch, tmp_path: Path) -> None:
    other = Registry(registry.folder, actor="other")
    lookers = [FolderLooker(registry, watch), FolderLooker(other, watch)]
    put(watch, "a.csv")
    for looker in lookers:
        looker.look()
    taken = [run for looker in lookers for run in looker.look()]
    assert len(taken) == 1 == len(registry.pipeline_runs.all())
    other.close()


def test_two_datasets_may_watch_the_same_folder(registry: Registry, watch: Watch) -> None:
    put(watch, "a.csv")
    for dataset in ("flights", "copies"):
        looker = FolderLooker(registry, Watch(dataset, watch.folder, "*.csv", dataset))
        looker.look()
        assert names(looker.look()) == ["a.csv"]


def test_an_import_by_hand_does_not_count_as_taken_in(registry: Registry, watch: Watch) -> None:
    path = put(watch, "a.csv")
    registry.pipeline_runs.queue("ingest", {"path": str(path), "dataset": "flights"}, "tester")
    looker = FolderLooker(registry, watch)
    looker.look()
    assert names(looker.look()) == ["a.csv"]


def test_a_folder_that_is_away_for_a_while_is_a_state_and_its_files_are_known_afterwards(
    registry: Registry, watch: Watch, tmp_path: Path
) -> None:
    registry.watches.put(watch)
    put(watch, "a.csv")
    looker = FolderLooker(registry, watch)
    looker.look()
    looker.look()
    Path(watch.folder).rename(tmp_path / "away")
    head = registry.journal.head()
    assert [looker.look() for _ in range(3)] == [[], [], []] and looker.is_missing
    assert watch_states(registry)[0].is_missing and registry.journal.head() == head
    (tmp_path / "away").rename(watch.folder)
    put(watch, "b.csv")
    assert (looker.look(), names(looker.look()), looker.is_missing) == ([], ["b.csv"], False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pattern", ""),
        ("pattern", "/etc/*"),
        ("pattern", "../*"),
        ("name", " "),
        ("dataset", "a@1"),
        ("settings", {"x": 1}),
    ],
)
def test_a_watch_that_could_never_work_is_refused(watch: Watch, field: str, value: object) -> None:
    from msgspec.structs import replace

    with pytest.raises(InvalidInput) as caught:
        checked(replace(watch, **{field: value}))
    assert caught.value.hint


# Without an engine


def followed(registry: Registry, watch: Watch) -> list[PipelineRun]:
    """What one call takes in."""
    done: list[PipelineRun] = []
    follow(registry, watch, report=done.append, wait=lambda _: False, once=True)
    return done


def test_what_is_there_is_ingested_without_an_engine_each_file_a_version(registry: Registry, watch: Watch) -> None:
    put(watch, "a.csv", 3, day=1)
    put(watch, "b.csv", 5, day=2)
    assert [run.state for run in followed(registry, watch)] == [RunState.SUCCEEDED] * 2
    assert [version.rows for version in registry.datasets.versions("flights")] == [5, 3]
    assert followed(registry, watch) == []


def test_a_broken_file_is_reported_and_not_tried_again_until_it_changes(registry: Registry, watch: Watch) -> None:
    registry.watches.put(watch)
    path = put(watch, "a.csv")
    path.write_bytes(b"id\n\xff\xfe\x00\n")
    (run,) = followed(registry, watch)
    assert run.state is RunState.FAILED and "a.csv" in run.reason
    assert followed(registry, watch) == []
    put(watch, "a.csv", 4, day=2)
    assert [run.state for run in followed(registry, watch)] == [RunState.SUCCEEDED]
    (state,) = watch_states(registry)
    assert (state.taken, state.failed, state.is_missing) == (1, 1, False)


def test_an_interrupted_file_is_finished_by_the_next_program(
    registry: Registry, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(watch, "a.csv")

    def interrupted(*_: object, **__: object) -> PipelineRun:
        raise KeyboardInterrupt

    monkeypatch.setattr(following, "carry_out", interrupted)
    with pytest.raises(KeyboardInterrupt):
        followed(registry, watch)
    monkeypatch.undo()
    assert [run.state for run in followed(registry, watch)] == [RunState.SUCCEEDED]
    assert len(registry.pipeline_runs.all()) == 1


def test_following_goes_on_until_it_is_asked_to_stop(registry: Registry, watch: Watch) -> None:
    done: list[PipelineRun] = []
    looks = iter(range(10))

    def wait(_: float) -> bool:
        look = next(looks)
        if look == 2:
            put(watch, "a.csv")
        return look == 6

    follow(registry, watch, report=done.append, wait=wait)
    assert names(done) == ["a.csv"] and next(looks) == 7


# With an engine


def test_an_engine_ingests_what_appears_and_follows_changes_of_the_list(
    registry: Registry, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.05)
    registry.watches.put(watch)
    put(watch, "a.csv")
    engine = Engine(registry.folder)
    assert engine.start()
    try:
        wait_until(lambda: registry.datasets.names() == ["flights"], what="the first version")
        registry.watches.remove(watch.name)
        other = Path(watch.folder).parent / "others"
        shutil.copytree(watch.folder, other)
        registry.watches.put(checked(Watch("others", str(other), "*.csv", "others")))
        wait_until(lambda: "others" in registry.datasets.names(), what="a version of the folder added since")
    finally:
        engine.stop()
    assert len(registry.pipeline_runs.all()) == 2
    assert not [each for each in threading.enumerate() if each.name == "watching"]
