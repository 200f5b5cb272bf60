"""Parametrised modules: their values and gradients, state, copies, compiled training."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from compiling import replays
from steep import nn
from steep.nn.utils import parametrizations, parametrize

F64 = steep.float64


def array(x: Any) -> Any:
    return np.asarray(x.detach().tolist())


class Doubled(nn.Module):
    def forward(self, x: Any) -> Any:
        return 2 * x

    def right_inverse(self, x: Any) -> Any:
        return x / 2


class Symmetric(nn.Module):
    def forward(self, x: Any) -> Any:
        return (x + x.T) / 2


class Split(nn.Module):
    """A sum of two."""

    def forward(self, a: Any, b: Any) -> Any:
        return a + b

    def right_inverse(self, x: Any) -> Any:
        return x * 0.25, x * 0.75


Make = Callable[[Any], Any]
MADE: dict[str, Make] = {
    "weight_norm": parametrizations.weight_norm,
    "weight_norm of columns": lambda m: parametrizations.weight_norm(m, dim=1),
    "weight_norm of all": lambda m: parametrizations.weight_norm(m, dim=None),
    "spectral_norm": parametrizations.spectral_norm,
    "spectral_norm of a vector": lambda m: parametrizations.spectral_norm(m, "bias"),
    "older spectral_norm": nn.utils.spectral_norm,
    "older weight_norm": nn.utils.weight_norm,
    "doubled": lambda m: parametrize.register_parametrization(m, "weight", Doubled()),
    "split": lambda m: parametrize.register_parametrization(m, "weight", Split()),
    "two of them": lambda m: parametrizations.weight_norm(
        parametrizations.spectral_norm(m, "bias")
    ),
}
NAMES = list(MADE)
pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")


def net(name: str, dtype: Any = steep.float32) -> Any:
    steep.manual_seed(0)
    return nn.Sequential(
        MADE[name](nn.Linear(3, 4, dtype=dtype)), nn.Tanh(), nn.Linear(4, 1, dtype=dtype)
    )


def step_of(model: Any) -> Any:
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)
    steep.manual_seed(1)
    x = steep.randn(8, 3)

    def step() -> Any:
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


# ---- formulas -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [0, 1, 2, None, -1, -2])
@pytest.mark.parametrize("older", [False, True])
def test_weight_norm_is_length_times_direction(dim, older):
    steep.manual_seed(0)
    module = nn.Module()
    module.weight = nn.Parameter(steep.randn(2, 3, 4, dtype=F64))
    before = array(module.weight)
    (nn.utils if older else parametrizations).weight_norm(module, dim=dim)
    assert array(module.weight) == pytest.approx(before)
    if older:
        g, v = module.weight_g, module.weight_v
    else:
        g = module.parametrizations.weight.original0
        v = module.parametrizations.weight.original1
    kept = () if dim is None or dim == -1 else (dim % 3,)
    over = tuple(d for d in range(3) if d not in kept)
    length = np.sqrt((before**2).sum(over, keepdims=bool(kept)))
    assert array(g) == pytest.approx(length)
    with steep.no_grad():
        g.mul_(3)
        v.mul_(0.1)
    assert array(module.weight) == pytest.approx(3 * before)


def test_spectral_norm_divides_by_the_largest_singular_value():
    steep.manual_seed(0)
    for make in (parametrizations.spectral_norm, nn.utils.spectral_norm):
        for dim in (0, 1, -1):
            layer = make(nn.Linear(5, 4, dtype=F64), dim=dim, n_power_iterations=3)
            for _ in range(60):
                layer(steep.ones(1, 5, dtype=F64))
            values = np.linalg.svd(array(layer.weight), compute_uv=False)
            assert values[0] == pytest.approx(1)
            layer.eval()
            assert (array(layer.weight) == array(layer.weight)).all()
    layer = parametrizations.spectral_norm(nn.Linear(5, 4), "bias")
    assert array(layer.bias.norm()) == pytest.approx(1)


def test_the_power_method_goes_on_in_training_mode_alone():
    layer = parametrizations.spectral_norm(nn.Linear(5, 4))
    u = layer.parametrizations.weight[0]._u
    layer.eval()
    before = u.tolist()
    layer(steep.ones(5))
    assert u.tolist() == before
    layer.train()
    layer(steep.ones(5))
    assert u.tolist() != before
    resting = parametrizations.spectral_norm(nn.Linear(5, 4).eval())
    assert not resting.parametrizations.weight[0].training


@pytest.mark.parametrize("make", [parametrizations.spectral_norm, nn.utils.spectral_norm])
def test_two_calls_before_one_backward_pass(make):
    layer = make(nn.Linear(3, 3))
    (layer(steep.ones(3)) + layer(steep.ones(3))).sum().backward()
    assert all(p.grad is not None for p in layer.parameters())


def slope(function: Any, x: Any, step: float = 1e-6) -> Any:
    """The gradient of a function by differences."""
    at, found = array(x), np.zeros(x.shape)
    for place in np.ndindex(*found.shape):
        ends = []
        for sign in (1, -1):
            moved = at.copy()
            moved[place] += sign * step
            with steep.no_grad():
                x.copy_(steep.from_numpy(moved))
            ends.append(function().item())
        found[place] = (ends[0] - ends[1]) / (2 * step)
    with steep.no_grad():
        x.copy_(steep.from_numpy(at))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_the_originals(name):
    model = net(name, F64).eval()
    x = steep.randn(2, 3, dtype=F64)
    model(x).square().sum().backward()
    for p in model.parameters():
        expected = slope(lambda: model(x).square().sum(), p)
        assert array(p.grad) == pytest.approx(expected, rel=1e-4, abs=1e-7)


# ---- a module as others -------------------------------------------------------------------------

KEYS = {
    "weight_norm": ["parametrizations.weight.original0", "parametrizations.weight.original1"],
    "spectral_norm": [f"parametrizations.weight.{x}" for x in ("original", "0._u", "0._v")],
    "older spectral_norm": ["weight_orig", "weight_u", "weight_v"],
    "older weight_norm": ["weight_g", "weight_v"],
    "doubled": ["parametrizations.weight.original"],
}


@pytest.mark.parametrize("name", KEYS)
def test_keys_of_a_state_dict(name):
    assert list(net(name)[0].state_dict()) == ["bias", *KEYS[name]]


@pytest.mark.parametrize("name", NAMES)
def test_copies_states_and_pickles_train_alike(name):
    model = net(name)
    step_of(model)()
    loaded = net(name)
    loaded.load_state_dict(model.state_dict())
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model)), loaded]
    expected = [step_of(model)().item() for _ in range(3)]
    for other in copies:
        assert repr(other) == repr(model)
        assert isinstance(other[0], nn.Linear)
        assert [step_of(other)().item() for _ in range(3)] == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_compiled_step_is_replayed_with_the_same_bits(name):
    plain, other = net(name), net(name)
    step, compiled = step_of(plain), steep.compile(step_of(other), fullgraph=True)
    for i in range(14):
        if i == 8:
            plain.eval()
            other.eval()
        assert compiled().item() == step().item()
    assert replays(compiled) >= 5
    for a, b in zip(plain.state_dict().values(), other.state_dict().values(), strict=True):
        assert a.tolist() == b.tolist()


@pytest.mark.filterwarnings("ignore:compile. .*runs eagerly")
@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm", "doubled"])
def test_a_compiled_call_follows_what_is_removed(name):
    results = []
    for compiled in (False, True):
        model = net(name)
        call = steep.compile(lambda x, m=model: m(x).detach()) if compiled else model
        found = [call(steep.ones(3)).tolist() for _ in range(5)]
        parametrize.remove_parametrizations(model[0], "weight")
        found += [call(steep.ones(3)).tolist() for _ in range(5)]
        with steep.no_grad():
            model[0].weight.mul_(2)
        found += [call(steep.ones(3)).tolist() for _ in range(5)]
        results.append(found)
    assert results[0] == results[1]


# ---- registering and removing -------------------------------------------------------------------


def test_register_and_remove_leave_the_class_as_it_was():
    layer = nn.Linear(3, 3)
    weight = layer.weight
    value = array(weight)
    assert not parametrize.is_parametrized(layer)
    assert parametrize.register_parametrization(layer, "weight", Doubled()) is layer
    assert type(layer).__name__ == "ParametrizedLinear"
    assert parametrize.type_before_parametrizations(layer) is nn.Linear
    assert parametrize.is_parametrized(layer, "weight")
    assert not parametrize.is_parametrized(layer, "bias")
    assert "ParametrizationList" in repr(layer)
    assert array(layer.weight) == pytest.approx(value)
    assert array(layer.parametrizations.weight.original) == pytest.approx(value / 2)
    other = copy.deepcopy(layer)
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear
    assert layer.weight is weight
    assert array(weight) == pytest.approx(value)
    assert array(other.weight) == pytest.approx(value)  # a copy stays as it is
    parametrize.remove_parametrizations(other, "weight", leave_parametrized=False)
    assert array(other.weight) == pytest.approx(value / 2)


def test_parametrizations_of_one_tensor_follow_each_other():
    layer = nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    parametrize.register_parametrization(layer, "weight", Doubled())
    original = array(layer.parametrizations.weight.original)
    assert array(layer.weight) == pytest.approx(original + original.T)
    assert len(layer.parametrizations.weight) == 2
    with pytest.raises(RuntimeError, match="Symmetric does not implement right_inverse"):
        layer.weight = steep.eye(3)


def test_a_parametrized_tensor_is_assigned_through_its_inverse():
    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Doubled())
    layer.weight = steep.eye(2)
    assert layer.weight.tolist() == [[1, 0], [0, 1]]
    assert layer.parametrizations.weight.original.tolist() == [[0.5, 0], [0, 0.5]]
    with pytest.raises(KeyError, match="attribute 'weight' already exists"):
        layer.weight = nn.Parameter(steep.eye(2))
    split = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Split())
    split.weight = steep.full((2, 2), 4.0)
    assert split.parametrizations.weight.original1.tolist() == [[3, 3], [3, 3]]


@pytest.mark.parametrize(
    ("inverse", "text"),
    [
        (lambda x: "x", "Got element 0 of the sequence with type str"),
        (lambda x: x.double(), "returned by `right_inverse` has dtype"),
        (lambda x: (x, x, x), "sequence of tensors of length 2. Got a sequence of length 3"),
        (lambda x: (x, x.double()), "Tensor 1 returned by `right_inverse` has dtype"),
        (lambda x: 3, "must return a Tensor or a Sequence of tensors"),
    ],
)
def test_an_assignment_that_fails_changes_nothing(inverse, text):
    kind = Split if "2" in text or "1" in text or "Sequence" in text else Doubled
    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", kind())
    before = {name: x.tolist() for name, x in layer.state_dict().items()}
    layer.parametrizations.weight[0].right_inverse = inverse
    with pytest.raises(ValueError, match=text):
        layer.weight = steep.eye(2)
    assert {name: x.tolist() for name, x in layer.state_dict().items()} == before


def test_buffers_are_parametrized_too():
    module = nn.Module()
    module.register_buffer("scale", steep.ones(2))
    parametrize.register_parametrization(module, "scale", Doubled())
    assert list(module.state_dict()) == ["parametrizations.scale.original"]
    assert not list(module.parameters())
    parametrize.remove_parametrizations(module, "scale")
    assert list(module._buffers) == ["scale"]


def test_cached_computes_once():
    calls = []

    class Counted(nn.Module):
        def forward(self, x: Any) -> Any:
            calls.append(0)
            return x * 1

    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Counted())
    calls.clear()
    with parametrize.cached():
        with parametrize.cached():
            assert layer.weight is layer.weight
        assert layer.weight is layer.weight
        assert len(calls) == 1
    assert layer.weight is not layer.weight
    assert len(calls) == 3


def test_cached_in_compiled_functions():
    layer = parametrizations.spectral_norm(nn.Linear(3, 3))
    other = copy.deepcopy(layer)

    def twice(layer: Any) -> Any:
        with parametrize.cached():
            return (layer.weight @ layer.weight).detach()

    compiled = steep.compile(lambda: twice(other), fullgraph=True)
    for _ in range(8):
        assert compiled().tolist() == twice(layer).tolist()
    assert replays(compiled) > 0
    eager = steep.compile(lambda: (other.weight @ other.weight).detach())
    with parametrize.cached(), pytest.warns(UserWarning, match="enter it inside the function"):
        [eager() for _ in range(5)]
    assert replays(eager) == 0


# ---- of older programs --------------------------------------------------------------------------


def test_older_norms_are_removed_with_their_values():
    layer = nn.utils.spectral_norm(nn.utils.weight_norm(nn.Linear(3, 2), "bias", None))
    assert type(layer).__name__ == "Linear"
    layer = copy.deepcopy(layer)
    weight, bias = array(layer.weight), array(layer.bias)
    assert nn.utils.remove_spectral_norm(layer) is layer
    assert array(layer.weight) == pytest.approx(weight)
    layer(steep.ones(3))  # no hook is left that looks for the vectors
    nn.utils.remove_weight_norm(layer, "bias")
    assert array(layer.bias) == pytest.approx(bias)
    assert type(layer) is nn.Linear
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    assert isinstance(layer.weight, nn.Parameter)


def test_weight_norm_says_that_it_is_deprecated():
    with pytest.warns(FutureWarning, match="parametrizations.weight_norm"):
        nn.utils.weight_norm(nn.Linear(2, 2))
