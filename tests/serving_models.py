"""Models that misbehave, by what their first column says. Workers import this module by `PYTHONPATH`."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

HANG, WRONG_SHAPE, LEAK, DIE = -1.0, -2.0, -3.0, -4.0
LEAKED_MB = 300


class Misbehaving:
    """Answers 0.25 and 0.75 to every row, and does otherwise where `dep delay` is one of the constants above."""

    def __init__(self) -> None:
        self._leaked: list[Any] = []

    def predict_proba(self, frame: Any) -> Any:
        asked = set(frame["dep delay"].tolist())
        if HANG in asked:
            time.sleep(600)
        if DIE in asked:
            os._exit(9)
        if LEAK in asked:
            self._leaked.append(np.ones(LEAKED_MB << 17))
        rows = len(frame) + (WRONG_SHAPE in asked)
        return np.tile([0.25, 0.75], (rows, 1))
