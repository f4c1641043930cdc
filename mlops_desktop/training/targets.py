"""The target column as numbers, and the classes of a classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.models import Task
from mlops_desktop.training.specs import ModelSection
from mlops_desktop.training.tables import column, numbers


def known_targets(table: pa.Table, name: str) -> NDArray[np.bool_]:
    """Which rows have a label already, shape (n,)."""
    values = column(table, name)
    known = pc.is_valid(values)
    if pa.types.is_floating(values.type):
        known = pc.and_(known, pc.fill_null(pc.is_finite(values), False))
    return np.asarray(known.to_numpy(), dtype=bool)


def class_names(table: pa.Table, model: ModelSection) -> tuple[str, ...]:
    """The two classes as texts, the positive one last; () for a regression.

    Raises `InvalidInput` for a single class, for more than two, and where the positive one is not clear.
    """
    if model.task is Task.REGRESSION:
        return ()
    found = sorted(value for value in pc.unique(_labels(table, model.target)).to_pylist() if value is not None)
    if len(found) < 2:
        raise InvalidInput(
            f"The training rows hold a single class of {model.target!r} ({found[0] if found else 'none'}).",
            hint="Train on more days, or check how the target is made.",
        )
    if len(found) > 2:
        raise InvalidInput(
            f"Target {model.target!r} has {len(found)} classes ({', '.join(found[:5])}…); two are supported.",
            hint="Make a column that holds one class or the rest.",
        )
    positive = _positive(found, model)
    return (found[0] if found[1] == positive else found[1], positive)


def _positive(found: list[str], model: ModelSection) -> str:
    if model.positive is not None:
        name = str(model.positive).lower() if isinstance(model.positive, bool) else str(model.positive)
        if name not in found:
            raise InvalidInput(
                f"model.positive is {name!r}, but the target {model.target!r} holds {' and '.join(found)}.",
                hint="Name one of them.",
            )
        return name
    if found in (["0", "1"], ["false", "true"]):
        return found[1]
    raise InvalidInput(
        f"It is not clear which class of {model.target!r} is the positive one: {' or '.join(found)}.",
        hint=f"Write positive = {found[1]!r} under [model].",
    )


def target_array(table: pa.Table, model: ModelSection, classes: tuple[str, ...]) -> NDArray[np.float64]:
    """The target as float64, shape (n,): 1 for the positive class and 0 for the other, or the number to predict.

    NaN where it is missing. Raises `InvalidInput` for a class that training did not see.
    """
    if model.task is Task.REGRESSION:
        values = column(table, model.target)
        exact = pa.types.is_float64(values.type) or pa.types.is_int64(values.type)
        found: Any = pc.cast(values, pa.float64(), safe=False).to_numpy() if exact else numbers(values, model.target)
        return np.asarray(found, dtype=np.float64)
    labels = _labels(table, model.target)
    strange = [value for value in pc.unique(labels).to_pylist() if value is not None and value not in classes]
    if strange:
        raise InvalidInput(
            f"Target {model.target!r} holds {strange[0]!r}, but the model knows {' and '.join(classes)}.",
            hint="Check how the target is made, or train again.",
        )
    positive = pc.cast(pc.cast(pc.equal(labels, classes[-1]), pa.int8()), pa.float64())
    return np.asarray(pc.fill_null(positive, float("nan")).to_numpy(), dtype=np.float64)


def _labels(table: pa.Table, name: str) -> pa.ChunkedArray:
    values = column(table, name)
    if pa.types.is_dictionary(values.type):
        values = pc.cast(values, values.type.value_type)
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), None, values)  # 1.0 is shown as 1
    return pc.cast(values, pa.string())
