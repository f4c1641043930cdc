"""What Open Inference Protocol V2 says of the server and its models, with the extensions of Triton."""

from __future__ import annotations

from typing import Any

from mlops_desktop import __version__
from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.models import Runtime, Signature
from mlops_desktop.serving.config import ServedEndpoint, ServedVersion
from mlops_desktop.serving.gateway.endpoints import LiveEndpoint
from mlops_desktop.serving.gateway.meters import Meter, Meters

_DATATYPES = {ColumnType.TEXT: "BYTES", ColumnType.INTEGER: "INT64", ColumnType.BOOLEAN: "BOOL"}
_EXTENSIONS = ["binary_tensor_data", "model_configuration", "model_repository", "statistics"]


def server_metadata() -> dict[str, Any]:
    return {"name": "mlops-desktop", "version": __version__, "extensions": _EXTENSIONS}


def model_metadata(endpoint: ServedEndpoint, version: ServedVersion) -> dict[str, Any]:
    """Names, datatypes and shapes of the model's inputs and outputs."""
    return {
        "name": endpoint.name,
        "versions": [str(known.number) for known in endpoint.versions],
        "platform": _platform(version),
        "inputs": _inputs(version.signature),
        "outputs": _outputs(version.signature),
    }


def model_config(endpoint: ServedEndpoint, version: ServedVersion) -> dict[str, Any]:
    """The same in the words of Triton's model configuration."""
    platform = _platform(version)
    return {
        "name": endpoint.name,
        "platform": platform,
        "backend": platform.partition("_")[0],
        "version_policy": {"specific": {"versions": [known.number for known in endpoint.versions]}},
        "max_batch_size": 0,
        "input": [_configured(tensor) for tensor in _inputs(version.signature)],
        "output": [_configured(tensor) for tensor in _outputs(version.signature)],
    }


def repository_index(endpoints: list[LiveEndpoint], *, ready_only: bool) -> list[dict[str, str]]:
    """All versions with their state."""
    index: list[dict[str, str]] = []
    for live in endpoints:
        for number, pool in sorted(live.pools.items()):
            state = "READY" if pool.is_ready else "UNAVAILABLE" if pool.failure else "LOADING"
            if state == "READY" or not ready_only:
                index.append({"name": live.config.name, "version": str(number), "state": state, "reason": pool.failure})
    return index


def statistics(live: LiveEndpoint, versions: list[int], meters: Meters) -> list[dict[str, Any]]:
    """Triton's statistics of versions, as far as they are counted here: times are of whole requests."""
    found: list[dict[str, Any]] = []
    for number in versions:
        mine = meters.of_version(live.config.name, number)
        failed = sum(meter.errors for meter in mine)
        answered = sum(meter.requests for meter in mine) - failed
        found.append(
            {
                "name": live.config.name,
                "version": str(number),
                "last_inference": 0,
                "inference_count": sum(meter.rows for meter in mine),
                "execution_count": answered + failed,
                "inference_stats": {"success": _duration(answered, mine), "fail": _duration(failed, [])}
                | {name: _duration(0, []) for name in _PHASES},
                "batch_stats": [],
            }
        )
    return found


_PHASES = ("queue", "compute_input", "compute_infer", "compute_output", "cache_hit", "cache_miss")


def _duration(count: int, meters: list[Meter]) -> dict[str, int]:
    return {"count": count, "ns": round(sum(meter.latency.sum_us for meter in meters) * 1000)}


def _platform(version: ServedVersion) -> str:
    return "onnxruntime_onnx" if version.runtime is Runtime.ONNX else "sklearn"


def _inputs(signature: Signature) -> list[dict[str, Any]]:
    return [
        {"name": feature.name, "datatype": _DATATYPES.get(feature.type, "FP64"), "shape": [-1]}
        for feature in signature.features
    ]


def _outputs(signature: Signature) -> list[dict[str, Any]]:
    outputs: list[dict[str, Any]] = [
        {"name": "scores", "datatype": "FP64", "shape": [-1]},
        {"name": "predictions", "datatype": "BYTES" if signature.classes else "FP64", "shape": [-1]},
    ]
    if signature.classes:
        outputs.append({"name": "probabilities", "datatype": "FP64", "shape": [-1, len(signature.classes)]})
    return outputs


def _configured(tensor: dict[str, Any]) -> dict[str, Any]:
    kind = {"BYTES": "STRING"}.get(tensor["datatype"], tensor["datatype"])
    return {"name": tensor["name"], "data_type": f"TYPE_{kind}", "dims": tensor["shape"]}
