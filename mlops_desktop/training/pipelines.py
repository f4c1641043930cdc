"""scikit-learn pipelines whose preparation exports to ONNX without changing its meaning.

Columns are taken by position, so that names such as `a.b` or `🚀` never reach the converter.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.models import Feature
from mlops_desktop.training.estimators import Preparation

_NO_VALUE = -1e9


def build_pipeline(
    features: Sequence[Feature], empty: Collection[str], preparation: Preparation, estimator: Any
) -> Any:
    """An unfitted pipeline of preparation and `estimator`.

    Args:
        features: the inputs, in order.
        empty: numeric features without any value in the training rows.
        preparation: what the estimator needs.
        estimator: an unfitted scikit-learn estimator.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    text = [i for i, feature in enumerate(features) if feature.type is ColumnType.TEXT]
    coded = [i for i, feature in enumerate(features) if feature.type is not ColumnType.TEXT and feature.categories]
    rest = [i for i in range(len(features)) if i not in text and i not in coded]
    if preparation is Preparation.LINEAR:
        parts = _linear_parts(rest, coded, text)
    else:
        # Cutting an integer category's codes is what a tree does with them anyway.
        plain = [i for i in sorted(rest + coded) if features[i].name not in empty]
        void = [i for i in sorted(rest + coded) if features[i].name in empty]
        parts = _tree_parts(plain, void, text, fill=preparation is Preparation.FULL_TREES)
    columns = ColumnTransformer([part for part in parts if part[2]], sparse_threshold=0)
    return Pipeline([("columns", columns), ("estimator", estimator)])


def _tree_parts(plain: list[int], void: list[int], text: list[int], *, fill: bool) -> list[tuple[str, Any, list[int]]]:
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OrdinalEncoder

    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32)
    return [
        ("numbers", SimpleImputer(strategy="median") if fill else "passthrough", plain),
        ("empty", SimpleImputer(strategy="constant", fill_value=0.0, keep_empty_features=True), void),
        ("texts", codes, text),
    ]


def _linear_parts(rest: list[int], coded: list[int], text: list[int]) -> list[tuple[str, Any, list[int]]]:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    def one_hot() -> Any:
        return OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)

    median = SimpleImputer(strategy="median", keep_empty_features=True)
    marked = SimpleImputer(strategy="constant", fill_value=_NO_VALUE, keep_empty_features=True)
    return [
        ("numbers", Pipeline([("fill", median), ("scale", StandardScaler())]), rest),
        ("codes", Pipeline([("fill", marked), ("one_hot", one_hot())]), coded),
        ("texts", one_hot(), text),
    ]
