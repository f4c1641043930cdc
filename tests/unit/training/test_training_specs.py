"""Specs: what is read, and what every mistake says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from mlops_desktop.core.datasets import Column, ColumnType, Schema
from mlops_desktop.core.errors import Conflict, EnvironmentProblem, InvalidInput
from mlops_desktop.core.models import Task
from mlops_desktop.evaluation.business import ValueMatrix
from mlops_desktop.training.estimators import get_estimator, register_estimator
from mlops_desktop.training.specs import check_columns, load_spec, parse_spec

SAMPLE = Path(__file__).parents[3] / "resources" / "samples" / "flights2013" / "late-arrival.toml"

TEXT = """
seed = 7
[model]
name = "late"
task = "classification"
target = "late"
[data]
dataset = "flights"
time_column = "at"
[features]
numeric = ["distance"]
categorical = ["carrier"]
[split]
train_days = 30
[estimator]
name = "hist_gradient_boosting"
[estimator.hyperparameters]
max_iter = 50
[business]
true_positive = 1
false_positive = 3
true_negative = 0
false_negative = 10
"""


class Alarm(msgspec.Struct, frozen=True):
    level: float = 0.1
    days: int = 1


def _schema(**types: ColumnType) -> Schema:
    return Schema(tuple(Column(name, kind, "") for name, kind in types.items()))


FITTING = {
    "late": ColumnType.INTEGER,
    "at": ColumnType.TIME,
    "distance": ColumnType.NUMBER,
    "carrier": ColumnType.TEXT,
}


def test_a_spec_holds_what_its_file_says_and_defaults_for_the_rest():
    spec = parse_spec(TEXT)
    assert (spec.seed, spec.model.task, spec.split.train_days, spec.split.test_days) == (7, Task.CLASSIFICATION, 30, 14)
    assert spec.features.names == ("distance", "carrier")
    assert spec.estimator.hyperparameters["max_iter"] == 50
    assert spec.estimator.hyperparameters["learning_rate"] == 0.1
    assert spec.parameters()["max_iter"] == 50
    assert spec.section("business", ValueMatrix).optimal_threshold() == 0.25
    assert not spec.has_section("gate")


def test_the_sample_spec_is_valid():
    spec = load_spec(SAMPLE)
    assert (spec.model.name, spec.data.dataset, len(spec.features.names)) == ("late-arrival", "flights", 14)
    assert (spec.split.train_days, spec.split.test_days) == (90, 14)
    assert spec.section("business", ValueMatrix).optimal_threshold() == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('task = "classification"', 'task = "clasification"', r"s\.toml: model\.task: invalid enum value"),
        ('target = "late"', "", r"model\.target: is missing"),
        ("train_days = 30", 'train_days = "30"', r"split\.train_days: expected `int`"),
        ("train_days = 30", "train_days = 0", r"split\.train_days: expected `int` >= 1"),
        ("train_days = 30", "trian_days = 30", r"\[split\] has no key 'trian_days', did you mean 'train_days'"),
        ("train_days = 30", 'kind = "random"', r"split\.kind"),
        ('numeric = ["distance"]', "numeric = [3]", r"features\.numeric\[0\]|features\.numeric"),
        ('numeric = ["distance"]', 'numeric = ["late"]', "'late' is the target"),
        ('numeric = ["distance"]', 'numeric = ["carrier"]', "'carrier' is listed twice"),
        ("hist_gradient_boosting", "hist_gradient_bosting", "did you mean 'hist_gradient_boosting'.*Known estimators"),
        ("hist_gradient_boosting", "ridge", "'ridge' cannot do classification"),
        ("max_iter = 50", "max_itr = 50", "no hyperparameter 'max_itr', did you mean 'max_iter'"),
        ("max_iter = 50", "max_iter = 5.5", "max_iter must be a whole number from 1 up to 10000, not 5.5"),
        ("max_iter = 50", "max_iter = true", "max_iter must be a whole number"),
        ("max_iter = 50", "learning_rate = 0", "learning_rate must be a number above 0 up to 1, not 0"),
        ("[business]", "[bussiness]", r"\[bussiness\] is not a section of a spec, did you mean 'business'"),
        ("seed = 7", "seed = -1", "seed must be a whole number"),
        ("seed = 7", "gate = 3", "gate must be a section"),
        ('name = "late"', 'name = "../late"', r"model\.name"),
    ],
)
def test_a_mistake_names_its_key_and_the_file(before, after, said):
    assert before in TEXT
    with pytest.raises(InvalidInput, match=said) as caught:
        parse_spec(TEXT.replace(before, after, 1), source="s.toml")
    assert "s.toml" in caught.value.message
    assert caught.value.hint


def test_a_syntax_error_names_line_and_column():
    with pytest.raises(InvalidInput, match=r"s\.toml is not valid TOML.*line 3, column"):
        parse_spec("seed = 1\n\n[model\n", source="s.toml")


def test_missing_sections_are_named_together():
    with pytest.raises(InvalidInput, match=r"lacks the section \[data\], \[features\], \[estimator\]"):
        parse_spec('[model]\nname = "m"\ntask = "regression"\ntarget = "y"\n')


def test_sections_of_other_rooms_are_converted_strictly():
    spec = parse_spec(TEXT + "[monitoring]\nlevel = 0.2\n", source="s.toml")
    assert spec.section("monitoring", Alarm) == Alarm(0.2, 1)
    assert spec.section("gate", Alarm) == Alarm()
    with pytest.raises(InvalidInput, match=r"\[monitoring\] has no key 'lvel', did you mean 'level'"):
        parse_spec(TEXT + "[monitoring]\nlvel = 0.2\n").section("monitoring", Alarm)
    with pytest.raises(InvalidInput, match=r"s\.toml: monitoring\.days: expected `int`, got `float`"):
        parse_spec(TEXT + "[monitoring]\ndays = 1.5\n", source="s.toml").section("monitoring", Alarm)
    with pytest.raises(InvalidInput, match=r"gate\.true_positive: is missing"):
        spec.section("gate", ValueMatrix)


def test_columns_are_checked_against_the_dataset():
    spec = parse_spec(TEXT, source="s.toml")
    check_columns(spec, _schema(**FITTING))
    renamed = {"Carier" if name == "carrier" else name: kind for name, kind in FITTING.items()}
    with pytest.raises(InvalidInput, match=r"features\.categorical: .*no column 'carrier', did you mean 'Carier'"):
        check_columns(spec, _schema(**renamed))
    for column, kind, key in (
        ("distance", ColumnType.TEXT, "features.numeric"),
        ("carrier", ColumnType.NUMBER, "features.categorical"),
        ("at", ColumnType.TEXT, "data.time_column"),
        ("late", ColumnType.NUMBER, "model.target"),
    ):
        with pytest.raises(InvalidInput, match=f"{key}: column '{column}' holds {kind}"):
            check_columns(spec, _schema(**(FITTING | {column: kind})))


def test_a_file_that_cannot_be_read_is_a_problem_of_the_environment(tmp_path):
    with pytest.raises(EnvironmentProblem, match="cannot be read"):
        load_spec(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"seed = 1 # \xe9")
    with pytest.raises(InvalidInput, match="not UTF-8"):
        load_spec(tmp_path / "latin.toml")
    (tmp_path / "bom.toml").write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert load_spec(tmp_path / "bom.toml").source == "bom.toml"


def test_reading_a_spec_imports_no_heavy_library():
    code = (
        "import sys, pathlib; from mlops_desktop.training.specs import load_spec; "
        f"load_spec(pathlib.Path({str(SAMPLE)!r})); "
        "print([m for m in ('sklearn', 'pandas', 'onnxruntime', 'scipy', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_name_of_an_estimator_can_be_taken_once():
    with pytest.raises(Conflict, match="already registered"):
        register_estimator(get_estimator("ridge"))
