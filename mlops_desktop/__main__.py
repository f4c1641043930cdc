"""Entry point of every process of the program: children are told apart before Qt or anything heavy is imported."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import NoReturn

CHILDREN = {
    "gateway": "mlops_desktop.serving.gateway.main:main",
    "serving-worker": "mlops_desktop.serving.worker:main",
    "worker": "mlops_desktop.pipelines.worker:main",
    "agent": "mlops_desktop.pipelines.agent:main",
    "player": "mlops_desktop.pipelines.player_main:main",
}
# Imports make many objects and no garbage: with Python's thresholds a tenth of the start goes into looking for it.
_GARBAGE_COLLECTION = (50_000, 20, 20)
COMMAND_LINE = "mlops_desktop.cli.main:main"


def main() -> int:
    """Run the child process that the first argument names, else the command line; returns the exit code.

    Each of them is a `main(argv: list[str]) -> int` that gets the arguments that follow. With no argument at all the
    command line opens the window.
    """
    if getattr(sys, "frozen", False):
        import multiprocessing

        multiprocessing.freeze_support()
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read by ONNX Runtime when it is imported
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # Arrow's own holds half as much again
    gc.set_threshold(*_GARBAGE_COLLECTION)
    _give_silent_streams()
    arguments = sys.argv[1:]
    target = COMMAND_LINE
    if arguments and arguments[0] in CHILDREN:
        target, arguments = CHILDREN[arguments[0]], arguments[1:]
    module, _, function = target.partition(":")
    return int(getattr(import_module(module), function)(arguments) or 0)


def _give_silent_streams() -> None:
    """A frozen build without a console has no standard streams; writing to them must not be an error."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for the whole life of the process
    if sys.stderr is None:
        sys.stderr = sys.stdout


def program() -> NoReturn:
    """`main` as the whole process."""
    from mlops_desktop.core.onejob import end_one_job

    sys.exit(end_one_job(main()))


if __name__ == "__main__":
    program()
