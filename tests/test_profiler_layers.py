"""Whose launches they are: layers and phases, forward and backward."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import steep
from profiler_support import Net, chain, kernels, layers, names
from steep import _layers, nn
from steep._layers import _Roots
from steep.profiler import profile
from test_stress import together


def test_layers_of_a_chain() -> None:
    net = chain()
    x = steep.randn(3, 5, requires_grad=True)
    with profile() as prof:
        net(x).square().sum().backward()
    assert layers(prof, "forward") == {"0+1", "2", None}
    assert names(prof, "2", "forward") == ["gemm"]
    assert names(prof, "2", "backward") == ["gemm", "gemm", "sum"]
    assert names(prof, "0+1", "forward") == ["gemm"]
    assert names(prof, "0+1", "backward") == ["relu_backward", "gemm", "gemm", "sum"]
    assert names(prof, None, "forward") == ["square", "sum"]


def test_layers_of_a_nested_model() -> None:
    net = Net()
    with profile() as prof:
        loss = net(steep.randn(3, 4)).square().sum()
        loss.backward()
    inside = {"encoder.0.layers.0", "encoder.0.layers.1", "encoder.0.act", "encoder.1+2", "head"}
    assert layers(prof, "forward") == {*inside, "encoder.0", None}
    # The addition's gradient needs no launch of its own; where it meets that of the branch does.
    assert inside - layers(prof, "backward") == set()
    assert names(prof, "encoder.0", "forward") == ["add"]
    assert names(prof, "encoder.0.act", "backward") == ["tanh_backward"]
    paths = {path for path, _ in net.named_modules()} | {"encoder.1+2", None}
    assert {event.layer for event in kernels(prof)} <= paths


def test_the_root_goes_by_its_class() -> None:
    class Scaled(nn.Module):
        def forward(self, x: steep.Tensor) -> steep.Tensor:
            return x * 2

    with profile() as prof:
        Scaled()(steep.ones(2))
    assert [e.layer for e in kernels(prof)] == [None, "Scaled"]


def test_two_models_are_told_apart() -> None:
    generator, critic, another = chain(), chain(), chain()
    criterion = nn.MSELoss()
    x = steep.randn(3, 5)
    with profile() as prof:
        for model in (generator, critic, another, generator):
            criterion(model(x), steep.zeros(3, 2))
    assert layers(prof, "forward") == {
        *("0+1", "2", "Sequential.0+1", "Sequential.2", "Sequential#2.0+1", "Sequential#2.2"),
        *("MSELoss", None),
    }
    assert len(names(prof, "2", "forward")) == 2


def test_a_shared_module_is_named_where_it_is_called() -> None:
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            shared = nn.Tanh()
            self.left = nn.Sequential(nn.Identity(), shared)
            self.right = nn.Sequential(shared, nn.Identity())

        def forward(self, x: steep.Tensor) -> steep.Tensor:
            return self.right(self.left(x))

    with profile() as prof:
        Pair()(steep.ones(2))
    assert [e.layer for e in kernels(prof)] == [None, "left.1", "right.0"]


def test_unregistered_and_replaced_modules() -> None:
    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = nn.Tanh()

        def forward(self, x: steep.Tensor) -> steep.Tensor:
            return nn.Sigmoid()(self.act(x))

    holder, x = Holder(), steep.ones(2)
    with profile() as prof:
        holder(x)
        replaced = nn.GELU()
        holder.later, holder.act = holder.act, replaced
        holder(x)
        holder.later(x)
    assert [(e.name, e.layer) for e in kernels(prof)] == [
        *(("tanh", "act"), ("sigmoid", "Sigmoid"), ("gelu", "act"), ("sigmoid", "Sigmoid")),
        ("tanh", "Tanh"),
    ]


def test_hooks_belong_to_the_layer() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.GELU())
    net[1].register_forward_hook(lambda module, args, out: out.exp())
    with profile() as prof:
        net(steep.ones(1, 2))
    assert names(prof, "1", "forward") == ["gelu", "exp"]


def test_phases_of_a_step() -> None:
    net, x = chain(), steep.randn(3, 5)
    optimizer = steep.optim.SGD(net.parameters(), lr=0.1)

    def closure() -> steep.Tensor:
        optimizer.zero_grad()
        loss = net(x).sum()
        loss.backward()
        return loss

    with profile() as prof:
        optimizer.step(closure)
        steep.autograd.grad(net(x).sum(), list(net.parameters()))
    assert names(prof, None, "optimizer") == ["sgd_step"]
    assert layers(prof, "forward") == layers(prof, "backward") == {"0+1", "2", None}
    ranges = Counter(event.name for event in prof.events if event.kind == "phase")
    assert ranges == {"SGD.step": 1, "backward": 2}


def test_an_optimizer_of_ones_own_is_a_phase() -> None:
    class Descent(steep.optim.Optimizer):
        @steep.no_grad()
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for p in group["params"]:
                    p -= group["lr"] * p.grad

    w = steep.ones(1, requires_grad=True)
    (w * 2).sum().backward()
    hooked = []
    optimizer = Descent([w], {"lr": 0.25})
    optimizer.register_step_post_hook(lambda *args: hooked.append(args))
    with profile() as prof:
        optimizer.step()
    assert w.item() == 0.5
    assert len(hooked) == 1
    assert {event.phase for event in kernels(prof)} == {"optimizer"}


def test_replayed_launches_keep_their_layers() -> None:
    net, x = chain(), steep.randn(3, 5)
    recorder = steep.Recorder()
    with profile() as eager:
        recorder.start()
        net(x).sum().backward()
        recorder.stop()
    with profile() as replayed:
        recorder.replay()

    def described(prof: profile) -> list[tuple[Any, ...]]:
        return [(e.name, e.layer, e.phase, e.shape, e.bytes) for e in kernels(prof)]

    assert described(replayed) == described(eager)


def test_threads_name_their_layers_apart() -> None:
    """One trains, another makes compiled functions, and neither is disturbed."""

    def several(work: Callable[[], None]) -> Callable[[], None]:
        return lambda: [work() for _ in range(40)] and None

    def compiles() -> None:
        model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
        step = steep.compile(lambda x: model(x).sum().backward())
        for _ in range(4):
            step(steep.ones(2, 3))

    models = [nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1)) for _ in range(20)]

    def trains() -> None:
        for model in models:
            model(steep.ones(1, 2)).sum().backward()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        together(*(several(work) for work in (compiles, compiles, trains, trains)))
    finally:
        sys.setswitchinterval(interval)


def test_roots_named_by_many_threads_have_names_of_their_own() -> None:
    models = [nn.Sequential(nn.ReLU()) for _ in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(50):
            names = _Roots()
            start = threading.Barrier(8)
            found: list[tuple[int, str]] = []

            def name(at: int, names: Any = names, start: Any = start, found: Any = found) -> None:
                start.wait()
                found.append((at, names.path(models[at])))

            threads = [threading.Thread(target=name, args=(i % 4,)) for i in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(set(found)) == 4
            assert {name for _, name in found} == {"", "Sequential", "Sequential#2", "Sequential#3"}
    finally:
        sys.setswitchinterval(interval)


def test_names_of_a_module_that_changes_while_it_is_asked_are_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ask = _layers.paths_below

    def grow(parent: Any) -> dict[int, str]:
        found = ask(parent)
        if len(parent) == 1:
            parent.append(nn.Tanh())
        return found

    monkeypatch.setattr(_layers, "paths_below", grow)
    model = nn.Sequential(nn.ReLU())
    layer = _layers.in_layer(model)
    try:
        assert layer.path_of(model[0]) == "0"
        assert layer.path_of(model[1]) == "1"
    finally:
        layer.stack.pop()
        _layers.let_go()


def test_a_layer_that_gets_the_address_of_another_has_its_own_path() -> None:
    """What is known of modules below others outlasts a profile, and holds none of them."""
    for at in (0, 1, 2) * 20:
        model = nn.Sequential(*(nn.Identity() for _ in range(at)), nn.Tanh())
        with profile() as prof:
            model(steep.ones(1, 2))
        assert {e.layer for e in kernels(prof) if e.name == "tanh"} == {str(at)}
        del model


def test_paths_are_those_of_named_modules() -> None:
    shared = nn.Linear(2, 2)
    inner = nn.Sequential(nn.ReLU(), shared)
    model = nn.ModuleDict({"a": inner, "b": nn.ModuleList([shared, inner]), "c": nn.Tanh()})
    model["a"].register_module("none", None)
    named = {id(module): path for path, module in model.named_modules()}
    assert _layers.paths_below(model) == named
    assert list(_layers.paths_below(model).values()) == ["", "a", "a.0", "a.1", "b", "c"]
