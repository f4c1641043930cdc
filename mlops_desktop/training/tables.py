"""Arrow tables as model inputs: the one conversion that training, the parity check and scoring share.

Text and integers under `categorical` keep their type; every number is float32, as ONNX takes it, with NaN for a
missing or an infinite value; a missing text is `MISSING_TEXT`; a boolean is 0 or 1. Neither pandas nor scikit-learn
is imported here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.models import Feature
from mlops_desktop.training.suggestions import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

MISSING_TEXT = "__missing__"


def column(table: pa.Table, name: str) -> pa.ChunkedArray:
    """The column of this name. Raises `InvalidInput` if there is none or more than one."""
    positions = table.schema.get_all_field_indices(name)
    if len(positions) == 1:
        return table.column(positions[0])
    if positions:
        raise InvalidInput(f"The table has {len(positions)} columns named {name!r}.", hint="Rename all but one.")
    raise InvalidInput(
        f"The table has no column {name!r}{did_you_mean(name, table.column_names)}.",
        hint=f"Its columns: {', '.join(table.column_names)}.",
    )


def numbers(values: pa.ChunkedArray, name: str) -> NDArray[np.float32]:
    """A column of numbers or booleans as float32, shape (n,). Raises `InvalidInput` for text and times."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        values, kind = pc.cast(values, kind.value_type), kind.value_type
    if pa.types.is_null(kind):
        return np.full(len(values), np.nan, dtype=np.float32)
    if not (_is_number(kind) or pa.types.is_boolean(kind)):
        raise InvalidInput(f"Column {name!r} holds {kind}, not numbers.", hint="Convert it, or list it as categorical.")
    if not pa.types.is_floating(kind):
        values = pc.cast(values, pa.float64(), safe=False)
    found = values.to_numpy()
    with np.errstate(over="ignore"):
        as_float32 = np.array(found, dtype=np.float32)
    as_float32[np.isinf(as_float32)] = np.nan
    return as_float32


def texts(values: pa.ChunkedArray) -> NDArray[np.object_]:
    """A column as texts, shape (n,), nulls as `MISSING_TEXT`."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        values = pc.cast(values, kind.value_type)
    found = pc.fill_null(pc.cast(values, pa.string()), MISSING_TEXT)
    return np.asarray(found.to_numpy(zero_copy_only=False) if isinstance(found, pa.Array) else found.to_numpy(), object)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def feature_arrays(table: pa.Table, features: Iterable[Feature]) -> dict[str, NDArray[Any]]:
    """Arrays of the shape (n,) by feature name, in the order of the signature."""
    return {feature.name: feature_array(table, feature) for feature in features}


def feature_array(table: pa.Table, feature: Feature) -> NDArray[Any]:
    """One input, shape (n,): texts as objects, everything else as float32."""
    values = column(table, feature.name)
    return texts(values) if feature.type is ColumnType.TEXT else numbers(values, feature.name)


def feature_frame(table: pa.Table, features: Iterable[Feature]) -> pd.DataFrame:
    """The inputs as a data frame with the features' names, in the order of the signature."""
    import pandas as pd

    arrays = feature_arrays(table, features)
    return pd.DataFrame({name: pd.Series(values, dtype=values.dtype) for name, values in arrays.items()})


def microseconds(table: pa.Table, name: str) -> NDArray[np.int64]:
    """A column of times as microseconds since 1970 in UTC, shape (n,); nulls are the smallest int64.

    Times without a zone are taken as UTC. Raises `InvalidInput` if the column holds no times.
    """
    values = column(table, name)
    if not (pa.types.is_timestamp(values.type) or pa.types.is_date(values.type)):
        raise InvalidInput(
            f"Column {name!r} holds {values.type}, not times.", hint="Name a column of dates or timestamps."
        )
    whole = pc.cast(pc.cast(values, pa.timestamp("us"), safe=False), pa.int64())
    return np.asarray(pc.fill_null(whole, np.iinfo(np.int64).min).to_numpy(), dtype=np.int64)
