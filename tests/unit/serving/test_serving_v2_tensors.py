"""Binary tensors of Open Inference Protocol V2, and the codec around them."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_desktop.serving.gateway.calls import Answer, Call, Form
from mlops_desktop.serving.gateway.faults import HttpError
from mlops_desktop.serving.gateway.v2 import V2Codec
from mlops_desktop.serving.gateway.v2_tensors import CODES, DATATYPES, decode_tensor, encode_tensor

CODEC = V2Codec()
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def values_of(datatype: str) -> st.SearchStrategy[list[Any]]:
    if datatype == "BYTES":
        return st.lists(_TEXTS, max_size=20)
    if datatype == "BOOL":
        return st.lists(st.booleans(), max_size=20)
    if datatype.startswith("FP"):
        return st.lists(st.floats(width=int(datatype[2:]), allow_nan=False), max_size=20)  # type: ignore[arg-type]
    bits = struct.calcsize(CODES[datatype]) * 8
    low, high = (0, 2**bits - 1) if datatype.startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return st.lists(st.integers(low, high), max_size=20)


@pytest.mark.parametrize("datatype", sorted(DATATYPES))
@settings(max_examples=30)
@given(data=st.data())
def test_a_binary_tensor_comes_back_as_it_was(datatype: str, data: st.DataObject) -> None:
    values = data.draw(values_of(datatype))
    assert decode_tensor(datatype, encode_tensor(datatype, values), len(values), "x") == values


@given(st.sampled_from(sorted(DATATYPES)), st.binary(max_size=64), st.integers(0, 10))
def test_any_bytes_are_values_or_the_clients_error(datatype: str, raw: bytes, count: int) -> None:
    try:
        values = decode_tensor(datatype, raw, count, "Input 'x'")
    except HttpError as problem:
        assert problem.status == 400 and problem.message.startswith("Input 'x'")
    else:
        assert len(values) == count


@settings(max_examples=200)
@given(st.binary(max_size=300), st.integers(-1, 310))
def test_no_body_breaks_the_codec(body: bytes, json_length: int) -> None:
    with pytest.raises(HttpError) as caught:
        CODEC.decode(body, Form(json_length=json_length))
    assert caught.value.status == 400


def request(*inputs: dict[str, Any], tail: bytes = b"", **more: Any) -> Call:
    head = json.dumps({"inputs": inputs} | more).encode()
    return CODEC.decode(head + tail, Form(json_length=len(head)))


def binary(name: str, datatype: str, values: list[Any]) -> tuple[dict[str, Any], bytes]:
    raw = encode_tensor(datatype, values)
    size = {"binary_data_size": len(raw)}
    return {"name": name, "shape": [len(values)], "datatype": datatype, "parameters": size}, raw


@settings(max_examples=60)
@given(st.lists(st.sampled_from(sorted(DATATYPES)), min_size=1, max_size=5), st.data())
def test_inputs_are_cut_from_the_tail_in_their_order(datatypes: list[str], data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 5))
    columns = {
        f"c{place}": data.draw(values_of(kind).filter(bool).map(lambda v: (v * rows)[:rows]))
        for place, kind in enumerate(datatypes)
    }
    columns = {name: (values * rows)[:rows] for name, values in columns.items()}
    parts = [binary(name, kind, values) for (name, values), kind in zip(columns.items(), datatypes, strict=True)]
    call = request(*(tensor for tensor, _ in parts), tail=b"".join(raw for _, raw in parts))
    assert call.columns == columns and call.rows == rows


@pytest.mark.parametrize(
    ("change", "tail", "said"),
    [
        ({}, b"\0" * 3, "3 bytes behind the JSON that no input claims"),
        ({"parameters": {"binary_data_size": 17}}, b"", "binary_data_size is 17, and 16 bytes are left"),
        ({"parameters": {"binary_data_size": -1}}, b"", "binary_data_size is -1"),
        ({"parameters": {"binary_data_size": "16"}}, b"", "binary_data_size is '16'"),
        ({"parameters": {"binary_data_size": True}}, b"", "binary_data_size is True"),
        ({"shape": [3]}, b"", "has 16 bytes where 3 values of FP64 take 24"),
        ({"shape": [2, 2]}, b"", "each column is one input of shape"),
        ({"shape": [10**12, 1]}, b"", "at most 100,000 are taken"),
        ({"shape": [9 * 10**4299]}, b"", "at most 100,000 are taken"),
        ({"datatype": "FP31"}, b"", "unknown datatype 'FP31'"),
        ({"datatype": "BYTES"}, b"", "does not hold 2 texts"),
        ({"data": [1, 2]}, b"", "has JSON data and says that it is binary"),
    ],
)
def test_binary_tensors_that_contradict_themselves_are_refused(change: dict[str, Any], tail: bytes, said: str) -> None:
    tensor, raw = binary("x", "FP64", [1.0, 2.0])
    with pytest.raises(HttpError) as caught:
        request(tensor | change, tail=raw + tail)
    assert said in caught.value.message


def answered(**call: Any) -> tuple[dict[str, Any], bytes]:
    answer = Answer("ID", "", "m", "late", 3, "primary", [0.25, 0.75], ["no", "yes"], ("no", "yes"))
    encoded = CODEC.encode(answer, Call({}, 2, **call), Form())
    length = int((encoded.headers or {}).get("Inference-Header-Content-Length", len(encoded.content)))
    return json.loads(encoded.content[:length]), encoded.content[length:]


def test_outputs_are_as_they_were_asked_for() -> None:
    head, tail = answered()
    assert [output["name"] for output in head["outputs"]] == ["scores", "predictions", "probabilities"]
    assert head["outputs"][2] == {
        "name": "probabilities", "shape": [2, 2], "datatype": "FP64", "data": [0.75, 0.25, 0.25, 0.75],
    }  # fmt: skip
    assert (head["id"], tail) == ("ID", b"")
    head, tail = answered(wanted=("predictions", "scores"), binary=frozenset(["scores"]))
    assert [output.get("data") for output in head["outputs"]] == [["no", "yes"], None]
    assert head["outputs"][1]["parameters"] == {"binary_data_size": 16}
    assert tail == struct.pack("<2d", 0.25, 0.75)


def test_all_outputs_can_be_binary() -> None:
    head, tail = answered(binary=frozenset(["scores", "predictions", "probabilities"]))
    sizes = [output["parameters"]["binary_data_size"] for output in head["outputs"]]
    assert sizes == [16, 13, 32] and sum(sizes) == len(tail)
    assert tail[16:29] == b"\2\0\0\0no\3\0\0\0yes"
