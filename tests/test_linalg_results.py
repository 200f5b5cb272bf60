"""steep.linalg: singular matrices, equal values, further results, names and refusals."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from runner import tensor
from steep import linalg

Function = Callable[..., Any]


# ---- where values are equal or 0 ----------------------------------------------------------------


def test_values_alone_need_not_differ() -> None:
    for values in (linalg.eigvalsh, linalg.svdvals, lambda x: linalg.eigh(x).eigenvalues):
        x = steep.eye(3, requires_grad=True)
        values(x).sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), np.eye(3), atol=1e-6)
    assert steep.autograd.gradcheck(linalg.pinv, (tensor(np.eye(3)).requires_grad_(),))
    assert steep.autograd.gradgradcheck(linalg.pinv, (tensor(np.eye(3)).requires_grad_(),))
    x = steep.zeros(2, 3, requires_grad=True)
    linalg.svdvals(x).sum().backward()
    assert x.grad.isfinite().all()


def test_determinants_of_singular_matrices_have_gradients() -> None:
    """Those of cofactors, which need no inverse."""
    given = np.stack([np.diag([1.0, 2, 0]), np.diag([3.0, 0, 0]), np.diag([1.0, 2, 3])])
    x = tensor(given).requires_grad_()
    linalg.det(x).sum().backward()
    want = np.stack([np.diag([0.0, 0, 2]), np.zeros((3, 3)), np.diag([6.0, 3, 2])])
    np.testing.assert_allclose(x.grad.numpy(), want, atol=1e-12)
    turned = tensor(np.diag([1.0, -2, 0])[::-1].copy()).requires_grad_()
    assert steep.autograd.gradcheck(linalg.det, (turned,))
    assert steep.autograd.gradgradcheck(linalg.det, (turned,))


def test_one_singular_matrix_does_not_hide_the_gradients_of_others() -> None:
    x = steep.stack([steep.eye(2), steep.ones(2, 2)]).requires_grad_()
    linalg.slogdet(x).logabsdet[0].backward()
    assert x.grad[0].tolist() == [[1, 0], [0, 1]]
    assert steep.logdet(steep.stack([-steep.eye(3), steep.zeros(3, 3)])).tolist()[1] == -math.inf
    assert steep.logdet(-steep.eye(3)).isnan()


def test_limits_of_small_values() -> None:
    x = steep.tensor([4.0, 2.0, 1e-3, 0.0]).diag()
    assert linalg.matrix_rank(x).item() == 3
    assert linalg.matrix_rank(x, 0.01).item() == 2
    assert linalg.matrix_rank(x, rtol=0.6).item() == 1
    assert linalg.matrix_rank(x, atol=3, rtol=0.4).item() == 1
    limits = steep.tensor([1e-5, 0.6])
    assert linalg.matrix_rank(steep.stack([x, x]), rtol=limits).tolist() == [3, 1]
    assert linalg.matrix_rank(x, hermitian=True).dtype == steep.int64
    assert linalg.pinv(x, atol=3).diagonal().tolist() == [0.25, 0, 0, 0]
    assert linalg.pinv(x, 0.3).diagonal().tolist() == [0.25, 0.5, 0, 0]
    assert steep.pinverse(x, 0.6).diagonal().tolist() == [0.25, 0, 0, 0]


def test_further_results_of_least_squares() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 2)), rng.normal(size=(5, 3))
    _, residuals, rank, values = np.linalg.lstsq(a, b, None)
    for driver in ("gelsd", "gelss"):
        out = linalg.lstsq(tensor(a), tensor(b), driver=driver)
        np.testing.assert_allclose(out.residuals.numpy(), residuals)
        np.testing.assert_allclose(out.singular_values.numpy(), values)
        assert out.rank.item() == rank
    out = linalg.lstsq(tensor(a), tensor(b), driver="gels")
    assert (out.residuals.shape, out.rank.shape, out.singular_values.shape) == ((3,), (0,), (0,))
    out = linalg.lstsq(tensor(a), tensor(b))
    assert (out.residuals.shape, out.rank.item()) == ((0,), 2)
    poor = steep.ones(3, 2)  # the least of the solutions
    assert linalg.lstsq(poor, steep.full((3, 1), 2.0)).solution.allclose(steep.ones(2, 1))


# ---- factors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(70, 70), (40, 65), (65, 40), (3, 34, 34), (2, 2, 1)])
def test_elimination_in_blocks(shape: tuple[int, ...]) -> None:
    x = tensor(np.random.default_rng(1).normal(size=shape))
    p, lower, upper = linalg.lu(x)
    np.testing.assert_allclose((p @ lower @ upper).numpy(), x.numpy(), atol=1e-12)
    assert lower.abs().max() == 1  # the largest element is the pivot
    assert (lower.triu(1) == 0).all()
    assert (upper.tril(-1) == 0).all()
    again = steep.lu_unpack(*linalg.lu_factor(x))
    assert all((a == b).all() for a, b in zip(again, (p, lower, upper), strict=True))


def test_elimination_without_pivots_and_of_singular_matrices() -> None:
    x = steep.tensor([[2.0, 1.0], [4.0, 5.0]])
    p, lower, upper = linalg.lu(x, pivot=False)
    assert p.shape == (0,)
    assert (lower @ upper == x).all()
    assert linalg.lu_factor(x, pivot=False).pivots.tolist() == [1, 2]
    packed, pivots, info = linalg.lu_factor_ex(steep.stack([steep.ones(2, 2), x]))
    assert (info.tolist(), pivots.dtype) == ([2, 0], steep.int32)
    assert packed[0].tolist() == [[1, 1], [1, 0]]
    zero = linalg.lu(steep.zeros(3, 3))
    assert (zero.P @ zero.L @ zero.U == 0).all()
    with pytest.raises(linalg.LinAlgError, match="pivots that are not 0, got one at 2"):
        linalg.lu_factor_ex(steep.ones(2, 2), check_errors=True)


def test_functions_that_raise_nothing() -> None:
    good, bad = steep.tensor([[2.0, 0.0], [0.0, 4.0]]), steep.tensor([[1.0, 2.0], [2.0, 1.0]])
    factor, info = linalg.cholesky_ex(steep.stack([good, bad, -good]))
    assert info.tolist() == [0, 2, 1]
    assert info.dtype == steep.int32
    assert factor[0].tolist() == [[good[0, 0].sqrt().item(), 0], [0, 2]]
    assert factor[1:].isnan().all()
    singular = steep.ones(2, 2)
    both = steep.stack([good, singular]).requires_grad_()
    inverse, info = linalg.inv_ex(both)
    assert inverse[0].tolist() == [[0.5, 0], [0, 0.25]]
    assert info.tolist() == [0, 2]
    result, info = linalg.solve_ex(both, steep.ones(2, 2, 1))
    assert result[0].flatten().tolist() == [0.5, 0.25]
    assert (result[1].isnan().all(), info.tolist()) == (True, [0, 2])
    result[0].sum().backward()
    assert both.grad.isfinite().all()
    for check in (
        lambda: linalg.cholesky_ex(bad, check_errors=True),
        lambda: linalg.inv_ex(singular, check_errors=True),
        lambda: linalg.solve_ex(singular, steep.ones(2), check_errors=True),
    ):
        with pytest.raises(linalg.LinAlgError):
            check()
    assert linalg.cond(singular, 1).item() == math.inf


def test_orthogonal_modes() -> None:
    x = tensor(np.random.default_rng(0).normal(size=(4, 2)))
    q, r = linalg.qr(x, mode="complete")
    assert (q.shape, r.shape) == ((4, 4), (4, 2))
    np.testing.assert_allclose((q @ r).numpy(), x.numpy(), atol=1e-12)
    empty, r = linalg.qr(x, mode="r")
    assert (empty.shape, r.shape) == ((0,), (2, 2))
    assert steep.qr(x, some=False).Q.shape == (4, 4)
    u, s, v = steep.svd(x, some=False)
    assert (u.shape, v.shape) == ((4, 4), (2, 2))
    u, s, v = steep.svd(x.requires_grad_(), compute_uv=False)
    assert (u.shape, v.shape, u.any().item()) == ((4, 4), (2, 2), False)
    s.sum().backward()


@pytest.mark.parametrize("size", [0.0, 1e-3, 1.0, 40.0])
def test_exponentials_of_small_and_large_matrices(size: float) -> None:
    x = np.array([[0.0, -size], [size, 0.0]])
    want = [[math.cos(size), -math.sin(size)], [math.sin(size), math.cos(size)]]
    np.testing.assert_allclose(linalg.matrix_exp(tensor(x)).numpy(), want, atol=1e-13)
    both = linalg.matrix_exp(steep.stack([tensor(x), tensor(x) * 0])).numpy()
    np.testing.assert_allclose(both, np.stack([want, np.eye(2)]), atol=1e-13)
    assert linalg.matrix_exp(tensor(x).float()).dtype == steep.float32
    assert linalg.matrix_exp(steep.full((2, 2), math.nan)).isnan().all()


def test_low_ranks() -> None:
    steep.manual_seed(0)
    x = steep.randn(20, 3, dtype=steep.float64) @ steep.randn(3, 8, dtype=steep.float64)
    u, s, v = steep.svd_lowrank(x, q=4)
    assert (u.shape, s.shape, v.shape) == ((20, 4), (4,), (8, 4))
    np.testing.assert_allclose((u * s @ v.mT).numpy(), x.numpy(), atol=1e-9)
    u, s, v = steep.pca_lowrank(x)
    centred = x - x.mean(0)
    np.testing.assert_allclose((u * s @ v.mT).numpy(), centred.numpy(), atol=1e-9)
    np.testing.assert_allclose(s[:3].numpy(), linalg.svdvals(centred)[:3].numpy(), rtol=1e-9)
    taken = steep.svd_lowrank(x, q=2, niter=0, M=x)
    assert taken[1].tolist() == [0, 0]


# ---- names and refusals -------------------------------------------------------------------------


def test_methods_are_the_functions() -> None:
    x = steep.randn(2, 3, 3)
    x = x @ x.mT + 3 * steep.eye(3)
    for name in ("det", "inverse", "logdet", "matrix_exp", "cholesky", "pinverse", "slogdet", "qr"):
        one, other = getattr(x, name)(), getattr(steep, name)(x)
        pairs = zip(one, other, strict=True) if isinstance(one, tuple) else [(one, other)]
        assert all((a == b).all() for a, b in pairs)
        assert getattr(steep.Tensor, name) is getattr(steep, name)
    factor = x.cholesky()
    b = steep.randn(2, 3, 1)
    assert (b.cholesky_solve(factor) == steep.cholesky_solve(b, factor)).all()
    assert (factor.cholesky_inverse() == steep.cholesky_inverse(factor)).all()
    assert (b.lu_solve(*x.lu()) == steep.lu_solve(b, *steep.lu(x))).all()
    assert len(x.lu(get_infos=True)) == 3
    assert (b.triangular_solve(x).solution == steep.triangular_solve(b, x).solution).all()
    assert x.matrix_power(2).allclose(x @ x)
    assert x.svd().S.allclose(linalg.svdvals(x))
    assert steep.nn.Parameter(x).inverse().requires_grad


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: linalg.lstsq(steep.eye(2), steep.ones(3, 1)), RuntimeError, "as many rows in B"),
        (lambda: linalg.lstsq(steep.eye(2), steep.ones(2, 1), driver="x"), RuntimeError, "gelsy"),
        (lambda: linalg.lstsq(steep.eye(2), steep.ones(2).double()), RuntimeError, "A's dtype"),
        (lambda: linalg.qr(steep.eye(2), "q"), RuntimeError, "mode to be 'reduced'"),
        (
            lambda: linalg.qr(steep.ones(3, 2, requires_grad=True), "complete"),
            RuntimeError,
            "mode='reduced' where a gradient",
        ),
        (lambda: linalg.tensorinv(steep.ones(2, 3)), RuntimeError, "one product"),
        (lambda: linalg.tensorinv(steep.ones(2, 2), 0), RuntimeError, "ind of at least 1"),
        (lambda: linalg.tensorsolve(steep.ones(2, 3), steep.ones(2)), RuntimeError, "B's shape"),
        (lambda: linalg.matrix_exp(steep.ones(2, 3)), RuntimeError, "square matrices"),
        (lambda: linalg.vecdot(steep.ones(2), steep.ones(2).double()), RuntimeError, "one dtype"),
        (lambda: linalg.matrix_power(steep.ones(2, 2).long(), -1), RuntimeError, "float32 or"),
        (lambda: linalg.multi_dot([steep.ones(2, 2)]), RuntimeError, "at least 2 tensors, got 1"),
        (lambda: linalg.vander(steep.ones(2), 1), RuntimeError, "at least 2, got 1"),
        (lambda: linalg.cond(steep.ones(2, 3), "fro"), RuntimeError, "square matrices"),
        (lambda: linalg.pinv(steep.ones(2, 3), hermitian=True), RuntimeError, "square matrices"),
        (
            lambda: steep.lu_unpack(steep.eye(2), steep.tensor([1, 2])),
            RuntimeError,
            "pivots of dtype int32",
        ),
        (
            lambda: linalg.lu_solve(steep.eye(2), steep.tensor([0, 9]).int(), steep.eye(2)),
            RuntimeError,
            "pivots from 1 to 2",
        ),
        (
            lambda: linalg.lu_solve(steep.eye(2), steep.tensor([1]).int(), steep.eye(2)),
            RuntimeError,
            r"pivots of shape \(2,\)",
        ),
        (lambda: steep.svd_lowrank(steep.ones(2, 3), 3), ValueError, "q from 0 to 2"),
        (lambda: steep.pca_lowrank(steep.ones(2, 3), niter=-1), ValueError, "niter"),
        (
            lambda: steep.cholesky_inverse(steep.zeros(2, 2)),
            linalg.LinAlgError,
            "Singular",
        ),
    ],
)
def test_refused(call: Function, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


# ---- at the ends ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (2, 4, 3)])
def test_square_factors_have_the_gradients_of_thin_ones(shape: tuple[int, ...]) -> None:
    """Those of the vectors that have a singular value; the others are not determined."""
    x = tensor(np.random.default_rng(5).normal(size=shape)).requires_grad_()
    slopes = []
    for full in (True, False):
        u, s, vh = linalg.svd(x, full_matrices=full)
        k = s.shape[-1]
        loss = (u[..., :k] ** 2 * s.unsqueeze(-2)).sum() + (vh[..., :k, :] ** 4).sum()
        slopes.append(steep.autograd.grad(loss, x)[0].numpy())
    np.testing.assert_allclose(slopes[0], slopes[1], atol=1e-12)
    (slope,) = steep.autograd.grad(linalg.svd(x)[1].sum(), x)
    np.testing.assert_allclose(slope.numpy(), (u @ vh).detach().numpy(), atol=1e-12)
    with steep.no_grad():
        assert linalg.svd(x).U.shape[-1] == shape[-2]


def test_sums_of_squares_have_gradients() -> None:
    rng = np.random.default_rng(3)
    a, b = (tensor(rng.normal(size=shape)).requires_grad_() for shape in ((5, 2), (5, 3)))
    for driver in ("gels", "gelsd", "gelss"):
        residuals = lambda a, b, d=driver: linalg.lstsq(a, b, driver=d).residuals  # noqa: E731
        assert steep.autograd.gradcheck(residuals, (a, b))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_no_number_has_no_factor(bad: float) -> None:
    x = steep.eye(3)
    x[2, 1] = bad
    with pytest.raises(linalg.LinAlgError, match="not positive definite"):
        linalg.cholesky(x)
    both = linalg.cholesky_ex(steep.stack([x, steep.eye(3)]))
    assert both.info.tolist() == [3, 0]
    assert both.L[1].tolist() == steep.eye(3).tolist()


@pytest.mark.parametrize("shape", [(0, 0), (3, 0), (0, 3), (2, 0, 0)])
def test_norms_of_nothing(shape: tuple[int, ...]) -> None:
    for order in (1, 2, math.inf, "fro", "nuc"):
        found = linalg.matrix_norm(steep.zeros(shape), order)
        assert found.tolist() == steep.zeros(shape[:-2]).tolist()
        kept = linalg.matrix_norm(steep.zeros(shape), order, keepdim=True)
        assert tuple(kept.shape) == (*shape[:-2], 1, 1)
    with pytest.raises(IndexError, match="non-zero size"):
        linalg.matrix_norm(steep.zeros(0, 0), -2)


def test_powers_of_integers_and_of_one_number() -> None:
    x = steep.tensor([[1, 1], [0, 1]])
    assert linalg.matrix_power(x, 5).tolist() == [[1, 5], [0, 1]]
    assert linalg.matrix_power(x, 0).dtype == steep.int64
    assert linalg.vander(steep.tensor(2.0), 3).tolist() == [[1.0, 2.0, 4.0]]


# What each is of examples, and of the batch of them.
OF_EXAMPLES: dict[str, Function] = {
    "matrix_rank": linalg.matrix_rank,
    "pinv": linalg.pinv,
    "lu_factor_ex": linalg.lu_factor_ex,
    "inv_ex": lambda x: linalg.inv_ex(x @ x.mT),
    "lu_solve": lambda x: linalg.lu_solve(*linalg.lu_factor(x), x[..., :1]),
    "qr": lambda x: linalg.qr(x, "complete"),
    "lstsq": lambda x: linalg.lstsq(x, x[..., :1] * 2).solution,
    "gels": lambda x: linalg.lstsq(x, x.square(), driver="gels").residuals,
}


@pytest.mark.parametrize("name", OF_EXAMPLES)
def test_examples_of_a_vmap_are_a_batch(name: str) -> None:
    size = (3, 3, 3) if name in ("inv_ex", "lu_solve") else (3, 4, 3)
    x, function = tensor(np.random.default_rng(4).normal(size=size)), OF_EXAMPLES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # L and U, which have gradients, are made one by one
        found = steep.vmap(lambda x: tuple(_parts(function(x))))(x)
    for got, want in zip(found, _parts(function(x)), strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got.numpy(), want.numpy(), atol=1e-12)


def _parts(result: Any) -> tuple[Any, ...]:
    return (result,) if isinstance(result, steep.Tensor) else tuple(result)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: steep.linalg.qr(x), "linalg_qr"),
        (lambda x: steep.linalg.svd(x), "linalg_svd"),
        (lambda x: steep.linalg.eigh(x), "linalg_eigh"),
        (lambda x: steep.linalg.slogdet(x), "linalg_slogdet"),
        (lambda x: steep.linalg.lstsq(x, x), "linalg_lstsq"),
        (lambda x: steep.linalg.lu(x), "linalg_lu"),
        (lambda x: steep.linalg.lu_factor(x), "linalg_lu_factor"),
        (lambda x: steep.linalg.inv_ex(x), "linalg_inv_ex"),
        (lambda x: steep.svd(x), "svd"),
        (lambda x: steep.frexp(x), "frexp"),
        (lambda x: steep.histogram(x, 2), "histogram"),
    ],
)
def test_several_results_print_as_pytorch_s_do(call: Function, name: str) -> None:
    result = call(steep.eye(1))
    fields = ",\n".join(f"{field}={getattr(result, field)!r}" for field in result._fields)
    assert repr(result) == f"steep.return_types.{name}(\n{fields})"
