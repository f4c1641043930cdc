"""`data watch`: folders whose new files become versions."""

from __future__ import annotations

import argparse
import contextlib
import threading
from pathlib import Path

import msgspec

from mlops_desktop.cli.data.options import add_read_options, read_options
from mlops_desktop.cli.output import Answer, counted, note, say, table
from mlops_desktop.cli.parsing import Commands, add_command, open_workspace
from mlops_desktop.core.datasets import Watch
from mlops_desktop.core.errors import InvalidInput, NotFound
from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.core.runs import RunState
from mlops_desktop.workspace import Workspace


def add_commands(group: Commands, common: argparse.ArgumentParser) -> None:
    watch = add_command(group, common, "watch", _watch, "ingest what appears in a folder, until Ctrl+C")
    watch.add_argument("folder", nargs="?", type=Path)
    watch.add_argument("dataset", nargs="?")
    watch.add_argument("--pattern", default="*", help="which files, such as *.csv (default: all)")
    watch.add_argument("--time-column", default="")
    watch.add_argument("--name", default="", help="of the watch (default: that of the dataset)")
    how = watch.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="take in what is there, then end")
    how.add_argument("--add", action="store_true", help="leave the folder to the engine")
    how.add_argument("--list", action="store_true", help="folders that the engine watches")
    how.add_argument("--remove", metavar="NAME", help="no longer watch a folder")
    add_read_options(watch)


def _watch(arguments: argparse.Namespace) -> Answer:
    workspace = open_workspace(arguments)
    if arguments.list:
        return _listed(workspace)
    if arguments.remove:
        workspace.data.unwatch(arguments.remove)
        return Answer({"removed": arguments.remove}, f"{arguments.remove} is no longer watched.")
    if not arguments.folder or not arguments.dataset:
        raise InvalidInput(
            "There is no folder and dataset to watch.",
            hint="`mlops-desktop data watch FOLDER DATASET --pattern *.csv`.",
        )
    watch = Watch(
        name=arguments.name or arguments.dataset,
        folder=str(arguments.folder),
        pattern=arguments.pattern,
        dataset=arguments.dataset,
        time_column=arguments.time_column,
        settings=msgspec.to_builtins(read_options(arguments)),
    )
    if arguments.add:
        added = workspace.data.watch(watch)
        return Answer(added, f"While the engine runs, {added.pattern} in {added.folder} becomes {added.dataset}.")
    if not arguments.folder.is_dir() and arguments.once:
        raise NotFound(f"There is no folder {arguments.folder}.", hint="Check its name.")
    return _followed(workspace, watch, once=arguments.once, aloud=not arguments.json)


def _listed(workspace: Workspace) -> Answer:
    states = workspace.data.poll_watches()
    rows = [
        (s.watch.name, s.watch.folder, s.watch.pattern, s.watch.dataset, s.taken, s.failed, s.in_words) for s in states
    ]
    headers = ("watch", "folder", "pattern", "dataset", "taken in", "failed", "state")
    return Answer(
        states, table(headers, rows, "No folder is watched: `mlops-desktop data watch FOLDER DATASET --add`.")
    )


def _followed(workspace: Workspace, watch: Watch, *, once: bool, aloud: bool) -> Answer:
    done: list[PipelineRun] = []

    def report(run: PipelineRun) -> None:
        done.append(run)
        if aloud:
            say(f"{Path(run.parameters['path']).name}: {run.reason}")

    if not once:
        note(f"Watching {watch.folder} for {watch.pattern}; Ctrl+C ends it.")
    with contextlib.suppress(KeyboardInterrupt):
        workspace.data.follow(watch, report=report, wait=threading.Event().wait, once=once)
    failed = sum(run.state is not RunState.SUCCEEDED for run in done)
    text = f"{counted(len(done) - failed, 'file')} taken in, {failed:,} failed."
    return Answer(done, text, 1 if failed else 0)
