"""The serving worker: holds one model version and predicts; frames come on standard input, answers on output."""

from __future__ import annotations

import os
import sys
import time
import traceback
from typing import Any

import msgspec
import numpy as np

from mlops_desktop.serving.frames import BatchReply, FrameReader, JobResult, Loaded, LoadRequest, encode_frame
from mlops_desktop.serving.predictors import Predictor, load_predictor, probe, result_of

_batch_decoder = msgspec.msgpack.Decoder(list[list[list[Any]]])


def main(argv: list[str]) -> int:
    """Serve until standard input ends. Exit code 1 when the version could not be loaded.

    With `--warm` the libraries of ONNX models are there before a version is asked for.
    """
    source, sink = _take_pipes()
    if "--warm" in argv:
        import onnxruntime  # noqa: F401
    frames = FrameReader()
    predictor: Predictor | None = None
    while data := os.read(source, 1 << 20):
        for body in frames.feed(data):
            if predictor is None:
                predictor = _load(sink, body)
                if predictor is None:
                    return 1
            else:
                _send(sink, encode_frame(_answer(predictor, _batch_decoder.decode(body))))
    return 0


def _take_pipes() -> tuple[int, int]:
    """Our ends of the pipes; what libraries print goes to standard error from here on."""
    sink = os.dup(1)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        for descriptor in (0, sink):
            msvcrt.setmode(descriptor, os.O_BINARY)
    return 0, sink


def _send(sink: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(sink, view) :]


def _load(sink: int, body: bytes) -> Predictor | None:
    started = time.perf_counter()
    try:
        request = msgspec.msgpack.decode(body, type=LoadRequest)
        predictor = load_predictor(request)
        probe(predictor, request.signature)
    except Exception as problem:
        traceback.print_exc()
        _send(sink, encode_frame(Loaded(f"{type(problem).__name__}: {problem}", 0.0)))
        return None
    _send(sink, encode_frame(Loaded("", (time.perf_counter() - started) * 1e3)))
    return predictor


def _answer(predictor: Predictor, jobs: list[list[list[Any]]]) -> BatchReply:
    """Predict all jobs at once; where that fails, one by one, so that only the guilty one gets the error."""
    started = time.perf_counter_ns()
    try:
        results = _predict_together(predictor, jobs)
    except Exception:
        results = [_predict_alone(predictor, job) for job in jobs]
    return BatchReply(results, (time.perf_counter_ns() - started) // 1000)


def _predict_together(predictor: Predictor, jobs: list[list[list[Any]]]) -> list[JobResult]:
    if len(jobs) == 1:
        return [result_of(predictor.predict(jobs[0]))]
    merged = [[value for column in parts for value in column] for parts in zip(*jobs, strict=True)]
    output = predictor.predict(merged)
    ends = np.cumsum([len(job[0]) for job in jobs])
    return [result_of(part) for part in np.split(output, ends[:-1])]


def _predict_alone(predictor: Predictor, job: list[list[Any]]) -> JobResult:
    try:
        return result_of(predictor.predict(job))
    except Exception as problem:
        traceback.print_exc()
        return JobResult([], [], f"The model failed: {type(problem).__name__}.")
