"""Sections of a spec beyond training."""

from __future__ import annotations

import pytest

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.pipelines.settings import check_whole, schedules_of, settings_of
from mlops_desktop.serving.config import AutoscalerSpec, ServingSpec
from mlops_desktop.serving.rules import InputRules
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
        ("[serving.log]\nkeep_day = 3\n", r"\[serving.log\] has no key 'keep_day', did you mean 'keep_days'"),
        ("[serving.inputs]\nrefuse_extra_columns = 1\n", "serving.inputs.refuse_extra_columns: expected `bool`"),
    ],
)
def test_a_mistake_in_it_names_key_and_file(section: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as raised:
        settings_of(parse_spec(TEXT + section, source="late.toml"))
    assert "late.toml" in str(raised.value)


def scheduled(sections: str) -> dict[str, str]:
    return {schedule.name: schedule.cron for schedule in schedules_of(settings_of(parse_spec(TEXT + sections)))}


def test_a_log_that_is_limited_is_tidied_every_night_unless_said_otherwise() -> None:
    limited = "[serving.log]\nkeep_days = 30\n"
    assert scheduled("") == {}
    assert scheduled("[schedule]\ntidy_log = '0 2 * * sun'\n") == {"tidy log late": "0 2 * * sun"}
    assert scheduled(limited) == {"tidy log late": "20 3 * * *"}
    assert scheduled("[serving.log]\nkeep_mb = 500\n") == {"tidy log late": "20 3 * * *"}
    assert scheduled(limited + "[schedule]\ntidy_log = 'never'\n") == {}


def test_a_schedule_that_cannot_be_is_refused_when_the_spec_is_checked() -> None:
    with pytest.raises(InvalidInput, match="is not a cron expression"):
        check_whole(settings_of(parse_spec(TEXT + "[schedule]\ntidy_log = 'nightly'\n")))


def test_what_is_asked_of_requests_is_part_of_the_spec() -> None:
    serving = settings_of(parse_spec(TEXT + "[serving.inputs]\nrefuse_extra_columns = true\n")).serving
    assert serving.inputs == InputRules(refuse_extra_columns=True)
