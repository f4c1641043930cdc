"""Faults of the data itself: columns that are missing, empty, of another type, or hold unknown categories."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from mlops_desktop.core.monitoring import FeatureDrift, Violation
from mlops_desktop.monitoring.columns import has_wrong_type
from mlops_desktop.monitoring.grid import CategoryGrid
from mlops_desktop.monitoring.reference import ColumnReference
from mlops_desktop.monitoring.spec import MonitoringSpec

# A share that rises by so many of its standard deviations did not rise by chance.
CERTAIN = 4.0


def violations(
    references: Sequence[ColumnReference],
    columns: Mapping[str, pa.ChunkedArray],
    drifts: Iterable[FeatureDrift],
    repeated: Sequence[str],
    rows: int,
    settings: MonitoringSpec,
) -> tuple[Violation, ...]:
    """Everything in a window of `rows` rows that should block a retraining on it.

    `drifts` carry the shares of missing and unseen values per column, `repeated` the names used more than once.
    """
    known = {drift.feature: drift for drift in drifts}
    found: list[Violation] = []
    for reference in references:
        name, weight = reference.name, reference.importance
        if name not in columns:
            found.append(Violation("missing_column", name, f"`{name}` is not in the data", 1.0, 0.0, weight))
            continue
        if has_wrong_type(reference.feature, columns[name]):
            message = f"`{name}` holds {columns[name].type} where {reference.feature.type} is expected"
            found.append(Violation("data_type", name, message, 1.0, 0.0, weight))
        elif name in known and rows >= settings.least_rows:
            found += _missing(reference, known[name], rows, settings)
            found += _unseen(reference, known[name], rows, settings)
    found += [Violation("extra_column", name, f"More than one column is named `{name}`", 1.0) for name in repeated]
    return tuple(found)


def _missing(reference: ColumnReference, drift: FeatureDrift, rows: int, settings: MonitoringSpec) -> list[Violation]:
    usual = reference.missing_share
    limit = usual + max(settings.most_missing_rise, CERTAIN * reference.missing_noise.at(rows))
    if drift.missing_share <= limit:
        return []
    message = f"{drift.missing_share:.1%} of `{reference.name}` is missing, {usual:.1%} in the reference"
    return [Violation("completeness", reference.name, message, drift.missing_share, limit, reference.importance)]


def _unseen(reference: ColumnReference, drift: FeatureDrift, rows: int, settings: MonitoringSpec) -> list[Violation]:
    if not isinstance(reference.grid, CategoryGrid) or not reference.grid.categories:
        return []
    usual = float(reference.unpacked()[-1] / max(reference.rows, 1))
    limit = usual + settings.most_unseen_share + CERTAIN * math.sqrt(usual * (1 - usual) / max(rows, 1))
    if drift.unseen_share <= limit:
        return []
    message = f"{drift.unseen_share:.1%} of `{reference.name}` is in categories that the reference does not hold"
    return [Violation("categorical_values", reference.name, message, drift.unseen_share, limit, reference.importance)]
