"""Versions of contracts, watched folders, and specs with the state of their checkout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from mlops_desktop.core.contracts import Contract, ContractMode
from mlops_desktop.core.datasets import Watch
from mlops_desktop.core.errors import NotFound
from mlops_desktop.core.runs import GitState
from mlops_desktop.registry import Registry


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry.create(tmp_path / "workspace")
    yield registry
    assert registry.journal.verify().intact
    registry.close()


def test_a_contract_is_a_new_version_when_its_text_changed(registry: Registry) -> None:
    strict = Contract(mode=ContractMode.REFUSE)
    numbers = [registry.contracts.save("flights", text, strict).number for text in ("one", "one", "two", "one")]
    assert numbers == [1, 1, 2, 3]
    assert registry.contracts.save("weather", "one", strict).reference == "weather@1"
    assert registry.contracts.get("flights@2").text == "two" and registry.contracts.get("flights").number == 3
    assert [found.reference for found in registry.contracts.all()] == [
        "flights@3", "flights@2", "flights@1", "weather@1",
    ]  # fmt: skip
    assert len(registry.contracts.all("weather")) == 1 and registry.contracts.newest("unknown") is None
    for reference in ("flights@9", "flights@x", "unknown", "flights@" + "9" * 30):
        with pytest.raises(NotFound, match="There is no contract"):
            registry.contracts.get(reference)


def test_a_watch_is_recorded_once_and_can_be_removed(registry: Registry) -> None:
    watch = Watch("inbox", "/data/in", "*.csv", "flights")
    registry.watches.put(watch)
    head = registry.journal.head()
    assert registry.watches.put(watch) == watch and registry.journal.head() == head
    paused = msgspec.structs.replace(watch, is_paused=True)
    registry.watches.put(paused)
    assert registry.watches.all() == [paused] and registry.watches.get("inbox") == paused
    registry.watches.remove("inbox")
    assert registry.watches.all() == []
    with pytest.raises(NotFound, match="There is no watch inbox"):
        registry.watches.remove("inbox")


def test_a_spec_keeps_the_git_state_it_was_first_saved_with(registry: Registry) -> None:
    git = GitState("c0ffee", "main", is_dirty=True)
    assert registry.specs.save("late", "text", git).git == git
    assert registry.specs.save("late", "text").number == 1
    assert registry.specs.get("late").git == git
    assert registry.specs.save("late", "other").git is None
