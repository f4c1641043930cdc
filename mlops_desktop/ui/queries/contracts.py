"""What the contract editor and the quarantine ask: contracts as values and as text, what is wrong with them, the rows
that were put aside."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from mlops_desktop.core.contracts import Contract, ContractMode, ContractVersion, ExtraColumns
from mlops_desktop.core.datasets import Column, ColumnType, VersionLine
from mlops_desktop.core.errors import AppError, InvalidInput
from mlops_desktop.workspace import Workspace

PAGE_ROWS = 200
QUARANTINE = ".quarantine"
_WHERE = "The contract"
_HEADING = re.compile(r"\s*\[(?!\[).*\]\s*(#.*)?")
_KEY = re.compile(r"\s*([\w-]+|\"[^\"]*\"|'[^']*')\s*=")
_UNKNOWN = re.compile(r"unknown field `(.+)`")
_NO_FRACTION = re.compile(r"\.0+(?=Z?$)")
_TOML_LINE = re.compile(r"\(at line (\d+), column (\d+)\)")


@dataclass(frozen=True)
class ContractState:
    """A dataset's contracts, newest first, and the columns of the version that is looked at."""

    dataset: str
    reference: str
    contracts: tuple[ContractVersion, ...]
    columns: tuple[Column, ...]

    @property
    def newest(self) -> ContractVersion | None:
        return self.contracts[0] if self.contracts else None


@dataclass(frozen=True)
class Problem:
    """Why a contract makes no sense.

    Attributes:
        line: of the text, from 1; 0 where it is not known.
        column: names, with `rule`, a cell of the form; empty where it is about the table as a whole.
        words: the message without the key that it begins with.
    """

    message: str
    hint: str = ""
    line: int = 0
    column: str = ""
    rule: str = ""
    words: str = ""


@dataclass(frozen=True)
class Judged:
    """A draft as a value and as text, or why it is none, and what to look at before it is saved."""

    contract: Contract | None
    text: str
    problem: Problem | None = None
    warnings: tuple[str, ...] = ()


def contract_state(workspace: Workspace, reference: str) -> ContractState:
    version = workspace.registry.datasets.get(reference)
    contracts = tuple(workspace.registry.contracts.all(version.dataset))
    return ContractState(version.dataset, version.reference, contracts, version.schema.columns)


def inferred(workspace: Workspace, reference: str) -> Contract:
    return workspace.data.infer_contract(reference)


def judged_contract(workspace: Workspace, dataset: str, contract: Contract) -> Judged:
    """A draft of the form, with its text."""
    from mlops_desktop.data.contracts import to_toml
    from mlops_desktop.data.contracts.rules import check_contract

    text = to_toml(contract)
    try:
        check_contract(contract, _WHERE)
    except InvalidInput as error:
        return Judged(contract, text, _located(text, error))
    return Judged(contract, text, warnings=workspace.data.contract_warnings(dataset, contract))


def judged_text(workspace: Workspace, dataset: str, text: str) -> Judged:
    """A draft of the text, with what it says."""
    from mlops_desktop.data.contracts import from_toml

    try:
        contract = from_toml(text, _WHERE)
    except InvalidInput as error:
        return Judged(None, text, _located(text, error))
    return Judged(contract, text, warnings=workspace.data.contract_warnings(dataset, contract))


def _located(text: str, error: AppError) -> Problem:
    """Where in the text an error is: by the line that a parser names, or by the key that the message begins with."""
    words = error.message.removeprefix(f"{_WHERE}, ").removeprefix(f"{_WHERE} ")
    said = words[:1].upper() + words[1:] if not error.message.startswith(f"{_WHERE}, ") else words
    if at := _TOML_LINE.search(error.message):
        return Problem(said, error.hint, int(at[1]))
    if "(at end of document)" in error.message:
        return Problem(said, error.hint, len(text.splitlines()))
    found = [(path, line) for path, line in _keys_of(text) if _begins(words, ".".join(path))]
    path, line = max(found, key=lambda each: len(".".join(each[0])), default=((), 0))
    if unknown := _UNKNOWN.search(words):
        line = dict(_keys_of(text)).get((*path, unknown[1]), line)
    is_column = len(path) > 1 and path[0] == "columns"
    rule = words.removeprefix(".".join(path[:2])).strip(".").partition(":")[0] if is_column else ""
    more = _allowed(path[-1] if path else "") if "Invalid enum value" in words else ""
    without_key = words[len(".".join(path)) :].partition(": ")[2]
    return Problem(
        said + more, error.hint, line, path[1] if is_column else "", rule.partition("[")[0], without_key + more
    )


def _allowed(key: str) -> str:
    kinds: dict[str, type[StrEnum]] = {"type": ColumnType, "mode": ContractMode, "extra_columns": ExtraColumns}
    return f" Allowed are {', '.join(kinds[key])}." if key in kinds else ""


def _begins(words: str, path: str) -> bool:
    return words.startswith(path) and words[len(path) : len(path) + 1] in (":", ".", "[", "")


def _keys_of(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """The keys of a TOML text as paths, with their lines: headings and what stands under them."""
    heading: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if _HEADING.fullmatch(line):
            heading = tuple(_path_of(line))
            yield heading, number
        elif found := _KEY.match(line):
            yield (*heading, found[1].strip("\"'")), number


def _path_of(heading: str) -> Iterator[str]:
    try:
        table: Any = tomllib.loads(heading)
    except tomllib.TOMLDecodeError:
        return
    while table:
        name, table = next(iter(table.items()))
        yield name


# What was put aside


@dataclass(frozen=True)
class PutAside:
    """A version of rows that broke the contract: when, of which file, against which contract, beside which version."""

    reference: str
    number: int
    created: datetime
    rows: int
    origin: str
    contract: str
    beside: str


@dataclass(frozen=True)
class Reason:
    """What rows break, as they say it, how many of them, and the columns at fault."""

    words: str
    rows: int
    columns: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class BadRows:
    """A page of the rows of a quarantine. `cells` has one list of texts per column; `at_fault[i]` are the columns that
    row `i` breaks the contract by.

    Columns at fault come first in `columns`; `numbers` are the rows' numbers in the file that they came from. `total`
    counts the rows that have the chosen reason.
    """

    reference: str
    reasons: tuple[Reason, ...]
    columns: tuple[Column, ...]
    numbers: list[int]
    said: list[str]
    cells: list[list[str | None]]
    at_fault: list[frozenset[str]]
    offset: int
    total: int


def put_aside(workspace: Workspace, dataset: str) -> tuple[PutAside, ...]:
    """The quarantine's versions that belong to a dataset, newest first."""
    name = dataset if dataset.endswith(QUARANTINE) else dataset + QUARANTINE
    datasets = workspace.registry.datasets
    return tuple(_put_aside(line, datasets.get(line.reference).origin.parents) for line in datasets.lines(name))


def _put_aside(line: VersionLine, parents: tuple[str, ...]) -> PutAside:
    beside = parents[0] if parents else ""
    return PutAside(line.reference, line.number, line.created, line.rows, line.origin, line.contract, beside)


def bad_rows(workspace: Workspace, reference: str, offset: int = 0, reason: str = "") -> BadRows:
    """A page of rows that were put aside, all or those with one reason, and how often each reason is there."""
    from mlops_desktop.data.contracts.quarantine import REASONS, ROW

    version = workspace.registry.datasets.get(reference)
    known = [name for name in version.schema.names if name not in (ROW, REASONS)]
    counts, total = _counted(workspace, reference, reason)
    reasons = tuple(Reason(words, rows, _columns_in(words, known)) for words, rows in counts.most_common())
    first = [name for name in known if any(name in each.columns for each in reasons)]
    names = (*first, *(name for name in known if name not in set(first)))
    cells = _page(workspace, reference, (ROW, REASONS, *names), offset, reason)
    said = [text or "" for text in cells[1]]
    by_reason = {each.words: each.columns for each in reasons}
    at_fault = [frozenset(name for words in parts_of(text) for name in by_reason.get(words, ())) for text in said]
    numbers = [int(number or 0) for number in cells[0]]
    by_name = {column.name: column for column in version.schema.columns}
    columns = tuple(by_name[name] for name in names)
    return BadRows(reference, reasons, columns, numbers, said, cells[2:], at_fault, offset, total)


def parts_of(said: str) -> tuple[str, ...]:
    """The single reasons of a row's text; a pattern or a category may hold what parts them."""
    found: list[str] = []
    for part in said.split("; "):
        if found and " must " not in part:
            found[-1] += f"; {part}"
        else:
            found.append(part)
    return tuple(found)


def _columns_in(words: str, known: Iterable[str]) -> tuple[str, ...]:
    """The columns that a reason is about: one, or those of the key."""
    names = set(known)
    at = -1
    while (at := words.find(" must ", at + 1)) >= 0:
        subject = words[:at]
        if subject in names:
            return (subject,)
        key = tuple(subject.split(", "))
        if names.issuperset(key):
            return key
    return ()


def _counted(workspace: Workspace, reference: str, reason: str) -> tuple[Counter[str], int]:
    from mlops_desktop.data.contracts.quarantine import REASONS
    from mlops_desktop.data.read import iter_batches

    texts: Counter[str] = Counter()
    for batch in iter_batches(workspace.registry, reference, columns=[REASONS]):
        for found in batch.column(0).value_counts().to_pylist():
            texts[found["values"] or ""] += found["counts"]
    counts: Counter[str] = Counter()
    total = 0
    for text, rows in texts.items():
        parts = parts_of(text)
        counts.update(dict.fromkeys(parts, rows))
        total += rows if not reason or reason in parts else 0
    return counts, total


def _page(
    workspace: Workspace, reference: str, names: tuple[str, ...], offset: int, reason: str
) -> list[list[str | None]]:
    """Columns of a page as texts. Without a reason only the objects that the page is in are read."""
    from mlops_desktop.data.contracts.quarantine import REASONS
    from mlops_desktop.data.read import iter_batches, preview

    if not reason:
        table = preview(workspace.registry, reference, offset, PAGE_ROWS)
        return [_texts(table.column(name)) for name in names]
    cells: list[list[str | None]] = [[] for _ in names]
    skipped = 0
    for batch in iter_batches(workspace.registry, reference):
        said = batch.column(REASONS).to_pylist()
        chosen = [row for row, text in enumerate(said) if reason in parts_of(text or "")]
        wanted = chosen[max(offset - skipped, 0) :][: PAGE_ROWS - len(cells[0])]
        skipped += len(chosen)
        for kept, name in zip(cells, names, strict=True):
            texts = _texts(batch.column(name)) if wanted else []
            kept.extend(texts[row] for row in wanted)
        if len(cells[0]) == PAGE_ROWS:
            break
    return cells


def _texts(column: Any) -> list[str | None]:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.cast(column, pa.string()).to_pylist()
    if not pa.types.is_timestamp(column.type):
        return list(texts)
    return [text and _NO_FRACTION.sub("", text) for text in texts]
