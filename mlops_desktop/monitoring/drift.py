"""Drift of each column of a window, from counts alone: the counts of several windows can be added and judged again."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from mlops_desktop.core.errors import Damaged
from mlops_desktop.core.monitoring import FeatureDrift
from mlops_desktop.monitoring.calibration import benjamini_hochberg
from mlops_desktop.monitoring.columns import Table, columns_of
from mlops_desktop.monitoring.grid import CategoryGrid, Counts
from mlops_desktop.monitoring.isotonic import Floats
from mlops_desktop.monitoring.methods import DriftMethod, drift_method
from mlops_desktop.monitoring.reference import (
    LABEL,
    PREDICTION,
    ColumnReference,
    Reference,
    pack_counts,
    unpack_counts,
)
from mlops_desktop.monitoring.spec import MonitoringSpec


class WindowCounts(Struct, frozen=True):
    """Counts of a window per column: packed counts and the number of missing values."""

    rows: int
    columns: dict[str, tuple[bytes, int]]

    def to_bytes(self) -> bytes:
        """As an object for the content store."""
        return msgspec.msgpack.encode(self)

    @staticmethod
    def from_bytes(content: bytes) -> WindowCounts:
        """Inverse of `to_bytes`; raises `Damaged`."""
        try:
            return msgspec.msgpack.decode(content, type=WindowCounts)
        except msgspec.DecodeError as error:
            raise Damaged(f"These are not the counts of a window: {error}.") from None

    def column(self, name: str) -> tuple[Counts, int]:
        """Counts per cell and missing values of a column; raises `KeyError`."""
        packed, missing = self.columns[name]
        try:
            return unpack_counts(packed), missing
        except zlib.error as error:
            raise Damaged(f"The counts of `{name}` are damaged: {error}.") from None


def count_window(
    reference: Reference, table: Table, scores: Floats | None = None, labels: Floats | None = None
) -> WindowCounts:
    """Count a window's rows in the cells of the reference; columns that the table lacks are left out."""
    columns = columns_of(table)
    rows = max((len(column) for column in columns.values()), default=0)
    parts = [(column, columns[column.name]) for column in reference.columns if column.name in columns]
    for outcome, values in ((reference.prediction, scores), (reference.label, labels)):
        if outcome is not None and values is not None:
            parts.append((outcome, columns_of({outcome.name: values})[outcome.name]))
    counted = {}
    for column, values in parts:
        counts, missing = column.grid.count(values)
        counted[column.name] = (pack_counts(counts), missing)
    return WindowCounts(rows, counted)


def add_counts(windows: Sequence[WindowCounts]) -> WindowCounts:
    """The counts of several windows of one reference as if they were one window."""
    columns: dict[str, tuple[Counts, int]] = {}
    for window in windows:
        for name in window.columns:
            counts, missing = window.column(name)
            before, missed = columns.get(name, (np.zeros_like(counts), 0))
            columns[name] = (before + counts, missed + missing)
    packed = {name: (pack_counts(counts), missing) for name, (counts, missing) in columns.items()}
    return WindowCounts(sum(window.rows for window in windows), packed)


def judge_counts(reference: Reference, counts: WindowCounts, settings: MonitoringSpec) -> tuple[FeatureDrift, ...]:
    """Drift per feature, then of the predictions and of the labels, with p-values adjusted over all of them.

    A column drifts if its score passes the threshold (the larger of what matters and of what unchanged windows of
    this size reach) and its adjusted p-value is below the false alarm rate.
    """
    outcomes = [column for column in (reference.prediction, reference.label) if column is not None]
    known = [column for column in (*reference.columns, *outcomes) if column.name in counts.columns]
    drifts = [_scored(column, *counts.column(column.name), settings) for column in known]
    adjusted = benjamini_hochberg([drift.p_value for drift in drifts])
    return tuple(_decided(drift, p, settings) for drift, p in zip(drifts, adjusted, strict=True))


def method_for(column: ColumnReference, settings: MonitoringSpec) -> DriftMethod:
    """The method that the settings name for columns of this kind."""
    return drift_method(
        settings.categorical_method if isinstance(column.grid, CategoryGrid) else settings.numeric_method
    )


def _scored(column: ColumnReference, counts: Counts, missing: int, settings: MonitoringSpec) -> FeatureDrift:
    """Score and threshold with the p-value as it is; a column with too few values has score 0 and p-value 1."""
    method = method_for(column, settings)
    present = int(counts.sum())
    floor = settings.floors.get(method.name, method.floor)
    score, threshold, p_value = 0.0, floor, 1.0
    calibration = column.calibrations.get(method.name)
    if calibration is not None and present >= settings.least_rows:
        grid = column.grid
        edges = None if isinstance(grid, CategoryGrid) else grid.edges
        score = float(method.score(column.unpacked(), counts, edges))
        threshold = max(floor, calibration.threshold(method, settings.noise_quantile, present, column.rows))
        p_value = calibration.p_value(method, score, present, column.rows)
    unseen = float(counts[-1] / max(present, 1)) if isinstance(column.grid, CategoryGrid) else 0.0
    share = missing / max(present + missing, 1)
    return FeatureDrift(column.name, method.title, score, threshold, p_value, False, share, unseen, column.importance)


def _decided(drift: FeatureDrift, adjusted: float, settings: MonitoringSpec) -> FeatureDrift:
    drifting = drift.score > drift.threshold and adjusted < settings.false_alarm_rate
    return replace(drift, p_value=adjusted, drifting=drifting)


def is_outcome(drift: FeatureDrift) -> bool:
    """Whether the row is about predictions or labels, not about a feature."""
    return drift.feature in (PREDICTION, LABEL)


def top_drifts(drifts: Iterable[FeatureDrift]) -> list[FeatureDrift]:
    """Drifting features, those first whose excess and importance are largest."""
    drifting = [drift for drift in drifts if drift.drifting and not is_outcome(drift)]
    return sorted(drifting, key=lambda d: -d.importance * d.score / max(d.threshold, 1e-12))
