"""What compiled functions follow, notice or refuse: settings, names, instances, threads."""

from __future__ import annotations

import copy
import functools
import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import steep
from compiling import called, nn, ones, reason, replays, settle

# ---- what may change between calls --------------------------------------------------------------


FACTOR = 2.0


def scaled(x: Any) -> Any:
    return x * FACTOR


class Scaling(nn.Module):
    def forward(self, x: Any) -> Any:
        return scaled(x)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: scaled(x),
        lambda x: sum([y * FACTOR for y in (x,)]),
        functools.partial(lambda n, x: x * FACTOR, 1),
        Scaling(),
    ],
    ids=["helper", "comprehension", "partial", "module"],
)
def test_a_rebound_global_is_seen(function: Any, monkeypatch: Any) -> None:
    compiled = steep.compile(function)
    settle(compiled, ones())
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    assert compiled(ones()).tolist() == [3.0, 3.0]


def test_a_global_that_only_shares_its_name_with_an_attribute(monkeypatch: Any) -> None:
    """`x.t()` reads no global `t`, whatever becomes of it."""
    compiled = steep.compile(lambda x: x.t() + 1)
    for i in range(6):
        monkeypatch.setitem(globals(), "t", i)
        compiled(steep.ones(2, 2))
    assert replays(compiled) >= 3


class Agent:
    """Plain objects that hold tensors, and a method that reads them through another."""

    def __init__(self, weight: Any, inner: Any = None) -> None:
        self.weight = weight
        self.inner = inner

    def scaled(self, x: Any) -> Any:
        return x * self.weight

    def act(self, x: Any) -> Any:
        return self.scaled(x) + (self.inner.weight if self.inner else 0)


@pytest.mark.parametrize("how", ["method", "closure", "helper", "inner"])
def test_a_tensor_replaced_in_a_plain_object_is_seen(how: str) -> None:
    agent = Agent(ones(2), Agent(ones(0)))
    function: Any = {
        "method": agent.act,
        "closure": lambda x: x * agent.weight,
        "helper": lambda x: agent.scaled(x),
        "inner": agent.act,
    }[how]
    compiled = steep.compile(function)
    assert settle(compiled, ones()).tolist() == [2.0, 2.0]
    if how == "inner":
        agent.inner.weight = ones(5)
        assert compiled(ones()).tolist() == [7.0, 7.0]
    agent.inner = None
    agent.weight = ones(3)
    for _ in range(5):
        assert compiled(ones()).tolist() == [3.0, 3.0]
    assert replays(compiled) >= 3


def test_an_attribute_that_is_deleted_is_seen() -> None:
    module = nn.Module()
    module.factor = 3.0
    compiled = steep.compile(lambda x: x * getattr(module, "factor", 5.0))
    settle(compiled, ones())
    del module.factor
    assert compiled(ones()).tolist() == [5.0, 5.0]


def test_positional_and_named_arguments_are_told_apart() -> None:
    def function(x: Any, kind: str = "mul", scale: float = 1) -> Any:
        return x * scale if kind == "mul" else x + scale

    compiled = steep.compile(function)
    settle(compiled, ones(3), "scale", 2)
    assert compiled(ones(3), scale=2).tolist() == [6.0, 6.0]


@pytest.mark.filterwarnings("ignore:compile")
@pytest.mark.parametrize("change", ["momentum", "nesterov", "state", "params"])
def test_an_optimizer_that_is_set_up_otherwise(change: str) -> None:
    ends = []
    for compiling in (False, True):
        p, q = (steep.zeros(1, requires_grad=True) for _ in range(2))
        momentum = 0.0 if change == "momentum" else 0.5
        optimizer = steep.optim.SGD([p, q], lr=1.0, momentum=momentum)
        group = optimizer.param_groups[0]

        def step(x: Any, p: Any = p, q: Any = q, optimizer: Any = optimizer) -> None:
            optimizer.zero_grad()
            (p * x + q).sum().backward()
            optimizer.step()

        function = steep.compile(step, disable=not compiling)
        for i in range(14):
            if i == 8 and change == "state":
                optimizer.state.clear()
            elif i == 8 and change == "params":
                group["params"].pop()
            elif i == 8:
                group[change] = 0.5 if change == "momentum" else True
            function(steep.ones(1))
        ends.append((p.item(), q.item()))
    assert ends[0] == ends[1]
    assert replays(function) > 0


@pytest.mark.filterwarnings("ignore:compile")
@pytest.mark.parametrize("passed", [True, False])
def test_a_rate_that_the_function_sets(passed: bool) -> None:
    ends = []
    for compiling in (False, True):
        p = steep.zeros(1, requires_grad=True)
        optimizer = steep.optim.SGD([p], lr=1.0)

        def step(x: Any, rate: Any = None, p: Any = p, optimizer: Any = optimizer) -> None:
            group = optimizer.param_groups[0]
            group["lr"] = group["lr"] * 0.5 if rate is None else rate
            optimizer.zero_grad()
            (p * x).sum().backward()
            optimizer.step()

        function = steep.compile(step, disable=not compiling)
        for rate in [1.0] * 5 + [0.125] * 5 + [1.0] * 2:
            function(steep.ones(1), rate) if passed else function(steep.ones(1))
        ends.append(p.item())
    assert ends[0] == ends[1]
    assert "it changes param_groups" in reason(function)


def test_a_mode_that_changes_between_the_two_recordings() -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
    compiled = steep.compile(lambda x: module(x).detach())
    for training in (True, False, True):
        module.train(training)
        called(compiled, steep.ones(2, 4), calls=2)
    for training in (True, False):
        module.train(training)
        settle(compiled, steep.ones(2, 4))
    assert replays(compiled) >= 4


def test_parameters_that_are_replaced_often_keep_their_programs() -> None:
    layer = nn.Linear(2, 2)
    compiled = steep.compile(lambda x: layer(x).detach())
    for i in range(20):
        layer.weight.data = steep.full((2, 2), float(i))
        settle(compiled, steep.ones(1, 2))
    assert replays(compiled) >= 20  # of the programs that are still there
    assert len(compiled.programs()) <= 16


# ---- what is kept elsewhere ---------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:compile")
def test_a_container_kept_beside_the_result_is_noticed() -> None:
    kept: dict[int, Any] = {}

    def function(x: Any) -> Any:
        kept[0] = x * 2
        return kept

    compiled = steep.compile(function)
    for i in range(7):
        compiled(ones(i))
    assert kept[0].tolist() == [12.0, 12.0]
    assert "is also kept elsewhere" in reason(compiled)


def test_the_base_of_a_result_is_stored_with_its_memory() -> None:
    kept: dict[int, Any] = {}

    def function(x: Any) -> Any:
        kept[0] = x * 2
        return kept[0].view(-1)

    compiled = steep.compile(function)
    for i in range(7):
        result = compiled(ones(i))
        assert result.data_ptr() == kept[0].data_ptr()
        assert kept[0].tolist() == [2.0 * i, 2.0 * i]
    assert replays(compiled) > 0


# ---- instances, threads, errors -----------------------------------------------------------------


def test_programs_may_be_added_while_another_thread_replays() -> None:
    square = steep.randn(128, 128)
    leaves = [ones().requires_grad_() for _ in range(3)]

    def function(x: Any) -> Any:
        for _ in range(4):
            x = (x @ square).tanh()
        return {"x": x.sum(), "n": [p.grad is None for p in leaves]}

    failures: list[BaseException] = []
    compiled = steep.compile(function)
    x, over = steep.ones(64, 128), threading.Event()
    settle(compiled, x)

    def work() -> None:
        try:
            while not over.is_set():
                assert set(compiled(x)) == {"x", "n"}
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for k in range(1, 8):
        for j, p in enumerate(leaves):
            p.grad = ones() if k >> j & 1 else None
        settle(compiled, x, calls=4)
    over.set()
    for thread in threads:
        thread.join()
    assert not failures


def descent() -> tuple[Callable[[Any], None], Any]:
    """A step of a small layer, and its optimiser."""
    layer = nn.Linear(2, 1)
    optimizer = steep.optim.SGD(layer.parameters(), lr=0.1)

    def step(x: Any) -> None:
        optimizer.zero_grad()
        layer(x).sum().backward()
        optimizer.step()

    return step, optimizer


def test_settings_that_cannot_be_read_stop_one_call_only() -> None:
    step, optimizer = descent()
    compiled = steep.compile(step)
    settle(compiled, steep.ones(1, 2), calls=8)
    optimizer.param_groups[0]["lr"] = "fast"
    with pytest.raises(ValueError, match="fast"):
        compiled(steep.ones(1, 2))
    optimizer.param_groups[0]["lr"] = 0.1
    before = replays(compiled)
    settle(compiled, steep.ones(1, 2))
    assert replays(compiled) >= before + 4  # one to see that another argument does as well


def test_fullgraph_raises_at_every_call() -> None:
    compiled = steep.compile(lambda x: x * x.sum().item(), fullgraph=True)
    compiled(ones())
    for _ in range(3):
        with pytest.raises(RuntimeError, match="runs eagerly"):
            compiled(ones())


def test_verify_undoes_what_the_replay_added_to_gradients() -> None:
    p = ones().requires_grad_()
    compiled = steep.compile(lambda x: (p * x).sum().backward(), verify=True)
    settle(compiled, ones(), calls=6)
    assert p.grad.tolist() == [6.0, 6.0]


def test_verify_follows_changed_settings() -> None:
    step, optimizer = descent()
    compiled = steep.compile(step, verify=True)
    settle(compiled, steep.ones(1, 2), calls=6)
    optimizer.param_groups[0]["maximize"] = True
    settle(compiled, steep.ones(1, 2), calls=6)
    assert len(compiled.programs()) == 2


def test_the_signature_in_use_is_not_dropped() -> None:
    compiled = steep.compile(lambda x: x + 1)
    settle(compiled, ones(1, 1000))
    program = compiled.programs()[0]
    for n in range(1, 150):
        compiled(ones(1, 1000))
        compiled(ones(1, n))
    assert program in compiled.programs()
    assert program.runs >= 150


def test_arguments_are_not_kept_alive() -> None:
    compiled = steep.compile(lambda x: x + 1)
    arguments = [ones() for _ in range(6)]
    known = [weakref.ref(x) for x in arguments]
    while arguments:
        compiled(arguments.pop())
    gc.collect()
    assert [x() for x in known] == [None] * 6
    assert replays(compiled) > 0


def test_a_copy_of_what_is_compiled_starts_anew() -> None:
    module = steep.compile(nn.Linear(2, 2))
    twin = copy.deepcopy(module)
    with steep.no_grad():
        twin.weight.zero_()
        twin.bias.fill_(7.0)
        assert settle(twin, steep.ones(1, 2)).tolist() == [[7.0, 7.0]]
        assert settle(module, steep.ones(1, 2)).tolist() != [[7.0, 7.0]]
