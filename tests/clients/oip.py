"""Run in an environment with `open-inference-openapi`: talks to the gateway at argv[1]; prints what it was told."""

import json
import sys
from importlib.metadata import version

from open_inference.openapi.client import OpenInferenceClient
from open_inference.openapi.types import InferenceRequest, RequestInput, TensorData

client = OpenInferenceClient(base_url=f"http://127.0.0.1:{sys.argv[1]}", httpx_client=None)


def tensor(name, values, kind):
    return RequestInput(name=name, shape=[len(values)], datatype=kind, data=TensorData.parse_obj(values))


request = InferenceRequest(
    id="mine",
    inputs=[tensor("dep delay", [1.0, -0.5], "FP64"), tensor("hour", [12, 3], "INT64"),
            tensor("carrier", ["AA", "UA"], "BYTES")],
)  # fmt: skip
found = {"client": version("open-inference-openapi")}
found["server"] = json.loads(client.read_server_metadata().json())
found["live"] = json.loads(client.check_server_liveness().json()) if client.check_server_liveness() else True
found["ready"] = json.loads(client.check_server_readiness().json()) if client.check_server_readiness() else True
client.check_model_readiness("late")
client.check_model_version_readiness("late", "1")
found["metadata"] = json.loads(client.read_model_metadata("late").json())
found["answer"] = json.loads(client.model_infer("late", request=request).json())
found["version"] = json.loads(client.model_version_infer("late", "1", request=request).json())
try:
    client.model_infer("nobody", request=request)
except Exception as problem:
    found["error"] = f"{type(problem).__name__}: {problem}"
print(json.dumps(found))
