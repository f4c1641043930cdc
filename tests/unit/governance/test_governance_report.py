"""The report of real small workspaces, read back with an HTML parser."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from mlops_desktop.core.errors import EnvironmentProblem
from mlops_desktop.core.events import ReportWritten
from mlops_desktop.core.ids import sha256_hex
from mlops_desktop.core.pipelines import Schedule
from mlops_desktop.governance.report import render_html, write_html
from mlops_desktop.governance.verdict import sentences
from mlops_desktop.governance.verification import verification_script
from mlops_desktop.pipelines.summary import summarise
from mlops_desktop.registry import Registry

_VOID = {"meta", "link", "br", "img", "hr", "input"}
_LOADING = {"src", "srcset", "href", "xlink:href", "action", "data", "poster"}


class Page(HTMLParser):
    """Tags in order, text, and what would be loaded; fails on tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []
        self.loaded: list[str] = []
        self.handlers: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loaded += [value or "" for name, value in attrs if name in _LOADING and not (value or "").startswith("#")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def _page(registry: Registry) -> Page:
    return Page(render_html(registry, summarise(registry.folder)))


def test_hostile_names_are_shown_as_text_and_nothing_is_loaded_or_run(lived: Registry) -> None:
    page = _page(lived)
    assert "script" not in page.tags
    assert page.loaded == [] and page.handlers == []
    assert '<script>alert("x")</script>' in page.words


def test_an_empty_workspace_says_what_is_missing(registry: Registry) -> None:
    words = _page(registry).words
    assert "No data has been taken in yet" in words
    assert "No version is in production" in words
    assert "Every event was read" in words


def test_the_report_shows_decisions_alert_lineage_and_charts(lived: Registry) -> None:
    page = _page(lived)
    for expected in (
        "late@2",
        "refused",
        "canary started",
        "Not worse beyond the margins",
        "data drift on late",
        "Grown from flights@1",
        "1,000 of which are in chunks with the same content id in both",
        "ab" * 32,
        lived.journal.verify().head,
    ):
        assert expected in page.words
    assert page.tags.count("svg") >= 5


def test_a_policy_that_beats_the_loop_is_named_in_plain_words(lived: Registry) -> None:
    said = " ".join(sentences(summarise(lived.folder)))
    assert "did better than the loop by mean AUC: 0.6900 against 0.6700" in said
    assert "0.0200 above that of “never”" in said
    assert "more than “wild" in said


def test_writing_is_recorded_with_the_hash_of_the_file(lived: Registry, tmp_path: Path) -> None:
    path = write_html(lived, tmp_path / "out" / "report.html", summarise(lived.folder))
    event = lived.journal.newest(1)[0]
    assert event.kind == ReportWritten.kind
    assert event.payload == {"path": str(path.resolve()), "sha256": sha256_hex(path.read_bytes())}
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


def test_a_report_that_cannot_be_written_is_explained_and_leaves_nothing(lived: Registry, tmp_path: Path) -> None:
    before = lived.journal.head()
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(EnvironmentProblem, match="Choose another path"):
        write_html(lived, tmp_path / "taken" / "report.html", summarise(lived.folder))
    assert lived.journal.head() == before


def _verify(registry: Registry, folder: Path, lines: list[bytes]) -> subprocess.CompletedProcess[str]:
    found = registry.journal.verify()
    (folder / "verify.py").write_text(verification_script(found.events, found.head), encoding="utf-8")
    (folder / "journal.jsonl").write_bytes(b"".join(lines))
    command = [sys.executable, "-I", str(folder / "verify.py"), str(folder / "journal.jsonl")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _exported(registry: Registry) -> list[bytes]:
    """As `mlops-desktop journal export` writes it."""
    return [msgspec.json.encode(event) + b"\n" for event in registry.journal.all()]


def test_the_printed_lines_verify_an_exported_journal(lived: Registry, tmp_path: Path) -> None:
    done = _verify(lived, tmp_path, _exported(lived))
    assert done.returncode == 0, done.stderr
    assert lived.journal.verify().head in done.stdout


def test_the_printed_lines_detect_a_changed_a_removed_and_a_missing_event(lived: Registry, tmp_path: Path) -> None:
    lines = _exported(lived)
    changed = [line.replace(b'"refused"', b'"passed"') for line in lines]
    assert changed != lines
    for tampered, told in ((changed, "was changed"), (lines[:3] + lines[4:], "Event 4"), (lines[:-2], "2 events")):
        done = _verify(lived, tmp_path, tampered)
        assert done.returncode == 1
        assert told in done.stderr


def test_the_printed_lines_detect_a_journal_written_anew(lived: Registry, tmp_path: Path) -> None:
    other = Registry.create(tmp_path / "other", name="other", actor="user:test")
    while other.journal.head() < lived.journal.head():
        other.record(ReportWritten("nothing", "0"), "other")
    lines = _exported(other)
    other.close()
    done = _verify(lived, tmp_path, lines)
    assert done.returncode == 1
    assert "Not the journal" in done.stderr


def test_an_alert_that_held_retraining_back_says_when(lived: Registry) -> None:
    schedule = Schedule("retrain late", "retrain", "0 5 * * mon", {}, None)
    lived.schedules.save(schedule)
    lived.schedules.fired(schedule, lived.clock.now(), None, "not queued: alert 1 blocks retraining")
    words = _page(lived).words
    assert "scheduled retraining was held back on 2013-04-07" in words
    assert "held back alert 1 blocks retraining" in words
