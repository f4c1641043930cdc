"""Delete a version for good: what that means first, then a reason and the reference, typed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QScrollArea, QVBoxLayout, QWidget

from mlops_desktop.ui.pages.base import Page
from mlops_desktop.ui.pages.data_sheet import Sheet, opened, show_facts
from mlops_desktop.ui.queries import upkeep as queries
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.figures import compact
from mlops_desktop.ui.widgets.forms import FormField, text_field
from mlops_desktop.ui.widgets.inspector import FactList
from mlops_desktop.ui.widgets.labels import caption

if TYPE_CHECKING:
    from mlops_desktop.data.upkeep.removal import Consequences, ModelUse

_NAMED = 6
_SHORTEST_REASON = 3
_TALLEST = 260


class DeleteSheet(Sheet):
    """Shows who uses a version and what would become free; refuses where a model in use learned from it."""

    def __init__(self, page: Page, reference: str) -> None:
        self.reference = reference
        self.found: Consequences | None = None
        super().__init__(page, "", "", "", kind="danger")
        self.title.setText(self.tr("Delete {reference} for good?").format(reference=reference))
        self.setWindowTitle(self.title.text())
        self.text.setText(
            self.tr("Its number is never used again, and its rows cannot be brought back. To free space and keep a way "
                    "back, archive it into a file instead.")
        )  # fmt: skip
        self.act.setText(self.tr("Delete for good"))
        self.facts = FactList()
        self.facts.hide()
        self.loading = caption(self.tr("Looking who uses it…"))
        reason_field, self.reason = text_field(self.tr("Reason"), placeholder=self.tr("Goes into the journal"))
        self.typed = QLineEdit()
        self.typed.setPlaceholderText(reference)
        hint = self.tr("Type {reference} to confirm").format(reference=reference)
        self.confirmation = QWidget()
        form = QVBoxLayout(self.confirmation)
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(t.SPACE_3)
        form.addWidget(reason_field)
        form.addWidget(FormField(hint, self.typed))
        for editor in (self.reason, self.typed):
            editor.textChanged.connect(self._check)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(self.facts)
        area.viewport().setAutoFillBackground(False)
        self.facts.setAutoFillBackground(False)
        self.area = area
        area.hide()
        self.column.addWidget(self.loading)
        self.column.addWidget(area)
        self.column.addWidget(self.confirmation)
        self.confirmation.hide()
        self.cancel.setDefault(True)
        self.act.setAutoDefault(False)
        self._check()
        self.ask(partial(queries.consequences, reference=reference), self.show_consequences)

    def show_consequences(self, found: Consequences) -> None:
        """What deleting means, and whether it is possible."""
        self.found = found
        self.loading.hide()
        self.area.setFixedHeight(min(show_facts(self.facts, self._facts(found)) + t.SPACE_1, _TALLEST))
        self.area.show()
        if found.refusal:
            self._refuse(found)
        else:
            self.confirmation.show()
            self.reason.setFocus(Qt.FocusReason.OtherFocusReason)
        self.fit()

    def _facts(self, found: Consequences) -> list[tuple[str, str]]:
        freed = self.tr("{size}B, at the next collection of unused objects").format(size=compact(found.freed))
        if not found.freed:
            freed = self.tr("nothing: other versions need the same objects")
        facts = [(self.tr("Rows"), f"{found.rows:,}"), (self.tr("Comes free"), freed)]
        for name, values, says in (
            (self.tr("Aliases"), found.aliases, ""),
            (self.tr("Tags"), found.tags, ""),
            (self.tr("Derived data"), found.derived, self.tr("keeps its rows, loses its parent")),
            (self.tr("Runs"), tuple(run[-6:] for run in found.runs), self.tr("cannot be repeated")),
            (self.tr("Models"), tuple(map(self._model, found.models)), self.tr("keep the reference as a name only")),
        ):
            if values:
                facts.append((name, _listed(values) + (f"  ({says})" if says else "")))
        if not (found.derived or found.runs or found.models):
            facts.append((self.tr("Used by"), self.tr("nothing on record")))
        return facts

    def _model(self, use: ModelUse) -> str:
        ways = [*use.aliases, *(self.tr("served by {name}").format(name=name) for name in use.endpoints)]
        return f"{use.reference} ({', '.join(ways)})" if ways else use.reference

    def _refuse(self, found: Consequences) -> None:
        hint = self.tr("Point the alias at another version, or roll the model back, first.")
        self.say(Tone.CRITICAL, f"{found.refusal} {hint}")
        for model in [use.reference for use in found.models if use.is_needed][:_NAMED]:
            text = self.tr("Open {name}").format(name=model)
            link = button(text, "external", "quiet", partial(self._go, f"models/{model}"))
            link.setAutoDefault(False)
            self.links.addWidget(link)
        self.links.addStretch(1)
        self.is_over()

    def _go(self, target: str) -> None:
        self.reject()
        self.page.openRequested.emit(target)

    def _check(self) -> None:
        is_reasoned = len(self.reason.text().strip()) >= _SHORTEST_REASON
        is_typed = self.typed.text().strip() == self.reference
        self.act.setEnabled(self.found is not None and not self.found.refusal and is_reasoned and is_typed)

    def go_ahead(self) -> None:
        reference, reason = self.reference, self.reason.text().strip()
        self.act.setEnabled(False)
        done = self.tr("{reference} is deleted").format(reference=reference)
        self.bridge.do(
            lambda workspace: workspace.data.delete(reference, reason),
            done,
            done=lambda _tombstone: self.accept(),
            failed=self.say_problem,
        )


def _listed(values: tuple[str, ...]) -> str:
    more = f" +{len(values) - _NAMED:,}" if len(values) > _NAMED else ""
    return ", ".join(values[:_NAMED]) + more


def open_delete(page: Page, reference: str) -> DeleteSheet:
    """Show what deleting a version means, and do it once a person has confirmed."""
    sheet = DeleteSheet(page, reference)
    opened(sheet)
    return sheet
