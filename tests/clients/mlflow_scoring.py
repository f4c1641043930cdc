"""Run in an environment with `mlflow`: talks to the gateway at argv[1]; prints what it was told as JSON."""

import json
import sys

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

client = ScoringServerClient("127.0.0.1", int(sys.argv[1]))
client.wait_server_ready(timeout=5)
frame = pd.DataFrame({"dep delay": [1.0, np.nan], "hour": [12, 3], "carrier": ["AA", "UA"]})
found = {"client": mlflow.__version__, "version": client.get_version()}
found["frame"] = client.invoke(frame).get_predictions().to_dict("list")
found["params"] = client.invoke(frame, params={"anything": 1}).get_predictions().to_dict("list")
found["rows"] = client.invoke([[1.0, 12, "AA"], [-0.5, 3, "UA"]]).get_predictions().to_dict("list")
try:
    client.invoke(frame[["hour"]])
except Exception as problem:
    found["error"] = str(problem)
print(json.dumps(found))
