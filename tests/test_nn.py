"""Modules: membership, state, hooks, display, initialisation and losses."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import weakref

import numpy as np
import pytest

import steep
import steep._core as core
import steep.nn.functional as F
from steep import nn


def mlp() -> nn.Sequential:
    steep.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


class Net(nn.Module):
    """One of each: a nested model, a list, a bare parameter, buffers of both kinds."""

    def __init__(self):
        super().__init__()
        self.body = mlp()
        self.heads = nn.ModuleList([nn.Linear(2, 1), nn.Linear(2, 1)])
        self.gain = nn.Parameter(steep.ones(1))
        self.register_buffer("mean", steep.zeros(4))
        self.register_buffer("scratch", steep.zeros(2), persistent=False)

    def forward(self, x):
        return self.heads[1](self.body(x - self.mean)) * self.gain


def values(module):
    return {name: np.asarray(t.tolist()) for name, t in module.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


# ---- membership -------------------------------------------------------------------------------


def test_named_parameters_follow_assignment():
    names = [name for name, _ in Net().named_parameters()]
    layers = ["body.0", "body.2", "heads.0", "heads.1"]
    assert names == ["gain"] + [f"{layer}.{n}" for layer in layers for n in ("weight", "bias")]


def test_named_modules_buffers_children():
    net = Net()
    assert [name for name, _ in net.named_modules()] == [
        "",
        "body",
        "body.0",
        "body.1",
        "body.2",
        "heads",
        "heads.0",
        "heads.1",
    ]
    assert [name for name, _ in net.named_buffers()] == ["mean", "scratch"]
    assert [name for name, _ in net.named_children()] == ["body", "heads"]
    assert [type(m).__name__ for m in net.children()] == ["Sequential", "ModuleList"]


def test_shared_members_come_once():
    layer = nn.Linear(2, 2)
    net = nn.Sequential(layer, layer)
    assert len(list(net.parameters())) == 2
    assert len(list(net.named_parameters(remove_duplicate=False))) == 4
    assert len(list(net.modules())) == 2
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_attribute_is_the_member():
    net = Net()
    assert net.gain is net._parameters["gain"]
    assert net.body is net._modules["body"]
    assert net.mean is net._buffers["mean"]
    net._parameters["gain"] = nn.Parameter(steep.zeros(1))
    assert net.gain.item() == 0.0


def test_reassignment_moves_between_kinds():
    net = nn.Module()
    net.x = 3
    net.x = nn.Parameter(steep.ones(1))
    assert "x" in net._parameters
    net.x = nn.Identity()
    assert "x" in net._modules
    assert "x" not in net._parameters
    net.x = None
    assert net.x is None
    del net.x
    assert not hasattr(net, "x")


def test_assignment_errors():
    net = Net()
    with pytest.raises(TypeError, match="cannot assign 'Tensor' as parameter 'gain'"):
        net.gain = steep.ones(1)
    with pytest.raises(TypeError, match="cannot assign 'int' as child module 'body'"):
        net.body = 1
    with pytest.raises(TypeError, match="cannot assign 'int' as buffer 'mean'"):
        net.mean = 1
    with pytest.raises(TypeError, match=r"steep\.nn\.Parameter or None required"):
        net.register_parameter("p", steep.ones(1))
    with pytest.raises(KeyError, match="already exists"):
        net.register_buffer("body", steep.ones(1))
    with pytest.raises(KeyError, match="contain"):
        net.register_buffer("a.b", steep.ones(1))
    with pytest.raises(KeyError, match="be empty"):
        net.add_module("", nn.Identity())
    with pytest.raises(TypeError, match="int is not a Module subclass"):
        net.add_module("m", 1)
    grown = nn.Parameter(steep.ones(1), requires_grad=False)
    grown.add_(steep.ones(1, requires_grad=True))
    with pytest.raises(ValueError, match="non-leaf"):
        net.register_parameter("p", grown)


def test_assignment_before_init():
    class Early(nn.Module):
        def __init__(self):
            self.fc = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"cannot assign module before Module.__init__\(\)"):
        Early()


def test_missing_attribute():
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'nope'"):
        _ = Net().nope


def test_get_by_path():
    net = Net()
    assert net.get_submodule("body.2") is net.body[2]
    assert net.get_submodule("") is net
    assert net.get_parameter("heads.0.bias") is net.heads[0].bias
    assert net.get_buffer("mean") is net.mean
    with pytest.raises(AttributeError, match="has no attribute `x`"):
        net.get_submodule("body.x")
    with pytest.raises(AttributeError, match="has no parameter `x`"):
        net.get_parameter("body.x")


def test_a_dropped_model_is_freed_at_once():
    net = Net()
    gone = weakref.ref(net)
    gc.disable()
    try:
        del net
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_independent(clone):
    net = mlp()
    other = clone(net)
    assert same(values(net), values(other))
    assert other[0].weight is other[0]._parameters["weight"]
    with steep.no_grad():
        other[0].weight.fill_(9.0)
    assert not same(values(net), values(other))
    assert isinstance(other[0].weight, nn.Parameter)


def test_structure_versioner_moves_with_structure_only():
    net = Net()

    def moved(change):
        before = core.structure_version()
        change()
        return core.structure_version() != before

    assert moved(net.train)
    assert moved(lambda: setattr(net, "extra", nn.Identity()))
    assert moved(lambda: delattr(net, "extra"))
    assert moved(lambda: setattr(net, "gain", nn.Parameter(steep.ones(1))))
    assert moved(lambda: net.load_state_dict(net.state_dict()))
    handle = net.register_forward_hook(lambda *_: None)
    assert moved(handle.remove)
    assert not moved(lambda: setattr(net, "note", 1))
    x = steep.zeros(1, 4)
    assert not moved(lambda: net(x))


# ---- modes and conversions --------------------------------------------------------------------


def test_train_and_eval():
    net = Net()
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    assert net.train().heads[0].training
    with pytest.raises(ValueError, match="boolean"):
        net.train(1)


def test_requires_grad_and_zero_grad():
    net = mlp()
    net[0].requires_grad_(False)
    net(steep.ones(2, 4)).sum().backward()
    assert net[0].weight.grad is None
    assert net[2].bias.grad.tolist() == [2.0, 2.0]
    net.zero_grad(set_to_none=False)
    assert net[2].bias.grad.tolist() == [0.0, 0.0]
    net.zero_grad()
    assert net[2].bias.grad is None


def test_to_keeps_identity_and_gradients():
    net = Net()
    net.register_buffer("count", steep.zeros(1, dtype=steep.int64))
    net(steep.ones(2, 4)).sum().backward()
    weight = net.body[0].weight
    assert net.double() is net
    assert net.body[0].weight is weight
    assert weight.dtype == steep.float64
    assert weight.grad.dtype == steep.float64
    assert net.mean.dtype == steep.float64
    assert net.count.dtype == steep.int64
    net(steep.ones(2, 4, dtype=steep.float64)).sum().backward()
    net.to(steep.float32)
    assert net.gain.dtype == steep.float32
    assert net.to("cpu", steep.float64).gain.dtype == steep.float64
    assert net.float().gain.dtype == steep.float32


def test_to_errors():
    with pytest.raises(RuntimeError, match=r"expected device 'cpu'.*'cuda'"):
        mlp().to("cuda")
    with pytest.raises(TypeError, match="only accepts floating point dtypes"):
        mlp().to(steep.int64)
    with pytest.raises(RuntimeError, match="Linear: expected device 'cpu'"):
        nn.Linear(1, 1, device="cuda")


def test_apply_visits_children_first():
    order = []
    mlp().apply(lambda m: order.append(type(m).__name__))
    assert order == ["Linear", "ReLU", "Linear", "Sequential"]


# ---- state ------------------------------------------------------------------------------------


def test_state_dict_round_trip():
    net, other = Net(), Net()
    with steep.no_grad():
        for p in net.parameters():
            p.fill_(0.5)
    assert "scratch" not in net.state_dict()
    result = other.load_state_dict(net.state_dict())
    assert repr(result) == "<All keys matched successfully>"
    assert same(values(net), values(other))
    assert all(not t.requires_grad for t in net.state_dict().values())


def test_load_reports_keys_when_not_strict():
    result = mlp().load_state_dict({"0.bias": steep.zeros(3), "x": steep.ones(1)}, strict=False)
    assert result.missing_keys == ["0.weight", "2.weight", "2.bias"]
    assert result.unexpected_keys == ["x"]


def test_failed_load_changes_nothing():
    net = mlp()
    before = values(net)
    state = {name: t.clone() + 1 for name, t in net.state_dict().items()}
    del state["2.bias"]
    state["x"] = steep.ones(1)
    state["2.weight"] = steep.zeros(5, 3)
    state["0.bias"] = [1.0]
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    text = str(caught.value)
    assert text.startswith("Error(s) in loading state_dict for Sequential:\n\t")
    assert 'Missing key(s) in state_dict: "2.bias". ' in text
    assert 'Unexpected key(s) in state_dict: "x". ' in text
    assert (
        "size mismatch for 2.weight: copying a param with shape (5, 3) from checkpoint, "
        "the shape in current model is (2, 3)." in text
    )
    assert "received list" in text
    assert same(values(net), before)


def test_load_refuses_what_is_no_mapping():
    with pytest.raises(TypeError, match="dict-like"):
        mlp().load_state_dict([1])


def test_load_casts_and_assign_does_not():
    net = mlp()
    state = {name: t.double() for name, t in net.state_dict().items()}
    net.load_state_dict(state)
    assert net[0].weight.dtype == steep.float32
    net.load_state_dict(state, assign=True)
    assert net[0].weight.dtype == steep.float64
    assert isinstance(net[0].weight, nn.Parameter)
    assert net[0].weight.requires_grad


def test_extra_state():
    class Counting(nn.Module):
        seen = 3

        def get_extra_state(self):
            return self.seen

        def set_extra_state(self, state):
            self.seen = state

    net = nn.Sequential(Counting())
    state = net.state_dict()
    assert state["0._extra_state"] == 3
    state["0._extra_state"] = 8
    net.load_state_dict(state)
    assert net[0].seen == 8


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


# ---- layers -----------------------------------------------------------------------------------


def test_repr():
    assert repr(Net()) == (
        "Net(\n"
        "  (body): Sequential(\n"
        "    (0): Linear(in_features=4, out_features=3, bias=True)\n"
        "    (1): ReLU()\n"
        "    (2): Linear(in_features=3, out_features=2, bias=True)\n"
        "  )\n"
        "  (heads): ModuleList(\n"
        "    (0-1): 2 x Linear(in_features=2, out_features=1, bias=True)\n"
        "  )\n"
        ")"
    )


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.LeakyReLU(0.1, inplace=True), "LeakyReLU(negative_slope=0.1, inplace=True)"),
        (nn.ReLU(inplace=True), "ReLU(inplace=True)"),
        (nn.ELU(), "ELU(alpha=1.0)"),
        (nn.GELU(), "GELU(approximate='none')"),
        (nn.Softplus(), "Softplus(beta=1.0, threshold=20.0)"),
        (nn.Softmax(dim=1), "Softmax(dim=1)"),
        (nn.Dropout(0.3), "Dropout(p=0.3, inplace=False)"),
        (nn.Flatten(), "Flatten(start_dim=1, end_dim=-1)"),
        (nn.Unflatten(1, (2, 3)), "Unflatten(dim=1, unflattened_size=(2, 3))"),
        (nn.Identity(3, k=4), "Identity()"),
        (nn.CrossEntropyLoss(), "CrossEntropyLoss()"),
        (nn.Linear(2, 1, bias=False), "Linear(in_features=2, out_features=1, bias=False)"),
    ],
)
def test_layer_repr(layer, text):
    assert repr(layer) == text


def test_parameter_repr():
    assert repr(nn.Parameter(steep.ones(1))).startswith("Parameter containing:\n")


@pytest.mark.parametrize(
    ("layer", "formula"),
    [
        (nn.ReLU(), lambda x: np.maximum(x, 0)),
        (nn.LeakyReLU(0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
        (nn.ELU(0.5), lambda x: np.where(x > 0, x, 0.5 * np.expm1(x))),
        (nn.SiLU(), lambda x: x / (1 + np.exp(-x))),
        (
            nn.GELU("tanh"),
            lambda x: x / (1 + np.exp(-2 * (2 / np.pi) ** 0.5 * (x + 0.044715 * x**3))),
        ),
        (nn.Softplus(2.0), lambda x: np.log1p(np.exp(2 * x)) / 2),
        (nn.Tanh(), np.tanh),
        (nn.Sigmoid(), lambda x: 1 / (1 + np.exp(-x))),
        (nn.Softmax(dim=1), lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True)),
        (nn.LogSoftmax(dim=1), lambda x: x - np.log(np.exp(x).sum(1, keepdims=True))),
        (nn.Identity(), lambda x: x),
        (nn.Flatten(), lambda x: x.reshape(3, -1)),
        (nn.Unflatten(1, (2, -1)), lambda x: x.reshape(3, 2, 2)),
        (nn.Dropout(0.5).eval(), lambda x: x),
    ],
)
def test_layer_values(layer, formula):
    x = np.random.default_rng(0).standard_normal((3, 4))
    out = layer(steep.tensor(x.tolist(), dtype=steep.float64))
    np.testing.assert_allclose(np.asarray(out.tolist()), formula(x), atol=1e-12)


@pytest.mark.parametrize("kind", [nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SiLU])
def test_inplace_activations_write_their_input(kind):
    def run(inplace):
        leaf = steep.tensor([-2.0, 4.0], requires_grad=True)
        x = leaf * 1
        out = kind(inplace=inplace)(x)
        assert (out is x) is inplace
        out.sum().backward()
        return x.tolist() if inplace else out.tolist(), leaf.grad.tolist()

    np.testing.assert_allclose(run(True), run(False), rtol=1e-6)


def test_dropout_in_training():
    steep.manual_seed(0)
    out = nn.Dropout(0.25)(steep.ones(10_000))
    kept = np.asarray(out.tolist())
    assert set(np.unique(kept)) == {0.0, np.float32(1 / 0.75)}
    assert abs((kept == 0).mean() - 0.25) < 0.02
    with pytest.raises(ValueError, match=r"between 0 and 1, but got 1\.5"):
        nn.Dropout(1.5)


def test_softmax_without_dim_warns():
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax"):
        out = nn.Softmax()(steep.zeros(2, 4))
    assert out.tolist() == [[0.25] * 4] * 2


def test_unflatten_errors():
    with pytest.raises(RuntimeError, match="product is 4"):
        nn.Unflatten(1, (3, 2))(steep.zeros(3, 4))
    with pytest.raises(IndexError, match="expected dim in"):
        nn.Unflatten(2, (2, 2))(steep.zeros(3, 4))
    with pytest.raises(TypeError, match="tuple of ints"):
        nn.Unflatten(1, 4)


def test_linear_sizes():
    with pytest.raises(ValueError, match="out_features to be at least 0, got -1"):
        nn.Linear(1, -1)
    with pytest.warns(UserWarning, match="zero-element"):
        empty = nn.Linear(0, 2)
    assert empty.bias.tolist() == [0.0, 0.0]


# ---- containers -------------------------------------------------------------------------------


def test_sequential_editing():
    net = mlp()
    assert isinstance(net[-1], nn.Linear)
    assert [type(m).__name__ for m in net[:2]] == ["Linear", "ReLU"]
    net.insert(1, nn.Tanh())
    net.append(nn.Sigmoid())
    names = ["Linear", "Tanh", "ReLU", "Linear", "Sigmoid"]
    assert [type(m).__name__ for m in net] == names
    assert list(net._modules) == ["0", "1", "2", "3", "4"]
    assert isinstance(net.pop(1), nn.Tanh)
    del net[0]
    assert list(net._modules) == ["0", "1", "2"]
    net[0] = nn.Identity()
    assert len(net + net) == 6
    assert len(net * 2) == 6
    net += nn.Sequential(nn.ReLU())
    assert len(net) == 4
    with pytest.raises(IndexError, match="out of range"):
        net[9]
    with pytest.raises(ValueError, match="Non-positive"):
        net * 0


def test_sequential_sees_every_change_between_calls():
    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU())
    nn.init.constant_(net[0].weight, 2.0)
    x = steep.tensor([[-1.0], [3.0]])
    assert net(x).tolist() == [[0.0], [6.0]]
    net[1] = nn.Tanh()
    np.testing.assert_allclose(net(x).tolist(), np.tanh([[-2.0], [6.0]]), rtol=1e-6)
    handle = net[0].register_forward_hook(lambda m, args, out: out * 0)
    assert net(x).tolist() == [[0.0], [0.0]]
    handle.remove()
    net[0].weight = nn.Parameter(steep.zeros(1, 1))
    assert net(x).tolist() == [[0.0], [0.0]]
    net[1].forward = lambda x: x - 1
    assert net(x).tolist() == [[-1.0], [-1.0]]
    assert copy.deepcopy(net[:1])(x).tolist() == [[0.0], [0.0]]


def test_sequential_fuses_exact_classes_only():
    class Shifted(nn.Linear):
        def forward(self, x):
            return super().forward(x) + 1

    steep.manual_seed(0)
    net = nn.Sequential(Shifted(2, 2), nn.ReLU(), nn.Linear(2, 2), nn.Sigmoid(), nn.ReLU())
    x = steep.ones(1, 2)
    expected = x
    for layer in net:
        expected = layer(expected)
    assert net(x).tolist() == expected.tolist()


def test_sequential_with_names():
    from collections import OrderedDict

    net = nn.Sequential(OrderedDict([("fc", nn.Linear(1, 1)), ("act", nn.ReLU())]))
    assert isinstance(net.fc, nn.Linear)
    assert list(net.state_dict()) == ["fc.weight", "fc.bias"]
    assert list(net[1:]._modules) == ["act"]


def test_module_dict():
    layers = nn.ModuleDict({"a": nn.ReLU()})
    layers.update([("b", nn.Tanh())])
    assert "b" in layers
    assert list(layers.keys()) == ["a", "b"]
    assert isinstance(layers.pop("a"), nn.ReLU)
    assert len(layers) == 1
    with pytest.raises(TypeError, match="iterable of key/value pairs"):
        layers.update(3)
    with pytest.raises(ValueError, match="should be a"):
        layers.update([(1, 2, 3)])
    layers.clear()
    assert len(layers) == 0


def test_parameter_list():
    params = nn.ParameterList([steep.zeros(2, 3)])
    params.append(nn.Parameter(steep.ones(1)))
    assert [p.shape[0] for p in params] == [2, 1]
    assert isinstance(params[0], nn.Parameter)
    assert "of size 2x3" in repr(params)
    assert len(list(params.parameters())) == 2


# ---- initialisation ---------------------------------------------------------------------------


def test_linear_draws_as_pytorch():
    # torch 2.13: torch.manual_seed(0); torch.nn.Linear(3, 2)
    steep.manual_seed(0)
    layer = nn.Linear(3, 2)
    weight = [
        [-0.004322517663240433, 0.3097158372402191, -0.4751853346824646],
        [-0.4248946011066437, -0.2223689705133438, 0.15482072532176971],
    ]
    np.testing.assert_array_equal(np.float32(layer.weight.tolist()), np.float32(weight))
    bias = [-0.011439144611358643, 0.45777493715286255]
    np.testing.assert_array_equal(np.float32(layer.bias.tolist()), np.float32(bias))


@pytest.mark.parametrize(
    ("fill", "expected"),
    [
        # torch 2.13, each after torch.manual_seed(0), on torch.empty(2, 3)
        (
            nn.init.xavier_normal_,
            [0.97461152, -0.18558073, -1.37798738, 0.35950750, -0.68591213, -0.88454938],
        ),
        (
            lambda w: nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
            [1.54099607, -0.29342890, -2.17878940, 0.56843126, -1.08452237, -1.39859545],
        ),
        (
            lambda w: nn.init.trunc_normal_(w, a=-0.5, b=0.5),
            [0.40334684, -0.29342890, 0.37039354, -0.40334353, -0.02087947, 0.18203649],
        ),
    ],
)
def test_init_draws_as_pytorch(fill, expected):
    steep.manual_seed(0)
    got = np.asarray(fill(steep.empty(2, 3)).tolist()).ravel()
    np.testing.assert_allclose(got, expected, rtol=3e-7)


def test_init_constants():
    assert nn.init.eye_(steep.empty(2, 3)).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    assert nn.init.ones_(steep.empty(2)).tolist() == [1.0, 1.0]
    assert nn.init.zeros_(steep.empty(2)).tolist() == [0.0, 0.0]
    w = nn.Parameter(steep.empty(2))
    assert nn.init.constant_(w, 4.0) is w
    assert w.is_leaf


def test_init_bounds():
    w = nn.init.kaiming_uniform_(steep.empty(50, 20), a=math.sqrt(5))
    assert np.abs(np.asarray(w.tolist())).max() <= 1 / math.sqrt(20)
    w = nn.init.xavier_uniform_(steep.empty(50, 20), gain=2.0)
    assert 1.9 * math.sqrt(6 / 70) < np.abs(np.asarray(w.tolist())).max() <= 2 * math.sqrt(6 / 70)
    w = np.asarray(nn.init.trunc_normal_(steep.empty(500), a=1.5, b=2.5).tolist())
    assert w.min() >= 1.5
    assert w.max() <= 2.5


def test_gain():
    assert nn.init.calculate_gain("tanh") == 5 / 3
    assert nn.init.calculate_gain("leaky_relu") == math.sqrt(2 / 1.0001)
    with pytest.raises(ValueError, match="Unsupported nonlinearity gelu"):
        nn.init.calculate_gain("gelu")


def test_init_errors():
    with pytest.raises(ValueError, match="fewer than 2 dimensions"):
        nn.init.xavier_uniform_(steep.empty(3))
    with pytest.raises(ValueError, match="Mode fan not supported"):
        nn.init.kaiming_normal_(steep.empty(3, 3), mode="fan")
    with pytest.raises(ValueError, match="2 dimensions"):
        nn.init.eye_(steep.empty(3))


# ---- losses and functions ---------------------------------------------------------------------


def nll(log_prob, target, weight, ignore, reduction):
    keep = target != ignore
    scale = np.where(keep, weight[np.where(keep, target, 0)], 0.0)
    picked = np.take_along_axis(log_prob, np.where(keep, target, 0)[:, None], 1)[:, 0]
    loss = -scale * picked
    if reduction == "none":
        return loss
    return loss.sum() if reduction == "sum" else loss.sum() / scale.sum()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_and_nll_agree_with_the_formula(reduction):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 4))
    y = np.array([0, 3, -100, 1, 2, 2])
    w = rng.random(4)
    log_prob = x - np.log(np.exp(x).sum(1, keepdims=True))
    expected = nll(log_prob, y, w, -100, reduction)
    t = {"dtype": steep.float64}
    weight = steep.tensor(w.tolist(), **t)
    target = steep.tensor(y.tolist())
    out = nn.CrossEntropyLoss(weight, reduction=reduction)(steep.tensor(x.tolist(), **t), target)
    np.testing.assert_allclose(np.asarray(out.tolist()), expected, rtol=1e-12)
    out = nn.NLLLoss(weight, reduction=reduction)(steep.tensor(log_prob.tolist(), **t), target)
    np.testing.assert_allclose(np.asarray(out.tolist()), expected, rtol=1e-12)


def test_nll_shapes_and_gradient():
    x = steep.zeros(2, 3, 4, requires_grad=True)
    y = steep.ones(2, 4, dtype=steep.int64)
    assert tuple(F.nll_loss(x, y, reduction="none").shape) == (2, 4)
    F.nll_loss(x, y).backward()
    expected = np.zeros((2, 3, 4))
    expected[:, 1] = -1 / 8
    np.testing.assert_allclose(np.asarray(x.grad.tolist()), expected)
    assert F.nll_loss(steep.tensor([-1.0, -2.0]), steep.tensor(1)).item() == 2.0


def test_nll_ignores_rows_of_infinity():
    x = steep.tensor([[-math.inf, 0.0], [-1.0, -2.0]])
    assert F.nll_loss(x, steep.tensor([-100, 0])).item() == 1.0


def test_loss_arguments():
    with pytest.raises(ValueError, match="MSELoss: expected reduction to be one of 'none', "):
        nn.MSELoss(reduction="avg")
    with pytest.raises(ValueError, match="label_smoothing between"):
        nn.CrossEntropyLoss(label_smoothing=2.0)
    with pytest.raises(ValueError, match="beta to be at least 0"):
        nn.SmoothL1Loss(beta=-1.0)
    with pytest.raises(ValueError, match="delta to be above 0"):
        nn.HuberLoss(delta=0.0)


def test_losses_pass_their_settings_on():
    x, y = steep.tensor([3.0, 0.5]), steep.tensor([0.0, 0.0])
    assert nn.SmoothL1Loss("none", beta=2.0)(x, y).tolist() == [2.0, 0.0625]
    assert nn.HuberLoss("none", delta=2.0)(x, y).tolist() == [4.0, 0.125]
    p = steep.tensor([[0.25, 0.75]])
    divergence = nn.KLDivLoss("batchmean", log_target=True)(steep.zeros(1, 2), p.log())
    assert divergence.item() == pytest.approx(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    weight = steep.tensor([2.0, 2.0])
    logits, t = steep.tensor([0.0, 0.0]), steep.tensor([1.0, 0.0])
    got = nn.BCEWithLogitsLoss(weight, pos_weight=weight, reduction="none")(logits, t)
    np.testing.assert_allclose(got.tolist(), [4 * math.log(2), 2 * math.log(2)], rtol=1e-6)
    got = nn.BCELoss(weight, reduction="sum")(steep.sigmoid(logits), t)
    assert got.item() == pytest.approx(4 * math.log(2))


def test_regression_losses():
    x = steep.tensor([1.0, -3.0], requires_grad=True)
    y = steep.tensor([0.0, 1.0])
    assert nn.MSELoss()(x, y).item() == 8.5
    assert nn.MSELoss(reduction="sum")(x, y).item() == 17.0
    assert nn.L1Loss()(x, y).item() == 2.5
    nn.L1Loss(reduction="sum")(x, y).backward()
    assert x.grad.tolist() == [1.0, -1.0]
    for loss in (nn.MSELoss(), nn.L1Loss()):
        with pytest.raises(ValueError, match="shape"):
            loss(x, steep.zeros(2, 1))


def test_functional_is_the_core():
    assert F.relu is core.relu
    assert F.linear is core.linear
    assert F.cross_entropy is core.cross_entropy


# ---- utilities --------------------------------------------------------------------------------


@pytest.mark.parametrize(("order", "norm"), [(2.0, 13.0), (1.0, 19.0), (math.inf, 12.0)])
def test_clip_grad_norm(order, norm):
    a, b = nn.Parameter(steep.zeros(2)), nn.Parameter(steep.zeros(1))
    unused = nn.Parameter(steep.zeros(1))
    a.grad, b.grad = steep.tensor([3.0, -4.0]), steep.tensor([12.0])
    total = nn.utils.clip_grad_norm_([a, b, unused], 2.0, norm_type=order)
    assert total.item() == pytest.approx(norm)
    factor = 2 / norm
    np.testing.assert_allclose(a.grad.tolist(), [3 * factor, -4 * factor], rtol=1e-5)
    np.testing.assert_allclose(b.grad.tolist(), [12 * factor], rtol=1e-5)


def test_clip_leaves_small_gradients_and_reports_nonfinite():
    a = nn.Parameter(steep.zeros(2))
    a.grad = steep.tensor([0.5, 0.5])
    nn.utils.clip_grad_norm_(a, 5.0)
    assert a.grad.tolist() == [0.5, 0.5]
    a.grad = steep.tensor([math.nan, 1.0])
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_(a, 1.0, error_if_nonfinite=True)
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0.0


def test_clip_grad_value():
    a = nn.Parameter(steep.zeros(3))
    a.grad = steep.tensor([-5.0, 0.25, 5.0])
    nn.utils.clip_grad_value_([a], 1)
    assert a.grad.tolist() == [-1.0, 0.25, 1.0]


def test_parameters_as_a_vector():
    net = mlp()
    vec = nn.utils.parameters_to_vector(net.parameters())
    assert tuple(vec.shape) == (4 * 3 + 3 + 3 * 2 + 2,)
    nn.utils.vector_to_parameters(vec * 0 + 2, net.parameters())
    assert net[2].bias.tolist() == [2.0, 2.0]
    with pytest.raises(ValueError, match=r"vector of shape \(23,\), got \(3,\)"):
        nn.utils.vector_to_parameters(steep.zeros(3), net.parameters())
