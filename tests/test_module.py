"""Modules: what belongs to them, their modes and their state."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections import OrderedDict

import pytest

import steep
import steep._layers as _layers
from nn_support import Net, mlp, same, values
from steep import nn

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


def test_changes_of_members_alone_are_noted():
    """Names of layers are remembered as long as it stays."""
    net = Net()

    def moved(change):
        before = _layers._changed
        change()
        return _layers._changed != before

    assert moved(lambda: setattr(net, "extra", nn.Identity()))
    assert moved(lambda: delattr(net, "extra"))
    assert moved(lambda: setattr(net, "gain", nn.Parameter(steep.ones(1))))
    assert not moved(net.eval)
    assert not moved(lambda: setattr(net, "note", 1))
    assert not moved(lambda: net(steep.zeros(1, 4)))


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
    with pytest.raises(TypeError, match=r"must be a steep.memory_format, not str"):
        mlp().to(memory_format="channels_last")
    with pytest.raises(TypeError, match="only accepts floating point dtypes"):
        mlp().to(steep.int64)
    with pytest.raises(RuntimeError, match="Linear: expected device 'cpu'"):
        nn.Linear(1, 1, device="cuda")


def test_parameters_stay_row_major():
    layer = nn.Conv2d(3, 4, 3)
    assert layer.to(memory_format=steep.channels_last) is layer
    assert layer.weight.is_contiguous()


def test_apply_visits_children_first():
    order = []
    mlp().apply(lambda m: order.append(type(m).__name__))
    assert order == ["Linear", "ReLU", "Linear", "Sequential"]


# ---- state ------------------------------------------------------------------------------------


def test_a_state_dict_prints_as_an_ordered_dict():
    state = nn.Linear(1, 1).state_dict()
    assert repr(state) == repr(OrderedDict(state))
    assert repr(state).startswith("OrderedDict(")


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
