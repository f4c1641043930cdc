"""Runs in BentoML's environment: a service with a scikit-learn pipeline, whose rows are a data frame or batched.

Environment: `MODEL` is the joblib file, `WORKERS` how many processes there are.
"""

import os
from typing import Annotated, Any

import bentoml
import joblib
import numpy as np
import pandas as pd
from bentoml.validators import DataframeSchema

SETTINGS: dict[str, Any] = {"workers": int(os.environ["WORKERS"]), "traffic": {"timeout": 60}}


@bentoml.service(**SETTINGS)
class Alone:
    """Each request is predicted by itself."""

    def __init__(self) -> None:
        self.pipeline = joblib.load(os.environ["MODEL"])

    @bentoml.api
    def predict(self, rows: Annotated[pd.DataFrame, DataframeSchema(orient="records")]) -> np.ndarray:
        return self.pipeline.predict_proba(rows)


@bentoml.service(**SETTINGS)
class Batched:
    """What comes together is predicted together.

    Rows are a list, as version 1.4 mistakes the shape of a data frame for its length.
    """

    def __init__(self) -> None:
        self.pipeline = joblib.load(os.environ["MODEL"])

    @bentoml.api(batchable=True, max_batch_size=512, max_latency_ms=1000)
    def predict(self, rows: list[dict[str, Any]]) -> list[list[float]]:
        return self.pipeline.predict_proba(pd.DataFrame(rows)).tolist()
