"""Saving and loading: round trips, other readers and writers, damaged files, atomicity."""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
from collections import deque

import numpy as np
import pytest
import safetensors
import safetensors.numpy

import steep
from steep import nn, optim


def state():
    """One tensor of every dtype, and the shapes that are easily forgotten."""
    return {
        "b.flag": steep.tensor([True, False, True]),
        "bytes": steep.arange(3).to(steep.uint8),
        "transposed": steep.arange(6).float().reshape(2, 3).t(),
        "scalar": steep.tensor(2.5, dtype=steep.float64),
        "empty": steep.zeros(0, 3),
        "long": steep.arange(5),
        "int": steep.arange(3).to(steep.int32),
    }


def check(got, expected):
    assert list(got) == list(expected)
    for name, t in expected.items():
        assert got[name].dtype == t.dtype
        assert tuple(got[name].shape) == tuple(t.shape)
        assert got[name].tolist() == t.tolist()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.safetensors"


def test_round_trip(path):
    steep.save(state(), path)
    check(steep.load(str(path)), state())


def test_others_read_what_we_write(path):
    steep.save(state(), path)
    read = safetensors.numpy.load_file(path)
    for name, t in state().items():
        assert read[name].tolist() == t.tolist()
        assert read[name].shape == tuple(t.shape)


def test_we_read_what_others_write(path):
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "flag": np.array([True, False]),
        "n": np.array(7),
        "none": np.zeros((0, 2)),
    }
    safetensors.numpy.save_file(arrays, path, {"format": "pt"})
    loaded = steep.load(path)
    assert set(loaded) == set(arrays)
    for name, a in arrays.items():
        assert loaded[name].tolist() == a.tolist()


def test_tensors_lie_aligned(path):
    steep.save(state(), path)
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    assert length % 8 == 0
    size = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "U8": 1, "BOOL": 1}
    for entry in json.loads(raw[8 : 8 + length]).values():
        assert entry["data_offsets"][0] % size[entry["dtype"]] == 0


def test_nested_objects(path):
    obj = {
        "weights": state(),
        "epoch": 3,
        1: None,
        "history": [1.5, math.inf, "text", True, (1, steep.ones(2))],
        "weights.int": steep.zeros(1),
    }
    steep.save(obj, path)
    got = steep.load(path)
    check(got["weights"], state())
    assert list(got) == list(obj)
    assert got[1] is None
    assert got["history"][:4] == obj["history"][:4]
    assert got["history"][3] is True
    assert isinstance(got["history"][4], tuple)
    assert got["history"][4][1].tolist() == [1.0, 1.0]
    assert got["weights.int"].tolist() == [0.0]
    assert len(safetensors.numpy.load_file(path)) == len(state()) + 2


def test_what_optimisers_keep_beside_tensors(path):
    obj = {
        "state": {("net", 0): steep.ones(2), ("net", (1, None)): 2},
        "param_groups": [{"dtype": steep.float64, "device": steep.device("cpu")}],
        "last": deque([steep.zeros(1), 2.5], maxlen=4),
    }
    steep.save(obj, path)
    got = steep.load(path)
    assert got["state"][("net", 0)].tolist() == [1.0, 1.0]
    assert got["state"][("net", (1, None))] == 2
    assert got["param_groups"] == obj["param_groups"]
    assert got["last"].maxlen == 4
    assert got["last"][0].tolist() == [0.0]


def test_resuming_from_a_file(path):
    steep.manual_seed(0)
    model = nn.Linear(3, 1)
    optimizer = optim.Adam(model.parameters(), lr=0.1)

    def step(model, optimizer):
        optimizer.zero_grad()
        model(steep.ones(2, 3)).sum().backward()
        optimizer.step()

    step(model, optimizer)
    steep.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
    step(model, optimizer)
    twin = nn.Linear(3, 1)
    resumed = optim.Adam(twin.parameters())
    saved = steep.load(path)
    twin.load_state_dict(saved["model"])
    resumed.load_state_dict(saved["optimizer"])
    step(twin, resumed)
    assert twin.weight.tolist() == model.weight.tolist()


def test_parameters_are_saved_as_values(path):
    layer = nn.Linear(2, 2)
    steep.save(dict(layer.named_parameters()), path)
    loaded = steep.load(path)
    assert loaded["weight"].tolist() == layer.weight.tolist()
    assert not loaded["weight"].requires_grad


@pytest.mark.parametrize(
    ("obj", "text"),
    [
        (steep.nn.Linear(1, 1), "got Linear at ''"),
        ({"a": {"b": object()}}, r"got object at 'a\.b'"),
        (
            {"a": {(1, b"x"): 3}},
            "keys that are strings, numbers or tuples of those, got bytes at 'a'",
        ),
        ({"__metadata__": steep.ones(1)}, "reserved name"),
    ],
)
def test_what_cannot_be_saved(path, obj, text):
    with pytest.raises(TypeError, match=text):
        steep.save(obj, path)
    assert not path.exists()


def test_a_failed_save_leaves_the_old_file(path, monkeypatch):
    steep.save({"a": steep.ones(1)}, path)

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        steep.save({"a": steep.zeros(1)}, path)
    monkeypatch.undo()
    assert steep.load(path)["a"].item() == 1.0
    assert os.listdir(path.parent) == [path.name]


def test_a_folder_that_is_not_there(tmp_path):
    where = tmp_path / "no" / "x.safetensors"
    with pytest.raises(FileNotFoundError, match=r"x\.safetensors'"):
        steep.save({"a": steep.ones(1)}, where)
    with pytest.raises(FileNotFoundError):
        steep.load(where)


def header(entries):
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text


def raw_header(text):
    return len(text).to_bytes(8, "little") + text


def entry(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", "found only 0 bytes; it is truncated"),
        (b"1234", "found only 4 bytes"),
        (b"PK\x03\x04" + bytes(100), "the archive is damaged"),
        (b"\x80\x04\x95 pickled" + bytes(100), "found a file that begins with"),
        ((500).to_bytes(8, "little") + b"{}", "expected a header of 500 bytes, found 2"),
        ((2).to_bytes(8, "little") + b"{x", "the header is not JSON"),
        ((2).to_bytes(8, "little") + b"[]", "header to be a JSON object"),
        (header({"a": entry()}) + bytes(3), "expected 4 bytes of tensor data, found 3.*truncated"),
        (header({"a": entry()}) + bytes(5), "bytes that belong to no tensor"),
        (header({"a": entry(dtype="BF16")}) + bytes(4), "'a' has dtype BF16, which steep does not"),
        (header({"a": entry(shape=(2,))}) + bytes(4), "takes 8 bytes, found 4"),
        (header({"a": entry(shape=(-1,))}) + bytes(4), "to be whole numbers"),
        (header({"a": entry(offsets=(4, 8))}) + bytes(8), "at byte 0 of the data, found 4"),
        (header({"a": entry(), "b": entry()}) + bytes(8), "tensor 'b' at byte 4"),
        (header({"a": [1]}) + bytes(4), "entry of tensor 'a' is damaged"),
        (header({"a": entry(shape=(0, 2**70), offsets=(0, 0))}), "a number of 22 digits"),
        (header({"a": entry(shape=(0, 2**63), offsets=(0, 0))}), "whole numbers below"),
        (header({"a": entry(shape=(0, 2**62, 2**62), offsets=(0, 0))}), "no memory could hold"),
        (header({"a": entry(shape=(2**40, 2**40))}) + bytes(4), "no memory could hold"),
        (header({"a": entry(shape=(True,))}) + bytes(4), "to be whole numbers"),
        (header({"a": entry(shape=(1.0,))}) + bytes(4), "to be whole numbers"),
        (header({"a": {**entry(), "shape": "1"}}) + bytes(4), "a list of sizes, found 'F32' and"),
        (header({"a": {**entry(), "shape": {"1": 1}}}) + bytes(4), "a list of sizes"),
        (header({"a": entry(dtype=[1])}) + bytes(4), r"a dtype's name .* found \[1\]"),
        (header({"a": entry(dtype=None)}) + bytes(4), "a dtype's name"),
        (header({"a": entry(offsets=(4, 0))}) + bytes(4), "takes 4 bytes, found -4"),
        (header({"a": entry(offsets=(-4, 0))}) + bytes(4), "to be whole numbers"),
        (header({"a": entry(offsets=(0, 4, 8))}) + bytes(4), "entry of tensor 'a' is damaged"),
        (header({"a": entry(dtype="BOOL", offsets=(0, 1))}) + b"\x02", "to be 0 or 1"),
        (raw_header(b'{"a":1,"a":2}'), "not JSON .the key 'a' occurs twice"),
        (raw_header(b'{"a":{"dtype":"F32","dtype":"F32"}}'), "the key 'dtype' occurs twice"),
        (raw_header(b'{"a":' + b"1" * 5000 + b"}"), "a number of 5000 digits"),
        (raw_header(b"[" * 200000), "the header is not JSON"),
        (raw_header(b'{"a":"\xff"}'), "the header is not JSON"),
        (raw_header(b'{"a":NaN}'), "entry of tensor 'a' is damaged"),
        (header({"__metadata__": [1]}), "__metadata__ to be a JSON object of strings"),
        (header({"__metadata__": {"steep.structure": 1}}), "__metadata__ to be a JSON object"),
        (header({"__metadata__": {"steep.structure": "[1"}}), "saved object is damaged"),
        (header({"__metadata__": {"steep.structure": "[" * 100000}}), "saved object is damaged"),
        (
            header({"__metadata__": {"steep.structure": '{"dict": [["a", 1], ["a", 2]]}'}}),
            "saved object is damaged",
        ),
        (
            header({"__metadata__": {"steep.structure": '{"what": 1}'}}),
            "description of the saved object is damaged",
        ),
    ],
)
def test_files_that_are_not_right(path, raw, text):
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=f"{path.name}: .*{text}"):
        steep.load(path)


def damaged(rng, value):
    """A JSON value with something in it that does not belong there."""
    odd = [None, True, -1, 2**63, 2**70, 1.5, math.nan, "F32", "\ud800", [], {}, [0, 2**62], [[]]]
    if rng.random() < 0.3 or not isinstance(value, (dict, list)) or not value:
        return rng.choice(odd)
    if isinstance(value, list):
        at = rng.randrange(len(value))
        return [damaged(rng, v) if i == at else v for i, v in enumerate(value)]
    key = rng.choice(list(value))
    if rng.random() < 0.2:
        return {k: v for k, v in value.items() if k != key}
    if rng.random() < 0.1:
        return {**value, rng.choice(["", "__metadata__", "\ud800", "dtype"]): rng.choice(odd)}
    return {k: damaged(rng, v) if k == key else v for k, v in value.items()}


def test_no_header_goes_further_than_a_value_error(path):
    steep.save({"m": state(), "n": [1, (2.0, None)]}, path)
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    entries, data = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    description = json.loads(entries["__metadata__"]["steep.structure"])
    rng = random.Random(1)
    refused = 0
    for _ in range(1500):
        broken = entries
        if rng.random() < 0.3:
            text = json.dumps(damaged(rng, description))
            broken = {**entries, "__metadata__": {"steep.structure": text}}
        else:
            broken = damaged(rng, broken)
        path.write_bytes(header(broken) + data)
        try:
            steep.load(path)
        except ValueError as error:
            refused += 1
            named = str(error)
        else:
            continue
        assert named.startswith(str(path)), named
    assert refused > 1000


def test_no_damage_goes_further_than_a_value_error(path):
    steep.save({"m": state(), "n": [1, 2.0]}, path)
    raw = path.read_bytes()
    rng = random.Random(0)
    for _ in range(500):
        broken = bytearray(raw)
        broken[rng.randrange(len(raw))] = rng.randrange(256)
        path.write_bytes(broken[: rng.choice([len(raw), rng.randrange(len(raw))])])
        # A changed byte of a tensor is not damage anyone could see; all else is a ValueError.
        with contextlib.suppress(ValueError):
            steep.load(path)
