"""Sections of a spec beyond training."""

from __future__ import annotations

import pytest

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.pipelines.settings import settings_of
from mlops_desktop.serving.config import AutoscalerSpec, ServingSpec
from mlops_desktop.training.specs import parse_spec

TEXT = """
[model]
name = "late"
task = "classification"
target = "late"
[data]
dataset = "flights"
time_column = "at"
[features]
numeric = ["distance"]
[estimator]
name = "hist_gradient_boosting"
"""


def test_a_spec_says_how_its_model_is_served() -> None:
    serving = "[serving]\nqueue_limit = 50\n[serving.autoscaler]\nmin_workers = 0\nmax_workers = 4\n"
    settings = settings_of(parse_spec(TEXT + serving))
    assert settings.serving == ServingSpec(queue_limit=50, autoscaler=AutoscalerSpec(min_workers=0, max_workers=4))


def test_without_the_section_there_is_one_worker_always() -> None:
    autoscaler = settings_of(parse_spec(TEXT)).serving.autoscaler
    assert (autoscaler.min_workers, autoscaler.max_workers) == (1, 1)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("[serving]\nqueue = 3\n", "queue"),
        ("[serving]\nqueue_limit = 0\n", "queue_limit, queue_seconds and request_seconds must be positive"),
        ("[serving.autoscaler]\nmin_workers = 3\n", "min_workers must be from 0 to max_workers"),
        ("[serving.autoscaler]\nmetric = 'cpu'\n", "metric"),
    ],
)
def test_a_mistake_in_it_names_key_and_file(section: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as raised:
        settings_of(parse_spec(TEXT + section, source="late.toml"))
    assert "late.toml" in str(raised.value)
