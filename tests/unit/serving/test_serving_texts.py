"""Columns of text on their way to a model."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mlops_desktop.serving.texts import Texts

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=70)


@given(st.lists(WORDS, min_size=1, max_size=6), st.lists(st.integers(0, 5), max_size=12), st.integers(0, 12))
def test_both_ways_to_hand_texts_to_a_model_say_the_same(known: list[str], chosen: list[int], start: int) -> None:
    places = np.array([place % len(known) for place in chosen], np.int32)
    texts = Texts(known, places)[start : start + 5]
    wanted = [known[place] for place in places[start : start + 5]]
    found = [text.decode() if isinstance(text, bytes) else text for text in texts.for_onnx().ravel().tolist()]
    assert found == wanted == texts.objects().ravel().tolist()
    assert len(texts) == len(wanted) and texts.for_onnx().shape == (len(wanted), 1)
