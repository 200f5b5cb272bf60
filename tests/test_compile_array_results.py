"""What a function reads out of tensors only to return it: arrays, and ints by int()."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from compiling import reason, replays
from steep import nn

KEPT: list[Any] = []
SHADOWED = int
STATE = steep.zeros(3)


def alone(x: Any) -> Any:
    return (x * 2).numpy()


def detached(x: Any) -> Any:
    weight = steep.ones(3, requires_grad=True)
    y = (x * weight).sum(0)
    return y.detach().numpy(), {"best": int(y.argmax()), "value": y.max().item()}


def beside_its_tensor(x: Any) -> Any:
    y = x + 1
    array = y.numpy()
    return array, y, [y.t().numpy()]


def of_an_argument(x: Any) -> Any:
    return x[:1].numpy(), x.sum().numpy()


def of_state(x: Any) -> Any:
    STATE.add_(x.sum(0))
    return STATE.numpy(), STATE.view(3, 1).numpy()


def empty(x: Any) -> Any:
    return x[:0].numpy(), (x > 1).numpy(), x.double().numpy(), x.long().numpy()


FORMS: list[Callable[[Any], Any]] = [
    alone, detached, beside_its_tensor, of_an_argument, of_state, empty,
    lambda x: x.argmax(1).numpy(),
]  # fmt: skip


def parts(result: Any) -> Any:
    if isinstance(result, tuple | list):
        return type(result), [parts(item) for item in result]
    if isinstance(result, dict):
        return {key: parts(item) for key, item in result.items()}
    if isinstance(result, np.ndarray):
        return result.dtype, result.shape, result.strides, result.tobytes()
    return parts(result.numpy()) if isinstance(result, steep.Tensor) else (type(result), result)


@pytest.mark.parametrize("form", FORMS, ids=lambda f: f.__name__)
def test_a_replay_makes_new_arrays(form: Any) -> None:
    compiled = steep.compile(form, fullgraph=True)
    kept = []
    STATE.zero_()
    inputs = [steep.rand(2, 3) + i for i in range(8)]
    for x in inputs:
        result = compiled(x)
        kept.append((result, parts(result)))
    assert replays(compiled) == 5
    STATE.zero_()
    wanted = [parts(form(x)) for x in inputs]
    assert [part for _, part in kept] == wanted
    if form is not of_state:  # the others stay what they were
        assert [parts(result) for result, _ in kept] == wanted


def test_an_array_shares_memory_as_ever() -> None:
    compiled = steep.compile(beside_its_tensor, fullgraph=True)
    for _ in range(6):
        array, tensor, (turned,) = compiled(steep.zeros(2, 3))
        array[0, 1] = 7
        assert tensor[0, 1].item() == turned[1, 0] == 7
    compiled = steep.compile(of_argument, fullgraph=True)
    for _ in range(6):
        x = steep.zeros(2)
        compiled(x)[0] = 7
        assert x[0].item() == 7
    assert replays(compiled) == 3


def of_argument(x: Any) -> Any:
    return x.view(2).numpy()


def test_an_agent_acts_on_arrays() -> None:
    steep.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))

    @steep.compile(fullgraph=True)
    @steep.no_grad()
    def act(observed: Any) -> Any:
        values = net(steep.as_tensor(observed))
        return values.argmax(-1).numpy(), values.numpy()

    for i in range(8):
        observed = np.full((2, 4), i / 3, np.float32)
        actions, values = act(observed)
        wanted = net(steep.from_numpy(observed)).detach().numpy()
        assert values.tobytes() == wanted.tobytes()
        assert actions.tolist() == wanted.argmax(-1).tolist()
    assert replays(act) == 5


def used(x: Any) -> Any:
    return (x * 2).numpy() + 1


def indexed(x: Any) -> Any:
    return (x * 2).numpy()[0]


def kept(x: Any) -> Any:
    array = (x * 2).numpy()
    KEPT[:] = [array]
    return array


def written(x: Any) -> Any:
    y = x * 2
    array = y.numpy()
    y.add_(1)
    return array


def counted(x: Any) -> Any:
    return x * int(x.sum())


def truncated(x: Any) -> Any:
    return int((x * 1.5).max())


def of_another_class(x: Any) -> Any:
    float = np.float64
    return float((x * 2).sum())


def shadowed(x: Any) -> Any:
    return float((x * 2).sum()), SHADOWED((x * 2).sum())


def forced(x: Any) -> Any:
    return (x * 2).numpy(force=True)


@pytest.mark.parametrize(
    "use",
    [used, indexed, kept, written, counted, truncated, forced, of_another_class, shadowed],
    ids=lambda f: f.__name__,
)
def test_other_uses_keep_a_function_eager(use: Any) -> None:
    compiled = steep.compile(use)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(8):
            x = steep.full((2, 3), float(i))
            assert parts(compiled(x)) == parts(use(x))
    assert replays(compiled) == 0
    assert reason(compiled)


def test_verify_compares_arrays() -> None:
    compiled = steep.compile(detached, verify=True)
    for _ in range(6):
        compiled(steep.rand(2, 3))
    assert replays(compiled) == 3
