"""Runs in MLflow's environment: saves a pipeline as MLflow's guide does, so that it answers probabilities.

python mlflow_save.py model.joblib rows.json folder
"""

import json
import sys
from pathlib import Path

import joblib
import mlflow
import pandas as pd

original, rows, folder = map(Path, sys.argv[1:])
pipeline = joblib.load(original)
frame = pd.DataFrame(json.loads(rows.read_text(encoding="utf-8")))
# A missing measurement makes a column of whole numbers a column of floats, and MLflow refuses the one for the other.
frame = frame.astype({name: float for name in frame if pd.api.types.is_numeric_dtype(frame[name])})
mlflow.sklearn.save_model(
    pipeline,
    folder,
    signature=mlflow.models.infer_signature(frame, pipeline.predict_proba(frame)),
    pyfunc_predict_fn="predict_proba",
    serialization_format="cloudpickle",
)
