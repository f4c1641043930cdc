"""The signature of a model: its inputs as the training rows show them."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.models import Feature, Signature
from mlops_desktop.data.schema import checked_type
from mlops_desktop.training.specs import ProjectSpec
from mlops_desktop.training.tables import MISSING_TEXT, column
from mlops_desktop.training.targets import class_names


def signature_of(spec: ProjectSpec, train_table: pa.Table) -> Signature:
    """Inputs in the order of the spec, with the categories that the training rows hold."""
    names = spec.features.names
    inputs = input_names(names)
    numeric = set(spec.features.numeric)
    features = tuple(
        _numeric(train_table, name, inputs[name]) if name in numeric else _categorical(train_table, name, inputs[name])
        for name in names
    )
    return Signature(spec.model.task, features, spec.model.target, class_names(train_table, spec.model))


def input_names(names: Iterable[str]) -> dict[str, str]:
    """An ONNX input name per column: the name itself where it is a plain identifier, else a unique one made of it."""
    given = tuple(names)
    taken = {name for name in given if _is_plain(name)}
    result = {}
    for position, name in enumerate(given):
        candidate = name
        if not _is_plain(name):
            stem = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")
            candidate = f"x{position}_{stem}" if stem else f"x{position}"
            while candidate in taken:
                candidate += "_"
        taken.add(candidate)
        result[name] = candidate
    return result


def _is_plain(name: str) -> bool:
    # ONNX keeps its outputs in the same name space.
    reserved = ("label", "probabilities", "variable", "output_label", "output_probability")
    return name.isascii() and name.isidentifier() and name not in reserved


def _numeric(table: pa.Table, name: str, input_name: str) -> Feature:
    values = column(table, name)
    kind = ColumnType.NUMBER if pa.types.is_null(values.type) else checked_type(values.type, name)
    if kind not in (ColumnType.NUMBER, ColumnType.INTEGER, ColumnType.BOOLEAN):
        raise InvalidInput(f"Column {name!r} holds {kind}, not numbers.", hint="List it under categorical instead.")
    return Feature(name, kind, input_name)


def _categorical(table: pa.Table, name: str, input_name: str) -> Feature:
    values = column(table, name)
    kind = ColumnType.TEXT if pa.types.is_null(values.type) else checked_type(values.type, name)
    if kind in (ColumnType.NUMBER, ColumnType.TIME):
        raise InvalidInput(
            f"Column {name!r} holds {kind}, which cannot be categories.", hint="List numbers under numeric."
        )
    found = [value for value in pc.unique(values).to_pylist() if value is not None]
    if kind is not ColumnType.TEXT:
        # Codes need at least one category to be told from plain numbers.
        return Feature(name, kind, input_name, tuple(_shown(value) for value in sorted(found)) or (MISSING_TEXT,))
    categories = sorted(str(value) for value in found if value != MISSING_TEXT)
    return Feature(name, kind, input_name, tuple(categories))


def _shown(value: bool | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
