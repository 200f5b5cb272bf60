"""Matrix products.

``C = A B`` has the gradients ``dA = dC B^T`` and ``dB = A^T dC`` (Giles 2008, "Collected matrix
derivative results for forward and reverse mode algorithmic differentiation").
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from steep.reference.registry import Array, register, unbroadcast, wide


def matmul(input: Array, other: Array) -> Array:
    """The product, by ranks: dot, matrix-vector, vector-matrix, or batches of matrices."""
    return np.asarray(np.matmul(wide(input), wide(other))).astype(input.dtype)


def matmul_gradient(grad: Array, input: Array, other: Array) -> tuple[Array, Array]:
    """A vector is a matrix of one row (left) or one column (right), which the result lacks."""
    a, b, g = wide(input), wide(other), wide(grad)
    if b.ndim == 1:
        b, g = b[:, None], g[..., None]
    if a.ndim == 1:
        a, g = a[None, :], g[..., None, :]
    by_a = unbroadcast(g @ np.swapaxes(b, -1, -2), a.shape)
    by_b = unbroadcast(np.swapaxes(a, -1, -2) @ g, b.shape)
    return by_a.reshape(input.shape), by_b.reshape(other.shape)


def _of_ranks(name: str, ranks: tuple[int, int]) -> Callable[[Array, Array], Array]:
    """`matmul` restricted to one pair of ranks."""

    def forward(input: Array, other: Array) -> Array:
        if (input.ndim, other.ndim) != ranks:
            raise RuntimeError(f"{name}: expected ranks {ranks}, got {input.ndim}, {other.ndim}")
        return matmul(input, other)

    return forward


def outer(input: Array, vec2: Array) -> Array:
    """``out[i, j] = input[i] * vec2[j]``."""
    return np.outer(wide(input), wide(vec2)).astype(input.dtype)


def outer_gradient(grad: Array, input: Array, vec2: Array) -> tuple[Array, Array]:
    """Rows of the gradient are multiplied by `vec2`, its columns by `input`."""
    g = wide(grad)
    return g @ wide(vec2), wide(input) @ g


def linear(input: Array, weight: Array, bias: Array | None = None) -> Array:
    """``input @ weight.T + bias``; weight is (out, in) or (in,)."""
    out = np.matmul(wide(input), wide(weight).T)
    return np.asarray(out if bias is None else out + wide(bias)).astype(input.dtype)


def linear_gradient(
    grad: Array, input: Array, weight: Array, bias: Array | None = None
) -> tuple[Array, Array, Array | None]:
    """`matmul_gradient` with the weight transposed back; the bias collects the sum over rows."""
    by_input, by_weight = matmul_gradient(grad, input, weight.T)
    by_bias = None if bias is None else unbroadcast(wide(grad), bias.shape)
    return by_input, by_weight.T, by_bias


def addmm(input: Array, mat1: Array, mat2: Array, *, beta: float = 1, alpha: float = 1) -> Array:
    """``beta * input + alpha * (mat1 @ mat2)``; with beta 0, a NaN in `input` has no effect."""
    out = alpha * (wide(mat1) @ wide(mat2))
    return np.asarray(out if beta == 0 else beta * wide(input) + out).astype(mat1.dtype)


def addmm_gradient(
    grad: Array, input: Array, mat1: Array, mat2: Array, *, beta: float = 1, alpha: float = 1
) -> tuple[Array, Array, Array]:
    """Both terms are linear."""
    by_mat1, by_mat2 = matmul_gradient(alpha * wide(grad), mat1, mat2)
    return beta * wide(grad), by_mat1, by_mat2


def bilinear(input1: Array, input2: Array, weight: Array, bias: Array | None = None) -> Array:
    """``out[o] = input1 @ weight[o] @ input2 + bias[o]``."""
    out = np.einsum("...i,oij,...j->...o", wide(input1), wide(weight), wide(input2))
    return np.asarray(out if bias is None else out + wide(bias)).astype(input1.dtype)


def bilinear_gradient(
    grad: Array, input1: Array, input2: Array, weight: Array, bias: Array | None = None
) -> tuple[Array, Array, Array, Array | None]:
    """The same sum over other letters."""
    rows = input1.size // input1.shape[-1]
    g, x, y = (wide(a).reshape(rows, a.shape[-1]) for a in (grad, input1, input2))
    by_x = np.einsum("no,oij,nj->ni", g, wide(weight), y).reshape(input1.shape)
    by_y = np.einsum("no,oij,ni->nj", g, wide(weight), x).reshape(input2.shape)
    by_weight = np.einsum("no,ni,nj->oij", g, x, y)
    return by_x, by_y, by_weight, None if bias is None else g.sum(0)


_PAIR = ("input", "other")
register("matmul", matmul, matmul_gradient, _PAIR)
register("mm", _of_ranks("mm", (2, 2)), matmul_gradient, _PAIR)
register("bmm", _of_ranks("bmm", (3, 3)), matmul_gradient, _PAIR)
register("mv", _of_ranks("mv", (2, 1)), matmul_gradient, _PAIR)
register("dot", _of_ranks("dot", (1, 1)), matmul_gradient, _PAIR)
register("outer", outer, outer_gradient, ("input", "vec2"))
register("linear", linear, linear_gradient, ("input", "weight", "bias"))
register("addmm", addmm, addmm_gradient, ("input", "mat1", "mat2"))
register("bilinear", bilinear, bilinear_gradient, ("input1", "input2", "weight", "bias"))


def _added(product: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    """``beta * input + alpha * product(first, second)``."""

    def forward(
        input: Array, first: Array, second: Array, *, beta: float = 1, alpha: float = 1
    ) -> Array:
        out = alpha * product(wide(first), wide(second))
        return np.asarray(out if beta == 0 else beta * wide(input) + out).astype(first.dtype)

    return forward


def inner(input: Array, other: Array) -> Array:
    """Scalar products along the last dimensions."""
    return np.asarray(np.inner(wide(input), wide(other))).astype(input.dtype)


def cross(input: Array, other: Array, dim: int | None = None) -> Array:
    """``out[i] = input[j] other[k] - input[k] other[j]``."""
    axis = input.shape.index(3) if dim is None else dim
    x, y = (np.moveaxis(wide(a), axis, 0) for a in np.broadcast_arrays(input, other))
    parts = [x[(i + 1) % 3] * y[(i + 2) % 3] - x[(i + 2) % 3] * y[(i + 1) % 3] for i in range(3)]
    return np.moveaxis(np.stack(parts), 0, axis).astype(input.dtype)


register("addmv", _added(np.matmul), arrays=("input", "first", "second"))
register("addr", _added(np.outer), arrays=("input", "first", "second"))
register("baddbmm", _added(np.matmul), arrays=("input", "first", "second"))
register(
    "addbmm",
    _added(lambda a, b: np.asarray(np.matmul(a, b).sum(0))),
    arrays=("input", "first", "second"),
)
register("inner", inner, arrays=("input", "other"))
register("cross", cross, arrays=("input", "other"))
register(
    "chain_matmul",
    lambda matrices: np.asarray(np.linalg.multi_dot([wide(x) for x in matrices])).astype(
        matrices[0].dtype
    ),
    arrays=("matrices",),
)
