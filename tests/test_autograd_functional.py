"""`steep.autograd.functional`: products with Jacobians and Hessians known by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from steep.autograd import functional as F
from steep.autograd import gradcheck
from tolerances import close

RNG = np.random.default_rng(8)
A, B = RNG.normal(size=(3, 2)), RNG.normal(size=(3, 4))
X, Y = RNG.normal(size=2), RNG.normal(size=4)
U, V, W = RNG.normal(size=3), RNG.normal(size=2), RNG.normal(size=4)


def double(array: Any) -> Any:
    return steep.from_numpy(np.array(array, np.float64))


def squares(x: Any, y: Any) -> Any:
    """``(A x)**2 + B y``: its Jacobian by x is ``2 diag(A x) A``, by y it is B."""
    return (double(A) @ x) ** 2 + double(B) @ y


JX = 2 * (A @ X)[:, None] * A


def cubes(x: Any, y: Any) -> Any:
    """``sum(x**3) + sum(y)**2``."""
    return (x**3).sum() + y.sum() ** 2


def test_products_from_the_left() -> None:
    value, (by_x, by_y) = F.vjp(squares, (double(X), double(Y)), double(U))
    close(value.numpy(), (A @ X) ** 2 + B @ Y, 8)
    close(by_x.numpy(), U @ JX, 16)
    close(by_y.numpy(), U @ B, 8)


def test_derivatives_by_a_scalar() -> None:
    x = steep.tensor(3.0)
    assert F.jacobian(lambda t: t**2, x).item() == 6
    assert F.hessian(lambda t: t**3, x).item() == 18


def test_products_from_the_right() -> None:
    value, found = F.jvp(squares, (double(X), double(Y)), (double(V), double(W)))
    close(value.numpy(), (A @ X) ** 2 + B @ Y, 8)
    close(found.numpy(), JX @ V + B @ W, 16)


def test_jacobians_by_each_input_of_each_output() -> None:
    by_x, by_y = F.jacobian(squares, (double(X), double(Y)))
    close(by_x.numpy(), JX, 16)
    close(by_y.numpy(), B, 8)
    both = F.jacobian(lambda x: (x.sum(), x * x), double(X))
    close(both[0].numpy(), np.ones(2))
    close(both[1].numpy(), np.diag(2 * X), 4)
    assert F.jacobian(lambda x: x.reshape(1, 2, 1), double(X)).shape == (1, 2, 1, 2)
    assert F.jacobian(lambda x: x[:0], double(X)).shape == (0, 2)


def test_hessians_and_their_products() -> None:
    hessian = F.hessian(cubes, (double(X), double(Y)))
    close(hessian[0][0].numpy(), np.diag(6 * X), 8)
    close(hessian[1][1].numpy(), np.full((4, 4), 2.0), 8)
    close(hessian[0][1].numpy(), np.zeros((2, 4)))
    alone = F.hessian(lambda x: (x**3).sum(), double(X))
    close(alone.numpy(), np.diag(6 * X), 8)
    for product in (F.vhp, F.hvp):
        value, (by_x, by_y) = product(cubes, (double(X), double(Y)), (double(V), double(W)))
        close(value.numpy(), np.array((X**3).sum() + Y.sum() ** 2), 8)
        close(by_x.numpy(), 6 * X * V, 8)
        close(by_y.numpy(), np.full(4, 2 * W.sum()), 8)


def test_results_can_be_differentiated_where_that_is_asked_for() -> None:
    x = double(X).requires_grad_()
    assert not F.jacobian(lambda x: x**3, x).requires_grad
    assert gradcheck(lambda x: F.jacobian(lambda z: z**3, x, create_graph=True), (x,))
    assert gradcheck(lambda x: F.hessian(lambda z: (z**4).sum(), x, create_graph=True), (x,))
    assert gradcheck(lambda x: F.vjp(lambda z: z**3, x, double(V), create_graph=True)[1], (x,))
    assert gradcheck(lambda x: F.jvp(lambda z: z**3, x, double(V), create_graph=True)[1], (x,))
    assert x.grad is None


def test_what_does_not_depend_has_the_gradient_zero() -> None:
    ones = lambda x, y: x * 1.0  # noqa: E731
    assert F.jacobian(ones, (double(X), double(Y)))[1].tolist() == np.zeros((2, 4)).tolist()
    assert F.vjp(lambda x: double(Y), double(X), double(W))[1].tolist() == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="independent of an input"):
        F.jacobian(ones, (double(X), double(Y)), strict=True)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: F.vjp(lambda x: x * x, 3.0), TypeError, "inputs to be a Tensor"),
        (lambda x: F.vjp(lambda x: 3.0, x), TypeError, "outputs of the function"),
        (lambda x: F.vjp(lambda x: x * x, x), RuntimeError, "can only be None if the output"),
        (lambda x: F.jvp(lambda x: x * x, x), RuntimeError, "can only be None if the input"),
        (lambda x: F.vjp(lambda x: x * x, x, double(Y)), RuntimeError, "v has invalid size"),
        (lambda x: F.hessian(lambda x: x * x, x), RuntimeError, "single element"),
        (lambda x: F.vhp(lambda x: x * x, x, x), RuntimeError, "single element"),
    ],
)
def test_bad_input_is_refused(
    call: Callable[[Any], Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        call(double(X))
