"""The guide to data and the examples of its commands run as they are written."""

from __future__ import annotations

import doctest
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_desktop.cli.main import main
from mlops_desktop.core.events import kinds

DOCS = Path(__file__).parents[3] / "docs"
CHANGING = r"[0-9a-f]{12,}|\d[\d,.:T-]*|by \S+ on \S+|(/[\w.-]+)+/"


def blocks(name: str, language: str) -> str:
    text = (DOCS / name).read_text(encoding="utf-8")
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE))


def test_the_examples_of_the_guide_give_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    parsed = doctest.DocTestParser().get_doctest(blocks("data.md", "pycon"), {}, "data.md", "docs/data.md", 0)
    told: list[str] = []
    results = doctest.DocTestRunner(verbose=False).run(parsed, out=told.append)
    assert results.attempted > 50 and results.failed == 0, "".join(told)


def examples() -> Iterator[tuple[list[str], str]]:
    """Commands with what they print."""
    for text in re.split(r"^\$ mlops-desktop ", blocks("data-commands.md", "console"), flags=re.MULTILINE)[1:]:
        command, _, output = text.partition("\n")
        yield shlex.split(command), output.strip()


def form(value: Any) -> Any:
    """Keys and kinds of a JSON value, without what differs from run to run."""
    if isinstance(value, dict):
        return {key: form(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [form(inner) for inner in value[:1]]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def words(text: str) -> str:
    """A text without figures, hashes, folders, and the widths that follow from them."""
    return re.sub(r"[\s-]+", " ", re.sub(CHANGING, "#", text))


def test_the_examples_of_the_commands_have_the_form_that_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made_files(tmp_path)
    assert main(["init", "shop"]) == 0
    tried = 0
    for command, expected in examples():
        capfd.readouterr()
        main([*command, "-w", "shop"])
        printed = capfd.readouterr().out
        if "--json" in command:
            assert form(json.loads(printed)) == form(json.loads(expected)), command
        else:
            assert words(printed.strip()) == words(expected), command
        tried += 1
    assert tried > 40


def made_files(folder: Path) -> None:
    """What the examples read."""
    files = {
        "january.csv": "id,region,price,at\n1,north,10.5,2024-01-01\n2,south,12.0,2024-01-02\n"
        "3,north,11.0,2024-01-03\n",
        "february.csv": "id,region,price,at\n1,north,10.5,2024-01-01\n2,south,12.5,2024-01-02\n"
        "3,north,11.0,2024-01-03\n4,south,,2024-02-01\n",
        "orders.toml": 'mode = "quarantine"\nkey = ["id"]\n\n[columns.id]\ntype = "integer"\n\n'
        '[columns.price]\ntype = "number"\nnullable = false\n',
        "arrivals/a.csv": "a\n1\n",
        "project/project.toml": 'name = "shop"\n[datasets.orders]\naliases = { first = 1 }\n',
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    "path", [*sorted(DOCS.glob("*.md")), DOCS.parent / "README.md", DOCS.parent / "CONTRIBUTING.md"]
)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    assert not [link for link in links if not (path.parent / link).exists()]


def test_the_architecture_names_every_module_and_every_event_of_data() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    modules = {path.stem for path in (DOCS.parent / "mlops_desktop" / "data").glob("*.py")} - {"__init__"}
    events = {kind for kind in kinds() if kind.startswith(("dataset.", "contract.", "store.", "watch.", "project."))}
    assert not [name for name in sorted(modules | events) if f"`{name}`" not in text]
