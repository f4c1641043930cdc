"""The running rollout: its plan, its share, what the guardrails say, what a person can do; and the earlier ones."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from mlops_desktop.core.deployments import Rollout, RolloutKind
from mlops_desktop.ui.pages.columns import FittingColumns
from mlops_desktop.ui.pages.data_sheet import opened
from mlops_desktop.ui.pages.serving_deeds import RolloutDeeds
from mlops_desktop.ui.pages.serving_evidence import evidence_row
from mlops_desktop.ui.pages.serving_sheets import StartSheet
from mlops_desktop.ui.pages.serving_tab import EndpointTab
from mlops_desktop.ui.queries.serving import ServingRow
from mlops_desktop.ui.queries.serving_rollout import RolloutView, rollout_view
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.card import Card
from mlops_desktop.ui.widgets.chips import StatusChip
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.emptystate import EmptyState
from mlops_desktop.ui.widgets.evidence import EvidenceList
from mlops_desktop.ui.widgets.figures import duration, percent
from mlops_desktop.ui.widgets.flow import FlowLayout
from mlops_desktop.ui.widgets.labels import Label, caption
from mlops_desktop.ui.widgets.rollout import SplitSlider
from mlops_desktop.ui.widgets.stepplan import StepPlan
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind

_REFRESH_MS = 3_000


class RolloutTab(EndpointTab):
    """News of rollouts come from the journal; what depends on time alone is looked up every few seconds."""

    key = "rollout"

    def build(self) -> None:
        self.view: RolloutView | None = None
        self.deeds = RolloutDeeds(self.page, lambda: self.view, self._take_back_share)
        self._timer = QTimer(self)
        self._timer.setInterval(_REFRESH_MS)
        self._timer.timeout.connect(self._ask)
        left = QVBoxLayout()
        left.setSpacing(t.SPACE_3)
        self.running = QStackedWidget()
        self.none = EmptyState()
        self.none.setMinimumHeight(190)
        self.none.actionTriggered.connect(self.open_start)
        card = Card()
        card.add(self.none)
        self.running.addWidget(card)
        self.running.addWidget(self._make_running())
        left.addWidget(self.running)
        left.addWidget(self._make_past(), 1)
        row = QHBoxLayout()
        row.setSpacing(t.SPACE_3)
        row.addLayout(left, 1)
        self.guardrails = self._make_guardrails()
        row.addWidget(self.guardrails, 1)
        self.column.addLayout(row, 1)

    def _make_running(self) -> Card:
        card = Card()
        head = QHBoxLayout()
        head.setSpacing(t.SPACE_3)
        self.title = Label("", fonts.Type.SECTION, fonts.SEMIBOLD)
        self.chip = StatusChip()
        self.left = caption()
        for widget in (self.title, self.chip):
            head.addWidget(widget)
        head.addWidget(self.left, 1)
        card.body.addLayout(head)
        self.reason = Label("", wrap=True, secondary=True)
        self.plan = StepPlan(self.tr("Steps of the rollout"))
        self.split = SplitSlider()
        self.split.applied.connect(self.deeds.share)
        for part in (self.reason, self.plan, self.split):
            card.add(part)
        self.advance = button(self.tr("Next step…"), "skip", on_click=self.deeds.advance)
        self.promote = button(self.tr("Promote…"), "promote", "primary", self.deeds.promote)
        self.hold = button(self.tr("Hold…"), "pause", on_click=self.deeds.hold)
        self.roll_back = button(self.tr("Roll back…"), "rollback", "danger", self.deeds.roll_back)
        holder = QWidget()
        flow = FlowLayout(holder, t.SPACE_2)
        for each in (self.advance, self.promote, self.hold, self.roll_back):
            flow.addWidget(each)
        card.add(holder)
        return card

    def _make_guardrails(self) -> Card:
        card = Card(self.tr("Guardrails"), self.tr("canary against production; intervals hold at any time"))
        self.evidence = EvidenceList(self.tr("Guardrails"))
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(self.evidence)
        area.viewport().setAutoFillBackground(False)
        self.evidence.setAutoFillBackground(False)
        self.looked = caption()
        card.add(area, 1)
        card.add(self.looked)
        return card

    def _make_past(self) -> Card:
        card = Card(self.tr("Earlier rollouts"))
        assert card.header is not None  # noqa: S101 - it has a title
        self.replay = button(self.tr("Replay…"), "retrain", "quiet", self.open_replay)
        self.replay.setToolTip(self.tr("Let another version answer the newest logged requests once more"))
        card.header.add_action(self.replay)
        self.past = DataTable(
            [
                ColumnSpec("ended", self.tr("Ended"), Kind.TIME, width=140),
                ColumnSpec("version", self.tr("Version"), width=72),
                ColumnSpec("kind", self.tr("Kind"), width=70),
                ColumnSpec("outcome", self.tr("Outcome"), Kind.CHIP, width=126),
                ColumnSpec("lasted", self.tr("Lasted"), width=92),
                ColumnSpec("reason", self.tr("Reason"), width=160),
            ],
            compact=True,
            toolbar=False,
            name=self.tr("earlier rollouts"),
        )
        text = self.tr("How each one ended, and why, is kept here.")
        self.past.set_never_set_up(self.tr("No rollout has ended yet"), text, "", "canary")
        FittingColumns(self.past, "reason", ("kind", "lasted"))
        card.add(self.past, 1)
        return card

    # Showing

    def show_endpoint(self, row: ServingRow) -> None:
        is_other = self.row is None or self.row.endpoint.name != row.endpoint.name
        super().show_endpoint(row)
        if is_other:
            self.view = None
        self._ask()

    def set_active(self, active: bool) -> None:
        super().set_active(active)
        if active:
            self._timer.start()
        else:
            self._timer.stop()

    @property
    def is_settled(self) -> bool:
        return self.view is not None

    def _ask(self) -> None:
        if self.row is not None and not self.bridge.is_closed:
            query = partial(rollout_view, endpoint=self.row.endpoint.name)
            self.bridge.ask("serving rollout", query, self.show_view)

    def show_view(self, view: RolloutView) -> None:
        """Put the state of the rollouts on screen; nothing moves where nothing has changed."""
        before, self.view = self.view, view
        rollout = view.rollout
        self.guardrails.setVisible(rollout is not None)
        self.replay.setVisible(bool(view.candidates))
        self.running.setCurrentIndex(0 if rollout is None else 1)
        if rollout is None:
            self._show_none(view)
        else:
            self._show_running(view, rollout, before)
        if before is None or before.past != view.past:
            self._show_past(view.past)

    def _show_none(self, view: RolloutView) -> None:
        if not view.production:
            text = self.tr("A rollout compares a version with the one in production, and there is none yet.")
            self.none.show_never_set_up(self.tr("Nothing is in production"), text, "", "canary")
        elif not view.candidates:
            text = self.tr("Production has the only version. Train another one, and try it beside this one.")
            self.none.show_never_set_up(self.tr("No other version"), text, "", "canary")
        else:
            text = self.tr("v{n} answers every request. Try another version on a share of them, or on copies.")
            title = self.tr("No rollout is running")
            self.none.show_never_set_up(title, text.format(n=view.production), self.tr("Start a rollout…"), "canary")

    def _show_running(self, view: RolloutView, rollout: Rollout, before: RolloutView | None) -> None:
        words = {
            RolloutKind.CANARY: self.tr("Canary v{new} beside v{old}"),
            RolloutKind.SHADOW: self.tr("Shadow v{new} of v{old}"),
            RolloutKind.AB: self.tr("A/B test of v{new} and v{old}"),
        }
        self.title.setText(words[rollout.kind].format(new=rollout.canary, old=rollout.primary))
        self.chip.set_status("running")
        self.left.setText(self.tr("ends by itself in {days} days").format(days=f"{view.days_left:.3g}"))
        self.reason.setText(rollout.reason[:1].upper() + rollout.reason[1:])
        self.reason.setVisible(bool(rollout.reason))
        self._show_plan(view, rollout)
        is_shadow = rollout.kind is RolloutKind.SHADOW
        self.split.setVisible(not is_shadow)
        is_same = before is not None and before.rollout is not None and before.rollout.weight == rollout.weight
        if not is_same:
            self.split.set_split(f"v{rollout.primary}", f"v{rollout.canary}", rollout.weight)
        self.advance.setVisible(rollout.kind is RolloutKind.CANARY)
        self.advance.setEnabled(rollout.step < view.spec.last_step)
        self.evidence.set_rows([evidence_row(each, rollout) for each in view.evidence])
        looked = self.tr("as recorded {time}; {spec}")
        spec = view.spec_name or self.tr("the usual rules")
        self.looked.setText(looked.format(time=f"{rollout.updated:%d %b %H:%M}", spec=spec))

    def _show_plan(self, view: RolloutView, rollout: Rollout) -> None:
        spec = view.spec
        ends = {
            RolloutKind.CANARY: self.tr("Promote"),
            RolloutKind.SHADOW: self.tr("Hold for a person"),
            RolloutKind.AB: self.tr("End, measured"),
        }
        shares = [percent(share, 0) for share in spec.steps[: spec.last_step + 1]]
        if rollout.kind is RolloutKind.SHADOW:
            shares = [self.tr("Copies")]
        step = min(rollout.step, spec.last_step)
        note = ""
        if view.bake_left:
            note = self.tr("bakes for {time} more").format(time=duration(view.bake_left))
        elif spec.bake_minutes:
            note = self.tr("baked; waits for the guardrails")
        elif rollout.kind is not RolloutKind.SHADOW and abs(rollout.weight - spec.steps[step]) > 0.001:
            note = self.tr("set to {share} by hand").format(share=percent(rollout.weight, 0))
        self.plan.set_steps([*shares, ends[rollout.kind]], step, note)

    def _show_past(self, past: tuple[Rollout, ...]) -> None:
        self.past.set_rows(
            {
                "ended": [each.updated for each in past],
                "version": [f"v{each.canary}" for each in past],
                "kind": [each.kind.value for each in past],
                "outcome": [each.state.value for each in past],
                "lasted": [lasted((each.updated - each.started).total_seconds()) for each in past],
                "reason": [each.reason[:1].upper() + each.reason[1:] for each in past],
            }
        )

    # Doing

    def open_start(self) -> StartSheet | None:
        """Ask which version to try, and how."""
        if self.view is None or self.view.rollout is not None or not self.view.candidates:
            return None
        sheet = StartSheet(self.page, self.view)
        opened(sheet)
        return sheet

    def open_replay(self) -> QWidget | None:
        """Compare a version on logged requests, before it gets live ones."""
        from mlops_desktop.ui.pages.serving_replay import open_replay

        return open_replay(self.page, self.row.endpoint.name) if self.row is not None else None

    def _take_back_share(self) -> None:
        """A share that was not confirmed is not shown either."""
        if self.view is not None and (rollout := self.view.rollout) is not None:
            self.split.set_split(f"v{rollout.primary}", f"v{rollout.canary}", rollout.weight)


def lasted(seconds: float) -> str:
    """`3 days`, or as `duration` says it."""
    return f"{seconds / 86_400:.3g} days" if seconds >= 2 * 86_400 else duration(seconds)
