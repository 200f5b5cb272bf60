"""steep.linalg: least squares, elimination, exponentials, names of PyTorch's first years."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from runner import tensor
from steep import linalg

Function = Callable[..., Any]
Case = tuple[Function, Function, tuple[tuple[int, ...], ...]]


def series(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The exponential by its definition."""
    return sum(np.linalg.matrix_power(x, k) / math.factorial(k) for k in range(60))


def positive(x: Any) -> Any:
    return x @ x.mT + 3 * steep.eye(x.shape[-2], dtype=x.dtype)


def positive_array(x: Any) -> Any:
    return x @ x.swapaxes(-1, -2) + 3 * np.eye(x.shape[-2])


def symmetric(x: Any) -> Any:
    return (x + x.mT) / 2


def solved(**how: Any) -> Function:
    """By the factors of elimination."""
    return lambda a, b: linalg.lu_solve(*linalg.lu_factor(a), b, **how)


CASES: dict[str, Case] = {
    "matrix_exp": (linalg.matrix_exp, series, ((2, 3, 3),)),
    "lstsq": (
        lambda a, b: linalg.lstsq(a, b).solution,
        lambda a, b: np.linalg.lstsq(a, b, None)[0],
        ((4, 2), (4, 3)),
    ),
    "lstsq_of_few_rows": (
        lambda a, b: linalg.lstsq(a, b).solution,
        lambda a, b: np.linalg.lstsq(a, b, None)[0],
        ((2, 4), (2, 3)),
    ),
    "lstsq_of_vectors": (
        lambda a, b: linalg.lstsq(a, b).solution,
        lambda a, b: np.stack([np.linalg.lstsq(x, y, None)[0] for x, y in zip(a, b, strict=True)]),
        ((2, 4, 2), (2, 4)),
    ),
    "pinv_wide": (linalg.pinv, np.linalg.pinv, ((2, 2, 4),)),
    "pinv_of_symmetric": (
        lambda x: linalg.pinv(x @ x.mT, hermitian=True),
        lambda x: np.linalg.pinv(x @ x.swapaxes(-1, -2)),
        ((3, 3),),
    ),
    "lu": (
        lambda x: linalg.lu(x)[0] @ linalg.lu(x)[1].square() @ linalg.lu(x)[2],
        lambda x: (lambda p, lower, u: p @ lower**2 @ u)(*by_hand(x)),
        ((3, 3),),
    ),
    "lu_tall": (lambda x: linalg.lu(x).L, lambda x: by_hand(x)[1], ((5, 3),)),
    "lu_wide": (lambda x: linalg.lu(x).U.square(), lambda x: by_hand(x)[2] ** 2, ((3, 5),)),
    "lu_factor_tall": (
        lambda x: linalg.lu_factor(x).LU,
        lambda x: np.tril(by_hand(x)[1], -1) + np.pad(by_hand(x)[2], ((0, 1), (0, 0))),
        ((3, 2),),
    ),
    "lu_factor_wide": (
        lambda x: linalg.lu_factor(x).LU,
        lambda x: np.pad(np.tril(by_hand(x)[1], -1), ((0, 0), (0, 1))) + by_hand(x)[2],
        ((2, 3),),
    ),
    "lu_solve": (solved(), np.linalg.solve, ((2, 3, 3), (2, 3, 2))),
    "lu_solve_adjoint": (
        solved(adjoint=True),
        lambda a, b: np.linalg.solve(a.swapaxes(-1, -2), b),
        ((2, 3, 3), (2, 3, 2)),
    ),
    "lu_solve_left": (
        solved(left=False),
        lambda a, b: b @ np.linalg.inv(a),
        ((3, 3), (2, 3)),
    ),
    "lu_solve_left_adjoint": (
        solved(left=False, adjoint=True),
        lambda a, b: b @ np.linalg.inv(a).T,
        ((3, 3), (2, 3)),
    ),
    "cholesky_solve": (
        lambda a, b: steep.cholesky_solve(b, steep.cholesky(positive(a))),
        lambda a, b: np.linalg.solve(positive_array(a), b),
        ((2, 3, 3), (2, 3, 2)),
    ),
    "cholesky_solve_upper": (
        lambda a, b: steep.cholesky_solve(b, linalg.cholesky(positive(a), upper=True), True),
        lambda a, b: np.linalg.solve(positive_array(a), b),
        ((3, 3), (3, 2)),
    ),
    "cholesky_inverse": (
        lambda a: steep.cholesky_inverse(steep.cholesky(positive(a))),
        lambda a: np.linalg.inv(positive_array(a)),
        ((2, 3, 3),),
    ),
    "cholesky_inverse_upper": (
        lambda a: steep.cholesky_inverse(steep.cholesky(positive(a), True), upper=True),
        lambda a: np.linalg.inv(positive_array(a)),
        ((3, 3),),
    ),
    "logdet": (
        lambda a: steep.logdet(positive(a)),
        lambda a: np.log(np.linalg.det(positive_array(a))),
        ((2, 3, 3),),
    ),
    "qr_wide": (
        lambda x: linalg.qr(x)[1].square(),
        lambda x: np.linalg.qr(x)[1] ** 2,
        ((2, 3, 5),),
    ),
    "qr_wide_complete": (
        lambda x: linalg.qr(x, "complete").Q.square(),
        lambda x: np.linalg.qr(x)[0] ** 2,
        ((2, 3),),
    ),
    "svd_of_first_years": (
        lambda x: (lambda u, s, v: u.square() @ s.diag_embed() @ v.mT.square())(*steep.svd(x)),
        lambda x: (lambda u, s, vh: u**2 * s @ vh**2)(*np.linalg.svd(x, full_matrices=False)),
        ((3, 4),),
    ),
    "triangular_solve": (
        lambda a, b: steep.triangular_solve(b, a, upper=False, transpose=True).solution,
        lambda a, b: np.linalg.solve(np.tril(a).T, b),
        ((3, 3), (3, 2)),
    ),
    "cond": (linalg.cond, np.linalg.cond, ((2, 3, 3),)),
    "cond_of_sums": (lambda x: linalg.cond(x, 1), lambda x: np.linalg.cond(x, 1), ((3, 3),)),
    "vander": (linalg.vander, lambda x: np.vander(x, increasing=True), ((4,),)),
    "vecdot": (linalg.vecdot, lambda a, b: (a * b).sum(-1), ((2, 3), (3,))),
    "tensorinv": (linalg.tensorinv, np.linalg.tensorinv, ((2, 3, 6),)),
    "tensorsolve": (
        lambda a, b: linalg.tensorsolve(a, b, dims=(0,)),
        lambda a, b: np.linalg.tensorsolve(a, b, axes=(0,)),
        ((6, 2, 3), (2, 3)),
    ),
    "solve_of_batches": (linalg.solve, np.linalg.solve, ((2, 3, 3), (3, 2))),
    "cross": (lambda a, b: linalg.cross(a, b), np.cross, ((2, 3), (1, 3))),
    "diagonal": (
        lambda x: linalg.diagonal(x, offset=1),
        lambda x: x.diagonal(1, -2, -1),
        ((2, 3, 3),),
    ),
    "inverse_method": (lambda x: x.inverse(), np.linalg.inv, ((3, 3),)),
}


def by_hand(x: np.ndarray[Any, Any]) -> tuple[Any, Any, Any]:
    """Elimination row by row, as a textbook has it."""
    rows, columns = x.shape
    u, order = x.copy(), list(range(rows))
    lower = np.zeros((rows, rows))
    for j in range(min(rows, columns)):
        p = j + int(np.abs(u[j:, j]).argmax())
        u[[j, p]], lower[[j, p]] = u[[p, j]], lower[[p, j]]
        order[j], order[p] = order[p], order[j]
        for i in range(j + 1, rows):
            lower[i, j] = u[i, j] / u[j, j]
            u[i] -= lower[i, j] * u[j]
    count = min(rows, columns)
    return np.eye(rows)[order].T, (lower + np.eye(rows))[:, :count], u[:count]


def arrays(name: str) -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(sum(name.encode()))
    return [rng.normal(size=shape) for shape in CASES[name][2]]


@pytest.mark.parametrize("name", CASES)
def test_value(name: str) -> None:
    function, reference, _ = CASES[name]
    given = arrays(name)
    np.testing.assert_allclose(
        function(*map(tensor, given)).numpy(), reference(*given), 1e-8, 1e-11
    )


@pytest.mark.parametrize("name", CASES)
def test_gradient_and_its_own(name: str) -> None:
    given = tuple(tensor(x).requires_grad_() for x in arrays(name))
    assert steep.autograd.gradcheck(CASES[name][0], given)
    assert steep.autograd.gradgradcheck(CASES[name][0], given)


@pytest.mark.parametrize("shape", [(0, 3, 3), (2, 0, 0)])
def test_empty_batches_and_matrices(shape: tuple[int, ...]) -> None:
    x = steep.zeros(shape, requires_grad=True)
    for name in ("inv", "pinv", "matrix_exp", "lu_factor", "det", "slogdet", "svdvals", "eigvalsh"):
        out = getattr(linalg, name)(x)
        out = out[-1 if name == "slogdet" else 0] if isinstance(out, tuple) else out
        assert out.shape[0] == shape[0]
        steep.autograd.grad(out.sum(), x)
    assert linalg.det(x).tolist() == [1] * shape[0] if shape[1] == 0 else True
    assert linalg.matrix_rank(x).shape == shape[:1]
    assert linalg.cond(x).shape == shape[:1]
    assert linalg.solve(x, steep.zeros(*shape[:-1], 2)).shape == (*shape[:-1], 2)
    assert linalg.lstsq(x, steep.zeros(*shape[:-1], 2)).solution.shape == (*shape[:-1], 2)
    assert linalg.lu_solve(*linalg.lu_factor(x), x).shape == shape
    assert linalg.inv_ex(x).info.shape == shape[:1]


# ---- triangles with a 0 on the diagonal ---------------------------------------------------------


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("left", [False, True])
def test_triangles_divide_by_a_diagonal_of_0(upper: bool, left: bool) -> None:
    """As by substitution: what is known before is finite, the rest infinite or NaN."""
    a = steep.from_numpy(np.eye(3) * 2 + np.tri(3).T + np.tri(3)).requires_grad_()
    whole = steep.linalg.solve_triangular(a, steep.ones(3, 3).double(), upper=upper, left=left)
    broken = a.detach().clone()
    broken[1, 1] = 0
    x = steep.linalg.solve_triangular(broken, steep.ones(3, 3).double(), upper=upper, left=left)
    rows, known = (x, whole) if left else (x.mT, whole.mT)
    first = 2 if upper == left else 0
    assert (rows[first] == known[first].detach()).all()
    assert rows[1].isinf().all()
    assert rows[2 - first].isfinite().logical_not().all()


def test_a_triangle_of_zeros() -> None:
    """PyTorch 2.13 gives these."""
    x = steep.linalg.solve_triangular(steep.zeros(2, 2), steep.ones(2, 1), upper=True)
    assert x[0].isnan().all()
    assert x[1].item() == float("inf")
    zeros = steep.zeros(2, 2, requires_grad=True)
    steep.linalg.solve_triangular(zeros, steep.ones(2, 1), upper=True).sum().backward()
    assert zeros.grad is not None
    assert zeros.grad[1, 0] == 0
    batch = steep.stack([steep.eye(2), steep.zeros(2, 2)])
    both = steep.linalg.solve_triangular(batch, steep.ones(2, 2, 1), upper=False)
    assert both[0].flatten().tolist() == [1.0, 1.0]
    assert both[1, 0].item() == float("inf")
