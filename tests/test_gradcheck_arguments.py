"""The arguments of gradcheck and gradgradcheck, and what they find."""

from __future__ import annotations

from typing import Any

import pytest

import steep
from steep.autograd import gradcheck, gradgradcheck
from steep.autograd.gradcheck import GradcheckError


def point() -> steep.Tensor:
    return steep.tensor([[0.3, 0.7], [1.1, -0.4]], dtype=steep.float64, requires_grad=True)


def cube(x: Any) -> Any:
    return x**3


class Wrong(steep.autograd.Function):
    """Its slope is twice what it should be."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad * 4


class Wavering(steep.autograd.Function):
    """Its backward gives another number each time."""

    calls = 0

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        Wavering.calls += 1
        return grad * (2 + 1e-7 * Wavering.calls)


@pytest.mark.parametrize(
    "how",
    [
        {"check_undefined_grad": False},
        {"check_grad_dtypes": True},
        {"check_batched_grad": True},
        {"fast_mode": True},
        {"nondet_tol": 1e-3},
        {"masked": False},
    ],
)
def test_right_gradients_pass(how: dict[str, Any]) -> None:
    x = point()
    before = x.tolist()
    assert gradcheck(lambda x: (cube(x), x.sin().sum()), x, **how)
    assert gradgradcheck(cube, x, **how)
    assert x.tolist() == before


@pytest.mark.parametrize("fast", [False, True])
def test_wrong_gradients_do_not(fast: bool) -> None:
    with pytest.raises(GradcheckError, match="Jacobian mismatch for output 0"):
        gradcheck(Wrong.apply, point(), fast_mode=fast)
    assert not gradcheck(Wrong.apply, (point(),), fast_mode=fast, raise_exception=False)
    assert issubclass(GradcheckError, RuntimeError)


def test_backward_that_wavers() -> None:
    with pytest.raises(GradcheckError, match="Backward is not reentrant"):
        gradcheck(Wavering.apply, point())
    assert gradcheck(Wavering.apply, point(), nondet_tol=1e-5, atol=1e-3)


def test_strided_gradients_of_the_results() -> None:
    assert gradgradcheck(cube, point(), gen_non_contig_grad_outputs=True)


def test_derivatives_in_forward_mode_are_refused() -> None:
    for how in ({"check_forward_ad": True}, {"check_batched_forward_grad": True}):
        with pytest.raises(NotImplementedError, match="only derivatives by backward"):
            gradcheck(cube, point(), **how)


def test_arguments_of_grad_that_contradict_each_other() -> None:
    x = point()
    with pytest.raises(ValueError, match="Expected allow_unused to be True or not passed"):
        steep.autograd.grad(x.sum(), x, allow_unused=False, materialize_grads=True)
    with pytest.raises(RuntimeError, match="cannot be empty"):
        steep.autograd.grad(x.sum(), [])
