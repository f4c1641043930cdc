"""The original scikit-learn pipeline as bytes, and back.

Unpickling runs code. An original is loaded only if its bytes have the hash that was recorded when it was made here.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from mlops_desktop.core.errors import Damaged, EnvironmentProblem
from mlops_desktop.core.ids import sha256_hex
from mlops_desktop.core.models import Signature
from mlops_desktop.training.fit import score_pipeline


def dump_original(pipeline: Any) -> bytes:
    """The pipeline as a joblib pickle. It refers to scikit-learn and numpy alone, not to this program."""
    import joblib

    buffer = io.BytesIO()
    joblib.dump(pipeline, buffer)
    return buffer.getvalue()


def load_original(path: Path, expected_sha256: str) -> Any:
    """The pipeline in a file. Raises `Damaged`, before anything is unpickled, when its hash is another one."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EnvironmentProblem(f"{path} cannot be read: {error.strerror}.", hint="Check the workspace.") from error
    return load_original_bytes(content, expected_sha256)


def load_original_bytes(content: bytes, expected_sha256: str) -> Any:
    """`load_original` for content in memory."""
    found = sha256_hex(content)
    if found != expected_sha256:
        raise Damaged(
            f"The model's file has the hash {found[:12]}…, recorded is {expected_sha256[:12]}…; it was not loaded.",
            hint="Restore the file from a backup, or train the version again.",
        )
    import joblib

    return joblib.load(io.BytesIO(content))


class SklearnModel:
    """A loaded original with the interface of `OnnxModel`."""

    def __init__(self, pipeline: Any, signature: Signature) -> None:
        self._pipeline, self._signature = pipeline, signature

    def score(self, table: Any) -> Any:
        """As `fit.score_sklearn` of an Arrow table."""
        return score_pipeline(self._pipeline, self._signature, table)
