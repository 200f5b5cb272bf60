"""Layers and containers: what is theirs alone. test_layer_table.py has values and prints."""

from __future__ import annotations

import copy
import inspect

import numpy as np
import pytest

import steep
import steep.nn.functional as F
from cases import LAYERS
from nn_support import Net, mlp
from steep import nn

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


def test_parameter_repr():
    assert repr(nn.Parameter(steep.ones(1))).startswith("Parameter containing:\n")


# Those that draw have other numbers at every call.
WITH_FLAG = [
    name
    for name, layer in LAYERS.items()
    if "inplace" in inspect.signature(getattr(nn, name).__init__).parameters
    and not any(made.drawn for made in layer.made)
]


@pytest.mark.parametrize("name", WITH_FLAG)
def test_inplace_activations_write_their_input(name):
    settings = LAYERS[name].made[0].arguments

    def run(inplace):
        leaf = steep.tensor([-2.0, 4.0], requires_grad=True)
        x = leaf * 1
        out = getattr(nn, name)(*settings.args, **{**settings.kwargs, "inplace": inplace})(x)
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
    by_name = nn.ParameterDict({"a": nn.Parameter(steep.ones(2))})
    assert "(a): Parameter containing: [torch.FloatTensor of size 2]" in repr(by_name)
    assert len(list(params.parameters())) == 2


def test_convolutions_of_others_use_what_pytorch_s_have_inside():
    class Standardised(nn.Conv2d):
        def forward(self, x):
            return self._conv_forward(x, self.weight - self.weight.mean((1, 2, 3), True), self.bias)

    class Doubled(nn.Conv1d):
        def _conv_forward(self, input, weight, bias):
            return super()._conv_forward(input, weight, bias) * 2

    layer = Standardised(2, 3, 3, padding=1)
    x = steep.randn(1, 2, 5, 5)
    weight = layer.weight - layer.weight.mean((1, 2, 3), keepdim=True)
    assert layer(x).equal(F.conv2d(x, weight, layer.bias, padding=1))
    doubled = Doubled(2, 3, 3)
    line = steep.randn(1, 2, 5)
    assert doubled(line).equal(F.conv1d(line, doubled.weight, doubled.bias) * 2)


@pytest.mark.parametrize(
    ("settings", "sides"),
    [
        ({"padding": (1, 2)}, (2, 2, 1, 1)),
        ({"padding": "same", "dilation": (1, 3)}, (3, 3, 1, 1)),
        ({"padding": "valid"}, (0, 0, 0, 0)),
    ],
)
def test_padding_of_a_convolution_as_pad_takes_it(settings, sides):
    layer = nn.Conv2d(1, 1, 3, padding_mode="circular", **settings)
    assert layer._reversed_padding_repeated_twice == sides
    x = steep.randn(1, 1, 6, 6)
    padded = F.pad(x, layer._reversed_padding_repeated_twice, "circular")
    assert layer(x).equal(F.conv2d(padded, layer.weight, layer.bias, dilation=layer.dilation))
