"""Moments that merge: mean, variance, skewness, kurtosis."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray


class Moments(Struct, array_like=True, frozen=True):
    """Number of finite values, their mean, and the sums of powers of the deviations from it.

    The sums of third and fourth powers are None where they are not finite or were not taken.
    """

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0
    cubes: float | None = None
    fourths: float | None = None


def moments_of(finite: NDArray[np.float64], counts: NDArray[np.int64]) -> Moments:
    """Of finite values, each of which comes so many times."""
    n = int(counts.sum())
    if not n:
        return Moments()
    times = 1.0 if n == len(finite) else counts.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float((finite * times).sum()) / n
        deviations = finite - mean
        squared = np.square(deviations)
        weighted = squared * times
        squares = float(weighted.sum())
        cubes, fourths = (float(np.einsum("i,i", weighted, other)) for other in (deviations, squared))
    if not math.isfinite(mean + squares):
        return Moments()
    are_finite = math.isfinite(cubes + fourths)
    return Moments(n, mean, squares, cubes if are_finite else None, fourths if are_finite else None)


def merged_moments(parts: Sequence[Moments]) -> Moments:
    """Those of all values of the parts.

    Chan, T. F., Golub, G. H., LeVeque, R. J. (1979), Updating formulae and a pairwise algorithm for computing sample
    variances. Pébay, P. (2008), Formulas for robust, one-pass parallel computation of covariances and arbitrary-order
    statistical moments. Sandia Report SAND2008-6212.
    """
    merged = Moments(cubes=0.0, fourths=0.0)
    for part in parts:
        if part.n:
            merged = _joined(merged, part) if merged.n else part
    return merged if math.isfinite(merged.mean + merged.squares) else Moments()


def _joined(one: Moments, other: Moments) -> Moments:
    n, apart = one.n + other.n, other.mean - one.mean
    p, q = one.n / n, other.n / n
    mean = one.mean + apart * q
    squares = one.squares + other.squares + apart * apart * p * q * n
    if one.cubes is None or other.cubes is None or one.fourths is None or other.fourths is None:
        return Moments(n, mean, squares)
    try:
        cubes = one.cubes + other.cubes + apart**3 * p * q * (p - q) * n
        cubes += 3 * apart * (p * other.squares - q * one.squares)
        fourths = one.fourths + other.fourths + apart**4 * p * q * (p * p - p * q + q * q) * n
        fourths += 6 * apart**2 * (p * p * other.squares + q * q * one.squares)
        fourths += 4 * apart * (p * other.cubes - q * one.cubes)
    except OverflowError:
        return Moments(n, mean, squares)
    return Moments(n, mean, squares, cubes, fourths)


def skewness(moments: Moments) -> float | None:
    """Third standardised moment (of the values as they are, not as an estimate): 0 for a symmetric distribution."""
    if moments.cubes is None or not moments.squares > 0:
        return None
    return _finite(moments.cubes / moments.n, (moments.squares / moments.n) ** 1.5)


def kurtosis(moments: Moments) -> float | None:
    """Fourth standardised moment less 3: 0 for a normal distribution, large where there are outliers."""
    if moments.fourths is None or not moments.squares > 0:
        return None
    ratio = _finite(moments.fourths / moments.n, (moments.squares / moments.n) ** 2)
    return None if ratio is None else ratio - 3


def _finite(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 and math.isfinite(part / whole) else None
