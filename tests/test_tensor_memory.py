"""The memory of tensors: whose it is, how long, its bytes as other numbers; safetensors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steep
from steep.operations.memory import UntypedStorage


def test_whose_memory_it_is() -> None:
    x = steep.zeros(4, 6)
    for part in (x, x[1:, 2:5], x.t(), x.detach(), x.view(-1)[20:], x[4:]):
        storage = part.untyped_storage()
        assert storage.data_ptr() == x.data_ptr()
        assert storage.nbytes() == storage.size() == len(storage) == 96
        assert storage == x.untyped_storage()
        assert hash(storage) == hash(x.untyped_storage())
    assert x.clone().untyped_storage() != x.untyped_storage()
    assert x.untyped_storage() != 1
    assert x[2].storage().size() == len(x.storage()) == 24
    assert x.storage().untyped() == x.untyped_storage()
    assert x.storage().element_size() == 4
    assert repr(x.untyped_storage()) == "UntypedStorage(96 bytes)"
    assert x.untyped_storage().device == x.device
    assert steep.zeros(0).untyped_storage().nbytes() == 0


@pytest.mark.parametrize("length", [1, 2, 3, 31, 64, 1000])
@pytest.mark.parametrize("start", [0, 1, 17])
def test_lengths_are_found(length: int, start: int) -> None:
    """Of an array, memory ends where the array does."""
    whole = steep.from_numpy(np.zeros(start + length, np.int64))
    part = whole[start : start + 1]
    assert part.untyped_storage().nbytes() == 8 * (start + length)


def test_bytes_are_shared() -> None:
    x = steep.tensor([1, 256], dtype=steep.int32)
    bytes_ = steep.asarray(x[1:].untyped_storage(), dtype=steep.uint8)
    assert bytes_.tolist() == [1, 0, 0, 0, 0, 1, 0, 0]
    bytes_[0] = 7
    assert x[0] == 7
    assert steep.asarray(x.untyped_storage()[4:8]).tolist() == [0, 1, 0, 0]
    with pytest.raises(TypeError, match="expected a slice"):
        x.untyped_storage()[0]  # type: ignore[index]


def test_memory_of_files(tmp_path: Path) -> None:
    file = tmp_path / "bytes"
    file.write_bytes(bytes(range(10)))
    storage = UntypedStorage.from_file(str(file), nbytes=8)
    read = steep.asarray(storage[2:6], dtype=steep.uint8)
    assert read.tolist() == [2, 3, 4, 5]
    read.zero_()
    assert file.read_bytes() == bytes(range(10))
    assert UntypedStorage.from_file(str(file)).nbytes() == 0
    with pytest.raises(ValueError, match="file"):
        UntypedStorage.from_file(str(file), nbytes=2**20)
    with pytest.raises(NotImplementedError, match="shared=False"):
        UntypedStorage.from_file(str(file), shared=True, nbytes=2)
    with pytest.raises(FileNotFoundError):
        UntypedStorage.from_file(str(tmp_path / "none"), nbytes=2)


@pytest.mark.parametrize(
    ("given", "dtype", "expected"),
    [
        ([1.0, -2.0], steep.int32, [0x3F800000, -0x40000000]),
        ([1.0, 0.0], steep.float64, [np.array([1.0, 0.0], "f4").view("f8")[0]]),
        ([1.0], steep.uint8, [0, 0, 0x80, 0x3F]),
        ([3.5], steep.float32, [3.5]),
    ],
)
def test_bytes_as_other_numbers(given: Any, dtype: Any, expected: Any) -> None:
    x = steep.tensor(given)
    for seen in (x.view(dtype), x.view(dtype=dtype)):
        assert seen.dtype == dtype
        assert seen.tolist() == expected
    x.zero_()
    assert seen.view(steep.uint8).sum() == 0
    assert not x.requires_grad_().view(steep.int32).requires_grad


def test_bools_are_0_and_1() -> None:
    assert steep.tensor([0, 1], dtype=steep.uint8).view(steep.bool).tolist() == [False, True]
    with pytest.raises(RuntimeError, match="bytes of 0 and 1"):
        steep.tensor([2], dtype=steep.uint8).view(steep.bool)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(RuntimeError, match="last dimension in a row"):
        steep.zeros(3).view(steep.float64)
    with pytest.raises(RuntimeError, match="last dimension in a row"):
        steep.zeros(2, 4).t().view(steep.uint8)
    with pytest.raises(TypeError, match="must be int"):
        steep.zeros(2).view("float32")  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        steep.zeros(2).view(steep.int32, 2)  # type: ignore[call-overload]


PROGRAM = """
import steep.compat
steep.compat.install()
import sys, torch
from safetensors import safe_open
from safetensors.torch import load, load_file, load_model, save, save_file, save_model

folder = sys.argv[1]
model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
state = {**model.state_dict(), "mask": torch.tensor([True, False]), "one": torch.tensor(2.5)}
save_file(state, folder + "/state", metadata={"kind": "test"})
for found in (load_file(folder + "/state"), load(save(state))):
    assert found.keys() == state.keys()
    assert all(torch.equal(found[k], state[k]) and found[k].dtype == state[k].dtype for k in state)
with safe_open(folder + "/state", "pt") as file:
    assert file.metadata() == {"kind": "test"}
    assert torch.equal(file.get_tensor("0.weight"), state["0.weight"])
    assert torch.equal(file.get_slice("0.weight")[1:, :2], state["0.weight"][1:, :2])
model[1].weight = model[0].weight
save_model(model, folder + "/model")
other = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
other[1].weight = other[0].weight
assert load_model(other, folder + "/model") == (set(), [])
assert torch.equal(other[1].weight, model[0].weight)
try:
    save_file({"a": state["0.weight"], "b": state["0.weight"][1:]}, folder + "/shared")
except RuntimeError as error:
    assert "share memory" in str(error)
else:
    raise AssertionError("shared memory was saved twice")
"""


def test_safetensors_takes_them_for_pytorchs(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], check=True)
