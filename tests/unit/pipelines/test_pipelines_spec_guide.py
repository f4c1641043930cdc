"""The guide to specs names every key, and its example is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlops_desktop.evaluation.business import ValueMatrix
from mlops_desktop.evaluation.metrics import metrics_for
from mlops_desktop.governance.gates import GateSpec
from mlops_desktop.monitoring.spec import MonitoringSpec
from mlops_desktop.pipelines.settings import RetrainingSection, settings_of
from mlops_desktop.training.estimators import estimators
from mlops_desktop.training.specs import (
    DataSection,
    EstimatorSection,
    FeaturesSection,
    ModelSection,
    SplitSection,
    parse_spec,
)

GUIDE = (Path(__file__).parents[3] / "docs" / "specs.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)[0]
SHOWN = (ModelSection, DataSection, FeaturesSection, SplitSection, EstimatorSection)
LISTED = (GateSpec, RetrainingSection, MonitoringSpec, ValueMatrix)


def test_the_example_is_a_spec_with_every_key_of_its_sections() -> None:
    settings = settings_of(parse_spec(EXAMPLE))
    assert settings.endpoint == "late"
    for section in SHOWN:
        for key in section.__struct_fields__:
            assert re.search(rf"^(\[estimator\.)?{key}\b", EXAMPLE, re.MULTILINE), key


@pytest.mark.parametrize("section", LISTED)
def test_the_guide_names_every_key(section: type) -> None:
    for key in section.__struct_fields__:
        assert f"`{key}`" in GUIDE or f"`{key} = " in GUIDE, key


def test_the_guide_names_every_estimator_hyperparameter_and_metric() -> None:
    for estimator in estimators():
        assert f"`{estimator.name}`" in GUIDE
        assert all(f"`{parameter.name}`" in GUIDE for parameter in estimator.hyperparameters)
        for task in estimator.tasks:
            assert all(f"`{metric.name}`" in GUIDE for metric in metrics_for(task))
