"""saved_tensors_hooks: what rules save is packed when it is saved, unpacked when it is needed."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import steep
from cases import TABLE
from cases.row import Call, materialize, transform
from steep import nn
from steep.autograd import graph
from steep.autograd.graph import saved_tensors_hooks


class Journal:
    """Hooks that keep lists, and what they were called with."""

    def __init__(self) -> None:
        self.packed: list[Any] = []
        self.unpacked = 0

    def pack(self, x: steep.Tensor) -> Any:
        assert not steep.is_grad_enabled()
        self.packed.append(x.tolist())
        return x.detach().clone(), x.dtype

    def unpack(self, kept: Any) -> steep.Tensor:
        self.unpacked += 1
        return kept[0]

    def hooks(self) -> saved_tensors_hooks:
        return saved_tensors_hooks(self.pack, self.unpack)


def test_saved_tensors_go_through_the_hooks() -> None:
    journal = Journal()
    x = steep.tensor([1.0, 2.0], requires_grad=True)
    with journal.hooks():
        y = (x * x).sqrt()
        assert len(journal.packed) == 3
    z = y * x  # outside
    z.sum().backward()
    assert journal.packed == [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]
    assert journal.unpacked == 3
    assert x.grad.tolist() == [2.0, 4.0]


def test_a_leaf_is_shown_itself_and_others_with_their_place() -> None:
    shown: list[Any] = []

    def pack(x: Any) -> Any:
        shown.append(x)
        return x

    layer = nn.Linear(2, 2, bias=False)
    x = steep.ones(1, 2, requires_grad=True)
    with saved_tensors_hooks(pack, lambda x: x):
        y = layer(x * 1)
        y.exp().sum().backward()
    assert any(one is layer.weight for one in shown)
    names = [one.grad_fn.name() for one in shown if one.grad_fn is not None]
    assert names == ["MulBackward0"]  # a result is shown without, or it would lead back to itself
    assert x.grad is not None


def test_memory_of_what_was_packed_is_freed() -> None:
    class Token:
        pass

    def pack(x: steep.Tensor) -> Any:
        tokens.append(weakref.ref(token := Token()))
        return token, x.tolist()

    tokens: list[Any] = []
    x = steep.tensor([4.0], requires_grad=True)
    with saved_tensors_hooks(pack, lambda kept: steep.tensor(kept[1])):
        y = x.exp()
    gc.collect()
    assert tokens[0]() is not None
    y.backward()
    gc.collect()
    assert tokens[0]() is None
    with pytest.raises(RuntimeError, match="a second time"):
        y.backward()


def test_what_is_packed_may_be_written_to() -> None:
    x = steep.tensor([1.0, 2.0], requires_grad=True)
    with graph.allow_mutation_on_saved_tensors():
        y = x * 1
        z = y.sin()
        y.zero_()
    z.sum().backward()
    assert x.grad.tolist() == steep.tensor([1.0, 2.0]).cos().tolist()


def test_second_derivatives_go_through_the_hooks() -> None:
    journal = Journal()
    x = steep.tensor(2.0, requires_grad=True)
    with journal.hooks():
        (slope,) = steep.autograd.grad(x**4, x, create_graph=True)
        (curve,) = steep.autograd.grad(slope, x, create_graph=True)
        assert steep.autograd.grad(curve, x)[0].item() == 48.0
    assert journal.unpacked > 3


def test_functions_save_through_the_hooks() -> None:
    class Cube(steep.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            out = x**3
            ctx.save_for_backward(x, None, out)
            return out

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            x, nothing, out = ctx.saved_tensors
            assert nothing is None
            return grad * 3 * out / x

    journal = Journal()
    x = steep.tensor([1.0, 2.0], requires_grad=True)
    with journal.hooks():
        y = Cube.apply(x)
    assert journal.packed == [[1.0, 2.0], [1.0, 8.0]]
    y.sum().backward()
    assert (journal.unpacked, x.grad.tolist()) == (2, [3.0, 12.0])


def test_the_innermost_hooks_hold() -> None:
    outer, inner = Journal(), Journal()
    x = steep.tensor([1.0], requires_grad=True)
    with outer.hooks():
        a = x.exp()
        with inner.hooks():
            b = a.exp()
        c = b.exp()
    c.backward()
    assert (len(outer.packed), len(inner.packed)) == (2, 1)
    assert (outer.unpacked, inner.unpacked) == (2, 1)


@pytest.mark.parametrize(
    ("pack", "unpack", "error", "text"),
    [
        (lambda x: x.zero_(), lambda x: x, RuntimeError, "pack hook is modifying its input"),
        (
            lambda x: 1,
            lambda one: one,
            TypeError,
            "expected to be a Tensor but got result of type int",
        ),
        (
            lambda x: x,
            lambda x: x[0],
            RuntimeError,
            "expected unpack_hook to return what was packed",
        ),
        (lambda x: x, lambda x: x.double(), RuntimeError, "got a float64 tensor"),
        (lambda x: 1 / 0, lambda x: x, ZeroDivisionError, "division"),
        (lambda x: x, lambda x: 1 / 0, ZeroDivisionError, "division"),
    ],
)
def test_what_hooks_must_not_do(pack: Any, unpack: Any, error: Any, text: str) -> None:
    x = steep.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(error, match=text), saved_tensors_hooks(pack, unpack):
        (x * 2).exp().sum().backward()
    (x * 2).exp().sum().backward()
    assert x.grad is not None


def test_hooks_are_callables_and_may_be_forbidden() -> None:
    with (
        pytest.raises(TypeError, match="saved_tensors_hooks: expected callables, got int"),
        saved_tensors_hooks(1, 2),  # type: ignore[arg-type]
    ):
        pass
    with graph.disable_saved_tensors_hooks("outer"):
        with graph.disable_saved_tensors_hooks("inner"), pytest.raises(RuntimeError, match="inner"):
            Journal().hooks().__enter__()
        with pytest.raises(RuntimeError, match="outer"), graph.save_on_cpu(pin_memory=True):
            pass
    x = steep.tensor([1.0], requires_grad=True)
    with graph.save_on_cpu():
        x.exp().backward()


def test_compiled_functions_run_eagerly_within() -> None:
    @steep.compile
    def step(x: Any) -> Any:
        return steep.autograd.grad(x.exp().sum(), x)[0]

    x = steep.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(4):
        step(x)
    journal = Journal()
    with journal.hooks(), pytest.warns(UserWarning, match="saved_tensors_hooks are set"):
        step(x)
    assert journal.unpacked == 1


def test_a_network_trains_to_the_same_bits_through_them() -> None:
    def losses(hooked: bool) -> list[float]:
        steep.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(36, 8), nn.LayerNorm(8), nn.GELU(), nn.Dropout(0.2), nn.Linear(8, 3),
        )  # fmt: skip
        sgd = steep.optim.SGD(net.parameters(), lr=0.1)
        x, target = steep.randn(4, 1, 8, 8), steep.tensor([0, 1, 2, 0])
        seen = []
        for _ in range(3):
            journal = Journal()
            with journal.hooks() if hooked else graph.save_on_cpu():
                loss = nn.functional.cross_entropy(net(x), target)
            sgd.zero_grad()
            loss.backward()
            sgd.step()
            seen.append(loss.item())
            assert (journal.unpacked > 10) == hooked
        return seen

    assert losses(True) == losses(False)


# Rows whose result is not a matter of arithmetic would differ anyway.
ROWS = [name for name, row in TABLE.items() if row.gradient is True and row.reference is not None]


def gradients(name: str, call: Call) -> Any:
    row = TABLE[name]
    function = row.function or getattr(steep._core, name, None)
    leaves: list[steep.Tensor] = []

    def tensor(array: Any) -> Any:
        x = steep.tensor(array)
        if array.dtype.kind == "f":
            leaves.append(x.requires_grad_())
        return x

    made = transform(call, np.ndarray, tensor)
    if function is None:
        first, *rest = made.args
        result = getattr(first, name)(*rest, **made.kwargs)
    else:
        result = function(*made.args, **made.kwargs)
    outs = result if isinstance(result, (tuple, list)) else [result]
    outs = [x for x in outs if isinstance(x, steep.Tensor) and x.requires_grad]
    if not outs:
        return None
    found = steep.autograd.grad(outs, leaves, [steep.ones_like(x) for x in outs], allow_unused=True)
    return [None if grad is None else grad.tolist() for grad in found]


@pytest.mark.parametrize("name", ROWS)
def test_every_operation_saves_through_the_hooks(name: str) -> None:
    call = materialize(TABLE[name].calls[0], "float32", name)
    journal = Journal()
    plain = gradients(name, call)
    with journal.hooks():
        assert gradients(name, call) == plain
    assert journal.packed or not journal.unpacked
