"""`report`, `card`: what a workspace came to, and what is known of a version, for people outside the program."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlops_desktop.cli.output import Answer
from mlops_desktop.cli.parsing import Commands, add_command, open_workspace
from mlops_desktop.core.errors import EnvironmentProblem


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    report = add_command(commands, common, "report", _report, "write the report of a workspace as one HTML file")
    report.add_argument("path", type=Path, metavar="OUT.html")
    card = add_command(commands, common, "card", _card, "the model card of a version, as Markdown or HTML")
    card.add_argument("version", help="for example late-arrival@production")
    card.add_argument("--out", type=Path, help="write it to a file instead; .html makes a page, anything else Markdown")


def _report(arguments: argparse.Namespace) -> Answer:
    from mlops_desktop.pipelines.summary import write_report

    path = write_report(open_workspace(arguments).folder, arguments.path)
    size = path.stat().st_size
    return Answer({"path": str(path), "bytes": size}, f"The report was written to {path} ({size / 1e6:.2f} MB).")


def _card(arguments: argparse.Namespace) -> Answer:
    from mlops_desktop.governance.cards import as_html, as_markdown, model_card

    card = model_card(open_workspace(arguments).registry, arguments.version)
    if arguments.out is None:
        return Answer(card, as_markdown(card))
    path: Path = arguments.out
    try:
        path.write_text(as_html(card) if path.suffix in (".html", ".htm") else as_markdown(card), encoding="utf-8")
    except OSError as error:
        raise EnvironmentProblem(
            f"The card {path} cannot be written ({error.strerror}).", hint="Choose another path."
        ) from error
    return Answer({"path": str(path)}, f"The card of {card.version.reference} was written to {path}.")
