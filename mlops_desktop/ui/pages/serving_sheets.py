"""Sheets of the Serving page that ask for something before an act: what it changes, and why it is done."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QSpinBox, QVBoxLayout, QWidget

from mlops_desktop.core.deployments import RolloutKind
from mlops_desktop.core.errors import AppError
from mlops_desktop.ui.bridge import Query
from mlops_desktop.ui.pages.base import Page
from mlops_desktop.ui.pages.data_sheet import Sheet
from mlops_desktop.ui.queries.serving_rollout import Candidate, RolloutView
from mlops_desktop.ui.queries.serving_workers import Limits
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.confirm import BeforeAfter, Change
from mlops_desktop.ui.widgets.figures import duration, percent
from mlops_desktop.ui.widgets.forms import FormField, choice_field
from mlops_desktop.ui.widgets.labels import caption

_SHORTEST_REASON = 3


class DecisionSheet(Sheet):
    """Fields, the state before and after, and a reason. Subclasses fill `fields` and give `changes` and `deed`."""

    def __init__(self, page: Page, title: str, text: str, act: str, done: str) -> None:
        super().__init__(page, title, text, act)
        self._done = done
        self._is_working = False
        self._before_after: BeforeAfter | None = None
        self.fields = QVBoxLayout()
        self.fields.setSpacing(t.SPACE_3)
        self._holder = QVBoxLayout()
        self.reason = QPlainTextEdit()
        self.reason.setTabChangesFocus(True)
        self.reason.setFixedHeight(72)
        self.reason.setPlaceholderText(self.tr("Goes into the journal, for whoever asks later"))
        self.reason.textChanged.connect(self.look)
        self.column.addLayout(self.fields)
        self.column.addLayout(self._holder)
        self.column.addWidget(FormField(self.tr("Reason"), self.reason))

    def changes(self) -> Sequence[Change]:
        """What the act changes, as the fields are now."""
        raise NotImplementedError

    def deed(self, reason: str) -> Query:
        """The act, as the fields are now."""
        raise NotImplementedError

    def problem(self) -> str:
        """What keeps the act from being done, in words; empty for nothing."""
        return ""

    def look(self) -> None:
        """Show what the fields would change, and whether the act can be done."""
        if self._before_after is not None:
            self._holder.removeWidget(self._before_after)
            self._before_after.hide()
            self._before_after.deleteLater()
        self._before_after = BeforeAfter(tuple(self.changes()))
        self._holder.addWidget(self._before_after)
        has_reason = len(self.reason.toPlainText().strip()) >= _SHORTEST_REASON
        problem = self.problem()
        self.act.setEnabled(has_reason and not problem and not self._is_working)
        self.act.setToolTip(problem)
        if self.isVisible():
            self.fit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.fit()  # what wraps needs more than its hint says

    def go_ahead(self) -> None:
        self._is_working = True
        self.act.setEnabled(False)
        deed = self.deed(self.reason.toPlainText().strip())
        self.bridge.do(deed, self._done, lambda _value: self.accept(), self._on_failure)

    def _on_failure(self, error: AppError) -> None:
        self._is_working = False
        self.look()
        self.say_problem(error)


def number_field(
    label: str, value: int, low: int, high: int, suffix: str = "", hint: str = ""
) -> tuple[FormField, QSpinBox]:
    """A whole number with its field."""
    editor = QSpinBox()
    editor.setRange(low, high)
    editor.setValue(value)
    editor.setSuffix(suffix)
    return FormField(label, editor, hint), editor


def beside(*widgets: QWidget) -> QHBoxLayout:
    """Fields next to each other."""
    row = QHBoxLayout()
    row.setSpacing(t.SPACE_4)
    for widget in widgets:
        row.addWidget(widget, 1, Qt.AlignmentFlag.AlignTop)
    return row


class ScaleSheet(DecisionSheet):
    """How many workers each version may have from now on."""

    def __init__(self, page: Page, endpoint: str, limits: Limits) -> None:
        text = page.tr("It takes effect at once, and holds until a new spec of the model is saved.")
        done = page.tr("{} has other limits now")
        super().__init__(page, page.tr("Workers of {name}").format(name=endpoint), text, page.tr("Set"), done)
        self._endpoint, self._scaler = endpoint, limits.spec.autoscaler
        hint = self.tr("0 lets a version sleep; the next request waits for a worker.")
        low, self.minimum = number_field(self.tr("At least"), self._scaler.min_workers, 0, 256, hint=hint)
        hint = self.tr("Each computes with one core.")
        high, self.maximum = number_field(self.tr("At most"), self._scaler.max_workers, 1, 256, hint=hint)
        self.fields.addLayout(beside(low, high))
        for spin in (self.minimum, self.maximum):
            spin.valueChanged.connect(self.look)
        self.look()
        self.minimum.setFocus()

    def changes(self) -> Sequence[Change]:
        scaler = self._scaler
        return (
            Change(self.tr("At least"), str(scaler.min_workers), str(self.minimum.value())),
            Change(self.tr("At most"), str(scaler.max_workers), str(self.maximum.value())),
        )

    def problem(self) -> str:
        low, high = self.minimum.value(), self.maximum.value()
        if low > high:
            return self.tr("The least cannot be more than the most.")
        same = (low, high) == (self._scaler.min_workers, self._scaler.max_workers)
        return self.tr("Nothing is changed yet.") if same else ""

    def deed(self, reason: str) -> Query:
        name, low, high = self._endpoint, self.minimum.value(), self.maximum.value()
        return lambda workspace: workspace.serving.scale(name, minimum=low, maximum=high, reason=reason)


class StartSheet(DecisionSheet):
    """Which version to try beside the one in production, and how."""

    def __init__(self, page: Page, view: RolloutView) -> None:
        text = page.tr("Production stays as it is until the guardrails, or a person, decide.")
        done = page.tr("The rollout has started")
        super().__init__(page, page.tr("Try a version beside production"), text, page.tr("Start"), done)
        self._view = view
        versions = [(each.reference, self._title(each)) for each in view.candidates]
        field, self.version = choice_field(self.tr("Version"), versions)
        kinds = [
            (RolloutKind.CANARY.value, self.tr("Canary: answers a share, step by step")),
            (RolloutKind.SHADOW.value, self.tr("Shadow: gets copies, answers nobody")),
            (RolloutKind.AB.value, self.tr("A/B: keeps a share, is only measured")),
        ]
        kind_field, self.kind = choice_field(self.tr("Kind"), kinds, view.spec.kind.value)
        share = round(view.spec.steps[0] * 100)
        share_field, self.share = number_field(self.tr("First share"), share, 1, 100, "\N{NO-BREAK SPACE}%")
        self.fields.addLayout(beside(field, share_field))
        self.fields.addWidget(kind_field)
        self.rules = caption("", wrap=True)
        self.fields.addWidget(self.rules)
        for combo in (self.version, self.kind):
            combo.currentIndexChanged.connect(self.look)
        self.share.valueChanged.connect(self.look)
        self.look()
        self.version.setFocus()

    def _title(self, each: Candidate) -> str:
        return f"v{each.number}  {each.summary}".rstrip()

    @property
    def chosen_kind(self) -> RolloutKind:
        return RolloutKind(self.kind.currentData())

    def look(self) -> None:
        is_shadow = self.chosen_kind is RolloutKind.SHADOW
        self.share.setEnabled(not is_shadow)
        self.rules.setText(self._rules())
        super().look()

    def _rules(self) -> str:
        spec = self._view.spec
        steps = ", ".join(percent(step, 0) for step in spec.steps)
        words = self.tr(
            "By {spec}: steps {steps}{bake}. {labels:,} labelled rows and {requests:,} requests of "
            "each version are wanted. A version as good as production is rolled back in at most {alpha} of rollouts. "
            "It is over after {days:g} days."
        )
        bakes = self.tr("; each bakes {time}") if spec.bake_minutes else ""
        return words.format(
            spec=self._view.spec_name or self.tr("the usual rules"), steps=steps,
            bake=bakes.format(time=duration(spec.bake_minutes * 60)),
            labels=spec.min_labelled, requests=spec.min_requests, alpha=percent(spec.alpha, 0), days=spec.max_days,
        )  # fmt: skip

    def changes(self) -> Sequence[Change]:
        before = f"v{self._view.production}"
        number = self.version.currentText().partition(" ")[0]
        if self.chosen_kind is RolloutKind.SHADOW:
            return (
                Change(self.tr("Requests"), self.tr("{v} answers all").format(v=before), before),
                Change(self.tr("Copies"), self.tr("none"), number),
            )
        share = self.share.value()
        return (
            Change(self.tr("Requests to {v}").format(v=before), "100 %", f"{100 - share} %"),
            Change(self.tr("Requests to {v}").format(v=number), "0 %", f"{share} %"),
        )

    def deed(self, reason: str) -> Query:
        name, reference, kind = self._view.endpoint, self.version.currentData(), self.chosen_kind
        weight = None if kind is RolloutKind.SHADOW else self.share.value() / 100
        return lambda workspace: workspace.serving.start_rollout(
            name, reference, kind=kind, weight=weight, reason=reason
        )
