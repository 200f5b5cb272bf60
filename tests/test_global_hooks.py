"""Hooks of all modules, and PyTorch's first form of backward hooks."""

from __future__ import annotations

from typing import Any

import pytest

import steep
from steep import nn
from steep._layers import followers
from steep.nn.modules import module as home


def net() -> Any:
    return nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))


def names(told: list[Any]) -> list[str]:
    return [type(module).__name__ for module in told]


def test_hooks_of_all_forwards_run_before_the_modules_own() -> None:
    model = net()
    told: list[Any] = []
    with (
        home.register_module_forward_pre_hook(lambda m, args: told.append(("pre", m))),
        home.register_module_forward_hook(lambda m, args, out: told.append(("post", m))),
        model[0].register_forward_hook(lambda m, args, out: told.append(("own", m))),
    ):
        model(steep.ones(1, 2))
    assert [(kind, type(m).__name__) for kind, m in told] == [
        ("pre", "Sequential"),
        ("pre", "Linear"), ("post", "Linear"), ("own", "Linear"),
        ("pre", "ReLU"), ("post", "ReLU"),
        ("pre", "Linear"), ("post", "Linear"),
        ("post", "Sequential"),
    ]  # fmt: skip
    model(steep.ones(1, 2))
    assert len(told) == 9
    assert not followers


def test_what_they_return_replaces_values() -> None:
    layer = nn.Identity()
    with (
        home.register_module_forward_pre_hook(lambda m, args: (args[0] + 1,)),
        home.register_module_forward_hook(lambda m, x, kw, out: out * 10, with_kwargs=True),
    ):
        assert layer(steep.ones(1)).item() == 20.0
    assert layer(steep.ones(1)).item() == 1.0


def test_always_called() -> None:
    told: list[Any] = []
    layer = nn.Linear(2, 1)
    with home.register_module_forward_hook(
        lambda m, args, out: told.append(out), always_call=True
    ), pytest.raises(RuntimeError):  # fmt: skip
        layer(steep.ones(3))
    assert told == [None]


def test_hooks_of_all_backwards() -> None:
    model = net()
    told: list[Any] = []
    with (
        home.register_module_full_backward_pre_hook(lambda m, out: told.append(("pre", m))),
        home.register_module_full_backward_hook(lambda m, ins, out: told.append(("post", m))),
    ):
        model(steep.ones(1, 2, requires_grad=True)).sum().backward()
    assert [(kind, type(m).__name__) for kind, m in told] == [
        ("pre", "Sequential"),
        ("pre", "Linear"), ("post", "Linear"),
        ("pre", "ReLU"), ("post", "ReLU"),
        ("pre", "Linear"), ("post", "Linear"),
        ("post", "Sequential"),
    ]  # fmt: skip


def test_the_first_form_of_backward_hooks() -> None:
    layer = nn.Linear(2, 3)
    told: list[Any] = []
    handle = layer.register_backward_hook(lambda m, ins, outs: told.append((m, len(ins), outs)))
    with pytest.raises(RuntimeError, match="Cannot use both"):
        layer.register_full_backward_hook(print)
    layer(steep.ones(1, 2)).sum().backward()
    ((module, inputs, outputs),) = told
    assert (module, inputs, outputs[0].tolist()) == (layer, 3, [[1.0, 1.0, 1.0]])
    handle.remove()
    layer.register_full_backward_hook(lambda *args: None)
    with pytest.raises(RuntimeError, match="Cannot use both"):
        layer.register_backward_hook(print)
    with home.register_module_backward_hook(lambda m, ins, outs: told.append(m)):
        with pytest.raises(RuntimeError, match="Cannot use both"):
            home.register_module_full_backward_hook(print)
        net()(steep.ones(1, 2)).sum().backward()
    assert names(told[1:]) == ["Linear", "Sequential", "ReLU", "Linear"]


def test_hooks_of_registration() -> None:
    told: list[Any] = []
    with (
        home.register_module_parameter_registration_hook(
            lambda m, name, value: told.append(("parameter", name))
        ),
        home.register_module_buffer_registration_hook(
            lambda m, name, value: told.append(("buffer", name))
        ),
        home.register_module_module_registration_hook(
            lambda m, name, value: nn.Identity() if isinstance(value, nn.Dropout) else None
        ),
    ):
        layer = nn.BatchNorm1d(2)
        model = nn.Sequential(layer, nn.Dropout())
        model.more = nn.Dropout()
    assert told == [
        ("parameter", "weight"), ("parameter", "bias"),
        ("buffer", "running_mean"), ("buffer", "running_var"), ("buffer", "num_batches_tracked"),
    ]  # fmt: skip
    assert names(list(model)) == ["BatchNorm1d", "Identity", "Identity"]


def test_compiled_functions_run_eagerly_while_they_are_there() -> None:
    model = net()
    step = steep.compile(lambda x: model(x).sum())
    x = steep.ones(1, 2)
    for _ in range(4):
        step(x)
    told: list[Any] = []
    handle = home.register_module_forward_hook(lambda m, args, out: told.append(m))
    with pytest.warns(UserWarning, match="hooks of all modules are registered"):
        step(x)
    step(x)
    assert len(told) == 8
    handle.remove()
    step(x)
    assert len(told) == 8
    assert steep._core.watched_by() == ""


def test_handles_are_found_where_pytorch_has_them() -> None:
    from steep.utils.hooks import RemovableHandle

    assert home.RemovableHandle is RemovableHandle
    assert isinstance(nn.ReLU().register_forward_hook(print), RemovableHandle)
