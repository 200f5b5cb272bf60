"""A step over several groups is taken as a whole: what can be checked is checked before it."""

from __future__ import annotations

from typing import Any

import pytest

import steep
from cases import OPTIMIZERS
from steep import _core, optim
from tolerances import same_bits


def trained(name: str) -> Any:
    """An optimiser of two groups that has taken two steps, with gradients for the next."""
    steep.manual_seed(2)
    other = (2, 1) if OPTIMIZERS[name].matrices else (2,)
    groups = [[steep.randn(3, 4, requires_grad=True), steep.randn(*other)] for _ in range(2)]
    for group in groups:
        group[1].requires_grad_()
    optimizer = getattr(optim, name)([{"params": group} for group in groups])
    for _ in range(3):
        for p in params_of(optimizer):
            p.grad = steep.randn_like(p)
        if len(optimizer.state) < 4 or optimizer.state[groups[0][0]].get("step", 1) < 2:
            optimizer.step()
    return optimizer


def params_of(optimizer: Any) -> list[Any]:
    return [p for group in optimizer.param_groups for p in group["params"]]


def everything(optimizer: Any) -> list[Any]:
    """Copies of parameters and state."""
    state = [x for p in params_of(optimizer) for x in optimizer.state[p].values()]
    return [x.detach().clone() for x in [*params_of(optimizer), *state] if x is not None]


def other_shape(optimizer: Any, p: Any) -> None:
    p.data = steep.zeros(5, 4)


def other_dtype(optimizer: Any, p: Any) -> None:
    p.data = p.detach().double()


def a_shape_that_would_broadcast(optimizer: Any, p: Any) -> None:
    p.data = steep.zeros(6, *p.shape)


def not_writable(optimizer: Any, p: Any) -> None:
    p.data = steep.zeros(1, 4).expand(3, 4)


def other_state(optimizer: Any, p: Any) -> None:
    entry = optimizer.state[p]
    name = next(key for key, x in entry.items() if key != "step" and x is not None and x.dim() > 1)
    entry[name] = steep.ones(1, 1)


SPOILT = [other_shape, other_dtype, a_shape_that_would_broadcast, not_writable, other_state]


@pytest.mark.parametrize("spoil", SPOILT)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_that_the_last_group_refuses_changes_no_group(name: str, spoil: Any) -> None:
    optimizer = trained(name)
    last = optimizer.param_groups[1]["params"][0]
    if spoil is other_state and len(optimizer.state.get(last, {})) < 2:
        optimizer.state[last]["momentum_buffer"] = steep.ones(1, 1)
        optimizer.param_groups[1]["momentum"] = 0.5
    spoil(optimizer, last)
    before = everything(optimizer)
    with pytest.raises(RuntimeError, match=r"expected|single memory location"):
        optimizer.step()
    for now, old in zip(everything(optimizer), before, strict=True):
        same_bits(now.numpy(), old.numpy())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_without_memory_changes_no_group(name: str) -> None:
    """Whichever allocation fails; the step is then taken as if nothing had been."""
    twin = trained(name)
    twin.step()
    optimizer = trained(name)
    before = everything(optimizer)
    for at in range(10_000):
        _core.fail_allocation(at)
        try:
            optimizer.step()
        except MemoryError:
            failed = True
        else:
            failed = False
        finally:
            _core.fail_allocation(-1)
        if not failed:
            break
        for now, old in zip(everything(optimizer), before, strict=True):
            same_bits(now.numpy(), old.numpy())
    assert not failed
    for now, expected in zip(everything(optimizer), everything(twin), strict=True):
        same_bits(now.numpy(), expected.numpy())
