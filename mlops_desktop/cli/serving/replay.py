"""`serve replay`: logged requests once more, by a version that gets no live traffic yet."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from mlops_desktop.cli.output import Answer, counted, table
from mlops_desktop.cli.parsing import Commands, add_command, not_negative, open_workspace, positive
from mlops_desktop.cli.progress import job
from mlops_desktop.cli.serving.words import NO_ENGINE, inputs_in_words

if TYPE_CHECKING:
    from mlops_desktop.serving.replay import ChangedRow, Quantiles, ReplayReport

_HEADERS = ("row", "entity", "before", "score", "after", "score after", "inputs")
_WIDEST = 60


def add_commands(serve: Commands, common: argparse.ArgumentParser) -> None:
    replay = add_command(serve, common, "replay", _replay, "ask a version what it would have answered")
    replay.add_argument("endpoint")
    replay.add_argument("version", help="for example late-arrival@4")
    replay.add_argument("--requests", type=positive, default=1000, metavar="N", help="the last so many (default: 1000)")
    how = replay.add_mutually_exclusive_group()
    how.add_argument("--wait", action="store_true", help="until it is done, and show the result")
    how.add_argument("--last", action="store_true", help="show the result of the last one that is done")
    replay.add_argument("--rows", type=not_negative, default=10, metavar="N", help="changed rows to show (default: 10)")


def _replay(arguments: argparse.Namespace) -> Answer:
    workspace = open_workspace(arguments)
    serving = workspace.serving
    if arguments.last:
        return _told(serving.replayed(arguments.version, arguments.endpoint), arguments.rows)
    run = serving.replay(arguments.endpoint, arguments.version, requests=arguments.requests)
    if not arguments.wait:
        hint = "" if workspace.engine_state().running else NO_ENGINE
        return Answer(run, f"The replay is queued as {run.id}; `--last` shows its result.{hint}")
    with job() as progress:
        return _told(serving.finished_replay(run, progress), arguments.rows)


def _told(report: ReplayReport, rows: int) -> Answer:
    data = {"agreement": 1 - report.share_changed, **msgspec.to_builtins(report)}
    return Answer(data, "\n".join(_lines(report, rows)))


def _lines(report: ReplayReport, rows: int) -> Iterator[str]:
    again = report.differences.n
    yield f"{report.endpoint}@{report.version} on {counted(report.requests, 'request')}, {report.start} to {report.end}"
    yield f"  agrees    on {again - report.changed:,} of {counted(again, 'row')} ({1 - report.share_changed:.2%})"
    yield f"  changed   {report.changed:,}"
    yield f"  scores    differ by {_spread(report.differences)}"
    yield f"  before    {_times(report.latency_before)}"
    yield f"  now       {_times(report.latency_after)}"
    if report.refused or report.failed:
        yield f"  unanswered  {report.refused:,} refused, {report.failed:,} failed: {report.problem}"
    if shown := report.rows_shown[:rows]:
        yield ""
        yield table(_HEADERS, [_row(row) for row in shown])


def _spread(found: Quantiles) -> str:
    return f"{found.mean:+.4g} on average, {found.p01:+.4g} to {found.p99:+.4g} for 98 %, {found.largest:.4g} at most"


def _times(found: Quantiles) -> str:
    return f"{found.p50:.2f} ms (median), {found.p99:.2f} ms (p99) of inference"


def _row(row: ChangedRow) -> tuple[object, ...]:
    inputs = inputs_in_words(row.features)
    short = inputs if len(inputs) <= _WIDEST else inputs[: _WIDEST - 1] + "…"
    return (row.id, row.entity, row.before, row.score_before, row.after, row.score_after, short)
