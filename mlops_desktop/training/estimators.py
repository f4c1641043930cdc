"""The estimators that a spec can name, with their hyperparameters.

scikit-learn is imported when one is built, not before: specs are checked in processes that never train.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mlops_desktop.core.errors import Conflict, InvalidInput
from mlops_desktop.core.models import Task
from mlops_desktop.training.suggestions import did_you_mean

Value = bool | int | float | str | None


class Preparation(StrEnum):
    """What an estimator needs of its columns. None of them scales for trees: float32 rounding would flip splits."""

    TREES = "trees"
    FULL_TREES = "trees without missing values"
    LINEAR = "linear"


@dataclass(frozen=True)
class Hyperparameter:
    """A setting of an estimator.

    Attributes:
        name: as in the spec.
        kind: `int`, `float`, `bool` or `str`; a whole number is good for a `float`.
        default: used where the spec is silent; None leaves it to scikit-learn (no limit).
        low, high: inclusive bounds of numbers.
        above: exclusive lower bound.
        choices: allowed texts.
    """

    name: str
    kind: type
    default: Value
    low: float | None = None
    high: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()

    def checked(self, value: Any) -> Value:
        """`value` in this kind. Raises `ValueError` saying what is allowed."""
        allowed: tuple[type, ...] = (int, float) if self.kind is float else (self.kind,)
        if not isinstance(value, allowed) or (isinstance(value, bool) and self.kind is not bool):
            raise ValueError(f"must be {self.wanted}, not {value!r}")
        if not (value in self.choices if self.choices else self._is_within(value)):
            raise ValueError(f"must be {self.wanted}, not {value!r}")
        converted: Value = self.kind(value)
        return converted

    def _is_within(self, value: Any) -> bool:
        if not isinstance(value, int | float):
            return True
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        return low <= value <= high and (self.above is None or value > self.above)

    @property
    def wanted(self) -> str:
        """The allowed values in words."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        noun = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}[self.kind]
        bounds = (("from", self.low), ("above", self.above), ("up to", self.high))
        return " ".join([noun, *(f"{word} {bound:g}" for word, bound in bounds if bound is not None)])


@dataclass(frozen=True)
class Estimator:
    """A kind of model. `build(task, hyperparameters, seed)` returns an unfitted scikit-learn estimator."""

    name: str
    tasks: tuple[Task, ...]
    preparation: Preparation
    build: Callable[[Task, Mapping[str, Any], int], Any]
    hyperparameters: tuple[Hyperparameter, ...] = ()
    label: str = ""

    def checked(self, given: Mapping[str, Any]) -> dict[str, Value]:
        """All hyperparameters, with defaults for those not given. Raises `ValueError` naming the one that is wrong."""
        known = {parameter.name: parameter for parameter in self.hyperparameters}
        for name in given:
            if name not in known:
                listed = ", ".join(known) or "it has none"
                raise ValueError(
                    f"{self.name!r} has no hyperparameter {name!r}{did_you_mean(name, known)} (known: {listed})"
                )
        values = {name: parameter.default for name, parameter in known.items()}
        for name, value in given.items():
            try:
                values[name] = known[name].checked(value)
            except ValueError as error:
                raise ValueError(f"{name} {error}") from None
        return values


_ESTIMATORS: dict[str, Estimator] = {}


def register_estimator(estimator: Estimator) -> Estimator:
    """Make an estimator known by its name. Raises `Conflict` if the name is taken."""
    if estimator.name in _ESTIMATORS:
        raise Conflict(f"An estimator named {estimator.name!r} is already registered.", hint="Choose another name.")
    _ESTIMATORS[estimator.name] = estimator
    return estimator


def get_estimator(name: str) -> Estimator:
    """The estimator with this name. Raises `InvalidInput`, listing the known ones."""
    try:
        return _ESTIMATORS[name]
    except KeyError:
        raise InvalidInput(
            f"There is no estimator {name!r}{did_you_mean(name, _ESTIMATORS)}.",
            hint=f"Known estimators: {', '.join(sorted(_ESTIMATORS))}.",
        ) from None


def estimators() -> tuple[Estimator, ...]:
    """All registered estimators."""
    return tuple(_ESTIMATORS.values())


_BOTH = (Task.CLASSIFICATION, Task.REGRESSION)


def _boosting(task: Task, given: Mapping[str, Any], seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    # Categories arrive as numbers: scikit-learn's native ones export to ONNX without an error, and wrongly.
    kind = HistGradientBoostingClassifier if task is Task.CLASSIFICATION else HistGradientBoostingRegressor
    return kind(**given, random_state=seed, categorical_features=None)


def _forest(task: Task, given: Mapping[str, Any], seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestClassifier if task is Task.CLASSIFICATION else RandomForestRegressor
    return kind(**given, random_state=seed)


def _logistic(_task: Task, given: Mapping[str, Any], seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=given["c"], max_iter=given["max_iter"], random_state=seed)


def _ridge(_task: Task, given: Mapping[str, Any], seed: int) -> Any:
    from sklearn.linear_model import Ridge

    return Ridge(**given, random_state=seed)


def _dummy(task: Task, _given: Mapping[str, Any], _seed: int) -> Any:
    from sklearn.dummy import DummyClassifier, DummyRegressor

    return DummyClassifier(strategy="prior") if task is Task.CLASSIFICATION else DummyRegressor(strategy="mean")


register_estimator(
    Estimator(
        "hist_gradient_boosting",
        _BOTH,
        Preparation.TREES,
        _boosting,
        (
            Hyperparameter("learning_rate", float, 0.1, above=0, high=1),
            Hyperparameter("max_iter", int, 100, low=1, high=10_000),
            Hyperparameter("max_leaf_nodes", int, 31, low=2, high=4096),
            Hyperparameter("max_depth", int, None, low=1, high=100),
            Hyperparameter("min_samples_leaf", int, 20, low=1),
            Hyperparameter("l2_regularization", float, 0.0, low=0),
            Hyperparameter("max_features", float, 1.0, above=0, high=1),
            Hyperparameter("early_stopping", bool, False),
        ),
        "Gradient boosting",
    )
)
register_estimator(
    Estimator(
        "random_forest",
        _BOTH,
        Preparation.FULL_TREES,
        _forest,
        (
            Hyperparameter("n_estimators", int, 100, low=1, high=5000),
            Hyperparameter("max_depth", int, 12, low=1, high=100),
            Hyperparameter("min_samples_leaf", int, 20, low=1),
            Hyperparameter("max_features", float, 0.5, above=0, high=1),
            Hyperparameter("max_samples", float, 0.5, above=0, high=1),
        ),
        "Random forest",
    )
)
register_estimator(
    Estimator(
        "logistic_regression",
        (Task.CLASSIFICATION,),
        Preparation.LINEAR,
        _logistic,
        (Hyperparameter("c", float, 1.0, above=0), Hyperparameter("max_iter", int, 300, low=1, high=100_000)),
        "Logistic regression",
    )
)
register_estimator(
    Estimator(
        "ridge",
        (Task.REGRESSION,),
        Preparation.LINEAR,
        _ridge,
        (Hyperparameter("alpha", float, 1.0, low=0),),
        "Ridge regression",
    )
)
register_estimator(Estimator("dummy", _BOTH, Preparation.TREES, _dummy, (), "Average of the target"))
