"""Hooks: in every mode of backward, and when they change the graph they are called by."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import steep
from steep import autograd


def leaf(*values: float) -> steep.Tensor:
    return steep.tensor([float(value) for value in values], requires_grad=True)


class Pieces(autograd.Function):
    """A node of many outputs."""

    @staticmethod
    def forward(ctx: Any, x: steep.Tensor) -> tuple[steep.Tensor, ...]:
        return tuple(x * (i + 1) for i in range(50))

    @staticmethod
    def backward(ctx: Any, *grads: steep.Tensor) -> steep.Tensor:
        return sum(((i + 1) * grad for i, grad in enumerate(grads)), start=steep.zeros(2))


class Net:
    """x, w -> y = x w -> y2 = 2 y -> z, where each hook tells its gradient and multiplies it."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Any]] = []
        self.x, self.w = leaf(1, 2), leaf(3, 4)
        self.y = self.x * self.w
        self.y2 = self.y * 2
        self.z = self.y2.sum()
        for name, factor in (("x", 10), ("w", 10), ("y", 100), ("y2", 1000)):
            getattr(self, name).register_hook(self.told(name, factor))
        for name in ("x", "w"):
            tensor = getattr(self, name)
            tensor.register_post_accumulate_grad_hook(
                lambda leaf, name=name: self.seen.append((name + " added", leaf.grad.tolist()))
            )

    def told(self, name: str, factor: float) -> Any:
        def hook(grad: steep.Tensor) -> steep.Tensor:
            self.seen.append((name, grad.tolist()))
            return grad * factor

        return hook


BELOW_Y2 = [("y2", [1.0, 1.0]), ("y", [2e3, 2e3])]


def test_hooks_of_leaves_run_in_grad() -> None:
    net = Net()
    (slope,) = autograd.grad(net.z, net.x)
    assert slope.tolist() == [6e6, 8e6]
    assert net.seen == [*BELOW_Y2, ("x", [6e5, 8e5])]
    assert net.x.grad is None


def test_hooks_of_leaves_run_in_backward_of_chosen_inputs() -> None:
    net = Net()
    net.z.backward(inputs=[net.x, net.x])
    assert net.x.grad is not None
    assert net.x.grad.tolist() == [6e6, 8e6]  # once, though named twice
    assert net.seen == [*BELOW_Y2, ("x", [6e5, 8e5]), ("x added", [6e6, 8e6])]
    assert net.w.grad is None


def test_an_input_that_leads_to_another_is_captured_before_its_hooks() -> None:
    """As in PyTorch, where the hooks of what ends the walk come before the capture."""
    net = Net()
    (by_y,) = autograd.grad(net.z, net.y, retain_graph=True)
    assert by_y.tolist() == [2e5, 2e5]
    by_x, by_y = autograd.grad(net.z, [net.x, net.y])
    assert by_x.tolist() == [6e6, 8e6]
    assert by_y.tolist() == [2e3, 2e3]


def test_backward_into_what_is_no_leaf_retains_its_gradient() -> None:
    net = Net()
    net.z.backward(inputs=[net.y])
    assert net.y.retains_grad
    assert net.y.grad is not None
    assert net.y.grad.tolist() == [2e5, 2e5]
    assert net.seen == BELOW_Y2
    assert net.x.grad is None


@pytest.mark.parametrize("mode", ["grad", "inputs", "backward"])
def test_retained_gradients_are_kept_in_every_mode(mode: str) -> None:
    net = Net()
    net.y.retain_grad()
    net.y2.retain_grad()
    if mode == "grad":
        autograd.grad(net.z, net.x)
    else:
        net.z.backward(inputs=[net.x] if mode == "inputs" else None)
    assert net.y.grad is not None
    assert net.y2.grad is not None
    assert net.y.grad.tolist() == [2e5, 2e5]
    assert net.y2.grad.tolist() == [1e3, 1e3]


def test_post_hooks_are_of_leaves_and_return_nothing() -> None:
    x = leaf(1, 2)
    with pytest.raises(RuntimeError, match="non-leaf"):
        (x * 2).register_post_accumulate_grad_hook(print)
    with pytest.raises(RuntimeError, match="require"):
        steep.ones(2).register_post_accumulate_grad_hook(print)
    with pytest.raises(TypeError, match="callable"):
        x.register_post_accumulate_grad_hook(3)  # type: ignore[arg-type]
    handle = x.register_post_accumulate_grad_hook(lambda tensor: 3)  # type: ignore[arg-type, return-value]
    with pytest.raises(TypeError, match="return None, got int"):
        (x * 2).sum().backward()
    handle.remove()
    x.grad = None
    x.register_post_accumulate_grad_hook(lambda tensor: setattr(tensor, "grad", None))
    (x * 2).sum().backward()
    assert x.grad is None


def test_a_hook_may_register_hooks_on_other_outputs() -> None:
    x = leaf(1, 2)
    pieces = Pieces.apply(x)

    def register(grad: steep.Tensor) -> None:
        for piece in pieces[2:]:
            piece.register_hook(lambda grad: grad * 100)

    pieces[0].register_hook(register)
    pieces[1].register_hook(lambda grad: grad)
    total = sum((piece.sum() for piece in pieces), start=steep.zeros(()))
    total.backward()
    assert x.grad is not None  # those whose turn is still to come are called
    assert x.grad.tolist() == [100 * 1275.0 - 99 * (1 + 2)] * 2


def test_a_hook_may_take_hooks_away() -> None:
    x = leaf(1, 2)
    pieces = Pieces.apply(x)
    handles = [piece.register_hook(lambda grad: grad * 100) for piece in pieces]

    def remove(grad: steep.Tensor) -> None:
        for handle in handles:
            handle.remove()

    first = pieces[0].register_hook(remove)
    total = sum((piece.sum() for piece in pieces), start=steep.zeros(()))
    total.backward(retain_graph=True)
    first.remove()
    x.grad = None
    total.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1275.0, 1275.0]


def test_a_hook_may_drop_retain_and_go_backward() -> None:
    x = leaf(1, 2)
    held: dict[str, Any] = {"y": x * 2}
    held["y"].retain_grad()
    inner = []

    def hook(grad: steep.Tensor) -> None:
        del held["y"]  # what was to keep this gradient is gone
        with steep.enable_grad():
            z = x * 5
            z.retain_grad()
            z.sum().backward()
        inner.append(z.grad.tolist())
        x.grad = None

    y = held["y"]
    y.register_hook(hook)
    total = (y * 3).sum()
    del y
    total.backward()
    assert inner == [[1.0, 1.0]]
    assert x.grad is not None
    assert x.grad.tolist() == [6.0, 6.0]


def test_a_hook_may_use_up_the_graph_it_is_called_by() -> None:
    """Whichever pass comes second says so; neither reads what is gone."""
    x = leaf(1, 2)
    y = x.exp()
    z = (y * y).sum()

    def hook(grad: steep.Tensor) -> None:
        handle.remove()
        z.backward()

    handle = y.register_hook(hook)
    with pytest.raises(RuntimeError, match="second time"):
        z.backward()


def test_a_function_may_use_up_the_graph_it_is_called_by() -> None:
    class Twice(autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: steep.Tensor) -> steep.Tensor:
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx: Any, grad: steep.Tensor) -> steep.Tensor:
            if not again:
                again.append(True)
                y.backward(grad)
            return grad * 2

    again: list[bool] = []
    x = leaf(1, 2)
    y = Twice.apply(x)
    y.backward(steep.ones(2))
    assert x.grad is not None
    assert x.grad.tolist() == [4.0, 4.0]


def test_an_error_in_a_hook_leaves_the_graph_usable() -> None:
    x = leaf(1, 2)
    y = x.exp()
    z = y.sum()

    def broken(grad: steep.Tensor) -> None:
        raise LookupError("from the hook")

    handle = y.register_hook(broken)
    with pytest.raises(LookupError, match="from the hook"):
        z.backward(retain_graph=True)
    assert x.grad is None
    assert steep.is_grad_enabled()
    handle.remove()
    y.sum().backward()
    assert x.grad is not None


def test_a_hook_may_wait_for_another_thread_s_backward() -> None:
    """Nothing is locked while a hook runs: the other thread adds to the very same leaf."""
    x = leaf(1, 2)

    def hook(grad: steep.Tensor) -> None:
        handle.remove()
        thread = threading.Thread(target=lambda: (x * 10).sum().backward())
        thread.start()
        thread.join(30)
        assert not thread.is_alive()

    handle = x.register_hook(hook)
    (x * 2).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [12.0, 12.0]


def test_hooks_of_parameters_run_from_the_last_layer_to_the_first() -> None:
    """Each once its gradient is complete: that of a shared weight after what it was used in."""
    net = steep.nn.Sequential(*(steep.nn.Linear(3, 3) for _ in range(6)))
    seen: list[str] = []
    for name, parameter in net.named_parameters():
        parameter.register_post_accumulate_grad_hook(lambda _, name=name: seen.append(name))  # type: ignore[misc]
    for _ in range(2):
        net(steep.rand(2, 3)).sum().backward()
    once = [f"{layer}.{what}" for layer in (5, 4, 3, 2, 1, 0) for what in ("weight", "bias")]
    assert seen == once * 2
