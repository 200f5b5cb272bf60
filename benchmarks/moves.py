"""Operations that move, order and combine elements, beside torch: 1e3 and 1e6 elements.

    python -m benchmarks.moves [WORD ...]

Both libraries run in this process, in turn, each on two threads; results are compared before
anything is timed. A line gives the shortest time of each, in microseconds, and their ratio.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

THREADS = 2
ROUNDS, SECONDS = 8, 0.05  # of each library, in turn
SIZES = (1_000, 1_000_000)
COLUMNS = 100

Arrays = dict[str, Any]
Operation = Callable[[ModuleType, Any], Any]

# Of x [rows, 100], v [rows * 100], and places in them; images [n, 2, 10, 10].
OPERATIONS: dict[str, Operation] = {
    "gather, rows": lambda m, a: m.gather(a["x"], 0, a["row"]),
    "gather, columns": lambda m, a: m.gather(a["x"], 1, a["column"]),
    "scatter_add, rows": lambda m, a: m.scatter_add(a["x"], 0, a["row"], a["x"]),
    "scatter_add, columns": lambda m, a: m.scatter_add(a["x"], 1, a["column"], a["x"]),
    "sort, a vector": lambda m, a: m.sort(a["v"])[0],
    "sort, rows": lambda m, a: m.sort(a["x"], 1)[0],
    "sort, columns": lambda m, a: m.sort(a["x"], 0)[0],
    "topk, 10 of a vector": lambda m, a: m.topk(a["v"], 10)[0],
    "topk, 5 of rows": lambda m, a: m.topk(a["x"], 5, 1)[0],
    "cumsum, a vector": lambda m, a: m.cumsum(a["v"].double(), 0),
    "cumsum, rows": lambda m, a: m.cumsum(a["x"], 1),
    "cumsum, columns": lambda m, a: m.cumsum(a["x"].double(), 0),
    "index_put, rows": lambda m, a: a["x"].index_put((a["each"],), a["x"]),
    "index_put, added": lambda m, a: a["x"].index_put((a["each"],), a["x"], accumulate=True),
    "cat, rows": lambda m, a: m.cat([a["x"], a["x"]], 0),
    "cat, columns": lambda m, a: m.cat([a["x"], a["x"]], 1),
    "tril": lambda m, a: m.tril(a["square"]),
    "masked_fill": lambda m, a: m.masked_fill(a["x"], a["mask"], 0.5),
    "unique": lambda m, a: m.unique(a["place"]),
    "searchsorted": lambda m, a: m.searchsorted(a["sorted"], a["v"]),
    "permute, 2-D": lambda m, a: a["x"].t().contiguous(),
    "permute, channels last": lambda m, a: a["images"].permute(0, 2, 3, 1).contiguous(),
    "permute, turned around": lambda m, a: a["images"].permute(3, 2, 1, 0).contiguous(),
    "einsum, bij bjk": lambda m, a: m.einsum("bij,bjk->bik", a["left"], a["right"]),
    "einsum, bij bkj": lambda m, a: m.einsum("bij,bkj->bik", a["left"], a["left"]),
    **{f"sum of 2-D, {d}": lambda m, a, d=d: m.sum(a["x"], d) for d in range(2)},  # type: ignore[misc]
    **{f"max of 2-D, {d}": lambda m, a, d=d: m.max(a["x"], d)[0] for d in range(2)},  # type: ignore[misc]
    **{f"sum of 4-D, {d}": lambda m, a, d=d: m.sum(a["images"], d) for d in range(4)},  # type: ignore[misc]
    **{f"max of 4-D, {d}": lambda m, a, d=d: m.max(a["images"], d)[0] for d in range(4)},  # type: ignore[misc]
}


def arrays(elements: int) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    rows, side = elements // COLUMNS, int(elements**0.5)
    x = rng.normal(size=(rows, COLUMNS)).astype(np.float32)
    v = rng.normal(size=elements).astype(np.float32)
    return {
        "x": x,
        "v": v,
        "sorted": np.sort(v),
        "square": rng.normal(size=(side, side)).astype(np.float32),
        "mask": rng.random(x.shape) < 0.5,
        "row": rng.integers(0, rows, x.shape),
        "column": rng.integers(0, COLUMNS, x.shape),
        "each": rng.permutation(rows),
        "place": rng.integers(0, elements, elements),
        "images": rng.normal(size=(elements // 200, 2, 10, 10)).astype(np.float32),
        "left": rng.normal(size=(elements // 250, 25, 10)).astype(np.float32),
        "right": rng.normal(size=(elements // 250, 10, 25)).astype(np.float32),
    }


def shortest(run: Callable[[], Any], seconds: float) -> float:
    best, end = float("inf"), time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        run()
        now = time.perf_counter()
        best = min(best, now - start)
        if now > end:
            return best


def compared(name: str, libraries: list[ModuleType], given: list[Arrays]) -> list[float]:
    """The shortest time of each library, after their results were found to agree."""
    operation = OPERATIONS[name]
    runs = [
        lambda m=m, a=a: operation(m, a)  # type: ignore[misc]
        for m, a in zip(libraries, given, strict=True)
    ]
    results = [run().numpy() for run in runs]
    np.testing.assert_allclose(results[0], results[1], 1e-4, 1e-4, err_msg=name)
    times = [float("inf")] * len(runs)
    for _ in range(ROUNDS):
        for i, run in enumerate(runs):
            times[i] = min(times[i], shortest(run, SECONDS))
    return times


def main(words: list[str]) -> None:
    libraries = [importlib.import_module(name) for name in ("steep", "torch")]
    for library in libraries:
        library.set_num_threads(THREADS)
    print(f"{'operation':28}{'elements':>10}{'steep us':>12}{'torch us':>12}{'ratio':>8}")
    for elements in SIZES:
        made = arrays(elements)
        given = [{k: m.from_numpy(x.copy()) for k, x in made.items()} for m in libraries]
        for name in OPERATIONS:
            if words and not any(word in name for word in words):
                continue
            ours, theirs = compared(name, libraries, given)
            print(
                f"{name:28}{elements:>10}{ours * 1e6:>12.1f}{theirs * 1e6:>12.1f}"
                f"{ours / theirs:>8.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
