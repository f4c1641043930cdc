"""What tests of protocols share: a gateway with a classifier of two classes, one of three, and a regression."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from serving_kit import TOKEN, export, fitted, version
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.models import Feature, Signature, Task
from mlops_desktop.serving.config import GatewayConfig, Route, ServedEndpoint, ServingSpec
from mlops_desktop.serving.rules import InputRules

_NUMBERS = (Feature("a", ColumnType.NUMBER, "a"), Feature("b", ColumnType.NUMBER, "b"))
KINDS = Signature(Task.CLASSIFICATION, _NUMBERS, "kind", ("blue", "green", "red"))
PRICE = Signature(Task.REGRESSION, _NUMBERS, "price")
STRICT = InputRules(refuse_extra_columns=True, refuse_unknown_categories=True, refuse_missing_values=True)


def numeric_models() -> tuple[Any, Any]:
    """A classifier of three classes and a regression, both of the columns `a` and `b`."""
    generator = np.random.default_rng(3)
    rows = generator.normal(size=(200, 2)).astype("float32")
    kinds = np.where(rows[:, 0] > 0.5, "red", np.where(rows[:, 1] > 0, "green", "blue"))
    classifier = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, kinds)
    return classifier, make_pipeline(StandardScaler(), LinearRegression()).fit(rows, rows @ [2.0, -1.0])


def export_numeric(model: Any, path: Path) -> str:
    """The model as ONNX with one input per column."""
    from onnx import TensorProto, helper

    is_classifier = hasattr(model, "predict_proba")
    options = {id(model): {"zipmap": False}} if is_classifier else None
    exported = to_onnx(model, initial_types=[("X", FloatTensorType([None, 2]))], options=options, target_opset=18)
    graph = exported.graph
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in ("a", "b")]
    del graph.input[:]
    graph.input.extend(inputs)
    graph.node.insert(0, helper.make_node("Concat", ["a", "b"], ["X"], axis=1))
    path.write_bytes(exported.SerializeToString())
    return str(path)


def several(folder: Path) -> GatewayConfig:
    """Endpoints `late` (two versions), `strict` (the same with all rules on), `kind` and `price`."""
    late, _ = export(fitted(), folder)
    classifier, regression = numeric_models()
    kind = version(1, export_numeric(classifier, folder / "kind.onnx"), signature=KINDS)
    price = version(1, export_numeric(regression, folder / "price.onnx"), signature=PRICE)
    endpoints = (
        ServedEndpoint("late", "late-arrival", (version(1, late), version(2, late, threshold=0.0)), Route(1)),
        ServedEndpoint("strict", "late-arrival", (version(1, late),), Route(1), ServingSpec(inputs=STRICT)),
        ServedEndpoint("kind", "kind", (kind,), Route(1)),
        ServedEndpoint("price", "price", (price,), Route(1)),
    )
    return GatewayConfig(endpoints=endpoints, feedback_token=TOKEN)
