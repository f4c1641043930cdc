"""What a spec says beyond training, and how a spec becomes part of a workspace."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from mlops_desktop.core.deployments import Endpoint
from mlops_desktop.core.errors import AppError, EnvironmentProblem, NotFound
from mlops_desktop.core.pipelines import Schedule
from mlops_desktop.core.runs import SpecVersion
from mlops_desktop.evaluation.business import ValueMatrix
from mlops_desktop.governance.gates import GateSpec
from mlops_desktop.pipelines.checkout import git_state
from mlops_desktop.pipelines.schedules import planned, trigger_of
from mlops_desktop.registry import Registry
from mlops_desktop.serving.config import ServingSpec
from mlops_desktop.training.specs import ProjectSpec, load_spec, parse_spec

NEVER = "never"
NIGHTLY = "20 3 * * *"
_TOKEN_FILE = "serving-token"  # noqa: S105 (the name of a file)


class RetrainingSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[retraining]`: what a retraining run tries.

    Attributes:
        train_days: lengths of training history, one candidate each; the gate chooses. Empty: that of `[split]`.
        label_delay_days: labels of a day are complete so many days later; younger rows are not learned from.
    """

    train_days: tuple[int, ...] = ()
    label_delay_days: int = 1


class ScheduleSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[schedule]`: cron expressions in the workspace's time (UTC); empty means only on alert or by hand.

    `tidy_log` compacts the prediction log and removes what `[serving.log]` does not keep; where that limits it, empty
    means every night. `never` leaves it alone.
    """

    retrain: str = ""
    monitor: str = ""
    tidy_log: str = ""


class Settings(Struct, frozen=True):
    """A spec with its other sections converted."""

    spec: ProjectSpec
    gate: GateSpec
    retraining: RetrainingSection
    schedule: ScheduleSection
    values: ValueMatrix | None
    serving: ServingSpec

    @property
    def endpoint(self) -> str:
        """A model's endpoint carries its name."""
        return self.spec.model.name

    @property
    def candidates(self) -> tuple[int, ...]:
        """Lengths of training history to try, in days."""
        return self.retraining.train_days or (self.spec.split.train_days,)


def settings_of(spec: ProjectSpec) -> Settings:
    """Convert the sections; raises `InvalidInput` that names key and file."""
    return Settings(
        spec=spec,
        gate=spec.section("gate", GateSpec),
        retraining=spec.section("retraining", RetrainingSection),
        schedule=spec.section("schedule", ScheduleSection),
        values=spec.section("business", ValueMatrix) if spec.has_section("business") else None,
        serving=spec.section("serving", ServingSpec),
    )


def settings_for(registry: Registry, reference: str) -> Settings:
    """The settings of a saved spec; an endpoint's name means the newest spec of its model."""
    version = registry.specs.get(reference)
    return settings_of(parse_spec(version.text, source=version.reference))


def saved_spec(registry: Registry, model: str) -> str:
    """Reference of a model's newest spec; empty where none was saved."""
    try:
        return registry.specs.get(model).reference
    except NotFound:
        return ""


def serving_of(registry: Registry, endpoint: Endpoint) -> ServingSpec:
    """An endpoint's limits by the newest spec of its model, with the workers that were set by hand since."""
    try:
        serving = settings_for(registry, endpoint.model).serving
    except AppError:
        serving = ServingSpec()  # a model without a saved spec is served within the usual limits
    workers = endpoint.workers
    if workers is None or workers.spec != saved_spec(registry, endpoint.model):
        return serving
    scaler = replace(serving.autoscaler, min_workers=workers.minimum, max_workers=workers.maximum)
    return replace(serving, autoscaler=scaler)


def adopt_spec(registry: Registry, path: Path, *, schedule: bool = True) -> SpecVersion:
    """Check a spec file as a whole, save it with its Git state, and (if `schedule`) set up what it schedules."""
    spec = load_spec(path)
    settings = settings_of(spec)
    check_whole(settings)
    git = git_state(path)
    with registry.transaction():
        saved = registry.specs.save(spec.model.name, path.read_text(encoding="utf-8-sig"), git)
        if schedule:
            set_schedules(registry, settings)
    return saved


def check_whole(settings: Settings) -> None:
    """Sections that other rooms own are checked when a spec is adopted, not when they are first needed."""
    from mlops_desktop.monitoring.spec import MonitoringSpec
    from mlops_desktop.serving.rolloutspec import RolloutSpec

    settings.gate.metric_for(settings.spec.model.task)
    settings.spec.section("monitoring", MonitoringSpec)
    settings.spec.section("rollout", RolloutSpec)
    for schedule in schedules_of(settings):
        trigger_of(schedule.cron)


def schedules_of(settings: Settings) -> list[Schedule]:
    """What the spec schedules, not yet planned."""
    schedule, log = settings.schedule, settings.serving.log
    tidying = schedule.tidy_log or (NIGHTLY if log.keep_days or log.keep_mb else "")
    wanted = {
        "monitor": schedule.monitor,
        "retrain": schedule.retrain,
        "tidy log": "" if tidying == NEVER else tidying,
    }
    return [
        Schedule(
            name=f"{pipeline} {settings.endpoint}",
            pipeline=pipeline,
            cron=cron,
            parameters={"endpoint": settings.endpoint},
            next_at=None,
        )
        for pipeline, cron in wanted.items()
        if cron
    ]


def set_schedules(registry: Registry, settings: Settings) -> None:
    """Make the registry's schedules those of the spec."""
    for schedule in schedules_of(settings):
        registry.schedules.save(planned(schedule, registry.clock.now()))


def feedback_token(folder: Path) -> str:
    """The workspace's token for calls that change something; made on first use, readable by its owner alone."""
    path = folder / _TOKEN_FILE
    with contextlib.suppress(OSError):
        return path.read_text(encoding="ascii").strip()
    token = secrets.token_urlsafe(32)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise EnvironmentProblem(
            f"The workspace at {folder} cannot be written ({error.strerror}).", hint="Check its permissions."
        ) from error
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(token)
    return token
