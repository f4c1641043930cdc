"""Run in an environment with `tritonclient[http]`: talks to the gateway at argv[1]; prints what it was told as JSON."""

import asyncio
import json
import sys

import numpy as np
import tritonclient
import tritonclient.http as client
import tritonclient.http.aio as aio

ADDRESS = f"127.0.0.1:{sys.argv[1]}"


def inputs(is_binary):
    made = []
    for name, values, kind in (
        ("dep delay", np.array([1.0, -0.5], np.float32), "FP32"),
        ("hour", np.array([12, 3], np.int64), "INT64"),
        ("carrier", np.array([b"AA", b"UA"], np.object_), "BYTES"),
    ):
        tensor = client.InferInput(name, [2], kind)
        tensor.set_data_from_numpy(values, binary_data=is_binary)
        made.append(tensor)
    return made


def outputs(is_binary):
    return [client.InferRequestedOutput(name, binary_data=is_binary) for name in ("scores", "predictions")]


def told(result):
    response = result.get_response()
    names = ("scores", "predictions", "probabilities")
    arrays = {name: result.as_numpy(name) for name in names}
    plain = {
        name: [v.decode() if isinstance(v, bytes) else v for v in array.tolist()] if array.ndim == 1 else array.tolist()
        for name, array in arrays.items()
        if array is not None
    }
    return {"id": response["id"], "version": response["model_version"], "outputs": plain}


def main():
    served = client.InferenceServerClient(ADDRESS)
    found = {"client": tritonclient.__version__ if hasattr(tritonclient, "__version__") else "", "answers": {}}
    found["live"], found["ready"] = served.is_server_live(), served.is_server_ready()
    found["model_ready"] = served.is_model_ready("late"), served.is_model_ready("late", "1")
    found["server"] = served.get_server_metadata()
    found["metadata"] = served.get_model_metadata("late")
    found["config"] = served.get_model_config("late")
    found["index"] = served.get_model_repository_index()
    answers = found["answers"]
    answers["binary"] = told(served.infer("late", inputs(True), request_id="b"))
    answers["json"] = told(served.infer("late", inputs(False), outputs=outputs(False), request_id="j"))
    answers["mixed"] = told(served.infer("late", inputs(True), outputs=outputs(False)))
    answers["chosen"] = told(served.infer("late", inputs(False), outputs=outputs(True)[:1], model_version="1"))
    for name in ("gzip", "deflate"):
        options = {"request_compression_algorithm": name, "response_compression_algorithm": name}
        answers[name] = told(served.infer("late", inputs(True), **options))
    large = client.InferInput("dep delay", [20000], "FP64")
    large.set_data_from_numpy(np.zeros(20000))
    hours = client.InferInput("hour", [20000], "INT32")
    hours.set_data_from_numpy(np.full(20000, 5, np.int32))
    carriers = client.InferInput("carrier", [20000], "BYTES")
    carriers.set_data_from_numpy(np.full(20000, b"UA", np.object_))
    result = served.infer("late", [large, hours, carriers], response_compression_algorithm="gzip")
    found["large"] = [len(set(result.as_numpy("scores").tolist())), len(result.as_numpy("scores"))]
    found["statistics"] = served.get_inference_statistics("late")
    try:
        served.infer("late", inputs(True)[:2])
    except client.InferenceServerException as problem:
        found["error"] = [problem.status(), problem.message()]
    found["async"] = asyncio.run(later())
    print(json.dumps(found))


async def later():
    async with aio.InferenceServerClient(ADDRESS) as served:
        results = await asyncio.gather(*(served.infer("late", inputs(True), request_id=str(n)) for n in range(8)))
        return [told(result) for result in results]


main()
