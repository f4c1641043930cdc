"""What a person can do with a running rollout: each act is confirmed, with what it changes and a reason."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from mlops_desktop.ui.bridge import Query
from mlops_desktop.ui.pages.base import Page
from mlops_desktop.ui.queries.serving_rollout import RolloutView
from mlops_desktop.ui.widgets.confirm import Change, Confirmation, ConfirmSheet
from mlops_desktop.ui.widgets.figures import percent


class RolloutDeeds(QObject):
    """The verbs of `workspace.serving`. `view` tells the rollout that is shown; `rejected` is called for a no."""

    def __init__(self, page: Page, view: Callable[[], RolloutView | None], rejected: Callable[[], object]) -> None:
        super().__init__(page)
        self._page, self._view, self._rejected = page, view, rejected
        self.sheet: ConfirmSheet | None = None

    def share(self, share: float) -> None:
        """Give the new version another share of the requests."""
        text = self.tr("The plan goes on from there; requests keep to their version as far as the share allows.")
        title, act = self.tr("Set the share of v{n}"), self.tr("Set")
        self._ask_deed(title, text, act, percent(share, 0), "set_weight", weight=share)

    def advance(self) -> None:
        """Go to the next step now."""
        view = self._view()
        if view is None or view.rollout is None:
            return
        step = view.rollout.step + 1
        text = self.tr("What the guardrails of this step would still have waited for is left out.")
        after = percent(view.spec.steps[step], 0)
        self._ask_deed(self.tr("Take v{n} to the next step"), text, self.tr("Go on"), after, "advance")

    def promote(self) -> None:
        """Put the new version into production."""
        text = self.tr("All requests go to it. The version before stays ready for a rollback.")
        self._ask_deed(self.tr("Put v{n} into production"), text, self.tr("Promote"), "100 %", "promote_now")

    def hold(self) -> None:
        """End it without a decision."""
        text = self.tr("The rollout ends without a decision. Production answers everything again.")
        self._ask_deed(self.tr("Hold v{n}"), text, self.tr("Hold"), "0 %", "hold")

    def roll_back(self) -> None:
        """End it, and say that the new version is not to be."""
        text = self.tr("The rollout ends, and is on record as rolled back. Production answers everything again.")
        self._ask_deed(self.tr("Roll v{n} back"), text, self.tr("Roll back"), "0 %", "roll_back", dangerous=True)

    def _ask_deed(
        self, title: str, text: str, act: str, after: str, verb: str, *, dangerous: bool = False, **given: float
    ) -> None:
        """Ask why, then do one of the verbs of `workspace.serving`."""
        view = self._view()
        if view is None or view.rollout is None:
            return
        rollout = view.rollout
        change = Change(self.tr("Share of v{n}").format(n=rollout.canary), percent(rollout.weight, 0), after)
        changes = [change]
        if verb == "promote_now":
            production = self.tr("In production")
            changes.insert(0, Change(production, f"v{rollout.primary}", f"v{rollout.canary}"))
        heading = title.format(n=rollout.canary)
        confirmation = Confirmation(heading, text, act, tuple(changes), dangerous=dangerous)
        done = self.tr("{what}: done").format(what=heading)

        def deed(reason: str) -> Query:
            return lambda workspace: getattr(workspace.serving, verb)(rollout.endpoint, reason=reason, **given)

        self.sheet = self._page.confirm(confirmation, lambda reason: self._page.bridge.do(deed(reason), done))
        self.sheet.rejected.connect(self._rejected)
