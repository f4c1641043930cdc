"""Promotion and rollback by hand: the sheets that ask, and the deeds that follow."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from mlops_desktop.core.deployments import Rollout
from mlops_desktop.core.models import ModelVersion
from mlops_desktop.ui.pages.base import Page
from mlops_desktop.ui.queries.series import is_higher_better, metric_label
from mlops_desktop.ui.widgets.confirm import Change, Confirmation, ConfirmSheet
from mlops_desktop.ui.widgets.figures import NO_VALUE, fixed
from mlops_desktop.ui.widgets.rollout import ComparedMetric

translate = QCoreApplication.translate


def compared_metrics(champion: ModelVersion, challenger: ModelVersion | None, most: int = 5) -> list[ComparedMetric]:
    """The versions' metrics, the challenger's second (none: no figures).

    On the challenger's test rows where the gate compared these two; else each on its own test rows, and then without a
    verdict, since a difference may be the rows'.
    """
    others = challenger.metrics if challenger is not None else dict.fromkeys(champion.metrics)
    same_rows = challenger is not None and is_same_rows(champion, challenger)
    own = challenger.champion_metrics if challenger is not None and same_rows else champion.metrics
    return [
        ComparedMetric(
            metric_label(name),
            own[name],
            others[name],
            is_higher_better(name),
            decimals=4,
            comparable=same_rows,
        )
        for name in [name for name in others if name in own][:most]
    ]


def is_same_rows(champion: ModelVersion, challenger: ModelVersion) -> bool:
    """Whether the gate measured both on the same rows."""
    return challenger.champion == champion.reference and bool(challenger.champion_metrics)


def comparison_note(champion: ModelVersion, challenger: ModelVersion) -> str:
    """What the two columns were measured on."""
    if is_same_rows(champion, challenger):
        return translate("promotion", "Both on the challenger's test rows, as the gate compared them.")
    return translate("promotion", "Each on its own test rows: not to be compared.")


def ask_promotion(page: Page, version: ModelVersion, champion: ModelVersion | None) -> ConfirmSheet:
    """Ask whether, and why, `version` is to go into production; do it when agreed."""
    before = f"v{champion.number}" if champion else page.tr("nothing")
    changes = [Change(page.tr("In production"), before, f"v{version.number}")]
    if champion is not None:
        changes.append(Change(page.tr("Rollback returns to"), NO_VALUE, before))
        changes += [
            Change(metric.name, fixed(metric.champion, 4), fixed(metric.challenger, 4))
            for metric in compared_metrics(champion, version, 2)
        ]
    confirmation = Confirmation(
        page.tr("Promote {reference} to production").format(reference=version.reference),
        page.tr(
            "All requests go to this version. A running canary ends. The version before stays ready for a rollback."
        ),
        page.tr("Promote"),
        tuple(changes),
    )

    def promote(reason: str) -> None:
        done = page.tr("{reference} is in production").format(reference=version.reference)
        page.bridge.do(lambda workspace: workspace.promote(version.reference, reason=reason), done)

    return page.confirm(confirmation, promote)


def ask_rollback(
    page: Page, endpoint: str, rollout: Rollout | None, current: int | None, previous: int | None
) -> ConfirmSheet:
    """Ask whether, and why, a canary is to end or production to return to the version before."""
    if rollout is not None:
        title = page.tr("End the canary of {endpoint}").format(endpoint=endpoint)
        text = page.tr("The canary gets no more requests. Production stays as it is.")
        share = f"{rollout.weight:.0%}".replace("%", " %")
        change = Change(page.tr("Canary v{n}").format(n=rollout.canary), share, "0 %")
        back = f"v{rollout.primary}"
    else:
        title = page.tr("Roll {endpoint} back").format(endpoint=endpoint)
        text = page.tr("Production returns to the version before. All requests go there at once.")
        back = f"v{previous}"
        change = Change(page.tr("In production"), f"v{current}", back)
    confirmation = Confirmation(title, text, page.tr("Roll back"), (change,), dangerous=True)

    def roll_back(reason: str) -> None:
        done = page.tr("Rolled back: {endpoint} is served by {version}").format(endpoint=endpoint, version=back)
        page.bridge.do(lambda workspace: workspace.roll_back(endpoint, reason=reason), done)

    return page.confirm(confirmation, roll_back)
