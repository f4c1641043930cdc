"""The guide to serving: its commands run as they are written, and its tables name every key with its default."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from loop_kit import ENDPOINT, log_predictions, make_served_workspace, trips, wait_until
from test_docs_data import DOCS, blocks, form, words

from mlops_desktop.cli.main import main
from mlops_desktop.core.deployments import Guardrail
from mlops_desktop.core.ids import new_id
from mlops_desktop.pipelines.engine import Engine
from mlops_desktop.serving.config import AutoscalerSpec, ServingSpec
from mlops_desktop.serving.gateway.main import bind
from mlops_desktop.serving.policies import LogSpec, SecuritySpec
from mlops_desktop.serving.rolloutspec import RolloutSpec
from mlops_desktop.serving.rules import InputRules
from mlops_desktop.workspace import Workspace

PORT = "8080"
DRAWN = r"mlops_[\w-]+|\b[0-9A-HJKMNP-TV-Z]{26}\b|[+-](?=\d)"
SECTIONS = {
    "serving": ServingSpec,
    "serving.autoscaler": AutoscalerSpec,
    "serving.inputs": InputRules,
    "serving.log": LogSpec,
    "serving.security": SecuritySpec,
    "rollout": RolloutSpec,
}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """The guide's workspace, with an engine; what it names is in the current folder."""
    workspace = make_served_workspace(tmp_path, name="shop")
    first = workspace.registry.models.get(f"{ENDPOINT}@1")
    workspace.registry.models.register(msgspec.structs.replace(first, id=new_id(), run=new_id(), threshold=0.05))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLOPS_WORKSPACE", "shop")
    engine = Engine(workspace.folder)
    assert engine.start()
    yield workspace
    engine.stop()
    workspace.close()


def examples() -> Iterator[tuple[str, str]]:
    """Commands with what they print."""
    for text in re.split(r"^\$ ", blocks("serving.md", "console"), flags=re.MULTILINE)[1:]:
        command, _, output = text.partition("\n")
        yield command, output.strip()


def ran(command: str, port: str, capfd: pytest.CaptureFixture[str]) -> str:
    """What a command prints, with the port that it has in the guide."""
    command = command.replace(PORT, port)
    if command.startswith("curl"):
        printed = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout
    else:
        capfd.readouterr()
        main(shlex.split(command)[1:])
        printed = "".join(capfd.readouterr())
    return printed.strip().replace(port, PORT)


def prepared(workspace: Workspace, command: str) -> None:
    """What happens beside the guide: other requests, and a look of the engine at a rollout."""
    if " replay " in command:
        log_predictions(workspace.registry, trips(13), labelled=False)
    if "rollout status" in command:
        guardrails = (
            Guardrail("brier", 0.1512, 0.149, -0.0022, -0.061, 0.0566, 1210, 133, "undecided"),
            Guardrail("error rate", 0.0, 0.0, 0.0, -0.004, 0.021, 1630, 181, "pass", "share of requests"),
        )
        reason = "Labels of 133 canary and 1,210 primary rows are in, 1,500 of each are wanted"
        looked = msgspec.structs.replace(workspace.serving.rollout(ENDPOINT), guardrails=guardrails, reason=reason)
        workspace.registry.rollouts.change(looked, reason)


def same(printed: str, expected: str) -> bool:
    if printed.startswith("{"):
        return bool(form(json.loads(printed)) == form(json.loads(expected)))
    return words(re.sub(DRAWN, "0", printed)) == words(re.sub(DRAWN, "0", expected))


@pytest.mark.skipif(not shutil.which("curl"), reason="the guide asks with curl")
def test_the_examples_of_the_guide_print_what_they_show(
    workspace: Workspace, capfd: pytest.CaptureFixture[str]
) -> None:
    listener = bind(0)
    port = str(listener.getsockname()[1])
    listener.close()
    tried = 0
    for command, expected in examples():
        prepared(workspace, command)
        if command == "mlops-desktop serve status":  # the engine tells its figures a moment after the endpoint serves
            wait_until(lambda: any(pool.pids for each in workspace.engine_state().endpoints for pool in each.pools))
        printed = ran(command, port, capfd)
        assert same(printed, expected), f"$ {command}\n{printed}"
        tried += 1
    assert tried > 15


@pytest.mark.parametrize("section", SECTIONS)
def test_the_guide_lists_every_key_with_its_default(section: str) -> None:
    text = (DOCS / "serving.md").read_text(encoding="utf-8")
    _, _, rest = text.partition(f"\n### `[{section}]`\n")
    listed = re.findall(r"^\| `(\w+)` \| (.*?) \|", rest.partition("\n#")[0], re.MULTILINE)
    fields = {
        field.name: field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
        for field in msgspec.structs.fields(SECTIONS[section])
    }
    plain = {name: value for name, value in fields.items() if not isinstance(value, msgspec.Struct)}
    assert listed == [(name, shown(value)) for name, value in plain.items()]


def shown(value: Any) -> str:
    """A default as TOML has it, whole numbers without a point."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, bool | str | dict):
        return json.dumps(value)
    return f"{value:g}"


def test_the_architecture_names_modules_that_exist() -> None:
    _, _, rest = (DOCS / "architecture.md").read_text(encoding="utf-8").partition("\n## Serving\n")
    cells = re.findall(r"^\| [\w ,]+ \| (`.*?) \|", rest.partition("\n## ")[0], re.MULTILINE)
    named = {name.rpartition("/")[2] for cell in cells for name in re.findall(r"`([\w/]+)`", cell)}
    modules = {path.stem for path in (DOCS.parent / "mlops_desktop" / "serving").rglob("*.py")}
    assert len(named) > 30 and named <= modules
