"""The MLflow folder: what is in it, and that its model predicts as the served one does."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import pytest
from loop_kit import ENDPOINT, make_served_workspace, trips

from mlops_desktop.core.errors import Conflict, Damaged, NotFound
from mlops_desktop.interop.mlflow import export_model
from mlops_desktop.registry import Registry
from mlops_desktop.training.onnx_scoring import OnnxModel
from mlops_desktop.training.tables import feature_frame


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    workspace = make_served_workspace(tmp_path_factory.mktemp("interop"))
    yield workspace.registry
    workspace.close()


@pytest.fixture
def exported(registry: Registry, tmp_path: Path) -> Path:
    return export_model(registry, f"{ENDPOINT}@production", tmp_path / "deep" / "model")


def test_the_folder_holds_what_mlflow_looks_for(exported: Path) -> None:
    assert {path.name for path in exported.iterdir()} == {"MLmodel", "model.pkl", "requirements.txt", "python_env.yaml"}
    text = (exported / "MLmodel").read_text()
    for line in ("loader_module: mlflow.sklearn", "pickled_model: model.pkl", "predict_fn: predict", "env:"):
        assert line in text
    requirements = (exported / "requirements.txt").read_text().split()
    assert any(re.fullmatch(r"scikit-learn==\d[\w.]*", line) for line in requirements)


def test_the_signature_names_every_feature_with_its_type(exported: Path, registry: Registry) -> None:
    quoted = re.search(r"^  inputs: '(.*)'$", (exported / "MLmodel").read_text(), re.MULTILINE)
    assert quoted is not None
    columns = {column["name"]: column["type"] for column in json.loads(quoted[1].replace("''", "'"))}
    features = registry.models.get(f"{ENDPOINT}@1").signature.features
    assert list(columns) == [feature.name for feature in features]
    assert columns["carrier"] == "string" and columns["delay"] == "double"
    text = (exported / "MLmodel").read_text(encoding="utf-8")
    assert """outputs: '[{"type": "long", "name": "late", "required": true}]'""" in text
    assert """classes: '["0", "1"]'""" in text  # the answers are places in this list


@pytest.mark.parametrize("load", [joblib.load, lambda path: pickle.loads(path.read_bytes())], ids=["joblib", "pickle"])
def test_the_model_loads_and_predicts_as_the_onnx_does(exported: Path, registry: Registry, load: object) -> None:
    version = registry.models.get(f"{ENDPOINT}@production")
    model = load(exported / "model.pkl")  # type: ignore[operator]
    table = trips(5, seed=9)
    expected = OnnxModel(registry.objects.read_bytes(version.artifacts["onnx"]), version.signature).score(table)
    frame = feature_frame(table, version.signature.features)
    found = model.predict_proba(frame)[:, -1]
    assert np.abs(found - expected).max() < 1e-5
    assert (model.predict(frame).astype(float) == (expected > 0.5)).all()


def test_nothing_is_written_over(registry: Registry, exported: Path) -> None:
    with pytest.raises(Conflict, match="not an empty folder") as caught:
        export_model(registry, f"{ENDPOINT}@1", exported)
    assert caught.value.hint


def test_an_unknown_version_makes_no_folder(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        export_model(registry, f"{ENDPOINT}@9", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_damaged_original_is_never_unpickled(registry: Registry, tmp_path: Path) -> None:
    path = registry.objects.path(registry.models.get(f"{ENDPOINT}@1").artifacts["original"])
    content = path.read_bytes()
    path.chmod(0o644)
    try:
        path.write_bytes(b"cos\nsystem\n(S'exit 1'\ntR." + content)
        with pytest.raises(Damaged):
            export_model(registry, f"{ENDPOINT}@1", tmp_path / "model")
    finally:
        path.write_bytes(content)
    assert not (tmp_path / "model").exists()
