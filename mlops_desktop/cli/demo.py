"""`demo`: the sample project from its first model to a year of traffic, in a window or headless."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path

from mlops_desktop.cli.output import Answer, note, say, table
from mlops_desktop.cli.parsing import Commands, add_command
from mlops_desktop.cli.window import is_qt_installed, run_window
from mlops_desktop.core.errors import Conflict, InvalidInput
from mlops_desktop.pipelines.sample import END, HISTORY_END, create_sample_workspace, sample_folder
from mlops_desktop.pipelines.summary import LoopSummary, MonthScore, summarise
from mlops_desktop.registry.registry import DATABASE


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    parser = add_command(commands, common, "demo", _demo, "play the sample project")
    parser.add_argument("--headless", action="store_true", help="without a window, as fast as possible")
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="folder for workspace, report and pictures")
    parser.add_argument("--fresh", action="store_true", help="replace a workspace that an earlier demo left there")
    parser.add_argument("--until", default="", metavar="YYYY-MM-DD", help="stop the replay at this day")


def _demo(arguments: argparse.Namespace) -> Answer:
    folder: Path = arguments.out / "workspace"
    if not arguments.headless:
        if not (folder / DATABASE).exists():
            create_sample_workspace(folder)
        return Answer(None, "", run_window(folder, sample=True, play=True))
    until = _day(arguments.until)
    sample_folder()
    _make_room(folder, replace=arguments.fresh)
    started = time.monotonic()
    create_sample_workspace(folder)
    _play(folder, until, quiet=arguments.json)
    seconds = time.monotonic() - started
    summary = summarise(folder)
    outputs = _outputs(folder, arguments.out)
    text = "\n".join([_totals(summary), f"Played in {seconds:.0f} s.", *(f"{k}: {v}" for k, v in outputs.items())])
    return Answer({"summary": summary, "seconds": round(seconds, 1)} | outputs, text)


def _make_room(folder: Path, *, replace: bool) -> None:
    """An earlier demo's workspace is moved aside, never written over."""
    if not (folder / DATABASE).exists():
        return
    if not replace:
        number = 1
        while folder.with_name(f"{folder.name}-{number}").exists():
            number += 1
        folder.rename(folder.with_name(f"{folder.name}-{number}"))
        return
    import shutil

    shutil.rmtree(folder)


def _day(text: str) -> datetime:
    """The day until which to play; the sample's end where none is named."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) if text else END
    except ValueError:
        raise InvalidInput(f"`{text}` is not a day.", hint="Write it as 2013-05-31.") from None
    if not HISTORY_END < day <= END:
        raise InvalidInput(
            f"The sample is played from {HISTORY_END:%Y-%m-%d} to {END:%Y-%m-%d}, not until {text}.",
            hint="Choose a day between them.",
        )
    return day


def _play(folder: Path, end: datetime, *, quiet: bool) -> None:
    from mlops_desktop.pipelines.engine import Engine
    from mlops_desktop.pipelines.player import Control, Player, Progress

    engine = Engine(folder)
    if not engine.start():
        raise Conflict(f"The engine of {folder} already runs in {engine.holder}.", hint="End that program first.")
    printed: set[str] = set()

    def report(progress: Progress) -> None:
        if quiet or not (progress.day.endswith("-03") or progress.state == "finished"):
            return
        for month in summarise(folder).months:
            if month.month not in printed:
                if not printed:
                    say(_header())
                printed.add(month.month)
                say(_line(month))

    try:
        Player(folder, Control(), report, until=end).play()
    finally:
        engine.stop()


_COLUMNS = ("month", "never", "always", "loop", "bound", "cost never", "cost always", "cost loop")


def _header() -> str:
    return "  ".join(name.rjust(11) for name in (*_COLUMNS, "promoted", "refused", "rolled back"))


def _line(month: MonthScore) -> str:
    figures = [month.never, month.always, month.loop, month.bound]
    costs = [month.cost_never, month.cost_always, month.cost_loop]
    counts = [month.promotions, month.refusals, month.rollbacks]
    cells = [month.month, *(f"{v:.4f}" for v in figures), *(f"{v:.3f}" for v in costs), *(str(v) for v in counts)]
    return "  ".join(cell.rjust(11) for cell in cells)


def _totals(summary: LoopSummary) -> str:
    lines = [_line(summary.total)]
    if summary.others:
        lines.append("")
        lines.append("For comparison, further policies without a gate:")
        rows = [(name, figures["auc"], figures["cost"]) for name, figures in summary.others.items()]
        lines.append(table(("policy", "mean AUC", "cost per flight"), rows))
    state = "intact" if summary.journal_intact else "BROKEN"
    lines.append(f"\nThe journal holds {summary.events:,} events and is {state}.")
    return "\n".join(lines)


def _outputs(folder: Path, out: Path) -> dict[str, str]:
    """The report and, where Qt is installed, pictures of the window."""
    from mlops_desktop.pipelines.summary import write_report

    outputs = {"workspace": str(folder), "report": str(write_report(folder, out / "report.html"))}
    pictures = _pictures(folder, out / "screenshots")
    return outputs | ({"screenshots": str(pictures)} if pictures else {})


def _pictures(folder: Path, out: Path) -> Path | None:
    import subprocess
    import sys

    if not is_qt_installed():
        note("No pictures: PySide6 is not installed.")
        return None
    import os

    command = [sys.executable, "-m", "mlops_desktop.ui.shots", str(out), "--workspace", str(folder)]
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        note(f"The pictures could not be made: {' '.join(done.stderr.strip().splitlines()[-1:])}")
        return None
    return out
