"""`serve tail`: what an endpoint answered last, and with `--follow` what it answers now."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import time

import msgspec

from mlops_desktop.cli.output import PRINTED, Answer, in_words, note, say
from mlops_desktop.cli.parsing import Commands, add_command, open_workspace, positive
from mlops_desktop.cli.serving.words import inputs_in_words
from mlops_desktop.serving.log import CANARY, PINNED, PRIMARY, SHADOW
from mlops_desktop.serving.tail import TailRow, Wanted

_LOOK_SECONDS = 0.2
_MOST_AT_ONCE = 10_000


def add_commands(serve: Commands, common: argparse.ArgumentParser) -> None:
    tail = add_command(serve, common, "tail", _tail, "the last rows of the prediction log; with --json one a line")
    tail.add_argument("endpoint")
    tail.add_argument("-n", "--rows", type=positive, default=20, metavar="N", help="default: 20")
    tail.add_argument("-f", "--follow", action="store_true", help="go on with what comes, until Ctrl+C")
    tail.add_argument("--version", type=positive, metavar="N", help="rows of this version alone")
    tail.add_argument("--role", choices=(PRIMARY, CANARY, SHADOW, PINNED), default="")
    tail.add_argument("--errors", action="store_true", help="requests that got no prediction")


def _tail(arguments: argparse.Namespace) -> Answer:
    serving = open_workspace(arguments).serving
    wanted = Wanted(arguments.version, arguments.role, arguments.errors)
    with contextlib.suppress(KeyboardInterrupt):
        found = serving.tail(arguments.endpoint, last=arguments.rows, wanted=wanted)
        _print(found.rows, arguments)
        if not found.rows and not arguments.follow:
            note(f"{arguments.endpoint} has logged no such rows.")
        while arguments.follow:
            time.sleep(_LOOK_SECONDS)
            found = serving.tail(arguments.endpoint, last=_MOST_AT_ONCE, after=found.position, wanted=wanted)
            if found.left_out:
                note("More came than can be shown; some rows are left out.")
            _print(found.rows, arguments)
    return PRINTED


def _print(rows: tuple[TailRow, ...], arguments: argparse.Namespace) -> None:
    for row in rows:
        say(msgspec.json.encode(row).decode() if arguments.json else _fitting(_line(row)))


def _line(row: TailRow) -> str:
    start = f"{row.time:%Y-%m-%d %H:%M:%S}.{row.time.microsecond // 1000:03}  {row.role:7} @{row.version}"
    end = f"{row.latency_ms:8.2f} ms  {row.id}/{row.row}"
    if row.status != 200:
        return f"{start}  {end}  {row.status} {in_words(row.error)}"
    score = "" if not row.probabilities else f" ({row.score:.3f})"
    label = "" if row.label is None else f" [{in_words(row.label)}]"
    return f"{start}  {end}  {in_words(row.prediction)}{score}{label}  {inputs_in_words(row.inputs)}"


def _fitting(line: str) -> str:
    """On a terminal a row has one line; elsewhere it is whole."""
    width = shutil.get_terminal_size().columns
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    return line if not is_terminal or len(line) <= width else line[: width - 1] + "…"
