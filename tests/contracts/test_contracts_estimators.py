"""Every registered estimator through the same checks, on ordinary and on degenerate tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from msgspec import structs

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.ids import sha256_hex
from mlops_desktop.core.models import Runtime, Task
from mlops_desktop.training.estimators import Estimator, estimators
from mlops_desktop.training.export import export_onnx
from mlops_desktop.training.fit import fit, score_sklearn
from mlops_desktop.training.onnx_scoring import OnnxModel
from mlops_desktop.training.originals import SklearnModel, dump_original, load_original_bytes
from mlops_desktop.training.specs import (
    DataSection,
    EstimatorSection,
    FeaturesSection,
    ModelSection,
    ProjectSpec,
    SplitSection,
)
from mlops_desktop.training.train import train

CASES = [(estimator, task) for estimator in estimators() for task in estimator.tasks]
NAMES = [f"{estimator.name} {task.value}" for estimator, task in CASES]
START = datetime(2024, 1, 1, tzinfo=UTC)
EXPORTABLE = {"hist_gradient_boosting", "random_forest", "logistic_regression", "ridge"}
SMALL = {
    "hist_gradient_boosting": {"max_iter": 15, "min_samples_leaf": 5},
    "random_forest": {"n_estimators": 8, "min_samples_leaf": 5},
}


def make_table(task: Task, rows: int = 400) -> pa.Table:
    random = np.random.default_rng(1)
    plain = random.normal(size=rows).astype(np.float32)
    town = random.choice(["東京", "Zürich", "a b"], rows)
    signal = plain + (town == "東京")
    target = (
        (signal + random.normal(size=rows) > 0).astype(np.int8) if task is Task.CLASSIFICATION else 50 + 10 * signal
    )
    return pa.table(
        {
            "at": [START + timedelta(hours=3 * i) for i in range(rows)],
            "a.b": pa.array(plain, mask=random.random(rows) < 0.1),
            "my col": pa.array(random.integers(0, 5, rows), pa.int16()),
            "温度": random.normal(1e6, 10, rows),
            "flag": pa.array(random.random(rows) < 0.5),
            "only nulls": pa.nulls(rows, pa.float64()),
            "constant": pa.array([3.5] * rows),
            "🚀 town": pa.array(town, mask=random.random(rows) < 0.05),
            "level": pa.array(random.integers(0, 4, rows), pa.int32(), mask=random.random(rows) < 0.05),
            "no text": pa.nulls(rows, pa.string()),
            "target": target,
        }
    )


def make_spec(estimator: Estimator, task: Task) -> ProjectSpec:
    numeric = ("a.b", "my col", "温度", "flag", "only nulls", "constant")
    return ProjectSpec(
        ModelSection("m", task, "target"),
        DataSection("d", "at"),
        FeaturesSection(numeric, ("🚀 town", "level", "no text")),
        SplitSection(train_days=40, test_days=5),
        EstimatorSection(estimator.name, SMALL.get(estimator.name, {})),
        seed=3,
    )


@pytest.mark.parametrize(("estimator", "task"), CASES, ids=NAMES)
def test_it_trains_scores_and_exports_on_a_table_with_every_oddity(estimator, task):
    table, spec = make_table(task), make_spec(estimator, task)
    result = train(spec, table, START + timedelta(days=90))
    assert result.test_scores.shape == (result.test_rows,)
    assert np.isfinite(result.test_scores).all()
    assert (result.runtime is Runtime.ONNX) == (estimator.name in EXPORTABLE), result.parity.reason
    assert result.parity.agrees == (estimator.name in EXPORTABLE)
    assert any("only nulls" in note for note in result.notes)
    assert any("constant" in note for note in result.notes)
    if task is Task.CLASSIFICATION:
        assert result.signature.classes == ("0", "1")
        assert ((result.test_scores >= 0) & (result.test_scores <= 1)).all()
    if estimator.name != "dummy":
        metric = "auc" if task is Task.CLASSIFICATION else "r2"
        assert result.metrics[metric] > result.metrics[f"dummy_{metric}"] + 0.1


@pytest.mark.parametrize(("estimator", "task"), CASES, ids=NAMES)
def test_original_reloaded_original_and_export_give_the_same_scores(estimator, task):
    table, spec = make_table(task), make_spec(estimator, task)
    model = fit(spec, table)
    expected = score_sklearn(model, table)
    content = dump_original(model.pipeline)
    reloaded = SklearnModel(load_original_bytes(content, sha256_hex(content)), model.signature)
    np.testing.assert_array_equal(reloaded.score(table), expected)
    export = export_onnx(model, table)
    if estimator.name in EXPORTABLE:
        onnx = OnnxModel(export.onnx, model.signature)
        np.testing.assert_allclose(onnx.score(table), expected, rtol=2e-6, atol=2e-6)
        np.testing.assert_allclose(onnx.score(table.slice(7, 1)), expected[7:8], rtol=2e-6, atol=2e-6)
        assert onnx.score(table.slice(0, 0)).shape == (0,)
    else:
        assert export.onnx is None
        assert "cannot be exported" in export.parity.reason


@pytest.mark.parametrize(("estimator", "task"), CASES, ids=NAMES)
def test_the_same_rows_and_seed_give_the_same_model(estimator, task):
    table, spec = make_table(task), make_spec(estimator, task)
    first, second = fit(spec, table), fit(spec, table)
    np.testing.assert_array_equal(score_sklearn(first, table), score_sklearn(second, table))


@pytest.mark.parametrize(("estimator", "task"), CASES, ids=NAMES)
def test_rows_of_nulls_and_unknown_values_get_a_score(estimator, task):
    table, spec = make_table(task), make_spec(estimator, task)
    model = fit(spec, table)
    strange = {}
    for feature in model.signature.features:
        is_text = feature.type is ColumnType.TEXT
        kind = pa.string() if is_text else pa.float64()
        strange[feature.name] = pa.array(
            [None, "never seen" if is_text else 1e9, "" if is_text else float("inf")], kind
        )
    scores = score_sklearn(model, pa.table(strange))
    assert np.isfinite(scores).all()


@pytest.mark.parametrize(("estimator", "task"), CASES, ids=NAMES)
def test_tables_that_cannot_be_trained_on_are_refused_in_words(estimator, task):
    table, spec = make_table(task), make_spec(estimator, task)
    with pytest.raises(InvalidInput, match="no training rows"):
        fit(spec, table.slice(0, 0))
    with pytest.raises(InvalidInput, match=r"more than one column named 'a\.b'"):
        fit(spec, table.append_column("a.b", table.column("a.b")))
    with pytest.raises(InvalidInput, match="no column '温度'"):
        fit(spec, table.drop_columns(["温度"]))
    if task is Task.CLASSIFICATION:
        one_class = table.set_column(table.column_names.index("target"), "target", pa.array([1] * table.num_rows))
        with pytest.raises(InvalidInput, match="single class"):
            fit(spec, one_class)


@pytest.mark.parametrize(("estimator", "task"), CASES, ids=NAMES)
def test_defaults_and_their_types_pass_their_own_checks(estimator, task):
    defaults = estimator.checked({})
    given = {name: value for name, value in defaults.items() if value is not None}
    assert estimator.checked(given) == defaults
    assert estimator.build(task, given, 0) is not None
    with pytest.raises(ValueError, match="no hyperparameter 'nonsense'"):
        estimator.checked({"nonsense": 1})


CLASSIFIERS = [estimator for estimator, task in CASES if task is Task.CLASSIFICATION]


def with_kinds(table: pa.Table) -> pa.Table:
    """The table with a target of three classes, of which the numbers are in their order."""
    random = np.random.default_rng(2)
    signal = np.nan_to_num(table.column("a.b").to_numpy()) + random.normal(size=table.num_rows) * 0.5
    kinds = np.array(["2", "10", "other"])[np.digitize(signal, [-0.5, 0.5])]
    return table.set_column(table.column_names.index("target"), "target", pa.array(kinds))


@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=[estimator.name for estimator in CLASSIFIERS])
def test_three_classes_are_trained_exported_and_judged(estimator):
    table, spec = with_kinds(make_table(Task.CLASSIFICATION)), make_spec(estimator, Task.CLASSIFICATION)
    result = train(spec, table, START + timedelta(days=90))
    assert result.signature.classes == ("2", "10", "other")
    assert result.test_scores.shape == (result.test_rows, 3)
    np.testing.assert_allclose(result.test_scores.sum(axis=1), 1.0, atol=1e-5)
    assert (result.runtime is Runtime.ONNX) == (estimator.name in EXPORTABLE), result.parity.reason
    assert set(result.test_labels) <= {0.0, 1.0, 2.0}
    assert result.metrics["dummy_auc"] == pytest.approx(0.5) and "persistence_auc" in result.metrics
    if estimator.name != "dummy":
        assert result.metrics["auc"] > 0.7 and next(iter(result.importance)) == "a.b"
    model = fit(spec, table)
    content = dump_original(model.pipeline)
    reloaded = SklearnModel(load_original_bytes(content, sha256_hex(content)), model.signature)
    np.testing.assert_array_equal(reloaded.score(table), score_sklearn(model, table))
    assert reloaded.score(table.slice(0, 0)).shape == (0, 3)


def test_a_target_with_too_many_classes_or_a_needless_positive_one_is_refused():
    table, spec = make_table(Task.CLASSIFICATION), make_spec(CLASSIFIERS[0], Task.CLASSIFICATION)
    place = table.column_names.index("target")
    many = table.set_column(place, "target", pa.array([f"c{row}" for row in range(table.num_rows)]))
    with pytest.raises(InvalidInput, match="400 classes"):
        fit(spec, many)
    named = structs.replace(spec, model=structs.replace(spec.model, positive="2"))
    with pytest.raises(InvalidInput, match=r"positive is given, but target 'target' has 3 classes"):
        fit(named, with_kinds(table))
