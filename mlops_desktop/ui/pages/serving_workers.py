"""The workers of each version, the limits in force, and what the autoscaler decided and why."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from mlops_desktop.core.deployments import RolloutKind
from mlops_desktop.ui.pages.columns import FittingColumns
from mlops_desktop.ui.pages.data_sheet import opened
from mlops_desktop.ui.pages.serving_sheets import ScaleSheet
from mlops_desktop.ui.pages.serving_states import ServedTab
from mlops_desktop.ui.queries.serving import ServingRow
from mlops_desktop.ui.queries.serving_live import LiveReading
from mlops_desktop.ui.queries.serving_workers import (
    Decided,
    Limits,
    VersionWorkers,
    decisions_of,
    limits_of,
    memory_of,
    workers_of,
)
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.banner import Banner
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.card import Card
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.figures import NO_VALUE, data_size, duration
from mlops_desktop.ui.widgets.inspector import FactList
from mlops_desktop.ui.widgets.reasons import Reason, ReasonList
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind

_MEMORY_MS = 1_000
_RIGHT = 380


class WorkersTab(ServedTab):
    """Tables change when a figure does, twice a second at most; memory is looked up once a second."""

    key = "workers"

    def build_content(self) -> None:
        self.limits: Limits | None = None
        self._memory: dict[int, int] = {}
        self._pids: tuple[int, ...] = ()
        self._shown: object = None
        self._timer = QTimer(self)
        self._timer.setInterval(_MEMORY_MS)
        self._timer.timeout.connect(self._ask_memory)
        self.trouble = Banner(Tone.WARNING, "", dismissible=False)
        self.trouble.hide()
        left = QVBoxLayout()
        left.setSpacing(t.SPACE_3)
        left.addWidget(self.trouble)
        left.addWidget(self._make_versions())
        left.addWidget(self._make_processes(), 1)
        right = QVBoxLayout()
        right.setSpacing(t.SPACE_3)
        right.addWidget(self._make_limits())
        right.addWidget(self._make_decisions(), 1)
        row = QHBoxLayout(self.content)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(t.SPACE_3)
        row.addLayout(left, 1)
        row.addLayout(right)

    def _make_versions(self) -> Card:
        card = Card(self.tr("By version"))
        self.versions = DataTable(
            [
                ColumnSpec("version", self.tr("Version"), width=76),
                ColumnSpec("role", self.tr("Role"), width=96),
                ColumnSpec("state", self.tr("State"), Kind.CHIP, width=104),
                ColumnSpec("workers", self.tr("Workers"), width=80),
                ColumnSpec("working", self.tr("In hand"), Kind.INTEGER, width=80),
                ColumnSpec("queued", self.tr("Waiting"), Kind.INTEGER, width=80),
                ColumnSpec("served", self.tr("Served"), Kind.INTEGER, width=92),
                ColumnSpec("restarts", self.tr("Restarts"), Kind.INTEGER, width=84),
            ],
            compact=True,
            toolbar=False,
            name=self.tr("workers by version"),
        )
        self.versions.setFixedHeight(36 + 3 * t.ROW_COMPACT + 4)
        FittingColumns(self.versions, "role", ("served",))
        card.add(self.versions)
        return card

    def _make_processes(self) -> Card:
        card = Card(self.tr("Processes"), self.tr("each holds one version and computes with one core"))
        self.processes = DataTable(
            [
                ColumnSpec("pid", self.tr("Process"), width=96),
                ColumnSpec("version", self.tr("Version"), width=96),
                ColumnSpec("memory", self.tr("Memory"), width=110),
                ColumnSpec("share", self.tr("Of its limit"), Kind.PERCENT, width=110, decimals=0),
            ],
            compact=True,
            toolbar=False,
            name=self.tr("worker processes"),
        )
        text = self.tr("A version sleeps while nobody asks; the next request is held until a worker is ready.")
        self.processes.set_never_set_up(self.tr("No worker is ready"), text, "", "cpu")
        FittingColumns(self.processes, "version")
        card.add(self.processes, 1)
        return card

    def _make_limits(self) -> Card:
        card = Card(self.tr("Limits in force"))
        card.setFixedWidth(_RIGHT)
        self.facts = FactList()
        self.scale = button(self.tr("Set workers…"), "edit", "quiet", self.open_scale)
        assert card.header is not None  # noqa: S101 - it has a title
        card.header.add_action(self.scale)
        self.scale.setEnabled(False)
        card.add(self.facts)
        return card

    def _make_decisions(self) -> Card:
        card = Card(self.tr("Autoscaler"), self.tr("newest first"))
        card.setFixedWidth(_RIGHT)
        self.decisions = ReasonList(self.tr("Decisions of the autoscaler"))
        self.nothing = card.add_caption(self.tr("It has changed nothing since the gateway started."))
        card.add(self.decisions, 1)
        return card

    # Showing

    def show_endpoint(self, row: ServingRow) -> None:
        if self.row is not None and self.row.endpoint.name != row.endpoint.name:
            self.limits = None
            self.scale.setEnabled(False)
        super().show_endpoint(row)
        query = partial(limits_of, endpoint=row.endpoint.name)
        self.bridge.ask("serving limits", query, self._show_limits)

    def set_active(self, active: bool) -> None:
        super().set_active(active)
        if active:
            self._timer.start()
            self._ask_memory()
        else:
            self._timer.stop()

    @property
    def is_settled(self) -> bool:
        return self.limits is not None

    def show_content(self, row: ServingRow, reading: LiveReading) -> None:
        if reading.traffic is None:
            self.show_layer()
            return
        told = (reading.traffic, self._memory, row.rollout, row.version, self.limits)
        self.show_layer()
        if told == self._shown:
            return
        self._shown = told
        versions = workers_of(reading.traffic)
        pids = tuple(pid for version in versions for pid in version.pids)
        if pids != self._pids:
            self._pids = pids
            self._ask_memory()
        self._show_versions(versions, row)
        self._show_processes(versions)
        self.show_decisions(decisions_of(reading.traffic))
        troubles = [f"v{version.number}: {version.trouble}" for version in versions if version.trouble]
        self.trouble.setVisible(bool(troubles))
        if troubles:
            self.trouble.set_message(Tone.WARNING, "\n".join(troubles))

    def _show_versions(self, versions: tuple[VersionWorkers, ...], row: ServingRow) -> None:
        of = self.tr("{ready} of {wanted}")
        self.versions.set_rows(
            {
                "version": [f"v{each.number}" for each in versions],
                "role": [self._role(each.number, row) for each in versions],
                "state": [each.status for each in versions],
                "workers": [of.format(ready=each.ready, wanted=each.wanted) for each in versions],
                "working": [each.working for each in versions],
                "queued": [each.queued for each in versions],
                "served": [each.served for each in versions],
                "restarts": [each.restarts for each in versions],
            }
        )

    def _role(self, number: int, row: ServingRow) -> str:
        rollout = row.rollout
        if rollout is not None and number == rollout.canary:
            kinds = {RolloutKind.CANARY: self.tr("canary"), RolloutKind.SHADOW: self.tr("shadow")}
            return kinds.get(rollout.kind, "A/B")
        if row.version is not None and number == row.version.number:
            return self.tr("production")
        return self.tr("kept warm")

    def _show_processes(self, versions: tuple[VersionWorkers, ...]) -> None:
        most = self.limits.spec.worker_memory_mb << 20 if self.limits is not None else 0
        shown = [(pid, version.number) for version in versions for pid in version.pids]
        sizes = [self._memory.get(pid) for pid, _number in shown]
        self.processes.set_rows(
            {
                "pid": [str(pid) for pid, _number in shown],
                "version": [f"v{number}" for _pid, number in shown],
                "memory": [data_size(size) if size else NO_VALUE for size in sizes],
                "share": [size / most if size and most else None for size in sizes],
            }
        )

    def show_decisions(self, decisions: tuple[Decided, ...]) -> None:
        """Put the autoscaler's decisions in words."""
        self.nothing.setVisible(not decisions)
        self.decisions.setVisible(bool(decisions))
        self.decisions.set_reasons([self._reason(each) for each in decisions])

    def _reason(self, each: Decided) -> Reason:
        one, more = self.tr("v{v}: {before} → {after} worker"), self.tr("v{v}: {before} → {after} workers")
        title = (one if each.after == 1 else more).format(v=each.version, before=each.before, after=each.after)
        text = f"{each.reason[:1].upper()}{each.reason[1:]}"
        return Reason(f"{each.at.astimezone():%H:%M:%S}", title, text, "panic" if each.is_panic else "")

    def _show_limits(self, limits: Limits) -> None:
        if limits == self.limits:
            return
        self.limits = limits
        spec, scaler = limits.spec, limits.spec.autoscaler
        rest = self.tr("never, the last worker stays")
        if scaler.min_workers == 0:
            rest = self.tr("after {time} without a request").format(
                time=duration(scaler.idle_seconds + scaler.grace_seconds)
            )
        target = self.tr("{n:g} requests a worker, planned with {planned:g}")
        memory = self.tr("{n:,} MB a worker").format(n=spec.worker_memory_mb)
        wait = self.tr("{n:,} requests a version, {time} at most")
        spares = self.tr("{n} started without a model").format(n=spec.spare_workers)
        facts = [
            (
                self.tr("Workers"),
                self.tr("{low} to {high} a version").format(low=scaler.min_workers, high=scaler.max_workers),
            ),
            (self.tr("Set by"), self.tr("a person, by hand") if limits.by_hand else self.tr("the spec")),
            (self.tr("Target"), target.format(n=scaler.target, planned=scaler.planned)),
            (self.tr("Sleeps"), rest),
            (self.tr("Memory"), memory if spec.worker_memory_mb else self.tr("no limit")),
            (self.tr("Cores"), self.tr("one a worker, so {n} a version").format(n=scaler.max_workers)),
            (self.tr("Queue"), wait.format(n=spec.queue_limit, time=duration(spec.queue_seconds))),
            (self.tr("Spares"), spares if spec.spare_workers else self.tr("none")),
        ]
        self.facts.set_facts(facts)
        self.scale.setEnabled(True)
        self._look()

    def _ask_memory(self) -> None:
        if self._pids and not self.bridge.is_closed:
            self.bridge.ask("serving memory", partial(memory_of, pids=self._pids), self._take_memory)

    def _take_memory(self, memory: dict[int, int]) -> None:
        self._memory = memory
        self._look()

    # Doing

    def open_scale(self) -> ScaleSheet | None:
        """Ask for other numbers of workers."""
        if self.row is None or self.limits is None:
            return None
        sheet = ScaleSheet(self.page, self.row.endpoint.name, self.limits)
        opened(sheet)
        return sheet
