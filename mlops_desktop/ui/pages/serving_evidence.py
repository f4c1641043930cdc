"""A guardrail's evidence in words."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from mlops_desktop.core.deployments import Guardrail, Rollout
from mlops_desktop.ui.queries.series import metric_label
from mlops_desktop.ui.queries.serving_rollout import Evidence
from mlops_desktop.ui.widgets.evidence import EvidenceRow
from mlops_desktop.ui.widgets.figures import MINUS, percent

translate = QCoreApplication.translate


def evidence_row(evidence: Evidence, rollout: Rollout) -> EvidenceRow:
    """One row of `EvidenceList`."""
    figures = evidence.figures
    title = _title(evidence)
    if figures is None:
        waiting = _waiting(evidence)
        return EvidenceRow(title, translate("evidence", "no figures yet"), waiting, "undecided", 0.0)
    limit = evidence.margin
    if limit is not None and evidence.higher_is_better:
        limit = -limit
    return EvidenceRow(
        title,
        _figures(figures, rollout, limit),
        _waiting(evidence),
        evidence.verdict,
        min(1.0, evidence.seen / evidence.needed) if evidence.needed else 1.0,
        figures.difference,
        figures.low,
        figures.high,
        limit,
    )


def _title(evidence: Evidence) -> str:
    titles = {
        "loss": translate("evidence", "Quality"),
        "cost": translate("evidence", "Business"),
        "auc": translate("evidence", "Quality"),
        "errors": translate("evidence", "Errors"),
        "latency": translate("evidence", "Latency"),
        "predictions": translate("evidence", "Predictions"),
    }
    measures = {
        "loss": translate("evidence", "loss"),
        "cost": translate("evidence", "cost per row"),
        "auc": "AUC",
        "errors": translate("evidence", "share of requests"),
        "latency": translate("evidence", "share of slow requests"),
        "predictions": translate("evidence", "distance of distributions (KS)"),
    }
    measure = metric_label(evidence.figures.name) if evidence.figures is not None else measures[evidence.name]
    return f"{titles[evidence.name]} · {measure}"


def _figures(figures: Guardrail, rollout: Rollout, limit: float | None) -> str:
    """`v6 0.484, v5 0.492 · Δ −0.008 (−0.021 to +0.005) · limit +0.01`."""
    is_share = "share" in figures.unit

    def told(value: float, *, with_sign: bool = False) -> str:
        if is_share:
            return ("+" if with_sign and value > 0 else "") + percent(value, 2)
        sign = "+" if with_sign and value > 0 else ""
        return sign + f"{value:.3g}".replace("-", MINUS)

    versions = f"v{rollout.canary} {told(figures.canary)}, v{rollout.primary} {told(figures.primary)}"
    interval = translate("evidence", "Δ {d} ({low} to {high})").format(
        d=told(figures.difference, with_sign=True),
        low=told(figures.low, with_sign=True),
        high=told(figures.high, with_sign=True),
    )
    if limit is None:
        return f"{versions} · {interval}"
    return f"{versions} · {interval} · {translate('evidence', 'limit')} {told(limit, with_sign=True)}"


def _waiting(evidence: Evidence) -> str:
    """What it has seen, and what it still waits for."""
    rows = translate("evidence", "labelled rows") if evidence.of_labels else translate("evidence", "requests")
    if evidence.figures is None:
        text = translate("evidence", "waits for {needed} {rows} of each version")
        return text.format(needed=f"{evidence.needed:,}", rows=rows)
    counts = f"{evidence.figures.n_canary:,} / {evidence.figures.n_primary:,} {rows}"
    if evidence.verdict != "undecided":
        return translate("evidence", "decided on {counts}").format(counts=counts)
    if evidence.seen < evidence.needed:
        text = translate("evidence", "{counts}, {needed} of each are needed")
        return text.format(counts=counts, needed=f"{evidence.needed:,}")
    return translate("evidence", "{counts}, not yet clear").format(counts=counts)
