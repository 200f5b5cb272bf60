"""Lazy modules: sizes from the first call, and what can be done before it."""

from __future__ import annotations

import copy
import os
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import steep
from compiling import replays
from runner import numpy
from steep import nn, optim
from steep.nn.modules.lazy import LazyModuleMixin
from steep.nn.parameter import UninitializedTensorMixin, is_lazy
from tolerances import same_bits

# A lazy class, its arguments, those of the class it becomes, and an input's shape.
KINDS: dict[str, tuple[tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = {
    "Linear": ((3,), {}, (2, 5)),
    "Conv1d": ((4, 3), {"groups": 2}, (2, 6, 9)),
    "Conv2d": ((4, (3, 2)), {"stride": 2, "padding": 1, "bias": False}, (2, 3, 9, 8)),
    "Conv3d": ((2, 2), {"padding_mode": "circular", "padding": 1}, (1, 3, 4, 4, 4)),
    "ConvTranspose1d": ((4, 3), {"groups": 2}, (6, 9)),
    "ConvTranspose2d": ((4, 3), {"stride": 2, "output_padding": 1}, (2, 3, 4, 5)),
    "ConvTranspose3d": ((2, 2), {"bias": False}, (1, 3, 3, 3, 3)),
    "BatchNorm1d": ((1e-3,), {"momentum": 0.5}, (4, 3, 5)),
    "BatchNorm2d": ((), {"track_running_stats": False}, (4, 3, 5, 2)),
    "BatchNorm3d": ((), {"bias": False}, (2, 3, 2, 2, 2)),
    "InstanceNorm1d": ((), {"affine": True, "track_running_stats": False}, (3, 5)),
    "InstanceNorm2d": ((), {"affine": True, "track_running_stats": True}, (2, 3, 4, 4)),
    "InstanceNorm3d": ((1e-3, 0.5), {"affine": True, "track_running_stats": True}, (3, 2, 2, 2)),
}
EACH = pytest.mark.parametrize("name", KINDS)


def lazy(name: str) -> Any:
    args, kwargs, _ = KINDS[name]
    return getattr(nn, f"Lazy{name}")(*args, **kwargs)


def plain(name: str) -> Any:
    args, kwargs, shape = KINDS[name]
    return getattr(nn, name)(channels(name, shape), *args, **kwargs)


def channels(name: str, shape: tuple[int, ...]) -> int:
    return shape[-1] if name == "Linear" else shape[-int(name[-2]) - 1]


def batch(name: str) -> Any:
    return steep.randn(*KINDS[name][2])


# ---- the first call ---------------------------------------------------------------------------


@EACH
def test_the_first_call_makes_the_layer(name: str) -> None:
    x = batch(name)
    layer, expected = lazy(name), plain(name)
    assert isinstance(layer, LazyModuleMixin)
    assert layer.has_uninitialized_params()
    params = list(layer.parameters())
    assert all(repr(p) == "<UninitializedParameter>" for p in params)
    layer.reset_parameters()  # of what has no shape: nothing
    result = layer(x)
    expected.load_state_dict(layer.state_dict())
    assert type(layer) is type(expected)
    assert repr(layer) == repr(expected)
    assert [id(p) for p in layer.parameters()] == [id(p) for p in params]
    assert all(type(p) is nn.Parameter for p in params)
    same_bits(result.detach().numpy(), expected(x).detach().numpy())
    same_bits(layer(x).detach().numpy(), expected(x).detach().numpy())
    assert vars(layer).keys() == vars(expected).keys()


@EACH
def test_values_are_drawn_as_those_of_the_layer_itself(name: str) -> None:
    x = batch(name)
    steep.manual_seed(9)
    expected = plain(name)
    layer = lazy(name)
    steep.manual_seed(9)
    layer(x)
    for got, wanted in zip(layer.parameters(), expected.parameters(), strict=True):
        same_bits(got.detach().numpy(), wanted.detach().numpy())


def test_errors_of_the_first_call_leave_it_to_come() -> None:
    for layer, x, error, text in (
        (nn.LazyLinear(2), steep.ones(()), RuntimeError, "at least one dimension"),
        (nn.LazyConv2d(4, 3), steep.ones(2, 2), RuntimeError, r"3D .* or 4D .* LazyConv2d"),
        (nn.LazyConv2d(4, 3, groups=2), steep.ones(1, 3, 5, 5), ValueError, "divisible by groups"),
    ):
        with pytest.raises(error, match=text):
            nn.Sequential(layer)(x)
        assert layer.has_uninitialized_params()
    with pytest.raises(ValueError, match="out_channels must be divisible by groups"):
        nn.LazyConv2d(4, 3, groups=3)
    with pytest.raises(ValueError, match="out_features to be at least 0"):
        nn.LazyLinear(-1)
    with pytest.raises(RuntimeError, match=r"in Sequential\.1: LazyLinear"):
        nn.Sequential(nn.Identity(), nn.LazyLinear(2))(steep.ones(()))


def test_norms_without_tensors_and_their_errors() -> None:
    norm = nn.LazyInstanceNorm2d(affine=False, track_running_stats=False)
    assert not norm.has_uninitialized_params()
    norm(steep.ones(2, 5, 3, 3))
    assert repr(norm) == (
        "InstanceNorm2d(5, eps=1e-05, momentum=0.1, affine=False, bias=False, "
        "track_running_stats=False)"
    )
    batch = nn.LazyBatchNorm2d().double()
    assert [repr(b) for b in batch.buffers()][:2] == ["<UninitializedBuffer>"] * 2
    with pytest.raises(ValueError, match="expected 4D input"):
        batch(steep.ones(2, 3))
    assert batch.has_uninitialized_params()
    batch(steep.rand(4, 2, 3, 3, dtype=steep.float64))
    assert batch.num_batches_tracked.item() == 1
    assert batch.running_var.dtype == steep.float64
    assert type(batch.running_mean) is steep.Tensor


# ---- before it --------------------------------------------------------------------------------


def test_uninitialized_parameters_are_not_computed_with() -> None:
    weight = nn.LazyLinear(2).weight
    uses: list[Callable[[], Any]] = [
        lambda: weight + 1,
        lambda: 2 * weight,
        lambda: weight @ weight,
        lambda: -weight,
        lambda: weight[0],
        lambda: weight.sum(),
        lambda: weight.numel(),
        lambda: weight.fill_(1.0),
        lambda: len(weight),
        lambda: nn.init.ones_(weight),
    ]
    for use in uses:
        with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter"):
            use()
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized"):
        _ = weight.shape
    assert (weight.requires_grad, weight.grad, weight.is_leaf) == (True, None, True)
    assert isinstance(weight, nn.Parameter)
    assert is_lazy(weight)
    assert isinstance(weight, UninitializedTensorMixin)
    with pytest.raises(RuntimeError, match="expected device 'cpu'"):
        nn.UninitializedParameter(device="cuda")


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_and_conversions(clone: Callable[[Any], Any]) -> None:
    layer = nn.Sequential(nn.LazyLinear(3), nn.ReLU(), nn.LazyLinear(1))
    layer = clone(layer.double().eval())
    layer.requires_grad_(False)
    assert all(p.dtype == steep.float64 for p in layer.parameters())
    assert layer(steep.ones(2, 4, dtype=steep.float64)).dtype == steep.float64
    assert not any(p.requires_grad for p in layer.parameters())
    assert [type(m) for m in layer] == [nn.Linear, nn.ReLU, nn.Linear]


@EACH
def test_an_optimizer_may_have_them_already(name: str) -> None:
    layer, x = lazy(name), batch(name)
    optimizer = optim.Adam(layer.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (layer(x) + 1).pow(3).mean().backward()
        before = [p.detach().clone() for p in layer.parameters()]
        optimizer.step()
    for p, old in zip(layer.parameters(), before, strict=True):
        assert not steep.equal(p, old)


# ---- state ------------------------------------------------------------------------------------


@EACH
@pytest.mark.parametrize("assign", [False, True])
def test_state_is_loaded_into_what_has_no_shape_yet(name: str, assign: bool) -> None:
    source, x = plain(name), batch(name)
    layer = lazy(name)
    params = list(layer.parameters())
    layer.load_state_dict(source.state_dict(), assign=assign)
    assert not layer.has_uninitialized_params()
    if not assign:
        assert [id(p) for p in layer.parameters()] == [id(p) for p in params]
        next(iter(layer.parameters())).data += 0  # memory of its own
    same_bits(layer(x).detach().numpy(), source(x).detach().numpy())
    assert repr(layer) == repr(source)
    assert type(layer) is type(source)


def test_states_without_shapes() -> None:
    layer = nn.LazyLinear(3)
    assert list(layer.state_dict()) == ["weight", "bias"]
    assert all(map(is_lazy, layer.state_dict().values()))
    other = nn.LazyLinear(3)
    other.load_state_dict(layer.state_dict())
    assert other.has_uninitialized_params()
    made = nn.Linear(2, 3)
    with pytest.raises(RuntimeError, match=r'"weight" is uninitialized in the checkpoint'):
        made.load_state_dict(layer.state_dict())
    with pytest.raises(TypeError, match="'weight' is uninitialized; call its lazy module once"):
        steep.save(layer.state_dict(), os.devnull)
    with pytest.raises(TypeError, match="uninitialized"):
        steep.save({"model": layer.state_dict()}, os.devnull)
    layer.load_state_dict({"weight": steep.ones(3, 2)}, strict=False)
    with pytest.raises(RuntimeError, match=r"only \['weight'\] had been loaded"):
        layer(steep.ones(1, 2))


def test_a_load_that_fails_leaves_them_without_shapes() -> None:
    model = nn.Sequential(nn.LazyLinear(3), nn.Linear(3, 2))
    state = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 3)).state_dict()
    with pytest.raises(RuntimeError, match="size mismatch"):
        model.load_state_dict(state)
    assert model[0].has_uninitialized_params()
    assert all(map(is_lazy, model[0].parameters()))


# ---- classes of one's own ---------------------------------------------------------------------


class Centred(LazyModuleMixin, nn.Module):
    """Stays what it is; keeps a running mean."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.UninitializedParameter()
        self.register_buffer("mean", nn.UninitializedBuffer())

    def initialize_parameters(self, x: Any, *, extra: float = 1.0) -> None:
        if self.has_uninitialized_params():
            self.scale.materialize(x.shape[1:])
            self.mean.materialize(x.shape[1:])
            nn.init.constant_(self.scale, extra)
            self.mean.zero_()

    def forward(self, x: Any, *, extra: float = 1.0) -> Any:
        self.mean.mul_(0.5).add_(x.detach().mean(0) / 2)
        return (x - self.mean) * self.scale


def test_a_class_of_ones_own() -> None:
    module = Centred()
    assert [repr(b) for b in module.double().buffers()] == ["<UninitializedBuffer>"]
    x = steep.ones(4, 3, dtype=steep.float64)
    assert module(x, extra=3.0).tolist() == [[1.5] * 3] * 4
    assert type(module) is Centred
    assert type(module.mean) is steep.Tensor
    assert module.mean.dtype == steep.float64
    assert module(x, extra=7.0).tolist() == [[0.75] * 3] * 4
    assert not module.has_uninitialized_params()
    other = Centred()
    other.load_state_dict(module.state_dict())
    assert other.mean.tolist() == module.mean.tolist()
    assert other(x.float()).tolist() == [[0.375] * 3] * 4
    assert type(other.mean) is steep.Tensor


def test_what_is_missing_of_a_class_is_said() -> None:
    class Nothing(LazyModuleMixin, nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.UninitializedParameter()

    with pytest.raises(NotImplementedError, match="not implemented for Nothing"):
        Nothing()(steep.ones(1))

    class Half(Nothing):
        def initialize_parameters(self, x: Any) -> None:
            pass

    with pytest.raises(RuntimeError, match="module Half has not been fully initialized"):
        Half()(steep.ones(1))


# ---- hooks and compiled functions -------------------------------------------------------------


def test_hooks_stay() -> None:
    layer, seen = nn.LazyLinear(2), []
    layer.register_forward_pre_hook(lambda module, args: seen.append(type(module).__name__))
    layer(steep.ones(1, 3))
    layer(steep.ones(1, 3))
    assert seen == ["Linear", "Linear"]


def test_compiled_steps_have_the_same_bits() -> None:
    found = []
    for compiled in (False, True):
        steep.manual_seed(1)
        model = nn.Sequential(
            nn.LazyConv1d(4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5), nn.LazyLinear(1)
        )
        optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

        def step(x: Any, model: Any = model, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = model(x).square().mean()
            loss.backward()
            optimizer.step()
            return loss

        function = steep.compile(step) if compiled else step
        steep.manual_seed(2)
        losses = [function(steep.randn(4, 2, 6)).item() for _ in range(8)]
        found.append((losses, numpy(list(model.parameters()))))
        assert not compiled or replays(function) > 0
    assert found[0][0] == found[1][0]
    for plain_, compiled_ in zip(found[0][1], found[1][1], strict=True):
        same_bits(plain_, compiled_)


def test_a_compiled_module() -> None:
    steep.manual_seed(1)
    model = nn.Sequential(nn.LazyLinear(3), nn.Tanh(), nn.LazyLinear(1))
    compiled = steep.compile(model)
    x = steep.randn(4, 2)
    first = compiled(x).detach().clone()
    for _ in range(5):
        same_bits(compiled(x).detach().numpy(), first.numpy())
    assert replays(compiled) > 0
