"""The spec: one TOML file that says what to train on which columns, how, and what follows.

Reading one imports neither scikit-learn nor pandas. Every mistake names the key and the file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from mlops_desktop.core.datasets import ColumnType, Schema
from mlops_desktop.core.errors import EnvironmentProblem, InvalidInput
from mlops_desktop.core.models import Task
from mlops_desktop.training.estimators import Estimator, get_estimator
from mlops_desktop.training.suggestions import did_you_mean

S = TypeVar("S")
Days = Annotated[int, Meta(ge=1, le=36_500)]
Name = Annotated[str, Meta(min_length=1)]
ModelName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]

OTHER_SECTIONS = ("business", "gate", "rollout", "monitoring", "retraining", "schedule", "serving")
"""Sections that other rooms own; they stay plain tables here and are converted by `ProjectSpec.section`."""


class ModelSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[model]`. `positive` is the target's value that a classifier of two classes gives the probability of."""

    name: ModelName
    task: Task
    target: Name
    positive: bool | int | str | None = None
    description: str = ""


class DataSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[data]`. `entity` names whose last value the persistence baseline repeats; without it the last day's mean."""

    dataset: Name
    time_column: Name
    id_column: str = ""
    entity: str = ""


class FeaturesSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[features]`: columns by how they are treated."""

    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All features, numeric ones first: the order of the model's inputs."""
        return self.numeric + self.categorical


class SplitSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[split]`: test on the newest `test_days` days, train on the `train_days` days before them."""

    kind: Literal["latest"] = "latest"
    train_days: Days = 90
    test_days: Days = 14


class EstimatorSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[estimator]`. `hyperparameters` hold every one of the estimator's, defaults included."""

    name: Name
    hyperparameters: dict[str, bool | int | float | str | None] = {}


class ProjectSpec(Struct, frozen=True):
    """A checked spec. `source` is the file for error messages; `sections` are the tables of `OTHER_SECTIONS`."""

    model: ModelSection
    data: DataSection
    features: FeaturesSection
    split: SplitSection
    estimator: EstimatorSection
    seed: int = 0
    sections: dict[str, dict[str, Any]] = {}
    source: str = "spec"

    def has_section(self, name: str) -> bool:
        """Whether the file has this section."""
        return name in self.sections

    def section(self, name: str, kind: type[S]) -> S:
        """The section as `kind`; an absent one is made of defaults. Raises `InvalidInput` naming key and file."""
        return _converted(self.sections.get(name, {}), kind, name, self.source)

    def parameters(self) -> dict[str, Any]:
        """What a training run records: estimator, hyperparameters, split, seed."""
        split = {"train_days": self.split.train_days, "test_days": self.split.test_days}
        return {"estimator": self.estimator.name, **self.estimator.hyperparameters, **split, "seed": self.seed}


_SECTIONS: dict[str, Any] = {
    "model": ModelSection,
    "data": DataSection,
    "features": FeaturesSection,
    "split": SplitSection,
    "estimator": EstimatorSection,
}
_OPTIONAL = ("split",)


def load_spec(path: Path) -> ProjectSpec:
    """Read and check a spec file. Raises `InvalidInput` or, if it cannot be read, `EnvironmentProblem`."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path.name} is not UTF-8 text (byte {error.start}).", hint="Save it as UTF-8.") from error
    except OSError as error:
        raise EnvironmentProblem(
            f"{path} cannot be read: {error.strerror}.", hint="Check the path and its permissions."
        ) from error
    return parse_spec(text, source=path.name)


def parse_spec(text: str, *, source: str = "spec") -> ProjectSpec:
    """Check the text of a spec. Raises `InvalidInput` that names the key, or line and column, and `source`."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{source} is not valid TOML: {error}.", hint="Correct the line and try again.") from error
    seed = _seed(tables.pop("seed", 0), source)
    _check_sections(tables, source)
    own = {
        name: _converted(tables.get(name, {}), kind, name, source)
        for name, kind in _SECTIONS.items()
        if name in tables or name in _OPTIONAL
    }
    others = {name: tables[name] for name in OTHER_SECTIONS if name in tables}
    own["estimator"] = _with_hyperparameters(own["estimator"], own["model"].task, source)
    spec = ProjectSpec(**own, seed=seed, sections=others, source=source)
    _check_features(spec)
    return spec


def _seed(value: Any, source: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**32:
        raise InvalidInput(
            f"{source}: seed must be a whole number from 0 to 4294967295, not {value!r}.", hint="Write seed = 7."
        )
    return value


def _check_sections(tables: dict[str, Any], source: str) -> None:
    known = (*_SECTIONS, *OTHER_SECTIONS)
    for name, value in tables.items():
        if name not in known:
            raise InvalidInput(
                f"{source}: [{name}] is not a section of a spec{did_you_mean(name, known)}.",
                hint=f"Known sections: {', '.join(known)}; seed stands above them all.",
            )
        if not isinstance(value, dict):
            raise InvalidInput(f"{source}: {name} must be a section.", hint=f"Write [{name}] on a line of its own.")
    missing = [f"[{name}]" for name in _SECTIONS if name not in tables and name not in _OPTIONAL]
    if missing:
        raise InvalidInput(f"{source} lacks the section {', '.join(missing)}.", hint="Add it.")


def _converted(table: dict[str, Any], kind: type[S], section: str, source: str) -> S:
    _check_keys(table, kind, section, source)
    try:
        return msgspec.convert(table, kind)
    except (msgspec.ValidationError, ValueError) as error:
        place, wrong = _located(str(error), section)
        raise InvalidInput(f"{source}: {place}: {wrong}.", hint=f"Correct [{section}] in {source}.") from error


def _check_keys(table: dict[str, Any], kind: Any, section: str, source: str) -> None:
    """Also of the tables within, so that each mistake gets its suggestion."""
    if not (isinstance(kind, type) and issubclass(kind, Struct)):
        return
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in table.items():
        if key not in fields:
            raise InvalidInput(
                f"{source}: [{section}] has no key {key!r}{did_you_mean(key, fields)}.",
                hint=f"Known keys: {', '.join(fields)}.",
            )
        if isinstance(value, dict):
            _check_keys(value, fields[key], f"{section}.{key}", source)


def _located(message: str, section: str) -> tuple[str, str]:
    """msgspec's `Expected int - at $.train_days` as (`split.train_days`, `expected int`)."""
    text, _, path = message.partition(" - at ")
    key = re.sub(r"^\$\.?", "", path.strip("`"))
    missing = re.fullmatch(r"Object missing required field `(.+)`", text)
    if missing:
        return f"{section}.{missing[1]}", "is missing"
    unknown = re.fullmatch(r"Object contains unknown field `(.+)`", text)
    if unknown:
        return ".".join(part for part in (section, key, unknown[1]) if part), "is not a known key"
    return f"{section}.{key}" if key else f"[{section}]", text[:1].lower() + text[1:]


def _with_hyperparameters(section: EstimatorSection, task: Task, source: str) -> EstimatorSection:
    estimator = _estimator_of(section.name, source)
    if task not in estimator.tasks:
        raise InvalidInput(
            f"{source}: estimator {section.name!r} cannot do {task}.",
            hint=f"Choose another estimator, or a task of {', '.join(estimator.tasks)}.",
        )
    try:
        values = estimator.checked(section.hyperparameters)
    except ValueError as error:
        raise InvalidInput(
            f"{source}: estimator.hyperparameters: {error}.", hint="Correct [estimator.hyperparameters]."
        ) from None
    return EstimatorSection(section.name, values)


def _estimator_of(name: str, source: str) -> Estimator:
    """`get_estimator`, with the file's name in the error."""
    try:
        return get_estimator(name)
    except InvalidInput as error:
        raise InvalidInput(f"{source}: estimator.name: {error.message}", hint=error.hint) from None


def _check_features(spec: ProjectSpec) -> None:
    names, source = spec.features.names, spec.source
    if not names:
        raise InvalidInput(f"{source}: [features] lists no column.", hint="Name columns under numeric or categorical.")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InvalidInput(f"{source}: features: {repeated[0]!r} is listed twice.", hint="Remove one of them.")
    for name, why in ((spec.model.target, "the target"), (spec.data.id_column, "the id")):
        if name in names:
            raise InvalidInput(
                f"{source}: features: {name!r} is {why} and cannot be a feature.", hint="Remove it from [features]."
            )


_NUMERIC = (ColumnType.NUMBER, ColumnType.INTEGER, ColumnType.BOOLEAN)
_CATEGORICAL = (ColumnType.TEXT, ColumnType.INTEGER, ColumnType.BOOLEAN)


def check_columns(spec: ProjectSpec, schema: Schema) -> None:
    """Check that the dataset has the spec's columns, of fitting types. Raises `InvalidInput` naming key and column."""
    types = {column.name: column.type for column in schema.columns}
    numeric_target = spec.model.task is Task.REGRESSION
    _require(spec, types, "model.target", [spec.model.target], _NUMERIC if numeric_target else _CATEGORICAL)
    _require(spec, types, "data.time_column", [spec.data.time_column], (ColumnType.TIME,))
    named = [name for name in (spec.data.id_column, spec.data.entity) if name]
    _require(spec, types, "data", named, tuple(ColumnType))
    _require(spec, types, "features.numeric", spec.features.numeric, _NUMERIC)
    _require(spec, types, "features.categorical", spec.features.categorical, _CATEGORICAL)


def _require(
    spec: ProjectSpec,
    types: dict[str, ColumnType],
    key: str,
    names: Iterable[str],
    allowed: tuple[ColumnType, ...],
) -> None:
    for name in names:
        if name not in types:
            raise InvalidInput(
                f"{spec.source}: {key}: {spec.data.dataset!r} has no column {name!r}{did_you_mean(name, types)}.",
                hint=f"Its columns: {', '.join(types)}.",
            )
        if types[name] not in allowed:
            raise InvalidInput(
                f"{spec.source}: {key}: column {name!r} holds {types[name]}, which does not fit.",
                hint=f"It takes {', '.join(allowed)}.",
            )
