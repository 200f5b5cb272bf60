"""Matrix products of all shapes: every small one, and every edge of the kernel's blocks.

Each is held against float64, and against itself when three threads share it, one after the other,
so that what one of them writes beyond its own part of C shows. Operands end where their last
element does; in half of them rows lie apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

import steep
from cases.row import Array
from steep import _core

Size = tuple[int, int, int]  # m, k, n

LAYOUTS = ("NN", "NT", "TN", "TT")
DTYPES = ("float32", "float64")
SIDE = 40  # the longest side of a small product
KILO = 1024


def small() -> list[Size]:
    """Sides from 1 to SIDE: every pair of m and n once, and so of m and k, and of n and k."""
    sides = range(1, SIDE + 1)
    return [(m, (m + 7 * n) % SIDE + 1, n) for m in sides for n in sides]


def around(*edges: int) -> list[int]:
    return [edge + step for edge in edges for step in (-1, 0, 1)]


def edges() -> Iterator[Size]:
    """Around the sizes at which the files in kernels/product change their ways."""
    for n in range(SIDE + 1, 82):  # up to four registers wide, for few rows
        yield n % 3 + 1, 5, n
    for n in around(512, 1024):  # several strips at once, blocks of columns
        yield from ((m, k, n) for m, k in ((2, 7), (25, 65)))
    for k in around(8, 512, 1024, 4096, 8192):  # blocks and slices of k
        yield from ((m, k, n) for m, n in ((1, 1), (1, 9), (9, 1), (5, 17), (1, 130), (130, 1)))
    for n in around(128, 1024, 2048):  # one row or one column
        yield from (size for k in (3, 4, 6) for size in ((1, k, n), (n, k, 1)))
    yield 769, 4097, 18  # rows of partial sums


def copies(layout: str, dtype: str) -> Iterator[Size]:
    """Where operands that need not be turned are copied all the same, for their bytes."""
    if layout[1] == "T":
        return
    for n in range(160, 226, 3):  # 128 KB of B, for two dozen rows
        yield 24, 206, n
    across = layout[0] == "T"
    bytes_of_a, n = (256 * KILO, 384) if across else (384 * KILO, 385)
    for m in (2, 6, 7, 9, 11, 13, 14, 23, 97) if across else (3, 7, 13, 193):
        yield m, bytes_of_a // (np.dtype(dtype).itemsize * m) + 1, n


def sizes(layout: str, dtype: str) -> list[Size]:
    """Every small one stands for two layouts; of float64, which differs in lanes alone, a third."""
    side = LAYOUTS.index(layout) % 2
    every = 1 if dtype == "float32" else 3
    some = [(m, k, n) for m, k, n in small() if (m // 2 + n) % 2 == side]
    return [*some[::every], *list(edges())[::every], *copies(layout, dtype)]


@cache
def numbers(dtype: str) -> Array:
    drawn: Array = np.random.default_rng(7).standard_normal(499_979, np.float32).astype(dtype)
    drawn.flags.writeable = False
    return drawn


def matrix(rows: int, columns: int, dtype: str, start: int) -> Array:
    wanted = rows * columns
    some = numbers(dtype)[start : start + wanted]
    return (some if some.size == wanted else np.resize(some, wanted)).reshape(rows, columns)


def operands(size: Size, dtype: str) -> tuple[Array, Array]:
    m, k, n = size
    return matrix(m, k, dtype, m + n), matrix(k, n, dtype, 3 * k + n)


def check(got: Array, a: Array, b: Array, more: Array | float = 0.0) -> None:
    """Within the bound of a sum's error: a few units in the last place of the absolute values'."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    most = np.sqrt(np.outer((a * a).sum(1), (b * b).sum(0))) + np.abs(more)
    bound = np.finfo(got.dtype).eps * (2 + np.sqrt(a.shape[1])) * most
    assert (np.abs(got - (a @ b + more)) <= bound + 1e-30).all()


def placed(array: Array, transposed: bool = False, gap: int = 0) -> steep.Tensor:
    """A matrix in memory of its own that ends with it, `gap` elements between the rows."""
    stored = array.T if transposed else array
    rows, columns = stored.shape
    lead = columns + gap
    dtype: steep.dtype = getattr(steep, array.dtype.name)
    x = steep.empty((rows - 1) * lead + columns, dtype=dtype).as_strided((rows, columns), (lead, 1))
    x.copy_(steep.from_numpy(np.array(stored)))
    return x.t() if transposed else x


def product(size: Size, layout: str, dtype: str) -> Array:
    """The product on one thread, found right, and the same on three."""
    a, b = operands(size, dtype)
    gap = 3 * (size[0] % 2)
    x, y = placed(a, layout[0] == "T", gap), placed(b, layout[1] == "T", gap)
    steep.set_num_threads(1)
    alone: Array = (x @ y).numpy()
    check(alone, a, b)
    steep.set_num_threads(3)
    _core.share_everything(True)
    _core.set_rank_order("rising" if size[2] % 2 else "falling")
    shared = (x @ y).numpy()
    _core.share_everything(False)
    _core.set_rank_order("together")
    assert np.array_equal(shared, alone)
    return alone


def layer(size: Size, dtype: str) -> list[Array]:
    """A linear layer and its gradients, with every activation that a product can end with."""
    m, k, n = size
    a, b = operands(size, dtype)
    shift, grad = matrix(1, n, dtype, k), matrix(m, n, dtype, k)
    x, weight, bias = placed(a), placed(b, True), placed(shift)[0]
    leaves = [t.detach().requires_grad_() for t in (x, weight.t(), bias)]
    out = _core.linear(*leaves)
    out.backward(placed(grad))
    out = out.detach()
    dx, dw, db = (t.grad.numpy() for t in leaves if t.grad is not None)
    check(out.numpy(), a, b, shift.astype(np.float64))
    check(dx, grad, b.T)
    check(dw, grad.T, a)
    check(db[None], np.ones((1, m), dtype), grad)
    results = [out.numpy(), dx, dw, db]
    plain = x @ weight
    for name in ("relu", "tanh", "sigmoid"):
        fused = _core.linear_activation(x, weight.t(), bias, name)
        assert np.array_equal(fused.numpy(), getattr(steep, name)(out).numpy())
        before = plain.detach().requires_grad_()
        undone = _core.matmul_activation_backward(x, weight, fused, name)
        results += [fused.numpy(), undone.numpy(), before.detach().numpy()]
    return results


def stack(size: Size, layout: str, dtype: str) -> Array:
    """Three products at once, each with the bits it has alone."""
    a, b = operands(size, dtype)
    x = steep.stack([placed(a * (i + 1), layout[0] == "T") for i in range(3)])
    y = steep.stack([placed(b, layout[1] == "T")] * 3)
    out: Array = steep.bmm(x, y).numpy()
    for i in range(3):
        assert np.array_equal(out[i], (x[i] @ y[i]).numpy())
    return out


def joined(arrays: list[Array]) -> Array:
    return np.concatenate([array.ravel() for array in arrays])


def results() -> Iterator[tuple[str, Array]]:
    """All of them, by name; those of one m together."""
    for dtype in DTYPES:
        for layout in LAYOUTS:
            wanted = sizes(layout, dtype)
            for m in sorted({size[0] for size in wanted}):
                same = [product(size, layout, dtype) for size in wanted if size[0] == m]
                yield f"product-{layout}-{dtype}-{m}", joined(same)
            for size in small()[::23]:
                yield f"stack-{layout}-{dtype}-{size}", stack(size, layout, dtype)
        for size in small()[::7]:
            yield f"layer-{dtype}-{size}", joined(layer(size, dtype))
