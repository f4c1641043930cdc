"""Pandera as the judge: a contract as a schema of pandera, and the rows of a batch that break it.

Imported by whoever needs it; pandera itself, and with it pandas, only when a schema is built.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_desktop.core.contracts import ColumnRule, Contract, ExtraColumns
from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.data.contracts.rules import effective_rules, moment_of, stored_bounds

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pandera


_IGNORE_ZONES = "PYARROW_IGNORE_TIMEZONE"


class Failure(NamedTuple):
    """A rule of a column that some rows of a batch break; `rows` are their positions, each once, ascending."""

    rule: ColumnRule
    broken: str
    rows: NDArray[np.int64]


@contextmanager
def _keeping_zones() -> Iterator[None]:
    """Pandera sets a variable for Spark, by which Arrow would from then on read 12:00+02:00 as 12:00 UTC."""
    before = os.environ.get(_IGNORE_ZONES)
    yield
    if before is None:
        os.environ.pop(_IGNORE_ZONES, None)


def to_pandera(contract: Contract) -> pandera.DataFrameSchema:
    """The contract as a schema of pandera, to validate a DataFrame as a whole, for example in a notebook.

    Columns are coerced to the types of the contract, times to UTC. Of equal keys the first row stands. Number of rows
    and share of missing values are checks of the table; freshness, which depends on when it is asked, is left out.
    """
    with _keeping_zones():
        import pandera.pandas as pandera

    is_strict = {ExtraColumns.ACCEPT: False, ExtraColumns.DROP: "filter", ExtraColumns.REFUSE: True}
    checks = []
    if contract.min_rows:
        checks.append(pandera.Check(lambda frame: len(frame) >= contract.min_rows, name="rows", error="rows"))
    if contract.max_rows:
        checks.append(pandera.Check(lambda frame: len(frame) <= contract.max_rows, name="rows", error="rows"))
    return pandera.DataFrameSchema(
        {rule.name: _column(rule, is_whole_table=True) for rule in effective_rules(contract)},
        checks=checks,
        strict=is_strict[contract.extra_columns],
        unique=list(contract.key) or None,
        report_duplicates="exclude_first",
    )


def judged(batch: pa.RecordBatch, rules: Sequence[ColumnRule]) -> list[Failure]:
    """What pandera finds in columns that already have the types of their rules, value by value."""
    with _keeping_zones():
        import pandera.pandas as pandera

    by_name = {rule.name: rule for rule in rules}
    frame = _frame(batch.select(list(by_name)))
    schema = pandera.DataFrameSchema({rule.name: _column(rule, is_whole_table=False) for rule in rules})
    try:
        schema.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as found:
        return [_failure(error, by_name) for error in found.schema_errors]
    return []


def _failure(error: Any, by_name: dict[str, ColumnRule]) -> Failure:
    is_null = error.reason_code.name == "SERIES_CONTAINS_NULLS"
    rows = np.unique(np.asarray(error.failure_cases["index"], dtype=np.int64))
    return Failure(by_name[error.schema.name], "nullable" if is_null else error.check.name, rows)


def _frame(batch: pa.RecordBatch) -> pd.DataFrame:
    """As pandas, with whole numbers whole beside missing ones. Columns keep their names, whatever is in them."""
    import pandas as pd

    whole = {
        pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(), pa.uint8(): pd.UInt8Dtype(), pa.uint16(): pd.UInt16Dtype(),
        pa.uint32(): pd.UInt32Dtype(), pa.uint64(): pd.UInt64Dtype(), pa.bool_(): pd.BooleanDtype(),
    }  # fmt: skip
    frame: pd.DataFrame = batch.to_pandas(types_mapper=whole.get, date_as_object=False)
    return frame


def _column(rule: ColumnRule, *, is_whole_table: bool) -> Any:
    """The rule as a column of pandera: as a whole, or what a batch in the right types can break."""
    with _keeping_zones():
        import pandera.pandas as pandera

    checks = _checks(rule)
    if not is_whole_table:
        return pandera.Column(None, checks, nullable=rule.nullable)
    if rule.max_missing < 1:
        limit = rule.max_missing
        enough = pandera.Check(
            lambda values: values.isna().mean() <= limit or not len(values),
            name="max_missing",
            error="max_missing",
            ignore_na=False,
        )
        checks = [*checks, enough]
    return pandera.Column(
        _dtype(rule.type),
        checks,
        nullable=rule.nullable,
        unique=rule.unique,
        report_duplicates="exclude_first",
        coerce=rule.type is not None,
        required=rule.is_required,
    )


def _dtype(kind: ColumnType | None) -> Any:
    from pandera.engines import pandas_engine

    if kind is ColumnType.TIME:
        in_utc: Any = pandas_engine.DateTime
        return in_utc(unit="us", tz="UTC")
    return {
        None: None,
        ColumnType.BOOLEAN: "boolean",
        ColumnType.INTEGER: "Int64",
        ColumnType.NUMBER: "float64",
        ColumnType.TEXT: "str",
    }[kind]


def _checks(rule: ColumnRule) -> list[Any]:
    from pandera.pandas import Check

    made = []
    for name in ("minimum", "maximum"):
        bound = getattr(rule, name)
        if bound is not None:
            made.append(Check(_within(rule, name), name=name, error=name))
    if rule.categories:
        allowed: list[Any] = list(rule.categories)
        if rule.type is ColumnType.INTEGER:
            allowed = [int(text) for text in rule.categories]
        made.append(Check(lambda values: values.isin(allowed), name="categories", error="categories"))
    if rule.pattern:
        matches = re.compile(rule.pattern).fullmatch
        made.append(
            Check(
                lambda values: values.map(lambda text: matches(text) is not None).astype(bool),
                name="pattern",
                error="pattern",
            )
        )
    if rule.max_length:
        made.append(Check(lambda values: values.str.len() <= rule.max_length, name="max_length", error="max_length"))
    return made


def _within(rule: ColumnRule, name: str) -> Any:
    """A check of one bound; times are compared in UTC, where those without a zone are taken to be."""
    import pandas as pd

    bound = getattr(rule, name)
    is_minimum = name == "minimum"
    if isinstance(bound, str):
        moment = pd.Timestamp(moment_of(bound))

        def is_in_time(values: Any) -> Any:
            zoned = values if values.dt.tz is not None else values.dt.tz_localize("UTC")
            return zoned >= moment if is_minimum else zoned <= moment

        return is_in_time
    low, high = stored_bounds(rule, pa.int64() if rule.type is ColumnType.INTEGER else pa.float64())
    return (lambda values: values >= low) if is_minimum else (lambda values: values <= high)
