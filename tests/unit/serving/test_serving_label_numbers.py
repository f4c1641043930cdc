"""Labels as numbers that go with the logged scores."""

from __future__ import annotations

from typing import Any

import pytest

from mlops_desktop.core.models import Signature, Task
from mlops_desktop.serving.labels import label_number

BINARY = Signature(Task.CLASSIFICATION, (), "late", ("0", "1"))
WORDS = Signature(Task.CLASSIFICATION, (), "late", ("on time", "late"))
TRUTH = Signature(Task.CLASSIFICATION, (), "is_late", ("false", "true"))
MANY = Signature(Task.CLASSIFICATION, (), "kind", ("2", "10", "other"))
AMOUNT = Signature(Task.REGRESSION, (), "delay")


@pytest.mark.parametrize(
    ("signature", "prediction", "label", "expected"),
    [
        (BINARY, "0", 1, 1.0),
        (BINARY, "0", True, 1.0),
        (BINARY, "0", "0", 0.0),
        (BINARY, "0", 0.0, 0.0),
        (BINARY, "0", "perhaps", None),
        (BINARY, "0", 7, None),
        (BINARY, "0", float("nan"), None),
        (BINARY, "0", float("inf"), None),
        (BINARY, "0", 0.5, None),
        (TRUTH, "false", True, 1.0),
        (TRUTH, "false", 1, 1.0),
        (TRUTH, "false", 0.0, 0.0),
        (TRUTH, "false", "true", 1.0),
        (TRUTH, "false", 2, None),
        (WORDS, "late", "late", 1.0),
        (WORDS, "late", "on time", 0.0),
        (WORDS, "late", "late ", None),
        (MANY, "10", 10, 1.0),
        (MANY, "10", 10.0, 1.0),
        (MANY, "10", "2", 0.0),
        (MANY, "other", "a kind that came later", 0.0),
        (AMOUNT, 3.0, 2, 2.0),
        (AMOUNT, 3.0, "2.5", 2.5),
        (AMOUNT, 3.0, "soon", None),
        (AMOUNT, 3.0, float("inf"), None),
        (BINARY, "0", None, None),
    ],
)
def test_a_label_becomes_the_number_that_its_score_is_about(
    signature: Signature, prediction: Any, label: Any, expected: float | None
) -> None:
    assert label_number(label, prediction, signature) == expected
