"""`vmap` gives what the function gives for each example, by batched operations."""

from __future__ import annotations

import itertools
import zlib
from typing import Any

import numpy as np
import pytest
from tests.vmap_rows import ROWS, Row

import steep
from steep.func import vmap

SIZE = 3


def made(shape: Any, size: int, generator: np.random.Generator) -> steep.Tensor:
    """Examples of that shape, the batch first."""
    kind, own = ("", shape) if not shape or isinstance(shape[0], int) else (shape[0], shape[1:])
    full = (size, *own)
    if kind == "i":
        return steep.from_numpy(generator.integers(0, 3, full))
    if kind == "b":
        return steep.from_numpy(generator.random(full) < 0.5)
    values = generator.standard_normal(full) * 0.7
    return steep.from_numpy((np.abs(values) + 0.1 if kind == "p" else values).astype(np.float64))


def flat(result: Any) -> list[steep.Tensor]:
    if isinstance(result, (tuple, list)):
        return [x for one in result for x in flat(one)]
    return [result]


def check(mapped: Any, each: list[Any]) -> None:
    found = flat(mapped)
    wanted = [steep.stack(list(column)) for column in zip(*map(flat, each), strict=True)]
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted, strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-9)


def ways(count: int) -> list[tuple[bool, ...]]:
    """Which arguments are batched: all, and each alone and each left out."""
    alone = [tuple(i == j for j in range(count)) for i in range(count)]
    others = [tuple(i != j for j in range(count)) for i in range(count)] if count > 2 else []
    return list(dict.fromkeys([(True,) * count, *alone, *others]))


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_rule_gives_what_a_loop_gives(row: Row) -> None:
    name, function, shapes = row
    generator = np.random.default_rng(zlib.crc32(name.encode()))
    batches = [made(shape, SIZE, generator) for shape in shapes]
    for batched in ways(len(shapes)):
        args = [x if own else x[0] for x, own in zip(batches, batched, strict=True)]
        each = [
            function(*[x[i] if own else x for x, own in zip(args, batched, strict=True)])
            for i in range(SIZE)
        ]
        in_dims = tuple(0 if own else None for own in batched)
        check(vmap(function, in_dims)(*args), each)
    last = [x.movedim(0, -1).contiguous() for x in batches]
    if name not in ("view",):
        each = [function(*[x[..., i] for x in last]) for i in range(SIZE)]
        check(vmap(function, -1)(*last), each)


@pytest.mark.parametrize("row", ROWS[::3], ids=[row[0] for row in ROWS[::3]])
def test_rules_nest(row: Row) -> None:
    name, function, shapes = row
    generator = np.random.default_rng(zlib.crc32(name.encode()))
    whole = [made(shape, 4, generator) for shape in shapes]
    both = [x.reshape((2, 2, *x.shape[1:])) for x in whole]
    each = [function(*[x[i] for x in whole]) for i in range(4)]
    mapped = vmap(vmap(function))(*both)
    joined = [x.flatten(0, 1) for x in flat(mapped)]
    check(joined, each)
    if len(shapes) == 2:
        crossed = vmap(vmap(function, (None, 0)), (0, None))(whole[0][:2], whole[1][:2])
        pairs = itertools.product(range(2), range(2))
        check([x.flatten(0, 1) for x in flat(crossed)],
              [function(whole[0][i], whole[1][j]) for i, j in pairs])  # fmt: skip
