"""Orthogonal matrices as functions of matrices without constraints.

All of it is matrix products in an order that shapes alone decide, so that it can be replayed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steep._core import Tensor, arange, cat, eye, from_numpy, no_grad, randn, where, zeros_like
from steep._info import finfo
from steep.nn.module import Module

__all__ = ["MAPS"]

_SQUARINGS = 12  # of the exponential: for norms up to 2 ** 12


def _transposed(x: Tensor) -> Tensor:
    return x.transpose(-2, -1)


def _one(x: Tensor) -> Tensor:
    return eye(x.shape[-1], dtype=x.dtype)


def _below(x: Tensor, diagonal: int) -> Tensor:
    """What lies on and below a diagonal, 0 elsewhere."""
    rows, columns = x.shape[-2:]
    places = arange(rows).unsqueeze(1) + diagonal >= arange(columns)
    return where(places, x, zeros_like(x))


# ---- functions of matrices ----------------------------------------------------------------------


def inverse(m: Tensor) -> Tensor:
    """The inverse of matrices M whose M + M.T is positive definite.

    Then so it is of all blocks on the diagonal and of what elimination leaves of them, and blocks
    can be eliminated without pivoting. Two steps of Newton's method follow, X + X (I - M X): they
    take off rounding errors, and give the first and second derivatives, so that no graph of the
    elimination is needed.
    """
    with no_grad():
        x = _eliminated(m.detach())
    one = _one(m)
    for _ in range(2):
        x = x + x @ (one - m @ x)
    return x


def _eliminated(m: Tensor) -> Tensor:
    n = m.shape[-1]
    if n < 2:
        return 1 / m
    half = n // 2
    top, bottom = m[..., :half, :], m[..., half:, :]
    a, b, c, d = top[..., :half], top[..., half:], bottom[..., :half], bottom[..., half:]
    a = _eliminated(a)
    ca = c @ a
    d = _eliminated(d - ca @ b)
    b = -(a @ b @ d)
    upper, lower = cat([a - b @ ca, b], -1), cat([-(d @ ca), d], -1)
    return cat([upper, lower], -2)


def exponential(a: Tensor) -> Tensor:
    """exp(A) by the Taylor series of degree 19 of A / 2**s, squared s times.

    s is the least with a norm of at most 1. Where fewer squarings are needed, the others are done
    for nothing: what is computed does not depend on values.
    """
    norm = _largest_row_sum(a.detach())
    needed = [norm > 2.0**i for i in range(_SQUARINGS)]
    scale = norm * 0 + 1
    for more in needed:
        scale = where(more, scale / 2, scale)
    result = _taylor(a * scale)
    for more in needed:
        result = where(more, result @ result, result)
    return result


def _largest_row_sum(a: Tensor) -> Tensor:
    if a.numel() == 0:
        return a.sum()
    return a.abs().sum(-1, keepdim=True).max(-2, keepdim=True)[0]


def _taylor(a: Tensor) -> Tensor:
    """The sum of ``a**k / k!`` up to k = 19, in powers of ``a**4`` (Paterson and Stockmeyer)."""
    powers = [_one(a), a]
    for _ in range(3):
        powers.append(powers[-1] @ a)
    factors = [1.0]
    for k in range(1, 20):
        factors.append(factors[-1] / k)
    result: Tensor | None = None
    for first in range(16, -1, -4):
        block = sum(
            (factors[first + i] * powers[i] for i in range(1, 4)), factors[first] * powers[0]
        )
        result = block if result is None else result @ powers[4] + block
    assert result is not None
    return result


def reflected(v: Tensor) -> Tensor:
    """The first columns of the product of the reflections ``I - 2 v v.T / (v . v)``.

    v are columns whose entries above the diagonal are 0, and 1 on it. The product is
    ``I - V T V.T``, where ``T^-1`` has half the squares of V's columns on its diagonal, and their
    products above it (Joffrain et al., 2006).
    """
    products = _transposed(v) @ v
    inverse_of_t = products - _below(products, 0) + products * _one(products) / 2
    k = v.shape[-1]
    identity = eye(v.shape[-2], k, dtype=v.dtype)
    return identity - v @ inverse(inverse_of_t) @ _transposed(v[..., :k, :])


# ---- the maps -----------------------------------------------------------------------------------


def _skew(x: Tensor) -> Tensor:
    """The skew-symmetric square matrix that has what is below the diagonal of a tall one."""
    n, k = x.shape[-2:]
    x = _below(x, 0)
    if n != k:
        x = cat([x, x.new_zeros((*x.shape[:-1], n - k))], -1)
    return x - _transposed(x)


def _by_exponential(x: Tensor) -> Tensor:
    return exponential(_skew(x))[..., : x.shape[-1]]


def _by_cayley(x: Tensor) -> Tensor:
    half = _skew(x) / 2
    one = _one(half)
    return (inverse(one - half) @ (one + half))[..., : x.shape[-1]]


def _by_reflections(x: Tensor) -> Tensor:
    k = x.shape[-1]
    signs = (x.detach()[..., :k, :] * _one(x)).sum(-2, keepdim=True).trunc()
    return reflected(_below(x, -1) + eye(x.shape[-2], k, dtype=x.dtype)) * signs


MAPS: dict[str, Callable[[Tensor], Tensor]] = {
    "matrix_exp": _by_exponential,
    "cayley": _by_cayley,
    "householder": _by_reflections,
}


class _Orthogonal(Module):
    """The parametrisation; see `parametrizations.orthogonal`."""

    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool) -> None:
        super().__init__()
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        self.has_base = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        """The orthogonal matrix of what is trained."""
        wide = x.shape[-2] < x.shape[-1]
        q = MAPS[self.orthogonal_map](_transposed(x) if wide else x)
        if self.has_base and self.base is not None:
            q = self.base @ q
        return _transposed(q) if wide else q

    @no_grad()
    def right_inverse(self, q: Tensor) -> Tensor:
        """What to train so that the result is `q`, made orthogonal."""
        if q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {tuple(self.shape)}. "
                f"Got a tensor of shape {tuple(q.shape)}."
            )
        wide = q.shape[-2] < q.shape[-1]
        tall = _transposed(q) if wide else q
        n, k = tall.shape[-2:]
        if not self.has_base:
            return self._as_reflections(tall, wide)
        if n != k:
            tall = cat([tall, randn((*tall.shape[:-1], n - k), dtype=tall.dtype)], -1)
        self.base = tall.clone() if n == k and _is_orthogonal(tall) else _orthogonalized(tall)
        # -1 is the sign of each reflection: at 0 the product of all is the identity.
        return (-eye(*q.shape[-2:], dtype=q.dtype)).expand(q.shape).clone()

    def _as_reflections(self, tall: Tensor, wide: bool) -> Tensor:
        if self.orthogonal_map != "householder":
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley "
                "parametrizations when use_trivialization=False."
            )
        import numpy as np

        factors, scales = np.linalg.qr(tall.detach().numpy(), mode="raw")
        factors = np.ascontiguousarray(factors.swapaxes(-2, -1))
        k = factors.shape[-1]
        places = np.arange(k)
        signs = np.sign(factors[..., places, places])
        factors[..., places, places] = np.where(scales == 0, -signs, signs)
        found = from_numpy(factors)
        return _transposed(found).contiguous() if wide else found


def _is_orthogonal(q: Tensor) -> bool:
    product = _transposed(q) @ q
    tolerance = 10.0 * q.shape[-2] * float(finfo(q.dtype).eps)
    return bool(((product - _one(product)).abs() <= tolerance + 1e-5 * _one(product)).all())


def _orthogonalized(x: Tensor) -> Tensor:
    """The Q of ``x = Q R`` with R's diagonal positive, by LAPACK."""
    import numpy as np

    q: Any
    q, r = np.linalg.qr(x.detach().numpy())
    q = q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None, :]
    return from_numpy(np.ascontiguousarray(q))
