"""A model version as an MLflow model folder: `MLmodel`, the original, its signature and requirements.

The folder loads with `mlflow.pyfunc.load_model` and `mlflow.sklearn.load_model`; MLflow is not needed to write it.
"""

from __future__ import annotations

import io
import json
import pickle
import platform
from importlib.metadata import version as installed
from pathlib import Path

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.errors import Conflict, EnvironmentProblem
from mlops_desktop.core.models import ModelVersion, Signature
from mlops_desktop.registry import Registry

_PACKAGES = ("scikit-learn", "pandas", "numpy", "joblib")
_TYPES = {
    ColumnType.TEXT: "string",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.INTEGER: "long",
    ColumnType.NUMBER: "double",
    ColumnType.TIME: "datetime",
}


def export_model(registry: Registry, reference: str, folder: Path) -> Path:
    """Write the version into `folder`, which must be new or empty. Returns the folder."""
    version = registry.models.get(reference)
    content = registry.objects.read_bytes(version.artifacts["original"])
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(f"{folder} is not an empty folder.", hint="Choose a new folder.")
    files = {
        "MLmodel": _mlmodel(version).encode(),
        "requirements.txt": "".join(f"{line}\n" for line in _requirements()).encode(),
        "python_env.yaml": _python_env().encode(),
        "model.pkl": _plain_pickle(content),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        raise EnvironmentProblem(f"{folder} cannot be written: {error.strerror}.", hint="Choose another.") from error
    return folder


def _plain_pickle(content: bytes) -> bytes:
    """The original as MLflow reads it: joblib's own format is none that `pickle` loads. Its hash was checked before."""
    import joblib

    return pickle.dumps(joblib.load(io.BytesIO(content)))


def _mlmodel(version: ModelVersion) -> str:
    inputs, outputs = (json.dumps(columns) for columns in _signature(version.signature))
    lines = [
        "flavors:",
        "  python_function:",
        "    env:",
        "      virtualenv: python_env.yaml",
        "    loader_module: mlflow.sklearn",
        "    model_path: model.pkl",
        "    predict_fn: predict",
        f"    python_version: {platform.python_version()}",
        "  sklearn:",
        "    pickled_model: model.pkl",
        "    serialization_format: cloudpickle",
        f"    sklearn_version: {installed('scikit-learn')}",
        f"model_uuid: {version.id}",
        "signature:",
        f"  inputs: {_quoted(inputs)}",
        f"  outputs: {_quoted(outputs)}",
        f"utc_time_created: '{version.created:%Y-%m-%d %H:%M:%S.%f}'",
        "metadata:",
        f"  version: {_quoted(version.reference)}",
        f"  dataset_version: {_quoted(version.dataset_version)}",
        f"  classes: {_quoted(json.dumps(version.signature.classes))}",
    ]
    return "\n".join(lines) + "\n"


def _signature(signature: Signature) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    inputs: list[dict[str, object]] = [
        {"type": _TYPES[feature.type], "name": feature.name, "required": False} for feature in signature.features
    ]
    output = "long" if signature.classes else "double"  # the original was fitted on the places of the classes
    return inputs, [{"type": output, "name": signature.target, "required": True}]


def _quoted(text: str) -> str:
    """A YAML string in single quotes."""
    return "'" + text.replace("'", "''") + "'"


def _requirements() -> list[str]:
    return [f"{package}=={installed(package)}" for package in _PACKAGES]


def _python_env() -> str:
    return f"python: {platform.python_version()}\nbuild_dependencies:\n- pip\ndependencies:\n- -r requirements.txt\n"
