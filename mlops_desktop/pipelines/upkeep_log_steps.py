"""The step that keeps a prediction log small: closed segments are compacted, old ones removed by the spec's rules."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from mlops_desktop.core.progress import part_of
from mlops_desktop.pipelines.collect import collected_until, spool_folder
from mlops_desktop.pipelines.runner import Output, StepContext, register_step
from mlops_desktop.pipelines.settings import settings_for
from mlops_desktop.serving.compaction import compact
from mlops_desktop.serving.retention import Needed, remove_old


@register_step("tidy log")
def tidy_log(context: StepContext) -> Output:
    """Compact an endpoint's log and remove what `[serving.log]` does not keep, once it was collected.

    What a running rollout is judged by stays as well. Parameter: `endpoint`.
    """
    registry, endpoint = context.registry, context.parameters["endpoint"]
    folder, rules = spool_folder(registry, endpoint), settings_for(registry, endpoint).serving.log
    compacted = compact(folder, part_of(context.progress, 0.0, 0.9))
    rollout = registry.rollouts.running(endpoint)
    needed = Needed(collected_until(registry, endpoint), rollout.started if rollout else None)
    before = registry.clock.now() - timedelta(days=rules.keep_days) if rules.keep_days else None
    removed = remove_old(folder, needed, before=before, keep_bytes=round(rules.keep_mb * 1e6))
    saved = compacted.bytes_before - compacted.bytes_after
    parts = [f"{compacted.segments:,} segments compacted, {saved / 1e6:,.1f} MB freed"]
    if removed.segments:
        parts.append(f"{len(removed.segments):,} removed, {removed.bytes / 1e6:,.1f} MB")
    if removed.kept_for_need:
        parts.append(f"{removed.kept_for_need:,} old ones are still needed")
    if compacted.damaged:
        parts.append(f"{len(compacted.damaged):,} are damaged and stay as they are")
    return {
        "compacted": msgspec.to_builtins(compacted),
        "removed": msgspec.to_builtins(removed),
        "summary": "; ".join(parts),
    }
