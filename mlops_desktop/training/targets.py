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

MOST_CLASSES = 100
"""Each class costs a share of every tree, every answer and every logged row."""


def known_targets(table: pa.Table, name: str) -> NDArray[np.bool_]:
    """Which rows have a label already, shape (n,)."""
    values = column(table, name)
    known = pc.is_valid(values)
    if pa.types.is_floating(values.type):
        known = pc.and_(known, pc.fill_null(pc.is_finite(values), False))
    return np.asarray(known.to_numpy(), dtype=bool)


def class_names(table: pa.Table, model: ModelSection) -> tuple[str, ...]:
    """The classes as texts: of two the positive one last, of more in the order of their names; () for a regression.

    Raises `InvalidInput` for a single class, for too many, and where the positive one of two is not clear.
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
        return _several(found, model)
    positive = _positive(found, model)
    return (found[0] if found[1] == positive else found[1], positive)


def _several(found: list[str], model: ModelSection) -> tuple[str, ...]:
    shown = ", ".join(found[:5])
    if len(found) > MOST_CLASSES:
        raise InvalidInput(
            f"Target {model.target!r} has {len(found):,} classes ({shown}, …), more than {MOST_CLASSES}.",
            hint="Set task = 'regression' if these are amounts, or make a column with fewer classes.",
        )
    if model.positive is not None:
        raise InvalidInput(
            f"model.positive is given, but target {model.target!r} has {len(found)} classes ({shown}).",
            hint="Leave it out, or make a column that holds one class or the rest.",
        )
    return tuple(sorted(found, key=_by_number))


def _by_number(name: str) -> tuple[bool, float, str]:
    """Whole numbers in their order, before words."""
    is_number = name.lstrip("-").isdecimal()
    return (not is_number, float(name) if is_number else 0.0, name)


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
    """The target as float64, shape (n,): the place of its class in `classes`, or the number to predict.

    Of two classes the positive one is 1 and the other 0. NaN where the target is missing.

    Raises `InvalidInput` for a class that training did not see.
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
            f"Target {model.target!r} holds {strange[0]!r}, but the model knows {', '.join(classes)}.",
            hint="Check how the target is made, or train again.",
        )
    places = pc.cast(pc.index_in(labels, pa.array(classes, pa.string())), pa.float64())
    return np.asarray(pc.fill_null(places, float("nan")).to_numpy(), dtype=np.float64)


def _labels(table: pa.Table, name: str) -> pa.ChunkedArray:
    values = column(table, name)
    if pa.types.is_dictionary(values.type):
        values = pc.cast(values, values.type.value_type)
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), None, values)  # 1.0 is shown as 1
    return pc.cast(values, pa.string())
