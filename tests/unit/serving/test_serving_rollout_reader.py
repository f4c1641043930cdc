"""Statistics of a rollout from the log: corrections, late and early labels, rebuilding."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.deployments import RolloutKind
from mlops_desktop.core.models import Feature, Signature, Task
from mlops_desktop.evaluation.business import ValueMatrix
from mlops_desktop.serving import rollout_labels
from mlops_desktop.serving.compaction import compact
from mlops_desktop.serving.log import FeedbackRecord, PredictionRecord, Record, encode_record, to_micros
from mlops_desktop.serving.logwriter import LogWriter
from mlops_desktop.serving.rollout_reader import RolloutReader, position_of
from mlops_desktop.serving.rolloutspec import RolloutSpec
from mlops_desktop.serving.segments import stems

START = datetime(2013, 2, 1, tzinfo=UTC)
SIGNATURE = Signature(Task.CLASSIFICATION, (Feature("x", ColumnType.NUMBER, "x"),), "late", ("0", "1"))
COSTS = ValueMatrix(true_positive=1, false_positive=3, true_negative=0, false_negative=10)


class Log:
    """An endpoint's log that a test writes to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, *records: Record) -> None:
        writer = LogWriter(self.folder)
        writer.append(b"".join(encode_record(record) for record in records))
        writer.close()

    def reader(self, **options: Any) -> RolloutReader:
        spec, signature = options.pop("spec", RolloutSpec()), options.pop("signature", SIGNATURE)
        return RolloutReader(self.folder, spec, signature, 1, 2, START, **options)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def served(id: str, scores: list[float], *, canary: bool = False, **changes: Any) -> PredictionRecord:
    fields: dict[str, Any] = {
        "id": id, "client_id": "", "time": to_micros(START), "received": 0, "endpoint": "late", "model": "m",
        "version": 2 if canary else 1, "role": "canary" if canary else "primary", "rows": len(scores), "features": {},
        "scores": scores, "predictions": ["1" if score >= 0.5 else "0" for score in scores], "queue_us": 1,
        "inference_us": 1, "total_us": 1000,
    }  # fmt: skip
    return PredictionRecord(**fields | changes)


def label(id: str, value: Any) -> FeedbackRecord:
    return FeedbackRecord(id, value, to_micros(START), 0, "late")


def test_each_version_gets_its_own_loss_and_cost(log: Log) -> None:
    log.write(served("a", [0.8, 0.2]), served("b", [0.6], canary=True))
    log.write(label("a/0", 1), label("a/1", 1), label("b/0", 0))
    reader = log.reader(costs=COSTS)
    reader.update()
    assert reader.primary.loss.mean == pytest.approx((0.04 + 0.64) / 2)
    assert reader.primary.cost.mean == pytest.approx((1 + 10) / 2)
    assert (reader.canary.loss.mean, reader.canary.cost.mean) == (pytest.approx(0.36), 3)
    assert (reader.primary.labelled, reader.primary.rows, reader.primary.requests) == (2, 2, 1)


def test_a_corrected_label_replaces_the_old_one(log: Log) -> None:
    log.write(served("a", [0.8, 0.3], entity_ids=["f", "g"]), label("a/0", 0), label("g", 0))
    reader = log.reader(costs=COSTS)
    reader.update()
    log.write(label("f", 1), label("f", 1))
    reader.update()
    fresh = log.reader(costs=COSTS)
    fresh.update()
    for found in (reader.primary, fresh.primary):
        assert found.labelled == 2 and found.loss.requests == 1
        assert found.loss.mean == pytest.approx((0.04 + 0.09) / 2)
    log.write(label("a/0", "neither"))
    reader.update()
    assert reader.primary.labelled == 1


def test_labels_may_come_before_and_stay_parked_until_then(log: Log) -> None:
    log.write(label("f", 1), label("nobody/0", 1))
    reader = log.reader()
    reader.update()
    assert (reader.parked, reader.primary.labelled) == (2, 0)
    log.write(served("a", [0.5], entity_ids=["f"]))
    reader.update()
    assert reader.primary.labelled == 1


@pytest.mark.parametrize(("value", "loss"), [(1, 0.04), ("1", 0.04), (1.0, 0.04), (True, 0.04), (0, 0.64), ("0", 0.64)])
def test_a_class_may_be_written_in_many_ways(log: Log, value: Any, loss: float) -> None:
    log.write(served("a", [0.8]), label("a/0", value))
    reader = log.reader()
    reader.update()
    assert reader.primary.loss.mean == pytest.approx(loss)


def test_what_is_not_of_this_rollout_does_not_count(log: Log) -> None:
    early = to_micros(START - timedelta(seconds=1))
    log.write(
        served("a", [0.5], time=early), served("b", [0.5], version=7), served("c", [0.5], role="shadow"),
        served("d", [0.5], role="pinned"),
    )  # fmt: skip
    reader = log.reader()
    reader.update()
    assert reader.primary.requests == reader.canary.requests == 0


def test_what_comes_after_the_clock_was_set_back_still_counts(log: Log) -> None:
    start, hour = to_micros(START), 3_600_000_000
    log.write(served("a", [0.5], time=start - 1), served("b", [0.5], time=start + 5), served("c", [0.5], canary=True))
    reader = log.reader(name="one")
    reader.update()
    reader.save()
    log.write(served("d", [0.5], time=start - hour), served("e", [0.5], canary=True, time=start - hour + 1))
    for each in (reader, log.reader(name="one")):
        each.update()
        assert (each.primary.requests, each.canary.requests) == (2, 2)


def test_predictions_of_another_workspaces_version_do_not_end_the_reading(log: Log) -> None:
    log.write(served("a", [0.8], predictions=["a class of theirs"]), label("a/0", 1), served("b", [0.8]))
    reader = log.reader(costs=COSTS)
    reader.update()
    assert (reader.primary.requests, reader.primary.labelled) == (2, 1)


def test_errors_runs_and_slow_requests_are_counted_and_cold_ones_left_out(log: Log) -> None:
    failed = {"status": 500, "error": "no", "predictions": []}
    log.write(
        served("a", [0.5], canary=True, total_us=900_000, cold=True), served("b", [0.5], canary=True, total_us=900_000),
        served("c", [], canary=True, **failed), served("d", [], canary=True, **failed), served("e", [0.5], canary=True),
        served("f", [], canary=True, status=400, error="schema mismatch: Missing column 'y'.", predictions=[]),
    )  # fmt: skip
    reader = log.reader()
    reader.update()
    canary = reader.canary
    assert (canary.requests, canary.errors) == (5, 2)
    assert (reader.contrast.in_a_row.longest, reader.contrast.in_a_row.length) == (2, 0)
    assert canary.schema_mismatches == 1 and reader.contrast.errors.trials == [0, 5]
    assert reader.contrast.latency.quantile_us(1) == pytest.approx(900_000, rel=0.06)  # b; e took 1 ms


def test_log_loss_and_regression_have_losses_of_their_own(log: Log) -> None:
    log.write(served("a", [0.8]), label("a/0", 1))
    by_log_loss = log.reader(spec=RolloutSpec(loss="log loss"))
    by_log_loss.update()
    assert by_log_loss.primary.loss.mean == pytest.approx(-math.log(0.8))
    regression = Signature(Task.REGRESSION, SIGNATURE.features, "delay")
    log.write(served("b", [12.0]), label("b/0", 15), label("b/7", 15), label("a/0", None))
    squared = log.reader(signature=regression, costs=COSTS)
    squared.update()
    assert squared.primary.loss.mean == pytest.approx(9.0)
    assert not squared.primary.has_cost


def test_a_shadow_is_compared_with_the_primary_on_the_same_rows(log: Log) -> None:
    reader = log.reader(spec=RolloutSpec(kind=RolloutKind.SHADOW), costs=COSTS)
    log.write(served("a", [0.8, 0.2], entity_ids=["f", "g"]), label("f", 1), served("b", [0.5], canary=True))
    log.write(served("a", [0.6, 0.4], canary=True, role="shadow", entity_ids=["f", "g"]), label("a/1", 0))
    reader.update()
    assert reader.canary.rows == 2 and reader.canary.labelled == reader.primary.labelled == 2
    assert reader.contrast.paired_loss.rows == 2 and reader.contrast.paired_loss.requests == 1
    assert reader.contrast.paired_loss.mean == pytest.approx((0.16 + 0.16 - 0.04 - 0.04) / 2)
    assert reader.contrast.paired_cost.mean == 0.0
    log.write(label("f", 0))
    reader.update()
    assert reader.contrast.paired_loss.mean == pytest.approx((0.36 + 0.16 - 0.64 - 0.04) / 2)
    assert reader.contrast.paired_cost.mean == 0.0 and reader.canary.ranks.auc()[0] != reader.canary.ranks.auc()[0]


def traffic(requests: int, *, first: int = 0) -> list[Record]:
    """Requests in turns to both versions, of an entity each; of the first half the label is in."""
    generator, found = np.random.default_rng(first), list[Record]()
    for place, score in enumerate(generator.random(requests).round(3).tolist(), first):
        changes = {"total_us": int(1000 + 9000 * score), "entity_ids": [f"e{place}"]}
        if place % 50 == 49:
            changes |= {"status": 500, "error": "no"}
        found.append(served(f"r{place}", [score], canary=bool(place % 3 == 0), **changes))
        if place % 2 and place - first < requests / 2:
            found.append(label(f"e{place}", int(score > 0.4)))
    return found


def figures_told(reader: RolloutReader) -> list[Any]:
    spec = RolloutSpec(min_labelled=50)
    told = [msgspec.structs.astuple(guardrail) for guardrail in reader.figures.guardrails(spec, is_enough=True)]
    return [*told, reader.primary.labelled, reader.canary.labelled, reader.parked]


def test_a_new_reader_goes_on_where_the_last_one_was(log: Log) -> None:
    log.write(*traffic(600))
    first = log.reader(costs=COSTS, name="one")
    assert first.update()
    first.save()
    log.write(*traffic(600, first=600), label("e3", 0), label("r7/0", 1), label("e2", 1), label("e1300", 1))
    log.write(served("late", [0.7], entity_ids=["e1300"]))
    first.update()
    after_restart, anew = log.reader(costs=COSTS, name="one"), log.reader(costs=COSTS)
    after_restart.update()
    assert anew.primary.requests == 0 and after_restart.primary.requests == first.primary.requests > 800
    anew.update()
    assert figures_told(after_restart) == figures_told(first)
    for told, expected in zip(figures_told(anew), figures_told(first), strict=True):
        assert told == pytest.approx(expected)


def test_what_was_kept_of_another_rollout_or_is_damaged_is_not_gone_on_with(log: Log) -> None:
    log.write(*traffic(300))
    reader = log.reader(name="one")
    reader.update()
    reader.save()
    assert log.reader(name="one").primary.requests > 0
    assert log.reader(name="one", costs=COSTS).primary.requests == 0
    assert log.reader(name="one", spec=RolloutSpec(min_labelled=7)).primary.requests == 0
    next(log.folder.glob("rollout-one*")).write_bytes(b"torn")
    assert log.reader(name="one").primary.requests == 0
    log.reader(name="two")
    assert list(log.folder.glob("rollout-*")) == []


def test_a_look_reads_no_more_than_it_may(log: Log) -> None:
    log.write(*traffic(300))
    reader, whole = log.reader(), log.reader()
    assert whole.update()
    looks = 1
    while not reader.update(most=70):
        looks += 1
    assert looks == 6 and reader.primary.requests == whole.primary.requests
    for told, expected in zip(figures_told(reader), figures_told(whole), strict=True):
        assert told == pytest.approx(expected)


def test_segments_from_before_the_rollout_are_not_read(log: Log) -> None:
    early = to_micros(START - timedelta(days=1))
    for day in range(4):
        log.write(*(served(f"{day}-{n}", [0.5], time=early + day) for n in range(20)))
    log.write(served("a", [0.5]), label("a/0", 1))
    compact(log.folder)
    names = stems(log.folder)
    assert position_of(log.folder, to_micros(START)).segment.startswith(names[3])
    assert position_of(log.folder, early).segment == ""
    reader = log.reader()
    reader.update()
    assert (reader.primary.requests, reader.primary.labelled) == (1, 1)


def test_what_is_awaited_is_bounded_and_the_same_share_of_both_versions(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout_labels, "MOST_AWAITED", 500)
    monkeypatch.setattr(rollout_labels, "_MOST_PARKED", 100)
    log.write(*(record for record in traffic(6000) if isinstance(record, PredictionRecord)))
    log.write(*(label(f"e{place}", place % 2) for place in range(6000)), *(label(f"r{n}/0", 1) for n in range(6000)))
    reader = log.reader(costs=COSTS)
    reader.update(most=10**6)
    awaited = reader._state.awaited
    assert 150 < len(awaited.requests) == awaited.rows <= 500 and reader.parked <= 100
    assert awaited.share == 2**-4
    assert reader.primary.labelled + reader.canary.labelled == len(awaited.requests)
    assert reader.canary.labelled / reader.primary.labelled == pytest.approx(0.5, abs=0.2)
    assert reader.primary.requests + reader.canary.requests == 6000


def test_a_large_request_is_stood_for_by_its_first_rows(log: Log) -> None:
    log.write(served("a", [0.5] * 3000, entity_ids=[f"e{n}" for n in range(3000)]))
    log.write(label("a/0", 1), label("a/2999", 1), label("e999", 0), label("e1000", 0))
    reader = log.reader()
    reader.update()
    assert (reader.primary.rows, reader.primary.labelled) == (3000, 2)


def test_of_many_classes_the_loss_is_whether_the_prediction_was_wrong(log: Log) -> None:
    kinds = Signature(Task.CLASSIFICATION, SIGNATURE.features, "kind", ("2", "10", "other"))
    log.write(served("a", [0.6, 0.5], predictions=["10", "other"]))
    log.write(served("b", [0.9], canary=True, predictions=["2"]))
    log.write(label("a/0", 10), label("a/1", "2"), label("b/0", "a kind that came later"))
    reader = log.reader(signature=kinds)
    reader.update()
    assert (reader.primary.labelled, reader.primary.loss.mean, reader.canary.loss.mean) == (2, 0.5, 1.0)
    log.write(label("a/1", "other"), label("b/0", 2.0))
    reader.update()
    assert (reader.primary.loss.mean, reader.canary.loss.mean) == (0.0, 0.0)
    first, *_ = reader.figures.guardrails(RolloutSpec(), is_enough=False)
    assert first.name == "wrong predictions"
