"""Verify what is stored, and free what nothing needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QCheckBox, QRadioButton

from mlops_desktop.ui.pages.base import Page
from mlops_desktop.ui.pages.data_sheet import Sheet, indented, opened, show_facts
from mlops_desktop.ui.queries import upkeep as queries
from mlops_desktop.ui.queries.upkeep import RunView
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.figures import compact, duration
from mlops_desktop.ui.widgets.inspector import FactList
from mlops_desktop.ui.widgets.labels import caption
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind

if TYPE_CHECKING:
    from mlops_desktop.data.upkeep.collection import Collected, CollectionPlan
    from mlops_desktop.data.upkeep.verify import Verification


_HEADER, _TALLEST = 48, 210


class VerifySheet(Sheet):
    """Reads stored bytes again and compares them with the hashes they are named by."""

    def __init__(self, page: Page, reference: str = "") -> None:
        self.reference = reference
        super().__init__(page, "", "", "")
        self.title.setText(self.tr("Verify stored data"))
        self.setWindowTitle(self.title.text())
        self.text.setText(
            self.tr("Reads every byte again and compares it with the hash it was stored under. Nothing is changed.")
        )
        self.act.setText(self.tr("Verify"))
        self.one = QRadioButton(self.tr("{reference} only").format(reference=reference))
        self.whole = QRadioButton(self.tr("The whole store: all data, models, runs and monitoring"))
        self.one.setVisible(bool(reference))
        (self.one if reference else self.whole).setChecked(True)
        self.deep = QCheckBox(self.tr("Also rebuild the rows of each chunk"))
        why = self.tr("Slower. Finds rows that were stored wrongly, not only bytes that changed since.")
        self.table = DataTable(
            [
                ColumnSpec("sha256", self.tr("Object"), Kind.MONO, width=100, tooltip=self.tr("Start of its name")),
                ColumnSpec("role", self.tr("What it is"), width=90),
                ColumnSpec("problem", self.tr("Problem"), width=90),
                ColumnSpec("versions", self.tr("Touches"), width=240),
            ],
            compact=True,
            toolbar=False,
            name=self.tr("Damaged objects"),
        )
        self.table.hide()
        self.advice = caption("", wrap=True)
        self.advice.hide()
        for widget in (self.one, self.whole, self.deep, indented(caption(why)), self.table, self.advice):
            self.column.addWidget(widget)
        self.act.setDefault(True)

    def go_ahead(self) -> None:
        self.table.hide()
        self.advice.hide()
        chosen = {} if self.whole.isChecked() else {"references": [self.reference]}
        self.run(queries.VERIFY, chosen | ({"deep": True} if self.deep.isChecked() else {}))
        self.fit()

    def show_end(self, view: RunView) -> None:
        found: Verification | None = view.result
        if found is None:
            super().show_end(view)
            return
        read = self.tr("{objects} objects, {size}B read in {time}").format(
            objects=f"{found.objects:,}", size=compact(found.size), time=duration(max(found.seconds, 0.1))
        )
        if found.is_sound:
            self.say(Tone.OK, self.tr("Everything is as it was stored. {read}.").format(read=read))
            self.cancel.setText(self.tr("Close"))
            self.act.setText(self.tr("Verify again"))
            return
        self._show_damage(found)
        self.say(Tone.CRITICAL, f"{view.reason}. {read}.")
        self.cancel.setText(self.tr("Close"))

    def _show_damage(self, found: Verification) -> None:
        self.table.set_rows(
            {
                "sha256": [each.sha256[:12] for each in found.damaged],
                "role": [each.role for each in found.damaged],
                "problem": [each.problem for each in found.damaged],
                "versions": [", ".join(each.versions) or self.tr("nothing") for each in found.damaged],
            }
        )
        self.table.setFixedHeight(min(_HEADER + t.ROW_COMPACT * len(found.damaged), _TALLEST))
        self.table.show()
        self.advice.setText(
            self.tr("What to do: copy the objects folder of a backup over the workspace's own, restore the version "
                    "from its archive, or add the source file again, which stores the rows anew. Then verify again.")
        )  # fmt: skip
        self.advice.show()


class CollectSheet(Sheet):
    """Shows what nothing needs any more, and frees it."""

    def __init__(self, page: Page) -> None:
        super().__init__(page, "", "", "", kind="danger")
        self.title.setText(self.tr("Free unused space"))
        self.setWindowTitle(self.title.text())
        self.text.setText(
            self.tr("Objects that no version, model, run or report needs any more, as after a deletion or an archive.")
        )
        self.act.setText(self.tr("Free it"))
        self.act.setEnabled(False)
        self.loading = caption(self.tr("Looking what is needed…"))
        self.facts = FactList()
        self.facts.hide()
        self.column.addWidget(self.loading)
        self.column.addWidget(self.facts)
        self.cancel.setDefault(True)
        self.ask(queries.collection_plan, self._show)

    def _show(self, plan: CollectionPlan) -> None:
        self.loading.hide()
        kept_by = ", ".join(f"{count:,} by {keeper}" for keeper, count in plan.kept_by.items())
        facts = [
            (self.tr("Would be freed"), self._count(plan.objects, plan.size)),
            (self.tr("Half-written"), self._count(plan.temporary, plan.temporary_size)),
            (self.tr("Stays"), self._count(plan.kept, plan.kept_size)),
            (self.tr("Kept"), kept_by or self.tr("nothing is stored")),
        ]
        show_facts(self.facts, facts)
        if plan.objects or plan.temporary:
            size = compact(plan.size + plan.temporary_size)
            self.act.setText(self.tr("Free {size}B").format(size=size))
            self.act.setEnabled(True)
            self.fit()
        else:
            self.say(Tone.OK, self.tr("Everything that is stored is needed. There is nothing to free."))
            self.is_over()

    def _count(self, objects: int, size: int) -> str:
        if not objects:
            return self.tr("nothing")
        return self.tr("{n} objects, {size}B").format(n=f"{objects:,}", size=compact(size))

    def go_ahead(self) -> None:
        self.run(queries.COLLECT, {})

    def show_end(self, view: RunView) -> None:
        done: Collected | None = view.result
        if done is None:
            super().show_end(view)
            return
        self.facts.hide()
        text = self.tr("{n} objects are gone, {size}B are free.")
        self.say(Tone.OK, text.format(n=f"{done.objects + done.temporary:,}", size=compact(done.size)))
        self.is_over()


def open_verify(page: Page, reference: str = "") -> VerifySheet:
    """Offer to verify a version or the whole store."""
    sheet = VerifySheet(page, reference)
    opened(sheet)
    return sheet


def open_collect(page: Page, reference: str = "") -> CollectSheet:  # noqa: ARG001 - as the other sheets are opened
    """Show what could be freed, and free it."""
    sheet = CollectSheet(page)
    opened(sheet)
    return sheet
