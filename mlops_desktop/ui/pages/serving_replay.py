"""Logged requests once more by another version, before it gets live traffic: choose, follow, compare, go on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mlops_desktop.ui.pages.base import Page
from mlops_desktop.ui.pages.data_sheet import Sheet, opened
from mlops_desktop.ui.pages.serving_replay_result import ReplayResult
from mlops_desktop.ui.pages.serving_sheets import StartSheet, beside, number_field
from mlops_desktop.ui.queries import replays as queries
from mlops_desktop.ui.queries.replays import ReplayChoice
from mlops_desktop.ui.queries.serving_rollout import RolloutView, rollout_view
from mlops_desktop.ui.queries.upkeep import RunView
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.forms import choice_field

if TYPE_CHECKING:
    from mlops_desktop.serving.replay import ReplayReport

_WIDTH = 860
_USUAL, _MOST = 1_000, 100_000


class ReplaySheet(Sheet):
    """Queues a replay and shows what it found; an earlier one of the chosen version shows at once."""

    def __init__(self, page: Page, endpoint: str, reference: str = "") -> None:
        self.endpoint = endpoint
        self.choice: ReplayChoice | None = None
        self._wanted = reference
        super().__init__(page, "", "", "")
        self.title.setText(self.tr("Replay requests of {}").format(endpoint))
        self.setWindowTitle(self.title.text())
        self.text.setText(
            self.tr(
                "Another version answers the newest logged requests once more, in a process of its own. Nobody gets "
                "these answers, and traffic is not touched."
            )
        )
        self.act.setText(self.tr("Replay"))
        self.setMinimumWidth(_WIDTH)
        version_field, self.version = choice_field(self.tr("Version"), [])
        number, self.requests = number_field(self.tr("Newest requests"), _USUAL, 1, _MOST)
        self.requests.setGroupSeparatorShown(True)
        self.requests.setSingleStep(500)
        self.column.addLayout(beside(version_field, number))
        self.found = ReplayResult()
        self.found.hide()
        self.column.addWidget(self.found, 1)
        self.roll_out = button(self.tr("Start a rollout…"), "canary", on_click=self._on_roll_out)
        self.roll_out.setAutoDefault(False)
        self.roll_out.hide()
        self.buttons.insertWidget(0, self.roll_out)
        self.version.currentIndexChanged.connect(lambda _index: self._on_version())
        self.act.setEnabled(False)
        self.act.setDefault(True)
        self.ask(partial(queries.replay_choice, endpoint=endpoint), self._show_choice)

    @property
    def reference(self) -> str:
        return str(self.version.currentData() or "")

    # What can be chosen

    def _show_choice(self, choice: ReplayChoice) -> None:
        self.choice = choice
        running = choice.view.rollout
        for each in choice.view.candidates:
            role = self.tr("in rollout") if running is not None and running.canary == each.number else each.summary
            self.version.addItem(f"v{each.number}  {role}".rstrip(), each.reference)
        at = self.version.findData(self._wanted)
        self.version.setCurrentIndex(max(at, 0))
        if not choice.view.candidates:
            self.say(Tone.INFO, self.tr("There is no other version than the one in production. Train one first."))
        elif not choice.last:
            self.say(Tone.INFO, self.tr("The log holds no answered request yet. Send the endpoint some first."))
        else:
            self._on_version()
        self.version.setFocus()

    def _on_version(self) -> None:
        choice = self.choice
        can_run = choice is not None and bool(choice.last) and bool(self.reference)
        self.act.setEnabled(can_run and not self.job.is_busy)
        if can_run and not self.job.is_busy:
            query = partial(queries.earlier_replay, endpoint=self.endpoint, reference=self.reference)
            self.ask(query, self._show_earlier)

    def _show_earlier(self, report: ReplayReport | None) -> None:
        if report is None:
            self.found.hide()
            self.roll_out.hide()
            self.message.hide()
            self.act.setText(self.tr("Replay"))
            self.cancel.setText(self.tr("Cancel"))
            self.fit()
            return
        self.say(Tone.INFO, self.tr("What the last replay of this version found. Replay again for newer requests."))
        self._show_report(report)

    # Doing it

    def go_ahead(self) -> None:
        parameters = {"endpoint": self.endpoint, "reference": self.reference, "requests": self.requests.value()}
        self._enable_choice(False)
        self.run(queries.REPLAY, parameters)

    def show_end(self, view: RunView) -> None:
        del view  # the report says it better
        self.message.hide()
        query = partial(queries.earlier_replay, endpoint=self.endpoint, reference=self.reference)
        self.ask(query, self._on_report)

    def _on_report(self, report: ReplayReport | None) -> None:
        if report is not None:
            self._show_report(report)

    def fit(self) -> None:
        """As high as its content wants, and no higher than the window: the table gives way."""
        super().fit()
        self.resize(self.width(), max(min(self.height(), self.page.window().height()), self.minimumSizeHint().height()))

    def _on_ended(self, view: RunView) -> None:
        self._enable_choice(True)
        super()._on_ended(view)

    def _enable_choice(self, enabled: bool) -> None:
        self.version.setEnabled(enabled)
        self.requests.setEnabled(enabled)

    def _show_report(self, report: ReplayReport) -> None:
        self.found.show_report(report)
        self.found.show()
        self.act.setText(self.tr("Replay again"))
        self.cancel.setText(self.tr("Close"))
        running = self.choice.view.rollout if self.choice is not None else None
        self.roll_out.setEnabled(running is None)
        self.roll_out.setToolTip(self.tr("A rollout is running already") if running is not None else "")
        self.roll_out.show()
        self.fit()

    def _on_roll_out(self) -> None:
        """Ask for the particulars, with this version chosen, in place of this sheet."""
        query = partial(rollout_view, endpoint=self.endpoint)
        self.ask(query, self._open_start)

    def _open_start(self, view: RolloutView) -> None:
        if view.rollout is not None:
            self.say(Tone.WARNING, self.tr("A rollout has been started meanwhile."))
            return
        sheet = StartSheet(self.page, view)
        sheet.version.setCurrentIndex(max(sheet.version.findData(self.reference), 0))
        if (report := self.found.report) is not None:
            text = self.tr("Replay of {n} requests: {changed} of {rows} predictions change")
            said = text.format(n=f"{report.requests:,}", changed=f"{report.changed:,}", rows=f"{report.rows:,}")
            sheet.reason.setPlainText(said)
        self.accept()
        opened(sheet)


def open_replay(page: Page, endpoint: str, reference: str = "") -> ReplaySheet:
    """Ask which version is to answer logged requests again, and show what comes of it."""
    sheet = ReplaySheet(page, endpoint, reference)
    opened(sheet)
    return sheet
