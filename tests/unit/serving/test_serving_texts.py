"""Columns of text on their way to a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_desktop.serving.gateway.table_checks import array_of
from mlops_desktop.serving.predictors import MISSING_TEXT
from mlops_desktop.serving.texts import PaddedTexts, Texts

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=70)


@given(st.lists(WORDS, min_size=1, max_size=6), st.lists(st.integers(0, 5), max_size=12), st.integers(0, 12))
def test_both_ways_to_hand_texts_to_a_model_say_the_same(known: list[str], chosen: list[int], start: int) -> None:
    places = np.array([place % len(known) for place in chosen], np.int32)
    texts = Texts(known, places)[start : start + 5]
    wanted = [known[place] for place in places[start : start + 5]]
    found = [text.decode() if isinstance(text, bytes) else text for text in texts.for_onnx().ravel().tolist()]
    assert found == wanted == texts.objects().ravel().tolist()
    assert len(texts) == len(wanted) and texts.for_onnx().shape == (len(wanted), 1)


@given(
    st.lists(st.none() | WORDS, min_size=1, max_size=8),
    st.integers(0, 3),
    st.sampled_from([pa.string(), pa.large_string()]),
)
def test_a_column_says_the_same_as_before_it_was_laid_out(
    words: list[str | None], start: int, kind: pa.DataType
) -> None:
    column = pa.array([*words, "end"], kind)[start:]
    wanted = [MISSING_TEXT if word is None else word for word in column.to_pylist()]
    texts = array_of(column, object)
    assert not isinstance(texts, np.ndarray)
    for handed in (texts.for_onnx(), _whole(texts[0 : len(texts)]), texts.objects()):
        found = [text.decode() if isinstance(text, bytes) else text for text in handed.ravel().tolist()]
        assert found == wanted and handed.shape == (len(wanted), 1)


def _whole(part: object) -> np.ndarray[Any, Any]:
    return part.for_onnx() if isinstance(part, Texts) else np.asarray(part)


@pytest.mark.parametrize(
    ("words", "is_padded"),
    [(["a", "é", None], True), (["x" * 63], True), (["x" * 64], False), (["a\0"], False), (["\0a", "b"], False)],
)
def test_texts_that_onnx_runtime_would_cut_are_not_laid_out(words: list[str | None], is_padded: bool) -> None:
    assert isinstance(array_of(pa.array(words), object), PaddedTexts) == is_padded
