"""Pictures of the contract editor, the quarantine and the sheets of data's upkeep, over a workspace made for them."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import structs
from PySide6.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from mlops_desktop.core.contracts import ColumnRule, ContractMode
from mlops_desktop.core.datasets import ColumnType, VersionLine
from mlops_desktop.core.ids import new_id
from mlops_desktop.core.models import Feature, ModelVersion, Parity, Runtime, Signature, Task
from mlops_desktop.ui import screens
from mlops_desktop.ui.bridge import Bridge
from mlops_desktop.ui.pages.base import Page
from mlops_desktop.ui.pages.data_contract import ContractTab
from mlops_desktop.ui.pages.data_quarantine import QuarantineTab
from mlops_desktop.ui.pages.data_sheet import Sheet
from mlops_desktop.ui.pages.data_upkeep import (
    open_archive,
    open_collect,
    open_delete,
    open_export,
    open_restore,
    open_verify,
)
from mlops_desktop.ui.theme.apply import Theme, apply_theme
from mlops_desktop.workspace import Workspace

_ROWS, _WIDE = 3_000, 300
_CARRIERS = ("AA", "B6", "DL", "EV", "UA", "US", "WN")


class Stage(Page):
    """A page with nothing but the two tabs, for pictures and tests."""

    key = "stage"

    def __init__(self, bridge: Bridge) -> None:
        super().__init__(bridge)
        self.contract, self.quarantine = ContractTab(self), QuarantineTab(self)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.contract, "Contract")
        self.tabs.addTab(self.quarantine, "Quarantine")
        self.lines: dict[str, VersionLine] = {}
        column = QVBoxLayout(self.content)
        column.setContentsMargins(24, 16, 24, 24)
        column.addWidget(self.tabs)
        self._stack.setCurrentWidget(self.content)

    def reload(self) -> None:
        """Nothing to ask: the tabs ask by themselves."""

    def show_version(self, reference: str) -> None:
        """As the Data page does when a version is chosen."""
        tab = self.tabs.currentWidget()
        assert isinstance(tab, ContractTab | QuarantineTab)  # noqa: S101 - there are no others
        tab.show_version(self.lines[reference])


# What is in the workspace


def build_upkeep(folder: Path) -> Path:
    """Flights with two contracts, a quarantine and a model that learned from them; a wide dataset; foreign names."""
    files = folder.parent / "files"
    files.mkdir(exist_ok=True)
    workspace = Workspace.create(folder, name="Flights out of New York")
    try:
        _tell(workspace, files)
    finally:
        workspace.close()
    return folder


def _tell(workspace: Workspace, files: Path) -> None:
    data = workspace.data
    for number in (1, 2):
        data.ingest(_written(files / f"flights-{number}.csv", _flights(number)), "flights", time_column="scheduled_at")
    first = data.infer_contract("flights@2")
    data.save_contract("flights", first)
    rules = tuple(_tightened(rule) for rule in first.columns)
    changed = structs.replace(first, mode=ContractMode.QUARANTINE, columns=rules, max_bad_share=0.2, min_rows=1_000)
    data.save_contract("flights", changed)
    data.ingest(_written(files / "flights-3.csv", _flights(3, bad=40)), "flights")
    data.ingest(_written(files / "flights-4.csv", _flights(4, bad=230)), "flights")
    data.ingest(_written(files / "wide.csv", _sensors()), "sensors")
    data.save_contract("sensors", data.infer_contract("sensors@1"))
    data.ingest(_written(files / "資料.csv", _foreign()), "航班")
    data.ingest(_written(files / "old.csv", _flights(9)[:500]), "old flights")
    data.archive("old flights@1")
    _register(workspace, "flights@3")


def _tightened(rule: ColumnRule) -> ColumnRule:
    if rule.name == "delay":
        return structs.replace(rule, maximum=600.0, minimum=-60.0)
    if rule.name == "tail":
        return structs.replace(rule, pattern="N[0-9]{3}[A-Z]{2}", max_length=6)
    return rule


def _register(workspace: Workspace, reference: str) -> None:
    """A model in production that learned from a version."""
    registry = workspace.registry
    run = registry.runs.start("late-arrival", "late-arrival@1", reference, {})
    registry.runs.finish(run, metrics={"auc": 0.79}, artifacts={}, summary="AUC 0.790", seconds=3.0)
    feature = Feature("distance", ColumnType.INTEGER, "distance")
    registry.models.register(
        ModelVersion(
            id=new_id(),
            model="late-arrival",
            number=0,
            run=run.id,
            dataset_version=reference,
            signature=Signature(Task.CLASSIFICATION, (feature,), "late", ("0", "1")),
            runtime=Runtime.ONNX,
            parity=Parity(True, 2_048, 0.0),
            artifacts={},
            metrics={"auc": 0.79},
            train_start=None,
            train_end=None,
            created=registry.clock.now(),
        )
    )
    registry.models.move_alias("late-arrival", "production", 1, actor="engine", reason="first one")


def _written(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def _flights(number: int, bad: int = 0) -> list[list[str]]:
    chance = random.Random(number)  # noqa: S311 - for pictures
    rows = [["flight_id", "scheduled_at", "carrier", "tail", "distance", "delay", "late"]]
    for i in range(_ROWS):
        delay = chance.gauss(10, 40)
        carrier, tail = chance.choice(_CARRIERS), f"N{chance.randrange(100, 999)}{chance.choice(_CARRIERS)[0]}A"
        if i < bad:
            carrier = "??" if i % 3 == 0 else carrier
            delay = delay + 5_000 if i % 2 == 0 else delay
            tail = "unknown tail number" if i % 5 == 0 or (i % 2 and i % 3) else tail
        rows.append(
            [
                str(number * 100_000 + i),
                f"2013-{number:02d}-{i % 28 + 1:02d} {i % 24:02d}:15:00",
                carrier,
                tail,
                str(chance.randrange(80, 2_500)),
                f"{delay:.1f}" if chance.random() > 0.03 else "",
                str(int(delay > 15)),
            ]
        )
    return rows


def _sensors() -> list[list[str]]:
    names = [f"sensor_{i:03d}_temperature_celsius" for i in range(_WIDE)]
    return [names] + [[f"{(i * j) % 97 / 7:.3f}" for i in range(_WIDE)] for j in range(200)]


def _foreign() -> list[list[str]]:
    names = ["航班號碼", "延誤時間（分鐘）", "😀 mood", "a.b c", "a very long name of a column that goes on and on"]
    return [names] + [[f"BR{i}", str(i % 50), "😀🎉", f"{i / 4}", "2024-01-01"] for i in range(300)]


# Helpers of pictures and tests


def work(folder: Path) -> None:
    """Carry out what is queued, as a worker does."""
    from mlops_desktop.pipelines.runner import carry_out
    from mlops_desktop.pipelines.steps import register_all

    register_all()
    workspace = Workspace(folder)
    try:
        while (run := workspace.registry.pipeline_runs.next_queued()) is not None:
            workspace.registry.pipeline_runs.start(run, 0)
            carry_out(workspace.registry, run.id)
    finally:
        workspace.close()


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """The tabs in a window of their own, on a workspace."""
    apply_theme(screens.application(), Theme.LIGHT)
    bridge = Bridge(folder)
    page = Stage(bridge)
    workspace = Workspace(folder)
    page.lines = {line.reference: line for line in workspace.registry.datasets.lines(include_archived=True)}
    workspace.close()
    ready: list[object] = []
    bridge.opened.connect(ready.append)
    bridge.open()
    try:
        screens.wait_until(lambda: bool(ready))
        page.show()
        yield page
    finally:
        bridge.close()
        page.close()
        page.deleteLater()
        screens.settle()


def damage(folder: Path, reference: str) -> None:
    """Alter one stored object of a version."""
    from mlops_desktop.data.versions.manifests import read_manifest

    workspace = Workspace(folder)
    try:
        version = workspace.registry.datasets.get(reference)
        path = workspace.registry.objects.path(read_manifest(workspace.registry, version).objects[-1].sha256)
        path.chmod(0o600)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
    finally:
        workspace.close()


def shown_contract(page: Stage, reference: str) -> ContractTab:
    """The contract tab once it shows a version's contract, or that there is none."""
    tab = page.contract
    page.tabs.setCurrentWidget(tab)
    page.show_version(reference)
    dataset = reference.partition("@")[0]
    screens.wait_until(lambda: tab.state is not None and tab.state.dataset == dataset and tab.is_settled)
    return tab


def shown_quarantine(page: Stage, reference: str) -> QuarantineTab:
    """The quarantine tab once it shows rows."""
    tab = page.quarantine
    page.tabs.setCurrentWidget(tab)
    page.show_version(reference)
    screens.wait_until(lambda: tab.shown is not None or tab.empty.kind == "never")
    return tab


# Pictures


def render_upkeep(folder: Path, outdir: Path, sizes: Sequence[tuple[int, int]], themes: Sequence[Theme]) -> list[Path]:
    """Each state of the tabs, and each sheet; names are `upkeep-{state}-{theme}-{width}x{height}.png`."""
    written: list[Path] = []
    with staged(folder) as page:
        for theme in themes:
            apply_theme(screens.application(), theme)
            for size in sizes:
                page.resize(*size)
                ending = f"{theme.value}-{size[0]}x{size[1]}.png"

                def shot(widget: QWidget, state: str, ending: str = ending) -> None:
                    screens.settle()
                    written.append(screens.picture(widget, outdir / f"upkeep-{state}-{ending}"))

                _tabs(folder, page, shot)
                _sheets(folder, page, shot)
    return written


def _tabs(folder: Path, page: Stage, shot: Callable[[QWidget, str], None]) -> None:
    for state, reference in (("wide", "sensors@1"), ("foreign", "航班@1"), ("contract", "flights@4")):
        tab = shown_contract(page, reference)
        shot(page, "none" if tab.draft is None or tab.empty.isVisible() else state)
        if state == "foreign" and tab.empty.isVisible():
            tab.empty.actionTriggered.emit()
            screens.wait_until(lambda tab=tab: tab.is_settled and not tab.empty.isVisible())  # type: ignore[misc]
            shot(page, state)
            tab.forget_draft()
    assert tab.draft is not None  # noqa: S101 - flights has a contract
    page.show_version("flights@1")
    screens.wait_until(lambda: tab.is_settled)
    tab.run_check()
    screens.wait_until(lambda: bool(tab.job.cancel.isEnabled()))
    shot(page, "checking")
    work(folder)
    screens.wait_until(lambda: not tab.job.is_busy)
    shot(page, "report")
    draft = shown_contract(page, "flights@4").draft or tab.draft
    delay = draft.contract.rule("delay") or ColumnRule("delay")
    draft.change_rule(structs.replace(delay, minimum=900.0))
    screens.wait_until(lambda: tab.is_settled)
    shot(page, "problem")
    draft.undo()
    screens.wait_until(lambda: tab.is_settled)
    tab.show_text()
    tab.text.setPlainText(tab.text.toPlainText().replace('"text"', '"txt"', 1))
    screens.wait_until(lambda: tab.is_settled)
    shot(page, "text")
    tab.forget_draft()
    tab = shown_contract(page, "flights@4")
    history = tab.open_history()
    if history is not None:
        shot(history, "history")
        history.reject()
    shown_quarantine(page, "flights@4")
    shot(page, "quarantine")
    page.quarantine.reasons.setCurrentRow(1)
    screens.wait_until(lambda: page.quarantine.shown is not None and page.quarantine.shown.total < 230)
    shot(page, "quarantine-reason")
    shown_quarantine(page, "sensors@1")
    shot(page, "quarantine-none")


def _sheets(folder: Path, page: Stage, shot: Callable[[QWidget, str], None]) -> None:
    refused, allowed = open_delete(page, "flights@3"), open_delete(page, "flights@1")
    screens.wait_until(lambda: refused.found is not None and allowed.found is not None)
    allowed.reason.setText("superseded by the corrected export")
    allowed.typed.setText("flights@1")
    others: list[tuple[Sheet, str]] = [
        (open_archive(page, "flights@1"), "archive"),
        (open_restore(page, "old flights"), "restore"),
        (open_export(page, "sensors@1"), "export"),
        (open_collect(page), "collect"),
    ]
    archive = others[0][0]
    screens.settle(30)
    archive.moved.setChecked(True)  # type: ignore[attr-defined]
    for sheet, state in [(refused, "delete-refused"), (allowed, "delete"), *others]:
        shot(sheet, state)
        sheet.reject()
    verify = open_verify(page, "flights@4")
    shot(verify, "verify")
    verify.whole.setChecked(True)
    verify.go_ahead()
    screens.wait_until(verify.job.cancel.isEnabled)
    work(folder)
    screens.wait_until(lambda: not verify.job.is_busy)
    shot(verify, "verify-damaged")
    verify.reject()
