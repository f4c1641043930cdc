"""The serving worker: holds one model version and predicts; frames come on standard input, answers on output."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from typing import Any, NamedTuple

import msgspec
import numpy as np

from mlops_desktop.core.errors import AppError
from mlops_desktop.core.models import Signature
from mlops_desktop.serving.arena import Arena
from mlops_desktop.serving.frames import BatchReply, BulkJob, FrameReader, JobResult, Loaded, LoadRequest, encode_frame
from mlops_desktop.serving.gateway.memory import allow_more
from mlops_desktop.serving.predictors import Predictor, load_predictor, predict, probe, result_of

_PIPE_BYTES = 1 << 20  # tables of megabytes go through with fewer turns between the processes


class Served(NamedTuple):
    """What a worker holds."""

    predictor: Predictor
    signature: Signature
    arena: Arena | None


_batch_decoder = msgspec.msgpack.Decoder(list[list[list[Any]] | BulkJob])


def main(argv: list[str]) -> int:
    """Serve until standard input ends. Exit code 1 when the version could not be loaded.

    With `--warm` the libraries of ONNX models are there before a version is asked for.
    """
    source, sink = _take_pipes()
    arena = Arena.inherited(argv)
    if "--warm" in argv:
        import onnxruntime  # noqa: F401
    frames = FrameReader()
    served: Served | None = None
    while data := os.read(source, 1 << 20):
        for body in frames.feed(data):
            if served is None:
                served = _load(sink, body, arena)
                if served is None:
                    return 1
            else:
                _send(sink, encode_frame(_answer(served, _batch_decoder.decode(body))))
    return 0


def _take_pipes() -> tuple[int, int]:
    """Our ends of the pipes; what libraries print goes to standard error from here on."""
    sink = os.dup(1)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        for descriptor in (0, sink):
            msvcrt.setmode(descriptor, os.O_BINARY)
    elif sys.platform == "linux":
        import fcntl

        for descriptor in (0, sink):
            with contextlib.suppress(OSError):  # a socket, or more than this user may have
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return 0, sink


def _send(sink: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(sink, view) :]


def _load(sink: int, body: bytes, arena: Arena | None) -> Served | None:
    started = time.perf_counter()
    try:
        request = msgspec.msgpack.decode(body, type=LoadRequest)
        predictor = load_predictor(request)
        probe(predictor, request.signature)
    except Exception as problem:
        traceback.print_exc()
        _send(sink, encode_frame(Loaded(f"{type(problem).__name__}: {problem}", 0.0)))
        return None
    if request.request_bytes:
        allow_more(request.request_bytes)
    _send(sink, encode_frame(Loaded("", (time.perf_counter() - started) * 1e3)))
    return Served(predictor, request.signature, arena)


Job = list[list[Any]] | BulkJob


def _answer(served: Served, jobs: list[Job]) -> BatchReply:
    """Predict all jobs at once; where that fails, one by one, so that only the guilty one gets the error."""
    started = time.perf_counter_ns()
    try:
        results = _predict_together(served, jobs)
    except Exception:
        results = [_predict_alone(served, job) for job in jobs]
    return BatchReply(results, (time.perf_counter_ns() - started) // 1000)


def _predict_together(served: Served, jobs: list[Job]) -> list[JobResult]:
    if len(jobs) == 1:
        return [_predict(served, jobs[0])]
    columns = [job for job in jobs if not isinstance(job, BulkJob)]
    if len(columns) < len(jobs):
        return [_predict(served, job) for job in jobs]
    merged = [[value for column in parts for value in column] for parts in zip(*columns, strict=True)]
    output = predict(served.predictor, merged)
    ends = np.cumsum([len(job[0]) for job in columns])
    return [result_of(part) for part in np.split(output, ends[:-1])]


def _predict(served: Served, job: Job) -> JobResult:
    if isinstance(job, BulkJob):
        from mlops_desktop.serving.bulk import run_bulk  # needs pyarrow, which workers of single rows do without

        return run_bulk(job, served.predictor, served.signature, served.arena)
    return result_of(predict(served.predictor, job))


def _predict_alone(served: Served, job: Job) -> JobResult:
    try:
        return _predict(served, job)
    except AppError as problem:
        return JobResult([], [], problem.message)
    except Exception as problem:
        traceback.print_exc()
        return JobResult([], [], f"The model failed: {type(problem).__name__}.")
