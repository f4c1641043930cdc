"""Fitting a spec's pipeline on its training rows."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.models import Signature, Task
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.data.schema import check_names
from mlops_desktop.evaluation.business import ValueMatrix
from mlops_desktop.training.estimators import get_estimator
from mlops_desktop.training.pipelines import build_pipeline
from mlops_desktop.training.signatures import signature_of
from mlops_desktop.training.specs import ProjectSpec
from mlops_desktop.training.splits import moment
from mlops_desktop.training.tables import feature_array, feature_frame, microseconds
from mlops_desktop.training.targets import target_array

DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True)
class FittedModel:
    """A fitted scikit-learn pipeline and what is needed to use it.

    Attributes:
        pipeline: takes a data frame with the signature's feature names, see `tables.feature_frame`.
        signature: inputs, target and classes.
        threshold: a probability from here on is a yes; 0 with more than two classes, where the likeliest one counts.
        train_start, train_end: times of the first and the last training row.
        train_rows: how many there were.
        notes: what was odd about the training rows, for people.
    """

    pipeline: Any
    signature: Signature
    threshold: float
    train_start: datetime
    train_end: datetime
    train_rows: int
    notes: tuple[str, ...] = ()


def fit(spec: ProjectSpec, train_table: pa.Table, progress: Progress = no_progress) -> FittedModel:
    """Fit on all rows of `train_table`, each of which has a label. Same rows and spec, same model.

    Raises:
        InvalidInput: no rows, a column that is missing, twice there or of the wrong type, a single class.
    """
    check_names(train_table.column_names)
    if not train_table.num_rows:
        raise InvalidInput("There are no training rows.", hint="Change [split], or ingest more data.")
    progress(0.0, "Preparing columns")
    signature = signature_of(spec, train_table)
    y = target_array(train_table, spec.model, signature.classes)
    frame = feature_frame(train_table, signature.features)
    empty, notes = _odd_columns(train_table, signature)
    estimator = get_estimator(spec.estimator.name)
    given = {name: value for name, value in spec.estimator.hyperparameters.items() if value is not None}
    model = estimator.build(spec.model.task, estimator.checked(given), spec.seed)
    pipeline = build_pipeline(signature.features, empty, estimator.preparation, model)
    progress(0.1, f"Fitting on {train_table.num_rows:,} rows")
    _fit_pipeline(pipeline, frame, y.astype(np.int64) if spec.model.task is Task.CLASSIFICATION else y)
    times = microseconds(train_table, spec.data.time_column)
    progress(1.0, "Fitted")
    return FittedModel(
        pipeline,
        signature,
        threshold_of(spec, signature),
        moment(times.min()),
        moment(times.max()),
        train_table.num_rows,
        notes,
    )


def threshold_of(spec: ProjectSpec, signature: Signature) -> float:
    """The cheapest threshold by the spec's value matrix, or a half without one."""
    if signature.is_multiclass:
        if spec.has_section("business"):
            raise InvalidInput(
                f"{spec.source}: [business] is for yes or no, but {signature.target!r} has {len(signature.classes)} "
                "classes.",
                hint="Leave [business] out, or make a column that holds one class or the rest.",
            )
        return 0.0
    if spec.model.task is not Task.CLASSIFICATION or not spec.has_section("business"):
        return DEFAULT_THRESHOLD
    threshold = spec.section("business", ValueMatrix).optimal_threshold()
    if math.isnan(threshold):
        raise InvalidInput(
            f"{spec.source}: by [business] a yes never pays more for likelier rows, so no threshold is best.",
            hint="A missed positive must cost more than a found one, or a needless yes more than a right no.",
        )
    return threshold


def score_sklearn(model: FittedModel, table: pa.Table) -> NDArray[np.float64]:
    """Probability of the positive class, or the predicted value, of each row; shape (n,).

    With more than two classes the probability of each, shape (n, classes).
    """
    return score_pipeline(model.pipeline, model.signature, table)


def score_pipeline(pipeline: Any, signature: Signature, table: pa.Table) -> NDArray[np.float64]:
    """`score_sklearn` for an original that was loaded."""
    if not table.num_rows:
        return np.empty((0, len(signature.classes)) if signature.is_multiclass else 0)
    frame = feature_frame(table, signature.features)
    with one_thread():
        scores = pipeline.predict_proba(frame) if signature.classes else pipeline.predict(frame)
    is_binary = signature.classes and not signature.is_multiclass
    return np.asarray(scores[:, -1] if is_binary else scores, dtype=np.float64)


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep OpenMP and BLAS to one thread.

    The threads of gradient boosting spin while they wait for each other: on a busy machine with two cores a fit took
    13 s with two threads and 0.7 s with one.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(limits=1):
        yield


def _fit_pipeline(pipeline: Any, frame: Any, y: NDArray[Any]) -> None:
    estimator = pipeline[-1]
    parallel = "n_estimators" in estimator.get_params()  # a forest: its trees are fitted by plain threads
    if parallel:
        estimator.set_params(n_jobs=min(4, os.cpu_count() or 1))
    with one_thread():
        pipeline.fit(frame, y)
    if parallel:
        estimator.set_params(n_jobs=None)
    _round_thresholds(estimator)


def _round_thresholds(estimator: Any) -> None:
    """Round the splits of gradient boosting down to float32.

    ONNX keeps them as float32. `x <= t` is the same for the largest float32 that is not above t when x is float32, so
    this changes no prediction, and the export takes the same path in every tree.
    """
    for trees in getattr(estimator, "_predictors", ()):
        for tree in trees:
            exact = tree.nodes["num_threshold"]
            with np.errstate(over="ignore"):
                rounded = exact.astype(np.float32)
            below = np.nextafter(rounded, np.float32(-np.inf))
            tree.nodes["num_threshold"] = np.where(rounded > exact, below, rounded)


def _odd_columns(table: pa.Table, signature: Signature) -> tuple[set[str], tuple[str, ...]]:
    """Numeric features without any value, and notes on these and on constant ones."""
    empty, notes = set(), []
    for feature in signature.features:
        values = feature_array(table, feature)
        if values.dtype != object and np.isnan(values).all():
            empty.add(feature.name)
            notes.append(f"{feature.name} holds no value in the training rows")
        elif bool((values == values[0]).all()):
            notes.append(f"{feature.name} holds the same value in all training rows")
    return empty, tuple(notes)
