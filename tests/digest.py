"""Prints a digest of every operation's results, for comparing processes that differ in STEEP_CPU.

Run as ``python tests/digest.py PART``: one line a result, the name and a hash of its bytes. With
``--save FILE`` the results themselves go into an .npz as well, for comparing within a tolerance.
Operands lie in steep's own memory, so that with STEEP_ALLOC=guarded a kernel that goes beyond the
end of one ends the process; what ran is what follows the last line.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import product_cases
import random_calls
import steep
from cases import TABLE
from cases.row import Array, materialize
from random_calls import Drawn, apart, at
from runner import calls

# What looks at the storage itself refuses operands that lie apart.
WHOLE = {name for name, row in TABLE.items() if row.storage and row.view}
RANDOM_CALLS = 700

Results = Iterator[tuple[str, Array]]


def table() -> Results:
    """Every row, forward and backward, in every dtype; in the first with operands apart as well."""
    for name, row in TABLE.items():
        if row.reference is None:
            continue
        for dtype in row.dtypes:
            pairs = list(calls(row, dtype, name))
            if row.large is not None and dtype == row.dtypes[0]:
                pairs.append((row.large, materialize(row.large, dtype, name)))
            strided = dtype == row.dtypes[0] and name not in WHOLE
            for i, (described, call) in enumerate(pairs):
                for where, layout in [("end", at(0)), ("apart", apart)][: 1 + strided]:
                    found = Drawn(name, row, described, call).results(layout)
                    for j, array in enumerate(found):
                        yield f"{name}-{dtype}-{i}-{where}-{j}", array


def random() -> Results:
    """Calls in shapes that end anywhere, at every offset from the start of their memory."""
    for seed in range(RANDOM_CALLS):
        drawn = random_calls.draw(seed)
        for j, array in enumerate(drawn.results(at(seed % 16))):
            yield f"{drawn.name}-{seed}-{j}", array


def products() -> Results:
    """Every path of the matrix product; see there."""
    return product_cases.results()


def training() -> Results:
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


PARTS: dict[str, Callable[[], Results]] = {
    "table": table,
    "random": random,
    "products": products,
    "training": training,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--save")
    arguments = parser.parse_args()
    saved: dict[str, Any] = {}
    for name, array in PARTS[arguments.part]():
        array = np.ascontiguousarray(canonical(array))
        print(name.replace(" ", ""), hashlib.sha256(array.tobytes()).hexdigest()[:16], flush=True)
        saved[name.replace(" ", "")] = array
    if arguments.save:
        np.savez(arguments.save, **saved)


if __name__ == "__main__":
    main()
