"""Every class of steep.nn that is called: values, gradients, state, copies, replays, refusals."""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import steep
from cases import LAYERS, TABLE
from cases.layer import Layer, Made, Misused
from cases.row import FLOATS, Array, Bad, Call, materialize
from compiling import replays
from runner import numpy, to_native
from steep.autograd import gradcheck
from steep.reference import OPS
from tolerances import close, same_bits

MADE = [
    pytest.param(layer, made, id=f"{name}-{i}")
    for name, layer in LAYERS.items()
    for i, made in enumerate(layer.made)
]
COMPARED = [param for param in MADE if not param.values[1].drawn]
OPERATION = {row.layer.name: row for row in TABLE.values() if row.layer is not None}
# What layers are made with that is no matter of the formula.
ASIDE = {"inplace", "size_average", "reduce", "args", "kwargs"}


def inputs_of(layer: Layer, made: Made, dtype: str, seed: str = "") -> list[Array]:
    return list(materialize(Call(made.inputs), dtype, layer.name + seed).args)


def arguments_of(layer: Layer, made: Made, dtype: str) -> Call:
    """What the layer is made with, as arrays."""
    return materialize(made.arguments, dtype, layer.name)


def build(layer: Layer, made: Made, dtype: str = "float32") -> Any:
    steep.manual_seed(0)
    arguments = to_native(arguments_of(layer, made, dtype))
    return layer.build(steep, made, arguments).to(getattr(steep, dtype)).train(made.training)


def tensors(arrays: list[Array], gradient: bool = True) -> list[Any]:
    found = [steep.from_numpy(array.copy()) for array in arrays]
    return [x.requires_grad_(gradient and x.dtype.is_floating_point) for x in found]


def called(module: Any, given: list[Any]) -> Any:
    """The result; what works in place gets results of an operation to write into."""
    return module(*(x * 1 if x.requires_grad else x for x in given))


def step(module: Any, given: list[Any]) -> list[Any]:
    """The result, and the gradients of the inputs and the parameters."""
    out = called(module, given)
    leaves = [x for x in (*given, *module.parameters()) if x.requires_grad]
    grads = steep.autograd.grad((out * out).sum(), leaves, allow_unused=True)
    return [out.detach(), *(g for g in grads if g is not None)]


def wanted(layer: Layer, made: Made, module: Any, inputs: list[Array], dtype: str) -> Array:
    """The reference's result."""
    given = arguments_of(layer, made, dtype)
    if layer.reference is not None:
        params = {name: x.numpy() for name, x in module.state_dict().items()}
        return np.asarray(layer.reference(params, tuple(inputs), *given.args, **given.kwargs))
    bound = inspect.signature(type(module).__init__).bind(module, *given.args, **given.kwargs)
    bound.apply_defaults()
    named = list(bound.arguments.items())[1:]
    settings = {name: value for name, value in named if value is not None and name not in ASIDE}
    return np.asarray(OPS[str(OPERATION[layer.name].reference)].forward(*inputs, **settings))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("layer", "made"), COMPARED)
def test_result_is_the_reference_s(layer: Layer, made: Made, dtype: str) -> None:
    module, inputs = build(layer, made, dtype), inputs_of(layer, made, dtype)
    expected = wanted(layer, made, module, inputs, dtype)
    close(called(module, tensors(inputs)).detach().numpy(), expected, layer.rough)


@pytest.mark.parametrize(("layer", "made"), COMPARED)
def test_gradient_is_the_slope(layer: Layer, made: Made) -> None:
    """By the inputs and by the parameters."""
    assert layer.gradient is True
    module = build(layer, made, "float64")
    given = tensors(inputs_of(layer, made, "float64"))
    leaves = [x for x in given if x.requires_grad]
    assert gradcheck(lambda *_: called(module, given), (*leaves, *module.parameters()))


@pytest.mark.parametrize(("layer", "made"), MADE)
def test_repr(layer: Layer, made: Made) -> None:
    assert repr(build(layer, made)) == made.text


@pytest.mark.parametrize(("layer", "made"), MADE)
def test_state_dict_goes_into_another(layer: Layer, made: Made) -> None:
    module = build(layer, made)
    arguments = to_native(arguments_of(layer, made, "float32"))
    other = layer.build(steep, made, arguments).train(made.training)
    state = module.state_dict()
    with steep.no_grad():
        for x in other.state_dict().values():
            x.fill_(0)
    assert list(other.state_dict()) == list(state)
    assert repr(other.load_state_dict(state)) == "<All keys matched successfully>"
    for name, x in other.state_dict().items():
        same_bits(x.numpy(), state[name].numpy())
    assert_the_same(module, other, inputs_of(layer, made, "float32"))


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
@pytest.mark.parametrize(("layer", "made"), MADE)
def test_copies_do_the_same(layer: Layer, made: Made, clone: Any) -> None:
    module = build(layer, made)
    other = clone(module)
    assert repr(other) == made.text
    assert other.training is made.training
    assert_the_same(module, other, inputs_of(layer, made, "float32"))
    with steep.no_grad():
        for x in other.state_dict().values():
            x.fill_(7)
    assert all((x != 7).any() for x in module.state_dict().values())


def assert_the_same(module: Any, other: Any, inputs: list[Array]) -> None:
    results = []
    for taken in (module, other):
        steep.manual_seed(3)
        results.append(numpy(step(taken, tensors(inputs))))
    for got, expected in zip(*results, strict=True):
        same_bits(got, expected)


@pytest.mark.parametrize(("layer", "made"), MADE)
def test_replays_have_the_same_bits(layer: Layer, made: Made) -> None:
    """Forward and backward, on inputs that are others at every call."""
    module = build(layer, made)
    compiled = steep.compile(lambda *given: step(module, list(given)))
    for call in range(7):
        inputs = inputs_of(layer, made, "float32", str(call))
        steep.manual_seed(call)
        expected = numpy(step(module, tensors(inputs)))
        steep.manual_seed(call)
        with warnings.catch_warnings():
            if layer.eager:
                warnings.filterwarnings("ignore", "compile: .* runs eagerly")
            found = numpy(compiled(*tensors(inputs)))
        for got, same in zip(found, expected, strict=True):
            same_bits(got, same)
    assert (replays(compiled) > 0) is not bool(layer.eager), compiled.explain()


@pytest.mark.parametrize(
    ("layer", "refused"),
    [
        pytest.param(layer, refused, id=f"{name}-{i}")
        for name, layer in LAYERS.items()
        for i, refused in enumerate(layer.bad)
    ],
)
def test_refuses_to_be_made(layer: Layer, refused: Bad) -> None:
    with pytest.raises(refused.error) as caught:
        layer.build(steep, Made(refused.call, (), ""))
    assert type(caught.value) is refused.error
    assert refused.text in str(caught.value)


@pytest.mark.parametrize(
    ("layer", "misused"),
    [
        pytest.param(layer, misused, id=f"{name}-{i}")
        for name, layer in LAYERS.items()
        for i, misused in enumerate(layer.misused)
    ],
)
def test_refuses_an_input(layer: Layer, misused: Misused) -> None:
    made = Made(misused.arguments, misused.inputs, "")
    module, inputs = build(layer, made), inputs_of(layer, made, "float32")
    before = {name: x.numpy().copy() for name, x in module.state_dict().items()}
    with pytest.raises(misused.error) as caught:
        module(*tensors(inputs))
    assert misused.text in str(caught.value)
    assert layer.name in str(caught.value)  # the path to it
    for name, x in module.state_dict().items():
        same_bits(x.numpy(), before[name])
