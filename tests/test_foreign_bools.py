"""Bools whose bytes are neither 0 nor 1: memory from outside may hold them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steep

BYTES = [2, 1, 0, 255, 0, 128, 1, 2]
OTHER = [1, 2, 0, 0, 1, 128, 255, 0]


def shared(values: list[int]) -> steep.Tensor:
    return steep.from_numpy(np.array(values * 9, dtype=np.uint8).view(np.bool_))


def plain(values: list[int]) -> steep.Tensor:
    return steep.tensor([value != 0 for value in values * 9])


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda x, y: x.sum(),
    "sum of a dimension": lambda x, y: x.view(8, 9).sum(dim=1),
    "mean": lambda x, y: x.float().mean(),
    "prod": lambda x, y: x.prod(),
    "cumsum": lambda x, y: x.cumsum(0),
    "any": lambda x, y: x.any(),
    "all": lambda x, y: x.all(),
    "max": lambda x, y: x.max(),
    "min": lambda x, y: x.min(),
    "max with its place": lambda x, y: x.max(0).indices,
    "min with its place": lambda x, y: x.min(0).indices,
    "count": lambda x, y: x.nonzero(),
    "float32": lambda x, y: x.float(),
    "float64": lambda x, y: x.double(),
    "int64": lambda x, y: x.long(),
    "int32": lambda x, y: x.int(),
    "uint8": lambda x, y: x.byte(),
    "not": lambda x, y: ~x,
    "and": lambda x, y: x & y,
    "or": lambda x, y: x | y,
    "xor": lambda x, y: x ^ y,
    "logical and": steep.logical_and,
    "logical xor": steep.logical_xor,
    "eq": lambda x, y: x == y,
    "ne": lambda x, y: x != y,
    "lt": lambda x, y: x < y,
    "le": lambda x, y: x <= y,
    "gt": lambda x, y: x > y,
    "ge": lambda x, y: x >= y,
    "eq true": lambda x, y: x == True,  # noqa: E712
    "maximum": steep.maximum,
    "minimum": steep.minimum,
    "add": lambda x, y: x + y,
    "add one": lambda x, y: x + 1,
    "mul": lambda x, y: x * y,
    "mul by a number": lambda x, y: x * 2.5,
    "where": lambda x, y: steep.where(x, 1, 0),
    "mask": lambda x, y: steep.arange(72)[x],
    "masked_fill": lambda x, y: steep.zeros(72).masked_fill(x, 1.0),
    "masked_select": lambda x, y: steep.arange(72).masked_select(x),
    "scatter_add": lambda x, y: x.scatter_add(0, steep.arange(72).flip(0), y).long(),
    "cat": lambda x, y: steep.cat([x, y]).long(),
    "gather": lambda x, y: x.gather(0, steep.arange(72).flip(0)).long(),
    "copy": lambda x, y: x.clone().long(),
    "strided": lambda x, y: x[::3].long(),
    "equal": lambda x, y: steep.tensor(steep.equal(x, plain(BYTES))),
    "tolist": lambda x, y: steep.tensor(x.tolist()),
    "item": lambda x, y: steep.tensor(x[3].item()),
    "compiled": lambda x, y: steep.compile(lambda a, b: (a & b).sum() + (a == b).long())(x, y),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_any_byte_but_zero_is_true(operation: str) -> None:
    got = OPERATIONS[operation](shared(BYTES), shared(OTHER))
    expected = OPERATIONS[operation](plain(BYTES), plain(OTHER))
    assert got.dtype is expected.dtype
    assert got.tolist() == expected.tolist()


def test_bools_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mask.safetensors"
    steep.save({"mask": steep.tensor([True, False, True])}, path)
    data = path.read_bytes()
    path.write_bytes(data[:-3] + b"\x02\x00\xff")
    with pytest.raises(ValueError, match=r"bytes of tensor 'mask', of dtype BOOL, to be 0 or 1"):
        steep.load(path)
