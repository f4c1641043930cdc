"""A table model over columns, made for a million rows.

Rows are never copied or wrapped: what is shown is `order`, one numpy array of row numbers that sorting and filtering
replace as a whole.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal

from mlops_desktop.ui.widgets.figures import NO_VALUE, compact, duration, fixed, percent

Index = QModelIndex | QPersistentModelIndex
Column = Sequence[Any] | NDArray[Any]

_LONGEST_KEY = 32

VALUE_ROLE = Qt.ItemDataRole.UserRole + 1
SPEC_ROLE = Qt.ItemDataRole.UserRole + 2


class Kind(StrEnum):
    """How a column is shown, sorted and aligned."""

    TEXT = "text"
    MONO = "mono"
    INTEGER = "integer"
    NUMBER = "number"
    COMPACT = "compact"
    PERCENT = "percent"
    DURATION = "duration"
    TIME = "time"
    CHIP = "chip"
    SPARKLINE = "sparkline"
    HISTOGRAM = "histogram"
    BAR = "bar"


_TEXTUAL = (Kind.TEXT, Kind.MONO, Kind.CHIP)
_PAINTED = (Kind.SPARKLINE, Kind.HISTOGRAM)
_RIGHT = (Kind.INTEGER, Kind.NUMBER, Kind.COMPACT, Kind.PERCENT, Kind.DURATION)


@dataclass(frozen=True)
class ColumnSpec:
    """One column.

    `key` finds its values, `title` is in the person's language and `unit` follows it in the header. `decimals` is for
    numbers and percentages (values in [0, 1]); durations are in seconds; times are datetimes, `datetime64` or seconds
    since 1970 in UTC; chips are statuses of `theme.status`; sparklines and histograms are sequences of numbers; bars
    are shares in [0, 1]. `format` replaces the text of a cell.
    """

    key: str
    title: str
    kind: Kind = Kind.TEXT
    unit: str = ""
    width: int = 120
    decimals: int = 3
    format: Callable[[Any], str] | None = None
    tooltip: str = ""
    hidden: bool = False

    @property
    def header(self) -> str:
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def is_numeric(self) -> bool:
        return self.kind in _RIGHT

    @property
    def is_textual(self) -> bool:
        return self.kind in _TEXTUAL

    @property
    def is_painted(self) -> bool:
        return self.kind in _PAINTED

    def text(self, value: Any) -> str:
        """The value as it is shown."""
        if self.format is not None:
            return self.format(value)
        if value is None or value != value:  # noqa: PLR0124 - only NaN differs from itself
            return NO_VALUE
        return _FORMATS[self.kind](self, value)


_FORMATS: dict[Kind, Callable[[ColumnSpec, Any], str]] = {
    Kind.TEXT: lambda _spec, value: str(value),
    Kind.MONO: lambda _spec, value: str(value),
    Kind.CHIP: lambda _spec, value: str(value),
    Kind.INTEGER: lambda _spec, value: fixed(value, 0),
    Kind.NUMBER: lambda spec, value: fixed(value, spec.decimals),
    Kind.COMPACT: lambda _spec, value: compact(value),
    Kind.PERCENT: lambda spec, value: percent(value, min(spec.decimals, 1)),
    Kind.DURATION: lambda _spec, value: duration(value),
    Kind.TIME: lambda _spec, value: _moment(value).strftime("%Y-%m-%d %H:%M"),
    Kind.BAR: lambda _spec, value: f"{value:.3f}",
    Kind.SPARKLINE: lambda _spec, _value: "",
    Kind.HISTOGRAM: lambda _spec, _value: "",
}


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").astype(np.int64) / 1e6
    return datetime.fromtimestamp(float(value), UTC)


class TableModel(QAbstractTableModel):
    """`TableModel(specs, rows)`, where `rows` maps each spec's key to its column, all of the same length.

    Signals:
        orderChanged: other rows are shown, or in another order.
    """

    orderChanged = Signal()

    def __init__(self, specs: Sequence[ColumnSpec], rows: Mapping[str, Column] | None = None) -> None:
        super().__init__()
        self.specs = tuple(specs)
        self._columns: list[Column] = []
        self._total = 0
        self.order: NDArray[np.intp] = np.empty(0, np.intp)
        self._sorted_by: tuple[int, Qt.SortOrder] | None = None
        self._needle = ""
        self._haystack: list[str] | None = None
        self._full_order: dict[int, NDArray[np.intp]] = {}
        self.set_rows(rows or {spec.key: () for spec in self.specs})

    @classmethod
    def from_records(cls, specs: Sequence[ColumnSpec], records: Iterable[Any]) -> TableModel:
        """A model over objects whose attributes are the specs' keys; for some thousand rows."""
        items = list(records)
        return cls(specs, {spec.key: [attrgetter(spec.key)(item) for item in items] for spec in specs})

    # --- rows

    def set_rows(self, rows: Mapping[str, Column]) -> None:
        """Replaces all rows; sorting and filter stay in force. Raises KeyError or ValueError for a column amiss."""
        columns = [rows[spec.key] for spec in self.specs]
        lengths = {len(column) for column in columns}
        if len(lengths) > 1:
            raise ValueError(f"columns differ in length: {sorted(lengths)}")
        self.beginResetModel()
        self._columns = columns
        self._total = lengths.pop() if lengths else 0
        self._haystack = None
        self._full_order = {}
        self.order = self._compute_order()
        self.endResetModel()
        self.orderChanged.emit()

    @property
    def total(self) -> int:
        """Rows before the filter."""
        return self._total

    def column_of(self, key: str) -> Column:
        return self._columns[[spec.key for spec in self.specs].index(key)]

    def source_row(self, row: int) -> int:
        """Row number in the data of a shown row."""
        return int(self.order[row])

    # --- order

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._sorted_by = (column, order) if 0 <= column < len(self.specs) else None
        self._reorder()

    def set_filter(self, text: str) -> None:
        """Shows rows whose text columns hold `text`, whatever the case; empty shows all."""
        self._needle = text.strip().lower()
        self._reorder()

    def _reorder(self) -> None:
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        sources = [self.source_row(index.row()) for index in before]
        self.order = self._compute_order()
        if before:
            position = np.full(self._total, -1, np.intp)
            position[self.order] = np.arange(len(self.order))
            after = [self._index_at(int(position[s]), i.column()) for s, i in zip(sources, before, strict=True)]
            self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()
        self.orderChanged.emit()

    def _index_at(self, row: int, column: int) -> QModelIndex:
        return self.index(row, column) if row >= 0 else QModelIndex()

    def _compute_order(self) -> NDArray[np.intp]:
        if self._sorted_by is None:
            order = np.arange(self._total, dtype=np.intp)
        else:
            column, direction = self._sorted_by
            order = self._sorted(column, direction is Qt.SortOrder.DescendingOrder)
        if not self._needle:
            return order
        needle = self._needle
        mask = np.fromiter((needle in text for text in self._text_of_rows()), np.bool_, self._total)
        return order[mask[order]]

    def _sorted(self, column: int, descending: bool) -> NDArray[np.intp]:
        """Row numbers in the order of a column, missing values last either way."""
        if column not in self._full_order:
            self._full_order = {column: sort_order(self._columns[column], self.specs[column])}
        order = self._full_order[column]
        if not descending:
            return order
        missing = _missing(self._columns[column])
        if missing is None:
            return order[::-1]
        is_missing = missing[order]
        return np.concatenate([order[~is_missing][::-1], order[is_missing]])

    def _text_of_rows(self) -> list[str]:
        if self._haystack is None:
            pairs = zip(self._columns, self.specs, strict=True)
            columns = [list(map(str, _as_list(values))) for values, spec in pairs if spec.is_textual]
            self._haystack = lower_rows(columns) if columns else [""] * self._total
        return self._haystack

    # --- what Qt asks

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.order)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.specs)

    def value(self, row: int, column: int) -> Any:
        """The value in a shown row."""
        return self._columns[column][self.order[row]]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        spec = self.specs[index.column()]
        is_text = role == Qt.ItemDataRole.DisplayRole or (role == Qt.ItemDataRole.ToolTipRole and spec.is_textual)
        if is_text:
            return None if spec.is_painted else spec.text(self.value(index.row(), index.column()))
        if role == VALUE_ROLE:
            return self.value(index.row(), index.column())
        if role == SPEC_ROLE:
            return spec
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if spec.is_numeric else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self.specs):
            return None
        spec = self.specs[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return spec.header
        if role == Qt.ItemDataRole.ToolTipRole:
            return spec.tooltip or spec.header
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if spec.is_numeric else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    # --- taking it elsewhere

    def text_table(self, rows: Iterable[int], columns: Iterable[int]) -> str:
        """Shown rows as tab-separated text under a line of headers."""
        chosen = [c for c in columns if not self.specs[c].is_painted]
        lines = ["\t".join(self.specs[c].header for c in chosen)]
        lines += ["\t".join(self.specs[c].text(self.value(r, c)) for c in chosen) for r in rows]
        return "\n".join(lines)

    def export_csv(self, path: Path) -> None:
        """Writes the shown rows in their order as raw values: UTF-8, keys as header, times in ISO 8601."""
        chosen = [i for i, spec in enumerate(self.specs) if not spec.is_painted]
        columns = [_as_list(np.asarray(self._columns[i])[self.order]) for i in chosen]
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([self.specs[i].key for i in chosen])
            writer.writerows(zip(*columns, strict=True))

    def export_parquet(self, path: Path) -> None:
        """Writes the shown rows in their order as Parquet."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = {
            s.key: _as_list(np.asarray(c)[self.order])
            for s, c in zip(self.specs, self._columns, strict=True)
            if not s.is_painted
        }
        pq.write_table(pa.table(table), path)


def _as_list(values: Column) -> list[Any]:
    if isinstance(values, np.ndarray):
        if values.dtype.kind == "M":
            return list(values.astype("datetime64[us]").astype(datetime).tolist())
        return list(values.tolist())
    return list(values)


def _missing(values: Column) -> NDArray[np.bool_] | None:
    """Where a column has no value, or None when it has one everywhere."""
    array = values if isinstance(values, np.ndarray) else None
    if array is not None and array.dtype.kind in "iubUS":
        return None
    if array is not None and array.dtype.kind in "fM":
        mask = np.isnan(array) if array.dtype.kind == "f" else np.isnat(array)
    else:
        mask = np.fromiter((v is None or v != v for v in values), np.bool_, len(values))  # noqa: PLR0124
    return mask if mask.any() else None


def sort_order(values: Column, spec: ColumnSpec) -> NDArray[np.intp]:
    """Row numbers in ascending order, equal ones as they came, missing ones last."""
    if spec.is_painted:
        return np.arange(len(values), dtype=np.intp)
    missing = _missing(values)
    if missing is None:
        return _argsort(values, spec)
    present = np.flatnonzero(~missing)
    kept = values[present] if isinstance(values, np.ndarray) else [values[i] for i in present.tolist()]
    return np.concatenate([present[_argsort(kept, spec)], np.flatnonzero(missing)])


def _argsort(values: Column, spec: ColumnSpec) -> NDArray[np.intp]:
    if isinstance(values, np.ndarray) and values.dtype.kind in "iufbM":
        return np.argsort(values, kind="stable")
    if spec.is_textual:
        return _text_argsort([str(value) for value in _as_list(values)])
    if len(values) and isinstance(values[0], datetime):
        return np.argsort(np.fromiter((v.timestamp() for v in values), np.float64, len(values)), kind="stable")
    return np.argsort(np.asarray(values, dtype=np.float64), kind="stable")


def _text_argsort(texts: list[str]) -> NDArray[np.intp]:
    """Order by lower case. Short texts are compared eight bytes at a time; UTF-8 sorts as its letters do."""
    lowered = lower_rows([texts])
    if not all(map(str.isascii, lowered)):
        encoded = [text.encode("utf-8", "surrogatepass") for text in lowered]
        keys = np.array(encoded, dtype=np.bytes_)
    else:
        keys = np.array(lowered, dtype=np.bytes_)
    if not keys.size or keys.dtype.itemsize > _LONGEST_KEY:
        return np.argsort(np.array(lowered, dtype=object), kind="stable")
    width = -(-keys.dtype.itemsize // 8) * 8
    words = keys.astype(f"S{width}").view(">u8").reshape(len(keys), -1).astype(np.uint64)
    return np.lexsort(words.T[::-1])


def lower_rows(columns: list[list[str]]) -> list[str]:
    """Each row's texts joined, in lower case. One call lowers them all, which is many times faster than one per row."""
    rows = columns[0] if len(columns) == 1 else list(map("\x1f".join, zip(*columns, strict=True)))
    lowered = "\x1e".join(rows).lower().split("\x1e")
    return lowered if len(lowered) == len(rows) else [row.lower() for row in rows]
