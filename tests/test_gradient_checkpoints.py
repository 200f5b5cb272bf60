"""`steep.utils.checkpoint`: what is computed again in the backward pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steep
from settled import allocated, settled
from steep import nn
from steep.utils.checkpoint import checkpoint, checkpoint_sequential
from tolerances import same_bits


def test_no_checkpoint_on_the_way_to_gradients_of_gradients() -> None:
    x = steep.ones(2, requires_grad=True)
    y = checkpoint(steep.sin, x).sum()
    with pytest.raises(RuntimeError, match="cannot be differentiated again"):
        steep.autograd.grad(y, x, create_graph=True)


def test_what_wants_no_gradient_without_a_checkpoint_wants_none_with_it() -> None:
    x, layer = steep.ones(2), nn.Linear(2, 2)
    functions: list[Any] = [steep.sin, lambda x: layer(x), lambda x: (layer(x), x.argmax(), x, 3)]
    for function in functions:
        for given in (x, x.clone().requires_grad_()):
            pair = function(given), checkpoint(function, given)
            wanted, got = (y if isinstance(y, tuple) else (y,) for y in pair)
            for one, other in zip(wanted, got, strict=True):
                assert getattr(one, "requires_grad", 3) == getattr(other, "requires_grad", 3)


def network() -> Any:
    steep.manual_seed(2)
    return nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.Tanh(), nn.Linear(6, 2))


@pytest.mark.parametrize("wants", [False, True])
def test_gradients_are_those_without_checkpoints(wants: bool) -> None:
    """With the same masks, whether or not the input itself wants a gradient."""
    results = []
    for apply in (lambda m, x: m(x), checkpoint, lambda m, x: checkpoint_sequential(m, 2, x)):
        model = network()
        x = steep.from_numpy(np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4))
        x.requires_grad_(wants)
        steep.manual_seed(7)
        out = apply(model, x)
        (out * out).sum().backward()
        after = steep.rand(1)
        grads = [p.grad for p in model.parameters()] + ([x.grad] if wants else [])
        results.append([out.detach(), after, *grads])
    for other in results[1:]:
        for got, expected in zip(other, results[0], strict=True):
            same_bits(got.numpy(), expected.numpy())


def test_gradients_go_on_to_what_made_the_input() -> None:
    """Through checkpoints of layers that have no parameters, one after the other, as well."""

    def gradients(apply: Any) -> list[Any]:
        steep.manual_seed(3)
        first, last = nn.Linear(3, 4), nn.Linear(4, 1)
        x = first(steep.rand(5, 3))
        last(
            apply(steep.sin, apply(network(), apply(steep.cos, x)).sum(1, True).expand(5, 4))
        ).sum().backward()
        return [p.grad for p in (*first.parameters(), *last.parameters())]

    def drawing_nothing(function: Any, x: Any) -> Any:
        if isinstance(function, nn.Module):
            function.eval()
        return checkpoint(function, x)

    wanted = gradients(lambda f, x: (f.eval() if isinstance(f, nn.Module) else f)(x))
    for got, expected in zip(gradients(drawing_nothing), wanted, strict=True):
        same_bits(got.numpy(), expected.numpy())


def test_what_is_computed_between_is_not_kept() -> None:
    """Counted in bytes: a chain keeps every result, and a checkpoint of it none."""

    def chain(x: Any) -> Any:
        for _ in range(20):
            x = x.sin()
        return x

    held = []
    for apply in (lambda x: chain(x), lambda x: checkpoint(chain, x)):
        x = steep.ones(10_000, requires_grad=True)
        before = settled()
        out = apply(x)
        held.append(allocated() - before)
        del out
    assert held[1] * 5 < held[0]


def test_results_of_several_kinds() -> None:
    x = steep.ones(3, requires_grad=True)

    def both(x: Any, factor: float, *, shift: float) -> Any:
        return x * factor, x + shift

    a, b = checkpoint(both, x, 3.0, shift=1.0, use_reentrant=False)
    (a.sum() + 2 * b.sum()).backward()
    assert x.grad.tolist() == [5.0] * 3
    with steep.no_grad():
        assert not checkpoint(both, x, 3.0, shift=1.0)[0].requires_grad
    with pytest.raises(ValueError, match="1 to 4 segments, got 5"):
        checkpoint_sequential(network(), 5, steep.ones(1, 4))
