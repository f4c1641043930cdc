"""How strongly the columns of a version go together, on demand, in one pass over its rows.

| columns | measure | range |
|---|---|---|
| two of numbers (booleans as 0 and 1) | Pearson's correlation; Spearman's in `ranks` | -1 to 1 |
| two of texts | Cramér's V, corrected for chance | 0 to 1 |
| one of each | correlation ratio η: the root of the share of variance between the categories | 0 to 1 |

Each pair is taken over the rows in which both values are there and finite; memory holds some sums and the sample.
Cramér, H. (1946), Mathematical Methods of Statistics, ch. 21; Bergsma, W. (2013), A bias-correction for Cramér's V and
Tschuprow's T, J. Korean Stat. Soc. 42, 323-328; Spearman, C. (1904), The proof and measurement of association between
two things, Am. J. Psychol. 15, 72-101.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pyarrow as pa
from msgspec import Struct
from numpy.typing import NDArray

from mlops_desktop.core.datasets import ColumnProfile, ColumnType, DatasetVersion
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.data.hashing import numpy_values
from mlops_desktop.data.profiles.categories import Categories, cramers_v
from mlops_desktop.data.read import iter_batches, resolve
from mlops_desktop.data.versions.manifests import read_profile
from mlops_desktop.registry import Registry

MOST_COLUMNS = 60
MOST_CATEGORIES = 256
SAMPLE_ROWS = 50_000

Array = NDArray[np.float64]
Matrix = tuple[tuple[float | None, ...], ...]


class Correlation(Struct, frozen=True):
    """Matrices over `columns`, in this order; None where there is nothing to tell, as for a constant column.

    Attributes:
        values: by the measure of the pair's kinds.
        ranks: Spearman's correlation of numbers, over `sample` rows evenly spread over the version; None for texts.
        left_out: columns that were not asked for by name and have no place here: times, texts with many different
            values, and what is beyond the number of columns that fits.
    """

    columns: tuple[str, ...]
    types: tuple[ColumnType, ...]
    values: Matrix
    ranks: Matrix
    rows: int
    sample: int
    left_out: tuple[str, ...] = ()


def correlation(
    registry: Registry,
    version: DatasetVersion | str,
    columns: Sequence[str] | None = None,
    *,
    progress: Progress = no_progress,
) -> Correlation:
    """Correlate some columns, or all that are fit for it.

    Raises `InvalidInput` for unknown columns, more than `MOST_COLUMNS`, columns of times, and texts of more than
    `MOST_CATEGORIES` different values; `NotFound`, `Damaged`.
    """
    found = resolve(registry, version)
    profiles = {column.name: column for column in read_profile(registry, found).columns}
    names = list(columns) if columns is not None else [name for name in profiles if not _unfit(profiles[name])]
    names = names if columns is not None else names[:MOST_COLUMNS]
    _check(found, names, profiles)
    numbers = [name for name in names if profiles[name].type is not ColumnType.TEXT]
    texts = [name for name in names if profiles[name].type is ColumnType.TEXT]
    sums = _Sums([profiles[name] for name in numbers], texts, found.rows)
    done = 0
    for batch in iter_batches(registry, found, columns=[*numbers, *texts]):
        progress(done / max(found.rows, 1), f"{done:,} rows correlated")
        sums.add(batch)
        done += batch.num_rows
    sample = sums.sampled()
    order = [[*numbers, *texts].index(name) for name in names]
    return Correlation(
        columns=tuple(names),
        types=tuple(profiles[name].type for name in names),
        values=_matrix(sums.values(), order),
        ranks=_matrix(_with_texts(rank_correlation(sample), len(texts)), order),
        rows=found.rows,
        sample=len(sample),
        left_out=tuple(name for name in profiles if name not in names) if columns is None else (),
    )


def _unfit(column: ColumnProfile) -> str:
    """Why a column cannot be correlated; empty if it can."""
    if column.type is ColumnType.TIME:
        return "holds times"
    if column.type is ColumnType.TEXT and column.distinct > MOST_CATEGORIES:
        return f"has {column.distinct:,} different texts, more than {MOST_CATEGORIES}"
    return ""


def _check(version: DatasetVersion, names: list[str], profiles: dict[str, ColumnProfile]) -> None:
    unknown = [name for name in names if name not in profiles]
    if unknown:
        raise InvalidInput(
            f"{version.reference} has no column {', '.join(map(repr, unknown))}.",
            hint=f"Its columns: {', '.join(profiles)}.",
        )
    if len(names) > MOST_COLUMNS:
        raise InvalidInput(
            f"{len(names)} columns are too many to correlate at once.", hint=f"Choose {MOST_COLUMNS} at most."
        )
    for name in names:
        if reason := _unfit(profiles[name]):
            raise InvalidInput(f"Column {name!r} cannot be correlated: it {reason}.", hint="Leave it out.")


class _Sums:
    """Sums over the rows seen so far, from which all measures follow, and every so manieth row."""

    def __init__(self, numbers: Sequence[ColumnProfile], texts: Sequence[str], rows: int) -> None:
        # Centred and scaled beforehand, so that sums of squares keep their digits.
        self._centre = np.array([column.mean or 0.0 for column in numbers])
        self._scale = np.array([column.std or 1.0 for column in numbers])
        size = len(numbers)
        self._count, self._sum, self._product, self._square = (np.zeros((size, size)) for _ in range(4))
        self._categories = [Categories(size) for _ in texts]
        self._tables = {pair: np.zeros((0, 0)) for pair in combinations(range(len(texts)), 2)}
        self._step = max(1, -(-rows // SAMPLE_ROWS))
        self._seen = 0
        self._sample: list[Array] = [np.empty((0, size))]

    def add(self, batch: pa.RecordBatch) -> None:
        numbers = batch.columns[: len(self._centre)]
        values = np.column_stack([_doubles(column) for column in numbers]) if numbers else np.empty((len(batch), 0))
        self._sample.append(values[-self._seen % self._step :: self._step])
        self._seen += len(batch)
        scaled = (values - self._centre) / self._scale
        is_there = np.isfinite(scaled).astype(np.float64)
        scaled = np.where(is_there > 0, scaled, 0.0)
        self._count += is_there.T @ is_there
        self._sum += scaled.T @ is_there
        self._product += scaled.T @ scaled
        self._square += np.square(scaled).T @ is_there
        texts = zip(self._categories, batch.columns[len(numbers) :], strict=True)
        codes = [categories.add(column, scaled, is_there) for categories, column in texts]
        for (one, other), table in self._tables.items():
            self._tables[one, other] = self._categories[one].crossed(
                codes[one], codes[other], self._categories[other], table
            )

    def sampled(self) -> Array:
        return np.concatenate(self._sample)

    def values(self) -> Array:
        """The whole matrix, numbers first."""
        size = len(self._centre)
        found = _with_texts(self._pearson(), len(self._categories))
        for at, categories in enumerate(self._categories, size):
            found[at, at] = 1.0 if categories.number > 1 else np.nan
            found[at, :size] = found[:size, at] = categories.correlation_ratios()
        for (one, other), table in self._tables.items():
            found[size + one, size + other] = found[size + other, size + one] = cramers_v(table)
        return found

    def _pearson(self) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = self._sum / self._count
            variance = self._square / self._count - np.square(mean)
            covariance = self._product / self._count - mean * mean.T
            found = covariance / np.sqrt(variance * variance.T)
        found[(variance <= 1e-14) | (variance.T <= 1e-14)] = np.nan
        return np.clip(found, -1.0, 1.0)


def rank_correlation(sample: Array) -> Array:
    """Spearman's correlation of the columns of a sample, equal values sharing their mean rank.

    Ranks are among all values that are there in a column, which is exact where none is missing.
    """
    size = sample.shape[1]
    ranks = np.column_stack([_ranks(sample[:, at]) for at in range(size)]) if size else sample
    found = np.full((size, size), np.nan)
    for one, other in combinations(range(size), 2):
        both = np.isfinite(ranks[:, one]) & np.isfinite(ranks[:, other])
        found[one, other] = found[other, one] = _correlated(ranks[both, one], ranks[both, other])
    for at in range(size):
        known = ranks[np.isfinite(ranks[:, at]), at]
        found[at, at] = _correlated(known, known)
    return found


def _ranks(values: Array) -> Array:
    ranks = np.full(len(values), np.nan)
    is_there = np.isfinite(values)
    _, inverse, counts = np.unique(values[is_there], return_inverse=True, return_counts=True)
    ranks[is_there] = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return ranks


def _correlated(one: Array, other: Array) -> float:
    if len(one) < 2:
        return np.nan
    one, other = one - one.mean(), other - other.mean()
    spread = float(np.sqrt((one @ one) * (other @ other)))
    return float(np.clip(one @ other / spread, -1.0, 1.0)) if spread > 0 else np.nan


def _doubles(column: pa.Array) -> Array:
    values = numpy_values(column).astype(np.float64)
    return np.where(numpy_values(column.is_null()).astype(np.bool_), np.nan, values) if column.null_count else values


def _with_texts(numbers: Array, texts: int) -> Array:
    return np.pad(numbers, (0, texts), constant_values=np.nan)


def _matrix(values: Array, order: list[int]) -> Matrix:
    chosen = values[np.ix_(order, order)].tolist()
    return tuple(tuple(None if math.isnan(value) else value for value in row) for row in chosen)
