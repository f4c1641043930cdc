"""Model cards of versions in a real small workspace."""

from __future__ import annotations

import re

import pytest

from mlops_desktop.core.errors import NotFound
from mlops_desktop.governance.cards import as_html, as_markdown, model_card, service_spans
from mlops_desktop.governance.rendering import figure, markdown, size
from mlops_desktop.registry import Registry


def test_a_card_joins_version_run_spec_data_gate_and_service(lived: Registry) -> None:
    card = model_card(lived, "late@production")
    assert card.version.reference == "late@2"
    assert card.gate is not None and card.gate.verdict == "passed"
    assert card.spec.reference == "late@1"
    assert [(row.name, row.dummy, row.persistence) for row in card.metrics] == [("auc", 0.5, 0.6), ("cost", 2.0, None)]
    assert [span.end for span in card.service] == [None]
    assert card.notes == ("Few rows of the rarer class.",)


def test_the_lineage_goes_back_to_the_hash_of_the_file(lived: Registry) -> None:
    source = model_card(lived, "late@2").data[0].source
    assert source is not None
    assert source.version.reference == "flights@1"
    assert source.version.origin.sha256 == "ab" * 32
    assert source.shared_rows == 1_000


def test_spans_in_production_follow_one_another(lived: Registry) -> None:
    spans = service_spans(lived, "late")
    assert spans[1][0].end == spans[2][0].start


def test_markdown_and_html_escape_names(lived: Registry) -> None:
    card = model_card(lived, "late@2")
    text, page = as_markdown(card), as_html(card)
    assert not re.search(r"(?<!\\)<script", text)
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "| auc | 0.7000 | 0.5000 | 0.6000 | higher |" in text


def test_a_card_survives_the_loss_of_the_runs_facts(lived: Registry) -> None:
    version = lived.models.get("late@2")
    lived.objects.path(lived.runs.get(version.run).artifacts["facts"]).unlink()
    card = model_card(lived, "late@2")
    assert card.importance == {} and card.notes == ()
    assert "Limits" in as_html(card)


def test_an_unknown_version_is_not_found(lived: Registry) -> None:
    with pytest.raises(NotFound):
        model_card(lived, "late@99")


def test_figures_are_written_for_people() -> None:
    assert figure(None) == "–"
    assert figure(-0.12345) == "−0.1235"
    assert size(1_234_567) == "1.2 MB"
    assert markdown("a|b\n# [x](y)") == "a\\|b \\# \\[x\\](y)"
