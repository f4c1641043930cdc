"""Training runs on recorded flights, export and its parity check, and originals."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from mlops_desktop.core.errors import Cancelled, Damaged, EnvironmentProblem, InvalidInput
from mlops_desktop.core.ids import sha256_hex
from mlops_desktop.core.models import Runtime
from mlops_desktop.core.progress import CancelToken
from mlops_desktop.evaluation.metrics import auc
from mlops_desktop.training.export import Export, convert, export_onnx
from mlops_desktop.training.fit import FittedModel, fit, score_sklearn
from mlops_desktop.training.importance import permutation_importance
from mlops_desktop.training.onnx_scoring import OnnxModel
from mlops_desktop.training.originals import SklearnModel, load_original
from mlops_desktop.training.parity import check_parity
from mlops_desktop.training.specs import FeaturesSection, ProjectSpec, load_spec
from mlops_desktop.training.train import TrainingResult, train

SAMPLES = Path(__file__).parents[3] / "resources" / "samples" / "flights2013"
AS_OF = datetime(2013, 8, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def spec() -> ProjectSpec:
    return load_spec(SAMPLES / "late-arrival.toml")


@pytest.fixture(scope="module")
def flights() -> pa.Table:
    table = pq.read_table(SAMPLES / "flights.parquet")
    start = pa.scalar(datetime(2013, 4, 1, tzinfo=UTC), table.schema.field("scheduled_at").type)
    end = pa.scalar(datetime(2013, 8, 15, tzinfo=UTC), start.type)
    times = table["scheduled_at"]
    return table.filter(pc.and_(pc.greater_equal(times, start), pc.less(times, end)))


@pytest.fixture(scope="module")
def result(spec, flights) -> TrainingResult:
    return train(spec, flights, AS_OF)


@pytest.fixture(scope="module")
def small(spec, flights) -> tuple[FittedModel, pa.Table]:
    short = msgspec.structs.replace(
        spec, estimator=msgspec.structs.replace(spec.estimator, hyperparameters={"max_iter": 20})
    )
    return fit(short, flights.slice(0, 6000)), flights.slice(6000, 3000)


def test_a_model_of_three_months_beats_both_baselines_on_the_two_weeks_after(result):
    assert result.metrics["auc"] > 0.7
    assert result.metrics["auc"] > result.metrics["persistence_auc"] + 0.1
    assert result.metrics["dummy_auc"] == 0.5
    assert result.metrics["cost"] < min(result.metrics["dummy_cost"], result.metrics["persistence_cost"])
    assert result.threshold == 0.25
    assert result.runtime is Runtime.ONNX
    assert "auc 0.7" in result.summary


def test_test_rows_come_after_training_rows_and_before_now(result, spec, flights):
    assert result.train_start.date().isoformat() == "2013-04-19"
    assert result.train_end < result.test_start < result.test_end < AS_OF
    assert result.test_start.date().isoformat() == "2013-07-18"
    assert result.test_labels.shape == result.test_scores.shape == result.test_times.shape == (result.test_rows,)
    assert auc(result.test_labels, result.test_scores) == pytest.approx(result.metrics["auc"])


def test_every_metric_has_an_interval_around_it(result):
    assert {"auc", "log_loss", "brier", "accuracy", "f1", "cost"} <= {value.name for value in result.intervals}
    assert all(value.low < value.value < value.high for value in result.intervals)
    assert all(value.n == result.test_rows for value in result.intervals)


def test_slices_calibration_and_importance_describe_the_model(result):
    assert {found.column for found in result.slices} == {"carrier", "origin", "dest"}
    assert sum(found.metric.n for found in result.slices if found.column == "origin") == result.test_rows
    assert sum(group.n for group in result.calibration) == result.test_rows
    assert next(iter(result.importance)) == "scheduled_minute"
    assert len(result.importance) == 14


def test_reference_rows_carry_scores_and_labels_of_both_parts(result):
    assert result.reference_test.num_rows == result.test_rows
    assert 0 < result.reference_train.num_rows <= 20_000
    assert result.reference_test["__score__"].to_numpy() == pytest.approx(result.test_scores)
    both = pa.concat_tables([result.reference_train, result.reference_test])
    assert set(both["__part__"].to_pylist()) == {"train", "test"}
    assert {"flight_id", "scheduled_at", "carrier", "__label__"} <= set(both.column_names)


def test_the_export_scores_without_scikit_learn_or_pandas(result, flights, tmp_path):
    model = tmp_path / "model.onnx"
    model.write_bytes(result.onnx)
    (tmp_path / "signature.json").write_bytes(msgspec.json.encode(result.signature))
    pq.write_table(flights.slice(0, 50), tmp_path / "rows.parquet")
    code = f"""
import sys
class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name in ("sklearn", "pandas", "skl2onnx", "scipy"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NotInstalled())
import pathlib, msgspec, pyarrow.parquet as pq
from mlops_desktop.core.models import Signature
from mlops_desktop.training.onnx_scoring import OnnxModel
folder = pathlib.Path({str(tmp_path)!r})
signature = msgspec.json.decode((folder / "signature.json").read_bytes(), type=Signature)
scores = OnnxModel((folder / "model.onnx").read_bytes(), signature).score(pq.read_table(folder / "rows.parquet"))
print(len(scores), scores.min() >= 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "50 True"


def test_without_labels_before_now_there_is_nothing_to_train(spec, flights):
    with pytest.raises(InvalidInput, match=r"no test rows: .* from 2013-04-01 to 2013-08-14, and it is 2013-01-01"):
        train(spec, flights, datetime(2013, 1, 1, tzinfo=UTC))
    with pytest.raises(InvalidInput, match="no training rows"):
        train(spec, flights, datetime(2013, 4, 5, tzinfo=UTC))


def test_a_table_without_a_column_of_the_spec_is_refused_before_training(spec, flights):
    with pytest.raises(InvalidInput, match=r"features\.categorical: .*'origin'"):
        train(spec, flights.drop_columns(["origin"]), AS_OF)


def test_training_stops_when_asked(spec, flights):
    token = CancelToken()
    seen = []

    def sink(fraction, message):
        seen.append(fraction)
        token.cancel()

    with pytest.raises(Cancelled):
        train(spec, flights, AS_OF, token.reporting_to(sink))
    assert len(seen) == 1


def test_a_wrong_export_is_noticed_and_its_size_is_told(small, flights, spec):
    model, rows = small
    other = fit(spec, flights.slice(9000, 5000))
    verdict = check_parity(model, OnnxModel(convert(other), model.signature), rows)
    assert not verdict.agrees
    assert verdict.largest_difference > 0.01
    assert "ONNX differs from the original" in verdict.reason


def test_native_categories_of_gradient_boosting_do_not_get_past_the_check(spec, flights):
    """The converter takes them without an error and gives other probabilities."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.preprocessing import OrdinalEncoder

    rows = flights.slice(0, 8000)
    model = fit(spec, rows)
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32)
    pipeline = model.pipeline
    pipeline.named_steps["columns"].set_params(texts=codes)
    native = HistGradientBoostingClassifier(max_iter=30, categorical_features=[11, 12, 13])
    pipeline.steps[-1] = ("estimator", native)
    from mlops_desktop.training.tables import feature_frame

    pipeline.fit(feature_frame(rows, model.signature.features), rows["late"].to_numpy())
    export = export_onnx(replace(model, pipeline=pipeline), flights.slice(8000, 2000))
    assert export.onnx is None
    assert export.runtime is Runtime.SKLEARN
    assert export.parity.reason


def test_a_model_that_cannot_be_converted_is_served_by_scikit_learn(small):
    class Unknown:
        def predict_proba(self, frame):
            return np.full((len(frame), 2), 0.5)

    model, rows = small
    export = export_onnx(replace(model, pipeline=[Unknown()]), rows)
    assert isinstance(export, Export)
    assert export.runtime is Runtime.SKLEARN
    assert "cannot be exported" in export.parity.reason


def test_no_validation_rows_are_no_proof_of_parity(small):
    model, rows = small
    verdict = check_parity(model, OnnxModel(convert(model), model.signature), rows.slice(0, 0))
    assert not verdict.agrees
    assert "no validation rows" in verdict.reason


def test_an_original_is_loaded_only_with_the_recorded_hash(result, flights, tmp_path):
    path = tmp_path / "original"
    path.write_bytes(result.original)
    loaded = SklearnModel(load_original(path, sha256_hex(result.original)), result.signature)
    onnx = OnnxModel(result.onnx, result.signature)
    np.testing.assert_allclose(loaded.score(flights.slice(0, 500)), onnx.score(flights.slice(0, 500)), atol=1e-5)
    with pytest.raises(EnvironmentProblem, match="cannot be read"):
        load_original(tmp_path / "none", "0" * 64)


class _Bomb:
    def __reduce__(self):
        return (Path.touch, (Path(_Bomb.path),))

    path = ""


def test_a_changed_original_is_refused_before_any_of_its_code_runs(tmp_path):
    _Bomb.path = str(tmp_path / "exploded")
    (tmp_path / "original").write_bytes(pickle.dumps(_Bomb()))
    with pytest.raises(Damaged, match="it was not loaded"):
        load_original(tmp_path / "original", "0" * 64)
    assert not (tmp_path / "exploded").exists()


def test_what_is_not_an_onnx_model_is_refused(result, small):
    with pytest.raises(InvalidInput, match="cannot be loaded"):
        OnnxModel(b"nonsense", result.signature)
    fewer = msgspec.structs.replace(result.signature, features=result.signature.features[:-1])
    with pytest.raises(InvalidInput, match="do not match the signature"):
        OnnxModel(result.onnx, fewer)


def test_splits_rounded_to_float32_change_no_prediction(spec, flights):
    """Against the same pipeline fitted without the rounding."""
    from mlops_desktop.training.tables import feature_frame

    rows = flights.slice(0, 5000)
    model = fit(spec, rows)
    rounded = score_sklearn(model, flights.slice(5000, 3000))
    frame = feature_frame(rows, model.signature.features)
    model.pipeline.fit(frame, rows["late"].to_numpy().astype(np.int64))
    np.testing.assert_array_equal(score_sklearn(model, flights.slice(5000, 3000)), rounded)


def test_splits_between_neighbouring_float32_values_survive_the_export(spec):
    """Seconds since 1970 lie so close in float32 that rounding a split up would send a value the other way."""
    random = np.random.default_rng(4)
    steps = random.integers(0, 200, 4000)
    moments = pa.array([datetime(2024, 1, 1, tzinfo=UTC)] * 4000)
    table = pa.table({"at": moments, "late": (steps + random.integers(0, 2, 4000)) % 2, "x": 2.0**24 + 2 * steps})
    narrow = msgspec.structs.replace(
        spec,
        data=msgspec.structs.replace(spec.data, time_column="at"),
        features=FeaturesSection(numeric=("x",)),
        sections={},
    )
    model = fit(narrow, table)
    exported = OnnxModel(convert(model), model.signature).score(table)
    np.testing.assert_allclose(exported, score_sklearn(model, table), atol=1e-5)


def test_a_column_that_is_not_used_has_no_importance(small):
    from mlops_desktop.evaluation.metrics import get_metric

    model, rows = small
    y = rows["late"].to_numpy()
    found = permutation_importance(
        lambda table: table["distance"].to_numpy().astype(float),
        rows,
        y,
        model.signature.features,
        get_metric("brier"),
        seed=1,
        rows=500,
    )
    assert found["distance"] != 0
    assert {value for name, value in found.items() if name != "distance"} == {0.0}


def test_an_entity_makes_persistence_repeat_its_last_label(spec, flights):
    daily = msgspec.structs.replace(spec, data=msgspec.structs.replace(spec.data, entity="dest"))
    result = train(daily, flights, AS_OF)
    assert set(np.unique(result.baselines["persistence"])) <= {0.0, 1.0, result.baselines["dummy"][0]}
    assert 0.5 < result.metrics["persistence_auc"] < result.metrics["auc"]
