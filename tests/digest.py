"""Prints a digest of every operation's results, for comparing processes that differ in STEEP_CPU.

Run as ``python tests/digest.py``: one line a result, the name and a hash of its bytes. With
``--save FILE`` the results themselves go into an .npz as well, for comparing within a tolerance.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

import steep
from cases import TABLE
from cases.row import Array, materialize
from runner import Recorded, calls, numpy, run, tensor
from test_products import SIZES, operands


def results() -> Iterator[tuple[str, Array]]:
    """Forward and backward results of every row, and of a few training steps."""
    for name, row in TABLE.items():
        if row.reference is None:
            continue
        for dtype in row.dtypes:
            pairs = list(calls(row, dtype, name))
            if row.large is not None and dtype in ("float32", "float64"):
                pairs.append((row.large, materialize(row.large, dtype, name)))
            for i, (described, call) in enumerate(pairs):
                for j, array in enumerate(run(name, row, call)):
                    yield f"{name}-{dtype}-{i}-{j}", array
                if row.gradient is True and dtype.startswith("float"):
                    graph = Recorded(name, row, described, call)
                    if graph.leaves and graph.results:
                        grads = graph.cotangents(np.random.default_rng(i))
                        found = graph.gradients([tensor(g) for g in grads])
                        for j, array in enumerate(numpy(found)):
                            yield f"{name}-{dtype}-{i}-grad{j}", array
    yield from products()
    yield from training()


def products() -> Iterator[tuple[str, Array]]:
    """Every path of the matrix product."""
    for size in SIZES:
        for dtype in ("float32", "float64"):
            a, b = operands(*size, dtype)
            yield f"product-{dtype}-{size}".replace(" ", ""), (tensor(a) @ tensor(b)).numpy()


def training() -> Iterator[tuple[str, Array]]:
    """A network after ten steps of Adam."""
    nn = steep.nn
    steep.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.1), nn.Linear(128, 10))
    optimizer = steep.optim.Adam(model.parameters())
    x, y = steep.randn(32, 64), steep.randint(0, 10, (32,))
    for _ in range(10):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    for name, p in model.named_parameters():
        yield f"training-{name}", p.detach().numpy()


def canonical(array: Array) -> Array:
    """NaNs have one payload: which of two NaNs an addition passes on is not the arithmetic's."""
    if array.dtype.kind != "f":
        return array
    return np.where(np.isnan(array), np.array(np.nan, array.dtype), array)


def main(arguments: list[str]) -> None:
    saved: dict[str, Any] = {}
    for name, array in results():
        array = np.ascontiguousarray(canonical(array))
        print(name, hashlib.sha256(array.tobytes()).hexdigest()[:16])
        saved[name] = array
    if arguments[:1] == ["--save"]:
        np.savez(arguments[1], **saved)


if __name__ == "__main__":
    main(sys.argv[1:])
