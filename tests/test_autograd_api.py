"""What Python sees of the tape: backward, grad, modes, hooks, custom functions, the checks."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import steep
from steep import autograd


def leaf(*values: float) -> steep.Tensor:
    return steep.tensor(values, dtype=steep.float64, requires_grad=True)


def error_of(call: Callable[[], Any]) -> str:
    with pytest.raises(RuntimeError) as caught:
        call()
    return str(caught.value)


# ---- backward and grad --------------------------------------------------------------------------


def test_backward_adds_up() -> None:
    x = leaf(1, 2)
    for times in (1, 2):
        (x * x).sum().backward()
        assert x.grad is not None
        assert x.grad.tolist() == [2 * times, 4 * times]
    (x * 3).backward(gradient=steep.tensor([1.0, 10.0], dtype=steep.float64))
    assert x.grad.tolist() == [7, 38]


def test_grad_leaves_attributes_alone() -> None:
    x, y = leaf(1, 2), leaf(3, 4)
    a, b = autograd.grad((x * y).sum(), [x, y])
    assert a.tolist() == [3, 4]
    assert b.tolist() == [1, 2]
    assert x.grad is None
    weights = steep.tensor([1.0, 2.0], dtype=steep.float64)
    assert autograd.grad(x * y, x, weights)[0].tolist() == [3, 8]


def test_higher_order() -> None:
    x = leaf(2)
    (first,) = autograd.grad(x**4, x, create_graph=True)
    (second,) = autograd.grad(first, x, create_graph=True)
    (third,) = autograd.grad(second, x)
    assert (first.item(), second.item(), third.item()) == (32, 48, 48)


def test_unused_inputs() -> None:
    x, y = leaf(1), leaf(2)
    assert "allow_unused=True" in error_of(lambda: autograd.grad(x * 2, [x, y]))
    assert autograd.grad(x * 2, [x, y], allow_unused=True)[1] is None
    assert autograd.grad(x * 2, [x, y], materialize_grads=True)[1].tolist() == [0]


def test_backward_into_chosen_inputs() -> None:
    x, y = leaf(1), leaf(2)
    (x * y).backward(inputs=[x])
    assert x.grad is not None
    assert x.grad.tolist() == [2]
    assert y.grad is None
    assert "empty" in error_of(lambda: (x * y).backward(inputs=[]))


def test_errors() -> None:
    x = leaf(1, 2)
    assert "scalar outputs" in error_of(lambda: (x * 2).backward())
    assert "does not require grad" in error_of(lambda: steep.ones(1).backward())
    assert "[3]" in error_of(lambda: (x * 2).backward(steep.ones(3, dtype=steep.float64)))
    y = (x * x).sum()
    y.backward()
    assert "second time" in error_of(y.backward)
    assert "integer" in error_of(
        lambda: steep.tensor([1]).requires_grad_()
    ) or "floating" in error_of(lambda: steep.tensor([1]).requires_grad_())
    assert "leaf" in error_of(lambda: setattr(x * 2, "requires_grad", False))
    with pytest.raises(TypeError):
        autograd.grad(x.sum(), "x")  # type: ignore[arg-type]


def test_grad_attribute_is_checked() -> None:
    x = leaf(1, 2)
    x.grad = steep.zeros(2, dtype=steep.float64)
    x.grad = None
    del x.grad
    assert x.grad is None
    assert "size" in error_of(lambda: setattr(x, "grad", steep.zeros(3, dtype=steep.float64)))
    assert "type" in error_of(lambda: setattr(x, "grad", steep.zeros(2)))
    assert "own grad" in error_of(lambda: setattr(x, "grad", x))
    with pytest.raises(TypeError):
        x.grad = 3  # type: ignore[assignment]


def test_retain_grad() -> None:
    x = leaf(1, 2)
    y = x * 2
    with pytest.warns(UserWarning, match="not a leaf"):
        assert y.grad is None
    y.retain_grad()
    (y * y).sum().backward()
    assert y.retains_grad
    assert y.grad is not None
    assert y.grad.tolist() == [4, 8]


def test_graph_can_be_read() -> None:
    x = leaf(1, 2)
    y = (x * 2).sum()
    assert y.grad_fn.name() == "SumBackward0"
    assert y.grad_fn == y.grad_fn
    assert x.grad_fn is None
    ((mul, index),) = y.grad_fn.next_functions
    assert mul.name() == "MulBackward0"
    assert index == 0
    assert mul.next_functions[0][0].name() == "AccumulateGrad"
    assert y.is_leaf is False
    assert x.is_leaf is True


# ---- modes --------------------------------------------------------------------------------------


def test_modes_nest_and_restore() -> None:
    x = leaf(1)
    with steep.no_grad():
        assert not (x * 2).requires_grad
        with steep.enable_grad():
            assert (x * 2).requires_grad
        with steep.set_grad_enabled(True):
            assert steep.is_grad_enabled()
        assert not steep.is_grad_enabled()
    mode = steep.no_grad()
    with mode, mode:
        assert not steep.is_grad_enabled()
    with pytest.raises(KeyError), steep.inference_mode():
        raise KeyError
    assert steep.is_grad_enabled()
    steep.set_grad_enabled(False)
    assert not steep.is_grad_enabled()
    steep.set_grad_enabled(True)


def test_modes_decorate() -> None:
    @steep.no_grad()
    def called(value: int) -> bool:
        """Kept."""
        return steep.is_grad_enabled()

    @steep.no_grad
    def bare() -> bool:
        return steep.is_grad_enabled()

    @steep.inference_mode()
    def inferring() -> bool:
        return steep.is_grad_enabled()

    @steep.set_grad_enabled(False)
    def chosen() -> bool:
        return steep.is_grad_enabled()

    @steep.no_grad()
    def generator() -> Iterator[bool]:
        yield steep.is_grad_enabled()
        yield steep.is_grad_enabled()

    assert not called(1)
    assert not bare()
    assert not inferring()
    assert not chosen()
    assert called.__name__ == "called"
    assert called.__doc__ == "Kept."
    assert steep.is_grad_enabled()
    for inside in generator():
        assert not inside
        assert steep.is_grad_enabled()
    with pytest.raises(TypeError):
        steep.no_grad()(3)  # type: ignore[type-var]


def test_mode_belongs_to_a_thread() -> None:
    seen = []
    with steep.no_grad():
        thread = threading.Thread(target=lambda: seen.append(steep.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


# ---- hooks --------------------------------------------------------------------------------------


def test_hooks_see_and_change_gradients() -> None:
    x = leaf(1, 2)
    seen = []
    first = x.register_hook(lambda grad: seen.append(grad.tolist()))
    second = x.register_hook(lambda grad: grad * 10)
    y = x * 3
    y.register_hook(lambda grad: grad + 1)
    y.sum().backward()
    assert seen == [[6, 6]]
    assert x.grad is not None
    assert x.grad.tolist() == [60, 60]
    first.remove()
    first.remove()
    with second:
        pass
    x.grad = None
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2, 2]
    assert len(seen) == 1


def test_errors_in_hooks_come_out() -> None:
    x = leaf(1)

    def broken(grad: steep.Tensor) -> None:
        raise LookupError("from the hook")

    handle = x.register_hook(broken)
    with pytest.raises(LookupError, match="from the hook"):
        (x * 2).backward()
    handle.remove()
    x.register_hook(lambda grad: 3)  # type: ignore[arg-type, return-value]
    with pytest.raises(TypeError, match="Tensor or None"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="require"):
        steep.ones(1).register_hook(print)


# ---- custom functions ---------------------------------------------------------------------------


class Cube(autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: steep.Tensor, scale: float = 1.0) -> steep.Tensor:
        ctx.save_for_backward(x)
        ctx.scale = scale
        return x**3 * scale

    @staticmethod
    def backward(ctx: Any, grad: steep.Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x**2 * grad * ctx.scale, None


class Exp(autograd.Function):
    @staticmethod
    def forward(x: steep.Tensor) -> steep.Tensor:
        return x.exp()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, grad: steep.Tensor) -> Any:
        return grad * ctx.saved_tensors[0]


class Split(autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: steep.Tensor) -> Any:
        positive = x > 0
        ctx.mark_non_differentiable(positive)
        return x * 2, positive, x * 3

    @staticmethod
    def backward(ctx: Any, a: steep.Tensor, nothing: steep.Tensor, b: steep.Tensor) -> Any:
        assert nothing.tolist() == [False, False]
        return 2 * a + 3 * b


def test_function() -> None:
    x = leaf(1, 2)
    y = Cube.apply(x, 2.0)
    assert y.grad_fn.name() == "CubeBackward"
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [6, 24]
    assert autograd.gradcheck(lambda x: Cube.apply(x, 2.0), x)
    assert autograd.gradgradcheck(lambda x: Cube.apply(x, 2.0), x)
    assert autograd.gradcheck(Exp.apply, x)
    assert autograd.gradgradcheck(Exp.apply, x)
    with steep.no_grad():
        assert not Cube.apply(x).requires_grad


def test_function_of_several_results() -> None:
    x = leaf(1, -2)
    a, positive, b = Split.apply(x)
    assert positive.tolist() == [True, False]
    assert not positive.requires_grad
    (b.sum() * 10).backward()  # nothing comes for a: zeros
    assert x.grad is not None
    assert x.grad.tolist() == [30, 30]
    assert a.requires_grad


def test_function_that_returns_its_argument() -> None:
    class Reverse(autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: steep.Tensor) -> steep.Tensor:
            return x

        @staticmethod
        def backward(ctx: Any, grad: steep.Tensor) -> Any:
            return -grad

    x = leaf(1, 2)
    y = Reverse.apply(x)
    assert y is not x
    assert y.data_ptr() == x.data_ptr()
    y.sum().backward()
    assert x.is_leaf
    assert x.grad is not None
    assert x.grad.tolist() == [-1, -1]


def test_function_errors() -> None:
    class Wrong(autograd.Function):
        answer: Any = None

        @staticmethod
        def forward(ctx: Any, x: steep.Tensor, k: int) -> steep.Tensor:
            return x * k

        @staticmethod
        def backward(ctx: Any, grad: steep.Tensor) -> Any:
            return Wrong.answer

    x = leaf(1, 2)
    answers = ((steep.ones(2),), (steep.ones(5), None), (steep.ones(2), steep.ones(2)), (3, None))
    for answer in answers:
        Wrong.answer = answer
        text = error_of(lambda: Wrong.apply(x, 2).sum().backward())
        assert "WrongBackward" in text
    y = Cube.apply(x * 1)
    saved = x * 1
    y = Cube.apply(saved)
    saved.add_(1)
    assert "CubeBackward" in error_of(lambda: y.sum().backward())


def test_function_frees_what_it_saved() -> None:
    x = leaf(1, 2)
    y = Exp.apply(x)
    reference = weakref.ref(y)
    del y
    gc.collect()
    assert reference() is None


# ---- the check checks ---------------------------------------------------------------------------


def test_gradcheck_finds_a_wrong_gradient() -> None:
    class Wrong(autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: steep.Tensor) -> steep.Tensor:
            return x * x

        @staticmethod
        def backward(ctx: Any, grad: steep.Tensor) -> Any:
            return grad

    x = leaf(1, 2)
    assert "mismatch" in error_of(lambda: autograd.gradcheck(Wrong.apply, x))
    assert not autograd.gradcheck(Wrong.apply, x, raise_exception=False)
    with pytest.raises(ValueError, match="float64"):
        autograd.gradcheck(lambda x: x, steep.ones(2, requires_grad=True))
    with pytest.raises(ValueError, match="requires a gradient"):
        autograd.gradcheck(lambda x: x, steep.ones(2, dtype=steep.float64))


def test_gradcheck_of_views_and_beside_constants() -> None:
    """What it compares is neither written over with the input, nor another result."""
    x = steep.arange(6.0, dtype=steep.float64).reshape(2, 3).requires_grad_()
    assert steep.autograd.gradcheck(lambda x: x.t()[1:], x)
    assert steep.autograd.gradcheck(lambda x: (x.detach(), x * x), x)
