"""Calling modules: errors that carry the layer's path, and hooks."""

from __future__ import annotations

import pytest

import steep
from nn_support import Net, mlp
from steep import nn

# ---- errors carry the layer's path ------------------------------------------------------------


def test_error_names_the_layer():
    with pytest.raises(RuntimeError) as caught:
        mlp()(steep.ones(2, 5))
    assert str(caught.value).endswith(
        "(in Sequential.0: Linear(in_features=4, out_features=3, bias=True))"
    )


def test_error_path_through_lists_and_alone():
    net = Net()
    net.heads[1] = nn.Linear(7, 1)
    with pytest.raises(RuntimeError, match=r"\(in Net\.heads\.1: Linear\(in_features=7"):
        net(steep.ones(2, 4))
    with pytest.raises(RuntimeError, match=r"\(in Linear\(in_features=7"):
        net.heads[1](steep.ones(2, 4))


def test_error_of_the_model_itself_and_unregistered_layers():
    class Broken(nn.Module):
        def forward(self, x):
            if x is None:
                raise ValueError("no input")
            return [nn.Linear(1, 1)][0](x)

    with pytest.raises(ValueError, match=r"^no input \(in Broken\(\)\)$"):
        Broken()(None)
    with pytest.raises(RuntimeError, match=r"in Broken\.<unregistered Linear>: Linear\("):
        Broken()(steep.ones(2))


def test_error_that_is_not_prose_stays():
    class Lookup(nn.Module):
        def forward(self, x):
            return {}["key"]

    with pytest.raises(KeyError) as caught:
        nn.Sequential(Lookup())(1)
    assert caught.value.args == ("key",)


def test_missing_forward():
    with pytest.raises(NotImplementedError, match=r'missing the required "forward"'):
        nn.Module()(1)


# ---- hooks ------------------------------------------------------------------------------------


def test_forward_hooks_in_order():
    layer, log = nn.Identity(), []
    layer.register_forward_pre_hook(lambda m, args: (args[0] + 1,))
    layer.register_forward_hook(lambda m, args, out: log.append("b"))
    layer.register_forward_hook(lambda m, args, out: log.append("a"), prepend=True)
    scale = layer.register_forward_hook(lambda m, args, out: out * 10)
    assert layer(steep.zeros(1)).item() == 10.0
    assert log == ["a", "b"]
    scale.remove()
    scale.remove()
    assert layer(steep.zeros(1)).item() == 1.0


def test_forward_hooks_with_kwargs():
    class Scale(nn.Module):
        def forward(self, x, by=1.0):
            return x * by

    layer, seen = Scale(), []
    layer.register_forward_pre_hook(
        lambda m, args, kwargs: (args, {"by": kwargs["by"] + 1}), with_kwargs=True
    )
    layer.register_forward_hook(lambda m, args, kwargs, out: seen.append(kwargs), with_kwargs=True)
    assert layer(steep.ones(1), by=2.0).item() == 3.0
    assert seen == [{"by": 3.0}]


def test_always_called_hook_runs_after_an_error():
    layer, log = nn.Linear(2, 2), []
    layer.register_forward_hook(lambda m, args, out: log.append(out), always_call=True)
    with pytest.raises(RuntimeError):
        layer(steep.ones(3))
    assert log == [None]


def test_hooks_leave_no_trace_when_removed():
    layer = nn.Identity()
    with layer.register_forward_hook(lambda *_: None):
        assert layer._hooks is not None
    assert layer._hooks is None


def test_full_backward_hook_sees_and_changes_gradients():
    layer, seen = nn.Linear(2, 1, bias=False), []
    with steep.no_grad():
        layer.weight.copy_(steep.tensor([[2.0, 3.0]]))

    def hook(module, grad_input, grad_output):
        seen.append((grad_input[0].tolist(), grad_output[0].tolist()))
        return (grad_input[0] * 10,)

    layer.register_full_backward_hook(hook)
    x = steep.ones(1, 2, requires_grad=True)
    # x is used beside the layer too: the hook sees the layer's share only.
    (layer(x).sum() * 5 + x.sum()).backward()
    assert seen == [([[10.0, 15.0]], [[5.0]])]
    assert x.grad.tolist() == [[101.0, 151.0]]
    assert layer.weight.grad.tolist() == [[5.0, 5.0]]


def test_full_backward_hook_without_differentiable_input():
    layer, seen = nn.Linear(2, 1), []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].tolist())))
    layer(steep.ones(1, 2)).sum().backward()
    assert seen == [((None,), [[1.0]])]


def test_full_backward_hooks_on_several_tensors():
    class Mix(nn.Module):
        def forward(self, x, y):
            return x * 2 + y, y * 3

    layer, seen = Mix(), []
    layer.register_full_backward_pre_hook(lambda m, go: (go[0] * 2, go[1]))
    layer.register_full_backward_hook(
        lambda m, gi, go: seen.append([g.tolist() for g in (*gi, *go)])
    )
    x = steep.ones(2, requires_grad=True)
    y = steep.ones(2, requires_grad=True)
    a, b = layer(x, y)
    (a.sum() + b.sum()).backward()
    assert seen == [[[4.0, 4.0], [5.0, 5.0], [2.0, 2.0], [1.0, 1.0]]]
    assert x.grad.tolist() == [4.0, 4.0]
    assert y.grad.tolist() == [5.0, 5.0]
