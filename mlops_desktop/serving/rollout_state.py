"""What is known about a rollout by a position in the log: small, whatever the length of the log, and kept on the disk.

It is a cache: without it, or where it does not fit, the same is read from the log again.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct, field

from mlops_desktop.serving.guardrails import Contrast, RolloutStats
from mlops_desktop.serving.log import LogPosition
from mlops_desktop.serving.rolloutspec import RolloutSpec

_PREFIX, _SUFFIX = "rollout-", ".state"
_FORMAT = 1


class Served(Struct, array_like=True, gc=False):
    """A request with the labels known so far, and what its labelled rows have added to its version's sums.

    `decisions` and `entities` are empty where they are not known or not needed.
    """

    is_canary: bool
    scores: list[float]
    decisions: list[int] = []
    entities: list[str] = []
    labels: list[float | None] = []
    known: int = 0
    loss: float = 0.0
    cost: float = 0.0


class Awaited(Struct):
    """Requests whose labels may come, by id; `copies` are the second ones of a pair, which a shadow makes.

    `share` of all requests are kept, chosen by their ids; `rows` is how many rows those are. `parked` are labels that
    match none of them (yet), the newest last.
    """

    requests: dict[str, Served] = field(default_factory=dict)
    copies: dict[str, Served] = field(default_factory=dict)
    parked: dict[str, Any] = field(default_factory=dict)
    share: float = 1.0
    rows: int = 0


class RolloutKey(Struct, frozen=True):
    """What the figures depend on besides the log; `costs` are those of the four outcomes of a decision."""

    primary: int
    canary: int
    started: int
    spec: RolloutSpec
    costs: tuple[float, float, float, float] | None = None
    format: int = _FORMAT


class RolloutState(Struct):
    """All that the judgement of a rollout rests on, as of `position`; `has_begun` where that is behind its start."""

    key: RolloutKey
    position: LogPosition
    primary: RolloutStats
    canary: RolloutStats
    contrast: Contrast
    awaited: Awaited = field(default_factory=Awaited)
    has_begun: bool = False


def save_state(state: RolloutState, folder: Path, rollout: str) -> None:
    """Keep it in an endpoint's folder. A disk that is full is no reason to stop: it saves time, nothing else."""
    path = _path(folder, rollout)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        fresh.write_bytes(_encoder.encode(state))
        fresh.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


def saved_state(folder: Path, rollout: str, key: RolloutKey) -> RolloutState | None:
    """What was kept of a rollout; None where nothing is that fits."""
    try:
        state = _decoder.decode(_path(folder, rollout).read_bytes())
    except (OSError, msgspec.MsgspecError, ValueError):
        return None
    return state if state.key == key else None


def remove_states(folder: Path, *, but: str = "") -> None:
    """Remove what is kept of all rollouts in an endpoint's folder but one."""
    for path in folder.glob(f"{_PREFIX}*{_SUFFIX}*"):
        if path != _path(folder, but):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def _path(folder: Path, rollout: str) -> Path:
    return folder / f"{_PREFIX}{rollout}{_SUFFIX}"


def _packed(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.shape, value.astype("<f8").tobytes()
    raise NotImplementedError(type(value))


def _unpacked(kind: type, value: Any) -> Any:
    if kind is np.ndarray:
        return np.frombuffer(value[1], "<f8").reshape(value[0]).copy()
    raise NotImplementedError(kind)


_encoder = msgspec.msgpack.Encoder(enc_hook=_packed)
_decoder = msgspec.msgpack.Decoder(RolloutState, dec_hook=_unpacked)
