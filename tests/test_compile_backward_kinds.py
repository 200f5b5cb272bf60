"""Layers, modes and functions whose results are differentiated outside, and what stays eager."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import steep
from outside import CALLS, Side, both, data, mlp

nn = steep.nn
F = steep.nn.functional


# ---- layers with state ------------------------------------------------------------------------


class BatchNorm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(steep.ones(width))
        self.bias = nn.Parameter(steep.zeros(width))
        self.register_buffer("mean", steep.zeros(width))
        self.register_buffer("var", steep.ones(width))

    def forward(self, x: Any) -> Any:
        mean, var = self.mean, self.var
        if self.training:
            var, mean = steep.var_mean(x, 0)
            with steep.no_grad():
                self.mean.mul_(0.9).add_(mean, alpha=0.1)
                self.var.mul_(0.9).add_(var, alpha=0.1)
        return (x - mean) / (var + 1e-5).sqrt() * self.weight + self.bias


class Convolution(nn.Module):
    """Three by three, by products of windows."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Linear(9, width)

    def forward(self, x: Any) -> Any:
        windows = [x[:, i : i + 2, j : j + 2] for i in range(3) for j in range(3)]
        return self.mix(steep.stack(windows, -1)).amax((1, 2))


class Embedding(nn.Module):
    def __init__(self, rows: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(steep.randn(rows, width))

    def forward(self, tokens: Any) -> Any:
        return self.weight[tokens]


class Memory(nn.Module):
    """A cell with gates."""

    def __init__(self) -> None:
        super().__init__()
        self.gates = nn.Linear(2 + 4, 16)
        self.out = nn.Linear(4, 3)

    def forward(self, x: Any) -> Any:
        h = c = steep.zeros(len(x), 4)
        for step in x.reshape(len(x), 4, 2).unbind(1):
            i, f, g, o = self.gates(steep.cat([step, h], 1)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
        return self.out(h)


def test_running_statistics_and_masks() -> None:
    def case(side: Side) -> None:
        model = mlp(BatchNorm(12), nn.Dropout(0.3))
        net = side.compile(model)
        for i, (x, y) in enumerate(side.steps(model, calls=2 * CALLS)):
            if i % 5 == 4:
                model.eval()
                with steep.no_grad():
                    side.saw(net(x))
                net(x).backward(y)
                model.train()
            else:
                net(x).backward(y)
            side.saw(*model.buffers())

    both(case)


LAYERS: dict[str, Any] = {
    "convolution": lambda: nn.Sequential(Reshape(-1, 4, 2), Pad(), Convolution(5), nn.Linear(5, 3)),
    "layer norm": lambda: mlp(nn.LayerNorm(12), nn.GELU()),
    "embedding": lambda: nn.Sequential(Embedding(5, 4), nn.Flatten(), nn.Linear(32, 3)),
    "softmax": lambda: mlp(nn.Softmax(1)),
    "in place": lambda: nn.Sequential(nn.Linear(8, 12), nn.ReLU(inplace=True), nn.Linear(12, 3)),
    "batch norm": lambda: mlp(BatchNorm(12), nn.SiLU()),
    "memory": Memory,
    "log softmax": lambda: mlp(nn.ELU(), nn.Dropout(0.1), nn.LogSoftmax(1)),
}


class Reshape(nn.Module):
    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Any) -> Any:
        return x.reshape(self.shape)


class Pad(nn.Module):
    def forward(self, x: Any) -> Any:
        return steep.cat([x, x * 0.5], 2)


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str) -> None:
    def case(side: Side) -> None:
        model = LAYERS[name]()
        net = side.compile(model)
        for x, y in side.steps(model):
            if name == "embedding":
                x = x.abs().clamp(max=4).long()
            net(x).backward(y)

    both(case)


# ---- with what compiled functions did before --------------------------------------------------


def test_calls_under_no_grad_between() -> None:
    def case(side: Side) -> None:
        model = mlp()
        net = side.compile(model)
        for x, y in side.steps(model, calls=2 * CALLS):
            F.mse_loss(net(x), y).backward()
            with steep.no_grad():
                side.saw(net(x))
            assert not steep.inference_mode()(net)(x).requires_grad

    both(case)


def test_a_function_that_steps_and_returns_a_graph() -> None:
    def case(side: Side) -> None:
        model, other = mlp(), nn.Linear(3, 1)
        optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

        def step(x: Any, y: Any) -> Any:
            optimizer.zero_grad()
            out = model(x)
            loss = F.mse_loss(out, y)
            loss.backward()
            optimizer.step()
            return loss, other(out.detach()).sum()

        compiled = side.compile(step)
        for i in range(CALLS):
            other.weight.grad = None
            loss, extra = compiled(*data(i))
            assert not side.compiling or loss.grad_fn is None
            extra.backward()
            side.saw(loss, extra, other.weight.grad)
            side.saw_gradients(model)

    both(case)


def test_a_compiled_module_within_a_compiled_step() -> None:
    def case(side: Side) -> None:
        model = mlp()
        inner = steep.compile(model) if side.compiling else model
        optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

        def step(x: Any, y: Any) -> Any:
            optimizer.zero_grad()
            loss = F.mse_loss(inner(x), y)
            loss.backward()
            optimizer.step()
            return loss

        compiled = side.compile(step)
        for i in range(CALLS):
            side.saw(compiled(*data(i)))

    both(case, backward=False)


def test_verify_compares_the_forward_pass() -> None:
    model = mlp()
    net = steep.compile(model, verify=True)
    for i in range(CALLS):
        x, y = data(i)
        F.mse_loss(net(x), y).backward()
    assert net._compiled.programs()[0].runs > 0


def test_threads_with_graphs_of_their_own() -> None:
    model = mlp()
    net = steep.compile(model)
    parameters = list(model.parameters())
    expected = [steep.autograd.grad(model(data(i)[0]).sum(), parameters) for i in range(8)]
    failures: list[Any] = []

    def work(i: int) -> None:
        try:
            for _ in range(30):
                grads = steep.autograd.grad(net(data(i)[0]).sum(), parameters)
                for grad, wanted in zip(grads, expected[i], strict=True):
                    np.testing.assert_array_equal(grad.numpy(), wanted.numpy())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work(0)  # threads may disturb each other's recordings to their end
    assert not failures
    assert net._compiled.programs()[-1].runs > 0


def test_passes_of_two_threads_use_up_what_each_has_come_by() -> None:
    """Between what a pass computes and what it uses up, passes of other threads may come by."""
    large = steep.ones(4_000_000, requires_grad=True)
    small = steep.ones(8, requires_grad=True)

    @steep.compile
    def two_results(large: Any, small: Any) -> Any:
        return large.exp(), small.sin()

    for _ in range(CALLS):
        exp, sin = two_results(large, small)
        steep.autograd.grad(sin.sum(), [small], retain_graph=True)
        exp.sum().backward()
    failures: list[BaseException] = []

    def work(sin: Any, done: threading.Event) -> None:
        try:
            while not done.is_set():
                steep.autograd.grad(sin.sum(), [small], retain_graph=True)
        except RuntimeError as error:
            failures.append(error)

    for _ in range(4):
        exp, sin = two_results(large, small)
        # A gradient for `large` is there when the call's arrives and is added to it, which takes
        # long enough to be done without the interpreter lock.
        total = exp.sum() + (large * 2).sum()
        done = threading.Event()
        other = threading.Thread(target=work, args=(sin, done))
        other.start()
        total.backward()
        done.set()
        other.join()
        steep.autograd.grad(sin.sum(), [small])
        with pytest.raises(RuntimeError, match="a second time"):
            exp.sum().backward()
    assert not failures


# ---- what stays eager ------------------------------------------------------------------------


class Doubled(steep.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad * 2


LEAF = steep.ones(6, 8, requires_grad=True)


def outer_graph() -> Callable[[Any], Any]:
    outside = LEAF * 2
    return lambda x: x * outside


def returns_views(x: Any) -> Any:
    h = x * LEAF
    return h, h[0]


def hooks_inside(x: Any) -> Any:
    h = x * LEAF
    h.register_hook(lambda grad: grad * 2)
    return h.sum()


def new_leaf(x: Any) -> Any:
    return x * steep.full((6, 8), 2.0).requires_grad_()


def writes_over_saved(x: Any) -> Any:
    h = (x * LEAF).exp()
    out = h * 1
    h.add_(1)
    return out


EAGER: list[tuple[str, Callable[[], Any], str]] = [
    ("a function of Python's", lambda: lambda x: Doubled.apply(x * LEAF), "Python code"),
    ("a graph outside", outer_graph, "has a graph from outside"),
    ("views", lambda: returns_views, "share memory"),
    ("a view of a weight", lambda: lambda x: (LEAF.view(48), x.sum()), "view of an argument"),
    ("a hook inside", lambda: hooks_inside, "has a hook"),
    ("a new leaf", lambda: new_leaf, "creates a leaf that requires a gradient"),
    ("written over", lambda: writes_over_saved, "writes to a tensor that the graph"),
]


@pytest.mark.parametrize(("name", "make", "reason"), EAGER, ids=[case[0] for case in EAGER])
def test_what_stays_eager_says_why(name: str, make: Any, reason: str, recwarn: Any) -> None:
    function = make()
    compiled = steep.compile(function)
    for i in range(CALLS):
        x = data(i)[0]
        got, expected = compiled(x), function(x)
        for a, b in zip(parts(got), parts(expected), strict=True):
            np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
            assert a.requires_grad == b.requires_grad
    assert not compiled.programs()
    assert [reason in str(w.message) for w in recwarn] == [True]
    with pytest.raises(RuntimeError, match=reason):
        strict(make, data(0)[0])


def strict(make: Any, x: Any) -> None:
    compiled = steep.compile(make(), fullgraph=True)
    for _ in range(4):
        compiled(x)


def parts(result: Any) -> Iterator[Any]:
    return iter(result if isinstance(result, tuple) else (result,))


def test_backward_inside_into_the_graph_of_an_argument_stays_eager(recwarn: Any) -> None:
    weight = steep.ones(8, requires_grad=True)

    @steep.compile
    def finish(h: Any) -> Any:
        loss = h.square().sum()
        loss.backward()
        return loss

    for i in range(CALLS):
        weight.grad = None
        x = data(i)[0]
        finish(x * weight)
        expected = (2 * x * x).sum(0)
        np.testing.assert_allclose(weight.grad.numpy(), expected.numpy(), rtol=1e-5)
    assert not finish.programs()
    assert ["graph that an argument is part of" in str(w.message) for w in recwarn] == [True]


def test_writing_into_an_argument_with_a_graph_stays_eager(recwarn: Any) -> None:
    weight = steep.ones(8, requires_grad=True)

    @steep.compile
    def scale(h: Any) -> Any:
        h.mul_(2)
        return h.sum()

    for i in range(CALLS):
        weight.grad = None
        x = data(i)[0]
        h = x * weight
        scale(h).backward()
        np.testing.assert_allclose(weight.grad.numpy(), 2 * x.sum(0).numpy(), rtol=1e-5)
    assert not scale.programs()
    assert len(recwarn) == 1
