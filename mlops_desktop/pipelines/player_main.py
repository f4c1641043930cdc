"""The player as a child process: controlled by JSON lines on standard input, reporting on standard output."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path

import msgspec
from msgspec import Struct

from mlops_desktop.core.errors import AppError
from mlops_desktop.core.processes import yield_to_people
from mlops_desktop.pipelines.player import Control, Player, Progress


class _Command(Struct):
    play: bool | None = None
    speed: float | None = None
    stop: bool = False


def main(argv: list[str]) -> int:
    """Play the sample in a workspace until its end, a stop, or the end of standard input."""
    parser = argparse.ArgumentParser(prog="mlops-desktop player", description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--speed", type=float, default=0.0, help="days per second; 0 is as fast as possible")
    parser.add_argument("--paused", action="store_true", help="wait for the command to play")
    arguments = parser.parse_args(argv)
    yield_to_people()
    control = Control(playing=not arguments.paused, speed=max(0.0, arguments.speed))
    threading.Thread(target=_obey, args=(control,), name="control", daemon=True).start()
    try:
        Player(arguments.folder, control, _report).play()
    except AppError as error:
        _report(Progress("", 0.0, "failed", str(error)))
        return 1
    return 0


def _obey(control: Control) -> None:
    for line in sys.stdin.buffer:
        try:
            command = msgspec.json.decode(line, type=_Command)
        except msgspec.DecodeError:
            continue
        if command.speed is not None:
            control.speed = max(0.0, command.speed)
        if command.play is not None:
            (control.play if command.play else control.pause)()
        if command.stop:
            break
    control.stop()


def _report(progress: Progress) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(progress) + b"\n")
    sys.stdout.buffer.flush()
