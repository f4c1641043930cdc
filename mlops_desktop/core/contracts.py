"""Values about data contracts: what the rows of a dataset must be like, and how far some rows are from it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from mlops_desktop.core.datasets import ColumnType


class ContractMode(StrEnum):
    """What happens to rows that break the contract."""

    REFUSE = "refuse"
    QUARANTINE = "quarantine"
    ACCEPT = "accept"


class ExtraColumns(StrEnum):
    """What happens to columns that the contract does not name."""

    ACCEPT = "accept"
    DROP = "drop"
    REFUSE = "refuse"


class ColumnRule(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What one column must be like.

    Attributes:
        type: what it holds; None leaves it open.
        is_required: whether the column must be there.
        nullable: whether values may be missing (NaN counts as missing).
        unique: whether each value, missing ones aside, may occur once only.
        minimum: smallest value allowed: a number, or an ISO time for a column of times. `maximum`: the largest.
        categories: all values that are allowed; empty allows any.
        pattern: a regular expression that the whole text must match; empty allows any.
        max_length: characters at most; 0 allows any.
        max_missing: share of missing values, 0 to 1, above which the table as a whole breaks the contract.
    """

    name: str
    type: ColumnType | None = None
    is_required: bool = True
    nullable: bool = True
    unique: bool = False
    minimum: float | str | None = None
    maximum: float | str | None = None
    categories: tuple[str, ...] = ()
    pattern: str = ""
    max_length: int = 0
    max_missing: float = 1.0


class Contract(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What the rows of a dataset must be like.

    Attributes:
        mode: what happens to rows that break a rule.
        extra_columns: what happens to columns without a rule.
        key: columns that together name a row: never missing, each combination once.
        min_rows: rows at least; `max_rows`: at most, 0 for no limit.
        time_column: the column that says when a row happened; empty for none.
        max_age_hours: how old its newest row may be at ingestion; 0 for any age.
        max_bad_share: share of rows, 0 to 1, above which a table is refused rather than put into quarantine.
    """

    columns: tuple[ColumnRule, ...] = ()
    mode: ContractMode = ContractMode.REFUSE
    extra_columns: ExtraColumns = ExtraColumns.ACCEPT
    key: tuple[str, ...] = ()
    min_rows: int = 0
    max_rows: int = 0
    time_column: str = ""
    max_age_hours: float = 0.0
    max_bad_share: float = 0.5

    def rule(self, column: str) -> ColumnRule | None:
        """The rule of a column, None where it has none."""
        return next((rule for rule in self.columns if rule.name == column), None)


class ContractVersion(Struct, frozen=True):
    """A contract as it was at some time, numbered per dataset. `id` is the SHA-256 of its TOML text."""

    id: str
    dataset: str
    number: int
    text: str
    contract: Contract
    created: datetime

    @property
    def reference(self) -> str:
        return f"{self.dataset}@{self.number}"


class Violation(Struct, frozen=True):
    """A rule that some rows break.

    Attributes:
        column: the column, or the columns of the key joined by commas; empty for rules about the table as a whole.
        rule: `type`, `nullable`, `minimum`, `maximum`, `categories`, `pattern`, `max_length`, `unique`, `key`,
            `missing column`, `extra column`, `max_missing`, `rows` or `freshness`.
        message: one sentence for people, with the limit and what was found.
        rows: how many rows break it, 0 for rules about the table as a whole.
        examples: a few of the offending values, as text, each with its row number (from 1).
    """

    column: str
    rule: str
    message: str
    rows: int = 0
    examples: tuple[tuple[int, str], ...] = ()


class ContractReport(Struct, frozen=True):
    """How some rows stand against a contract. `bad_rows` counts rows that break any rule, each once."""

    rows: int
    bad_rows: int
    violations: tuple[Violation, ...] = ()

    @property
    def is_kept(self) -> bool:
        return not self.violations
