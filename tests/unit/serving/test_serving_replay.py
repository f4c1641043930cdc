"""Logged requests once more by another version: what changes, what does not fit, and how long it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.models import Feature, Runtime, Signature, Task
from mlops_desktop.serving.config import ServedVersion
from mlops_desktop.serving.log import PredictionRecord, encode_record
from mlops_desktop.serving.logwriter import LogWriter
from mlops_desktop.serving.replay import MOST_SHOWN, from_bytes, last_requests, replay, to_bytes

SIGNATURE = Signature(Task.CLASSIFICATION, (Feature("x", ColumnType.NUMBER, "x"),), "late", ("0", "1"))
VERSION = ServedVersion(2, "", Runtime.ONNX, SIGNATURE, threshold=0.4)


class Doubling:
    """Twice the input as the chance of the last class; a failure above 1."""

    dtypes = [np.float32]  # noqa: RUF012

    def predict_arrays(self, arrays: list[NDArray[Any]]) -> NDArray[np.float64]:
        score = arrays[0].ravel().astype(np.float64) * 2
        if (score > 1).any():
            raise ValueError("too large")
        return np.column_stack([1 - score, score])


def answered(id: str, *values: float, **changes: Any) -> PredictionRecord:
    fields: dict[str, Any] = {
        "id": id, "client_id": "", "time": 1, "received": 1, "endpoint": "late", "model": "m", "version": 1,
        "role": "primary", "rows": len(values), "features": {"x": list(values)}, "scores": list(values),
        "predictions": ["1" if value >= 0.5 else "0" for value in values], "queue_us": 1, "inference_us": 4000,
        "total_us": 9000,
    }  # fmt: skip
    return PredictionRecord(**fields | changes)


def test_rows_whose_prediction_changes_are_counted_and_shown() -> None:
    report = replay([answered("a", 0.1, 0.3, entity_ids=["f", "g"]), answered("b", 0.5)], Doubling(), VERSION, "late")
    assert (report.requests, report.rows, report.changed, report.refused, report.failed) == (2, 3, 1, 0, 0)
    assert report.differences.n == 3 and report.differences.largest == pytest.approx(0.5)
    assert report.differences.mean == pytest.approx(0.3)
    assert report.latency_before.p50 == 4.0 and report.latency_after.n == 2 and report.latency_after.p50 > 0
    (row,) = report.rows_shown
    assert (row.id, row.entity, row.before, row.after, row.features) == ("a/1", "g", "0", "1", {"x": 0.3})
    assert report.share_changed == pytest.approx(1 / 3)
    assert from_bytes(to_bytes(report)) == report


def test_requests_that_do_not_fit_or_fail_are_told_with_a_reason() -> None:
    other = answered("a", 0.1, features={"y": [0.1]})
    report = replay([other, answered("b", 0.9), answered("c", 0.1)], Doubling(), VERSION, "late")
    assert (report.refused, report.failed, report.differences.n) == (1, 1, 1) and "'x'" in report.problem


def test_a_report_counts_all_changes_and_shows_some() -> None:
    report = replay([answered(f"r{n}", 0.3) for n in range(MOST_SHOWN + 50)], Doubling(), VERSION, "late")
    assert report.changed == MOST_SHOWN + 50 and len(report.rows_shown) == MOST_SHOWN


def test_the_largest_changes_are_shown_first() -> None:
    values = [0.2 + 0.3 * n / (MOST_SHOWN + 99) for n in range(MOST_SHOWN + 100)]
    records = [answered(f"r{n}", value, predictions=["0"]) for n, value in enumerate(values)]
    report = replay(records, Doubling(), VERSION, "late")
    shown = [row.score_after - row.score_before for row in report.rows_shown]
    assert shown == sorted(shown, reverse=True) and shown[0] == pytest.approx(0.5)
    assert report.rows_shown[0].id == f"r{MOST_SHOWN + 99}/0" and len(shown) == MOST_SHOWN


def test_differences_are_counted_around_none() -> None:
    report = replay([answered("a", 0.1, 0.2, 0.3), answered("b", 0.5)], Doubling(), VERSION, "late")
    assert sum(report.counts) == 4 and len(report.edges) == len(report.counts) + 1
    assert report.edges[0] == pytest.approx(-0.5) and report.edges[-1] == pytest.approx(0.5)
    assert sum(report.counts[: len(report.counts) // 2]) == 0  # all became more likely
    assert replay([answered("a", 0.0)], Doubling(), VERSION, "late").counts == ()


def test_nothing_logged_makes_an_empty_report() -> None:
    report = replay([], Doubling(), VERSION, "late")
    assert report.differences.n == 0 and report.share_changed == 0.0 and report.start == ""


def test_the_last_answered_requests_are_taken(tmp_path: Path) -> None:
    records = [answered(f"r{n}", 0.1) for n in range(5)]
    records.insert(4, answered("s", 0.1, role="shadow"))
    records.insert(5, answered("e", 0.1, status=500, error="no"))
    writer = LogWriter(tmp_path)
    writer.append(b"".join(map(encode_record, records)))
    writer.close()
    assert [record.id for record in last_requests(tmp_path, 2)] == ["r3", "r4"]
    assert len(last_requests(tmp_path, 100)) == 5
