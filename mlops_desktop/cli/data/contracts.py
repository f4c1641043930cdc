"""`data contract …`: what the rows of a dataset are held to."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from mlops_desktop.cli.data.versions import REFERENCE
from mlops_desktop.cli.output import Answer, counted, referenced, table
from mlops_desktop.cli.parsing import Commands, add_command, add_group, open_workspace
from mlops_desktop.cli.progress import job
from mlops_desktop.core.contracts import Violation
from mlops_desktop.core.errors import InvalidInput, NotFound

_INFER = "`mlops-desktop data contract infer REFERENCE > FILE` suggests one, `… save DATASET FILE` saves it."


def add_commands(group: Commands, common: argparse.ArgumentParser) -> None:
    contracts = add_group(group, "contract", "what the rows of a dataset are held to")
    show = add_command(contracts, common, "show", _show, "a dataset's contract, as TOML")
    show.add_argument("contract", metavar="DATASET[@NUMBER]")
    infer = add_command(contracts, common, "infer", _infer, "the contract that a version's rows suggest, as TOML")
    infer.add_argument("reference", help=REFERENCE)
    save = add_command(contracts, common, "save", _save, "hold a dataset to a contract from now on")
    save.add_argument("dataset")
    save.add_argument("file", help="TOML; - for standard input")
    check = add_command(contracts, common, "check", _check, "how a stored version stands against a contract")
    check.add_argument("reference", help=REFERENCE)
    check.add_argument("--contract", metavar="FILE", help="TOML; - for standard input (default: the dataset's own)")
    history = add_command(contracts, common, "history", _history, "all contracts that a dataset has had")
    history.add_argument("dataset")


def _show(arguments: argparse.Namespace) -> Answer:
    registry = open_workspace(arguments).registry
    if "@" not in arguments.contract and registry.contracts.newest(arguments.contract) is None:
        raise NotFound(f"{arguments.contract} has no contract.", hint=_INFER)
    found = registry.contracts.get(arguments.contract)
    return Answer(referenced(found), f"# {found.reference}, saved {found.created:%Y-%m-%d %H:%M}\n{found.text.strip()}")


def _infer(arguments: argparse.Namespace) -> Answer:
    from mlops_desktop.data.contracts.files import to_toml

    contract = open_workspace(arguments).data.infer_contract(arguments.reference)
    text = to_toml(contract)
    return Answer({"contract": contract, "text": text}, text.strip())


def _save(arguments: argparse.Namespace) -> Answer:
    data = open_workspace(arguments).data
    before = data.contract(arguments.dataset)
    saved = data.save_contract(arguments.dataset, _text(arguments.file))
    is_new = before is None or before.number != saved.number
    warnings = data.contract_warnings(arguments.dataset, saved.contract)
    said = f"Contract {saved.reference} is saved." if is_new else f"That is contract {saved.reference} already."
    lines = [said, *(f"Note: {warning}" for warning in warnings)]
    return Answer({**referenced(saved), "warnings": warnings}, "\n".join(lines))


def _check(arguments: argparse.Namespace) -> Answer:
    from mlops_desktop.data.contracts.files import from_toml

    data = open_workspace(arguments).data
    version = data.version(arguments.reference)
    given = from_toml(_text(arguments.contract), arguments.contract) if arguments.contract else None
    with job() as progress:
        report = data.check(version.reference, given, progress)
    own = None if given else data.contract(version.dataset)
    name = arguments.contract if given else f"contract {own.reference}" if own else ""
    lines = [f"{version.reference} keeps {name}."]
    if not report.is_kept:
        lines = [f"{version.reference} breaks {name}: {report.bad_rows:,} of {counted(report.rows, 'row')}.\n"]
        lines.append(_violations(report.violations))
    found = {"reference": version.reference, "is_kept": report.is_kept, **msgspec.to_builtins(report)}
    return Answer(found, "\n".join(lines), int(not report.is_kept))


def _violations(violations: tuple[Violation, ...]) -> str:
    rows = [
        (v.column, v.rule, v.rows, v.message, "; ".join(f"row {row}: {value}" for row, value in v.examples[:2]))
        for v in violations
    ]
    return table(("column", "rule", "rows", "what is wrong", "examples"), rows)


def _history(arguments: argparse.Namespace) -> Answer:
    found = open_workspace(arguments).registry.contracts.all(arguments.dataset)
    if not found:
        raise NotFound(f"{arguments.dataset} has no contract.", hint=_INFER)
    rows = [
        (c.reference, f"{c.created:%Y-%m-%d %H:%M}", c.contract.mode.value, len(c.contract.columns), c.id[:12])
        for c in found
    ]
    return Answer([referenced(c) for c in found], table(("contract", "saved", "mode", "columns", "SHA-256"), rows))


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(
            f"{file} cannot be read ({error.strerror}).", hint="Check the folder and the name."
        ) from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{file} is not UTF-8 text.", hint="Save it as UTF-8.") from None
