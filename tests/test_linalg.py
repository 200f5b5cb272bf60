"""steep.linalg: values against NumPy, gradients to second order against differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from runner import tensor
from steep import linalg

Function = Callable[..., Any]


def symmetric(function: Function) -> Function:
    """Of the symmetric part, so that single elements can be changed."""
    return lambda x: function((x + x.mT) / 2)


def positive(x: Any) -> Any:
    return x @ x.mT + 3 * steep.eye(x.shape[-2], dtype=x.dtype)


# Vectors are known up to their signs: products say what does not depend on these.
CASES: dict[str, tuple[Function, Function, tuple[tuple[int, ...], ...]]] = {
    "inv": (linalg.inv, np.linalg.inv, ((2, 3, 3),)),
    "solve": (linalg.solve, np.linalg.solve, ((2, 3, 3), (2, 3, 2))),
    "solve_vector": (linalg.solve, np.linalg.solve, ((3, 3), (3,))),
    "det": (linalg.det, np.linalg.det, ((2, 3, 3),)),
    "logdet": (
        lambda x: linalg.slogdet(x)[1],
        lambda x: np.linalg.slogdet(x)[1],
        ((3, 3),),
    ),
    "cholesky": (
        lambda x: linalg.cholesky(positive(x)),
        lambda x: np.linalg.cholesky(x @ x.swapaxes(-1, -2) + 3 * np.eye(x.shape[-1])),
        ((2, 3, 3),),
    ),
    "eigvalsh": (
        symmetric(linalg.eigvalsh),
        lambda x: np.linalg.eigvalsh((x + x.swapaxes(-1, -2)) / 2),
        ((2, 3, 3),),
    ),
    "eigh": (
        symmetric(lambda x: linalg.eigh(x)[1].square()),
        lambda x: np.linalg.eigh((x + x.T) / 2)[1] ** 2,
        ((3, 3),),
    ),
    "svdvals": (linalg.svdvals, lambda x: np.linalg.svd(x)[1], ((2, 3, 4),)),
    "svd": (
        lambda x: linalg.svd(x, full_matrices=False)[0].square(),
        lambda x: np.linalg.svd(x, full_matrices=False)[0] ** 2,
        ((4, 3),),
    ),
    "svd_wide": (
        lambda x: linalg.svd(x, full_matrices=False)[2].square(),
        lambda x: np.linalg.svd(x, full_matrices=False)[2] ** 2,
        ((2, 4),),
    ),
    "qr": (
        lambda x: linalg.qr(x)[1].square(),
        lambda x: np.linalg.qr(x)[1] ** 2,
        ((4, 3),),
    ),
    "solve_left": (
        lambda a, b: linalg.solve(a, b, left=False),
        lambda a, b: b @ np.linalg.inv(a),
        ((3, 3), (2, 3)),
    ),
    "solve_vectors": (
        linalg.solve,
        lambda a, b: np.linalg.solve(a, b[..., None])[..., 0],
        ((2, 3, 3), (2, 3)),
    ),
    "solve_triangular": (
        lambda a, b: linalg.solve_triangular(a, b, upper=False),
        lambda a, b: np.linalg.solve(np.tril(a), b),
        ((2, 3, 3), (2, 3, 2)),
    ),
    "solve_unitriangular": (
        lambda a, b: linalg.solve_triangular(a, b, upper=True, left=False, unitriangular=True),
        lambda a, b: b @ np.linalg.inv(np.triu(a, 1) + np.eye(3)),
        ((3, 3), (2, 3)),
    ),
    "norm": (linalg.norm, lambda x: np.linalg.norm(x.ravel()), ((2, 3, 4),)),
    "norm_of_vectors": (
        lambda x: linalg.vector_norm(x, 3, (0, 2), keepdim=True),
        lambda x: (np.abs(x) ** 3).sum((0, 2), keepdims=True) ** (1 / 3),
        ((2, 3, 4),),
    ),
    "norm_of_matrices": (
        lambda x: linalg.norm(x, float("-inf"), (2, 0)),
        lambda x: np.linalg.norm(x, -np.inf, (2, 0)),
        ((2, 3, 4),),
    ),
    "spectral_norm": (
        lambda x: linalg.matrix_norm(x, 2, (0, 1), keepdim=True),
        lambda x: np.linalg.norm(x, 2, (0, 1), keepdims=True),
        ((3, 4, 2),),
    ),
    "nuclear_norm": (
        lambda x: linalg.matrix_norm(x, "nuc"),
        lambda x: np.linalg.norm(x, "nuc", (-2, -1)),
        ((2, 3, 4),),
    ),
    "multi_dot_of_vectors": (
        lambda *all: linalg.multi_dot(all),
        lambda *all: np.linalg.multi_dot(all),
        ((3,), (3, 4), (4,)),
    ),
    "pinv": (linalg.pinv, np.linalg.pinv, ((4, 2),)),
    "matrix_power": (
        lambda x: linalg.matrix_power(x, -3),
        lambda x: np.linalg.matrix_power(x, -3),
        ((2, 2),),
    ),
}


def arrays(name: str) -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(sum(name.encode()))
    # Away from singular matrices: 2 on the diagonal.
    return [
        rng.normal(size=shape) + (2 * np.eye(shape[-2], shape[-1]) if len(shape) > 1 else 0)
        for shape in CASES[name][2]
    ]


@pytest.mark.parametrize("name", CASES)
def test_value(name: str) -> None:
    function, reference, _ = CASES[name]
    given = arrays(name)
    np.testing.assert_allclose(
        function(*map(tensor, given)).numpy(), reference(*given), 1e-9, 1e-12
    )


@pytest.mark.parametrize("name", CASES)
def test_gradient_and_its_own(name: str) -> None:
    given = tuple(tensor(x).requires_grad_() for x in arrays(name))
    assert steep.autograd.gradcheck(CASES[name][0], given)
    assert steep.autograd.gradgradcheck(CASES[name][0], given)


def test_factors_make_the_matrix() -> None:
    x = tensor(arrays("svd")[0])
    u, s, vh = linalg.svd(x)
    assert (tuple(u.shape), tuple(vh.shape)) == ((4, 4), (3, 3))
    np.testing.assert_allclose((u[:, :3] * s @ vh).numpy(), x.numpy(), atol=1e-12)
    q, r = linalg.qr(x)
    np.testing.assert_allclose((q @ r).numpy(), x.numpy(), atol=1e-12)
    lower = linalg.cholesky(positive(x))
    np.testing.assert_allclose((lower @ lower.mT).numpy(), positive(x).numpy(), atol=1e-12)
    assert (linalg.cholesky(positive(x), upper=True) == lower.mT).all()
    assert linalg.inv(x[:3].float()).dtype == steep.float32


@pytest.mark.parametrize(
    ("function", "given", "error", "text"),
    [
        (linalg.inv, steep.zeros(2, 2), linalg.LinAlgError, "linalg.inv: Singular matrix"),
        (linalg.inv, steep.zeros(2, 3), RuntimeError, "expected square matrices, got shape"),
        (linalg.inv, steep.zeros(3), RuntimeError, "at least 2 dimensions"),
        (linalg.inv, steep.eye(2).long(), RuntimeError, "a float32 or float64 tensor"),
        (linalg.cholesky, -steep.eye(2), linalg.LinAlgError, "not positive definite"),
        (linalg.inv, 3.0, TypeError, "expected a Tensor, got float"),
    ],
)
def test_refused(function: Function, given: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        function(given)


def test_parts_of_results_have_names() -> None:
    x = tensor(arrays("svd")[0])
    assert (linalg.svdvals(x) == linalg.svd(x, full_matrices=False).S).all()
    assert linalg.svd(x).Vh.shape == (3, 3)
    assert linalg.qr(x).R.shape == (3, 3)
    named = linalg.eigh(x[:3], UPLO="U")
    assert (named.eigenvalues == linalg.eigvalsh(x[:3].mT)).all()
    assert named.eigenvectors.shape == (3, 3)
    assert linalg.slogdet(steep.eye(2) * -2.0).sign.item() == 1


def test_second_names() -> None:
    x = steep.eye(2) * 2
    assert (steep.det(x).item(), steep.slogdet(x).sign.item()) == (4, 1)
    assert (steep.matrix_power(x, 2) == 4 * steep.eye(2)).all()


def test_norms_are_replayed() -> None:
    compiled = steep.compile(
        lambda x: linalg.norm(x, dim=-1) + linalg.matrix_norm(x), fullgraph=True
    )
    for _ in range(5):
        assert (compiled(steep.eye(2)) == 1 + steep.tensor(2.0).sqrt()).all()


def test_compiled_functions_say_that_numpy_computes() -> None:
    compiled = steep.compile(linalg.inv)
    compiled(steep.eye(2))
    # NumPy of before 2.0 computes without a context variable, by which it would be known.
    known = np.lib.NumpyVersion(np.__version__) >= "2.0.0"
    why = "NumPy computes .*linalg" if known else "it reads a value into Python"
    with pytest.warns(UserWarning, match=f"runs eagerly: {why}"):
        compiled(steep.eye(2))


def test_refused_norms() -> None:
    with pytest.raises(ValueError, match="expected ord to be 'fro'"):
        linalg.matrix_norm(steep.eye(2), 3)
    with pytest.raises(ValueError, match="expected two dimensions"):
        linalg.matrix_norm(steep.eye(2), dim=(0,))
    with pytest.raises(RuntimeError, match="norm of matrices"):
        linalg.norm(steep.ones(2), "fro")
    with pytest.raises(RuntimeError, match="give dim"):
        linalg.norm(steep.ones(2, 2, 2), 2)
    with pytest.raises(RuntimeError, match="UPLO"):
        linalg.eigh(steep.eye(2), "u")
    with pytest.raises(RuntimeError, match="B of at least 2"):
        linalg.solve_triangular(steep.eye(2), steep.ones(2), upper=True)


def test_refused_pairs() -> None:
    with pytest.raises(RuntimeError, match="as many rows in B"):
        linalg.solve(steep.eye(2), steep.ones(3))
    with pytest.raises(RuntimeError, match="expected one dtype"):
        linalg.solve(steep.eye(2), steep.ones(2).double())
    assert linalg.matrix_power(steep.ones(2, 2), 0).tolist() == [[1, 0], [0, 1]]
    assert linalg.multi_dot([steep.eye(2), steep.ones(2, 1)]).tolist() == [[1], [1]]
