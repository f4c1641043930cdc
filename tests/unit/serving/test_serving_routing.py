"""Splitting requests, frames on pipes, and latency figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.serving.config import GatewayConfig, Route, ServedEndpoint
from mlops_desktop.serving.figures import Histogram
from mlops_desktop.serving.frames import FrameReader, encode_frame
from mlops_desktop.serving.gateway.routing import pick, share_of

KEYS = [f"flight {number}" for number in range(4000)]


@pytest.mark.parametrize("weight", [0.05, 0.5, 0.9])
def test_the_canary_gets_its_share(weight: float) -> None:
    chosen = sum(pick(Route(1, 2, weight), "late", key)[0] == 2 for key in KEYS)
    assert chosen / len(KEYS) == pytest.approx(weight, abs=0.03)


def test_keys_stay_with_the_canary_when_its_weight_rises() -> None:
    few = {key for key in KEYS if pick(Route(1, 2, 0.1), "late", key)[0] == 2}
    many = {key for key in KEYS if pick(Route(1, 2, 0.5), "late", key)[0] == 2}
    assert few < many


def test_another_canary_draws_other_keys() -> None:
    first = {key for key in KEYS if pick(Route(1, 2, 0.5), "late", key)[0] == 2}
    second = {key for key in KEYS if pick(Route(1, 3, 0.5), "late", key)[0] == 3}
    assert len(first & second) / len(KEYS) == pytest.approx(0.25, abs=0.03)


def test_all_or_nothing_is_possible() -> None:
    assert {pick(Route(1, 2, 1.0), "late", key) for key in KEYS} == {(2, "canary")}
    assert {pick(Route(1, 2, 0.0), "late", key) for key in KEYS} == {(1, "primary")}
    assert all(0 <= share_of(key) < 1 for key in KEYS)


@given(messages=st.lists(st.lists(st.text(max_size=30), max_size=4), max_size=6), size=st.integers(1, 50))
def test_frames_survive_any_cutting_of_the_stream(messages: list[list[str]], size: int) -> None:
    import msgspec

    stream = b"".join(encode_frame(message) for message in messages)
    reader = FrameReader()
    bodies = [body for start in range(0, len(stream), size) for body in reader.feed(stream[start : start + size])]
    assert [msgspec.msgpack.decode(body) for body in bodies] == messages


def test_percentiles_are_right_within_a_bucket() -> None:
    histogram = Histogram()
    for millis in range(1, 1001):
        histogram.add(millis * 1000)
    assert 500 <= histogram.quantile_ms(0.5) <= 500 * 1.15
    assert 990 <= histogram.quantile_ms(0.99) <= 990 * 1.15
    assert Histogram().quantile_ms(0.99) == 0.0
    histogram.add(1e12)
    assert histogram.quantile_ms(1.0) > 30_000


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 200, "a b"])
def test_a_name_that_is_no_folder_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        GatewayConfig((ServedEndpoint(name, "m", (), Route(1)),)).check()
