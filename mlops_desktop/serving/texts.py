"""Columns of text for a model: as UTF-8 of one width, or each different text once and its place per row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDEST = 64
"""Bytes of a text, with the zero behind it, up to which texts are laid out in one width."""


class Texts:
    """n texts, of which parts can be taken: `known[places[i]]` is that of row i. Arrays of them have shape [n, 1]."""

    __slots__ = ("_fixed", "_known", "_places")

    def __init__(self, known: list[str], places: NDArray[Any], fixed: NDArray[Any] | None = None) -> None:
        self._known = known
        self._places = places
        self._fixed = _fixed_width(known) if fixed is None else fixed

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, rows: slice) -> Texts:
        return Texts(self._known, self._places[rows], self._fixed)

    def objects(self) -> NDArray[Any]:
        """As Python's texts, of which equal ones are one object."""
        taken: NDArray[Any] = _objects(self._known)[self._places]
        return taken.reshape(-1, 1)

    def for_onnx(self) -> NDArray[Any]:
        """As UTF-8 of one width with zeros behind it where that can be, which ONNX Runtime reads much faster."""
        taken: NDArray[Any] = self._fixed[self._places]
        return taken.reshape(-1, 1)


class PaddedTexts:
    """n texts as UTF-8 with zeros behind it, shape [n]; `objects` makes Python's texts of them, shape [n, 1]."""

    __slots__ = ("_padded", "objects")

    def __init__(self, padded: NDArray[np.bytes_], objects: Callable[[], NDArray[Any]]) -> None:
        self._padded = padded
        self.objects = objects

    def __len__(self) -> int:
        return len(self._padded)

    def __getitem__(self, rows: slice) -> NDArray[np.bytes_]:
        return self._padded[rows].reshape(-1, 1)

    def for_onnx(self) -> NDArray[np.bytes_]:
        """What ONNX Runtime reads fastest."""
        return self[:]


def _objects(known: list[str]) -> NDArray[Any]:
    made: NDArray[Any] = np.empty(len(known), dtype=object)
    made[:] = known
    return made


def _fixed_width(known: list[str]) -> NDArray[Any]:
    """ONNX Runtime reads such a text up to its first zero, so there has to be one, and only at its end."""
    encoded = [text.encode() for text in known]
    width = max(map(len, encoded), default=0) + 1
    if width > WIDEST or any(b"\0" in text for text in encoded):
        return _objects(known)
    return np.array(encoded, dtype=f"S{width}")
