"""`vmap` at its ends: structures, random numbers, loops, errors, threads."""

from __future__ import annotations

import threading
import warnings
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import steep
from steep.func import _dispatch, vmap

F = steep.nn.functional
X = steep.arange(12.0).reshape(3, 4)


# ---- structures ----


def test_trees_go_in_and_come_out() -> None:
    Pair = namedtuple("Pair", "a b")

    def function(batch: Any, scale: float, *, shift: float) -> Any:
        return {"sum": batch["x"].sum() * scale + shift, "rest": [Pair(batch["y"][0], X[0])]}

    found = vmap(function, in_dims=({"x": 0, "y": (1,)}, None))(
        {"x": X, "y": (X.mT,)}, 2.0, shift=1.0
    )
    assert found["sum"].tolist() == (X.sum(1) * 2 + 1).tolist()
    assert isinstance(found["rest"][0], Pair)
    assert found["rest"][0].a.tolist() == X.tolist()
    assert found["rest"][0].b.shape == (3, 4)  # what is not batched is copied


def test_out_dims() -> None:
    a, b = vmap(lambda x: (x, x.sum()), out_dims=(1, 0))(X)
    assert a.tolist() == X.mT.tolist()
    assert b.tolist() == X.sum(1).tolist()
    assert vmap(lambda x: x.outer(x), out_dims=-1)(X).shape == (4, 4, 3)
    a, b = vmap(lambda x: (x, steep.ones(2)), out_dims=(0, None))(X)
    assert b.shape == (2,)


def test_chunks_give_the_same() -> None:
    whole = vmap(lambda x: (x * 2).cumsum(0), out_dims=1)(X)
    for size in (1, 2, 3, 7):
        part = vmap(lambda x: (x * 2).cumsum(0), out_dims=1, chunk_size=size)(X)
        assert part.tolist() == whole.tolist()


def test_what_an_example_is_like() -> None:
    def function(x: Any) -> Any:
        assert isinstance(x, steep.Tensor)
        assert steep.is_tensor(x)
        assert x.shape == (4,) and x.size(0) == 4 and len(x) == 4  # noqa: PT018
        assert x.dim() == x.ndim == 1
        assert x.numel() == 4
        assert x.dtype == steep.float32 and x.is_floating_point()  # noqa: PT018
        assert "Batched(level=1" in repr(x)
        assert not x.requires_grad
        return x

    assert vmap(function)(X).tolist() == X.tolist()


def test_what_meets_an_example() -> None:
    """Arrays, None, tensors of other dtypes, and functions that are no operations."""
    ones, numbers = np.ones(4, np.float32), steep.ones(4, dtype=steep.int64)

    def function(x: Any) -> Any:
        assert x != None and x != "text"  # noqa: E711, PT018
        assert steep.numel(x) == 4
        assert steep.is_floating_point(x)
        assert steep.as_tensor(x) is x
        assert steep.as_tensor(x, dtype=steep.float64).dtype == steep.float64
        assert numbers.to(x).dtype == numbers.type_as(x).dtype == steep.float32
        assert not hasattr(x, "register_hook")
        return ones * x + x * ones + np.float64(2) * x

    assert vmap(function)(X).tolist() == (X * 4).tolist()
    assert vmap(lambda x: x.sin().sum())(steep.zeros(0, 3)).shape == (0,)


def test_compiled_functions_are_mapped() -> None:
    compiled = steep.compile(lambda x: x * 2 + 1)
    layer = steep.compile(steep.nn.Linear(4, 2))
    for _ in range(4):
        x = steep.randn(3, 4)
        assert vmap(compiled)(x).tolist() == (x * 2 + 1).tolist()
        assert vmap(layer)(x).tolist() == layer(x).tolist()
        assert compiled(x).tolist() == (x * 2 + 1).tolist()


def test_gradients_of_a_vmap() -> None:
    x = X.clone().requires_grad_()
    vmap(lambda row: (row**2).sum() * row[0])(x).sum().backward()
    own = X.clone().requires_grad_()
    ((own**2).sum(1) * own[:, 0]).sum().backward()
    assert x.grad is not None and own.grad is not None  # noqa: PT018
    assert x.grad.tolist() == own.grad.tolist()


def test_numbers_yield_to_dimensions() -> None:
    """A 0-d example counts as 0-d where dtypes meet, though its batch has a dimension."""
    halves = steep.ones(3, dtype=steep.float64)
    assert vmap(lambda s, x: s * x)(halves, X).dtype == steep.float32
    assert vmap(lambda s, t: s * t)(halves, steep.ones(3)).dtype == steep.float64
    assert vmap(lambda s: s * steep.ones((), dtype=steep.float64))(X[:, 0]).dtype == steep.float64
    assert vmap(lambda s: s * 2.5)(steep.ones(3, dtype=steep.int64)).dtype == steep.float32


# ---- random numbers ----


DRAWS = {
    "rand": lambda x: steep.rand(4),
    "randn": lambda x: steep.randn(2, 2),
    "randint": lambda x: steep.randint(0, 1000, (4,)),
    "randperm": lambda x: steep.randperm(50),
    "rand_like": lambda x: steep.rand_like(x),
    "normal": lambda x: steep.normal(0.0, 1.0, (4,)),
    "dropout": lambda x: F.dropout(x + 1, 0.5),
    "in place": lambda x: steep.empty_like(x).uniform_(),
}


@pytest.mark.parametrize("name", DRAWS)
def test_random_numbers(name: str) -> None:
    function = DRAWS[name]
    x = steep.ones(8, 40) if name == "dropout" else X
    with pytest.raises(RuntimeError, match="randomness error mode"):
        vmap(function)(x)
    same = vmap(function, randomness="same")(x)
    assert all(row.tolist() == same[0].tolist() for row in same)
    different = vmap(function, randomness="different")(x)
    assert different.shape == same.shape
    assert different[0].tolist() != different[1].tolist()
    both = vmap(vmap(function, randomness="same"), randomness="different")(steep.stack([x, x]))
    assert both[0, 0].tolist() == both[0, 1].tolist() != both[1, 0].tolist()


def test_masks_are_scaled_and_features_whole() -> None:
    out = vmap(lambda x: F.dropout2d(x, 0.5), randomness="different")(steep.ones(4, 2, 8, 3, 3))
    assert set(out.flatten().tolist()) == {0.0, 2.0}
    assert (out.flatten(3).amax(-1) == out.flatten(3).amin(-1)).all()
    assert vmap(lambda x: F.dropout(x, 0.5, training=False))(X).tolist() == X.tolist()
    draws = vmap(lambda p: steep.bernoulli(p), randomness="different")(steep.full((9, 99), 0.5))
    assert 200 < draws.sum() < 700
    rows = vmap(lambda p: steep.multinomial(p, 2), randomness="different")(steep.ones(5, 3, 4))
    assert rows.shape == (5, 3, 2)
    with pytest.raises(RuntimeError, match="randomness='different'"):
        vmap(lambda p: steep.bernoulli(p), randomness="same")(steep.full((3, 4), 0.5))
    with pytest.raises(RuntimeError, match="not batched"):
        vmap(lambda x: x + steep.empty(4).uniform_(), randomness="different")(X)


# ---- without a rule ----


def test_loop_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_dispatch, "_told", set())
    with pytest.warns(UserWarning, match=r"vmap: histc .* once for each of the 3 examples"):
        found = vmap(lambda x: steep.histc(x, 3, 0, 12))(X)
    assert found.tolist() == [steep.histc(row, 3, 0, 12).tolist() for row in X]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vmap(lambda x: steep.histc(x, 3, 0, 12))(X)


@pytest.mark.filterwarnings("ignore:vmap")
def test_loops() -> None:
    rows = vmap(lambda x: x.index_put((steep.tensor([0]),), x[:1] * 2))(X)
    assert rows[1].tolist() == [8.0, 5.0, 6.0, 7.0]

    def put(x: Any, i: Any) -> Any:
        y = x.clone()
        y[i] = -1.0
        y.index_add_(0, i.reshape(1), x[:1])
        return y

    i = steep.tensor([0, 1, 2])
    each = [put(row, at).tolist() for row, at in zip(X, i, strict=True)]
    assert vmap(put)(X, i).tolist() == each
    rnn = steep.nn.GRU(4, 3)
    sequences = steep.randn(3, 5, 4)
    assert vmap(lambda x: rnn(x)[0])(sequences).shape == (3, 5, 3)
    with pytest.raises(RuntimeError, match="different shapes"):
        vmap(lambda x: steep.unique(x // 6))(steep.tensor([[1.0, 1.0], [1.0, 7.0]]))


class Double(steep.autograd.Function):
    """Twice, with a rule of its own."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad * 2


class DoubleOfBatches(Double):
    """The same, of a batch at once."""

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Any) -> Any:
        assert info.batch_size == 3 and info.randomness == "error"  # noqa: PT018
        assert in_dims == (0,)
        return DoubleOfBatches.apply(x), 0


def test_functions_with_rules_of_their_own() -> None:
    x = X.clone().requires_grad_()
    with pytest.warns(UserWarning, match="Double"):
        vmap(Double.apply)(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == steep.full((3, 4), 2.0).tolist()
    assert vmap(DoubleOfBatches.apply)(X).tolist() == (X * 2).tolist()


# ---- errors ----


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: vmap(steep.sin, randomness="none"), RuntimeError, "randomness"),
    (lambda: vmap(steep.sin, chunk_size=0), ValueError, "chunk_size"),
    (lambda: vmap(steep.sin)(), ValueError, "got no inputs"),
    (lambda: vmap(steep.sin, in_dims="0")(X), ValueError, "expected `in_dims` to be int"),
    (lambda: vmap(steep.add, in_dims=(0,))(X, X), ValueError, "not compatible with the structure"),
    (lambda: vmap(steep.sin, in_dims=(0.5,))(X), ValueError, "must be either an integer"),
    (lambda: vmap(steep.sin, in_dims=2)(X), ValueError, "dimensionality 2"),
    (lambda: vmap(steep.sin)(3.0), ValueError, "not vmap over non-Tensor|non-Tensor arguments"),
    (lambda: vmap(steep.sin, in_dims=(None,))(X), ValueError, "at least one input"),
    (lambda: vmap(steep.add)(X, X[:2]), ValueError, "same size"),
    (lambda: vmap(lambda x: 3)(X), ValueError, "must only return Tensors"),
    (lambda: vmap(lambda x: x, out_dims=(0, 0))(X), ValueError, "out_dims"),
    (lambda: vmap(lambda x: x, out_dims=None)(X), ValueError, "out_dim"),
    (lambda: vmap(lambda x: x, out_dims=5)(X), IndexError, "range"),
    (lambda: vmap(lambda x: x.sum(3))(X), IndexError, "out of range"),
    (lambda: vmap(lambda x: x.transpose(0, 1))(X), IndexError, "out of range"),
    (lambda: vmap(lambda x: x.sum().item())(X), RuntimeError, "item"),
    (lambda: vmap(lambda x: x if x.sum() > 0 else -x)(X), RuntimeError, "control flow"),
    (lambda: vmap(lambda x: x.numpy())(X), RuntimeError, "array"),
    (lambda: vmap(lambda x: x[x > 2])(X), RuntimeError, "mask"),
    (lambda: vmap(lambda x: steep.where(x > 2))(X), RuntimeError, "where"),
    (lambda: vmap(lambda x: F.one_hot(x.long()))(X), RuntimeError, "num_classes"),
    (lambda: vmap(lambda x: steep.zeros(4).add_(x))(X), RuntimeError, "inplace"),
    (lambda: vmap(lambda x: steep.add(x, x, out=steep.empty(4)))(X), RuntimeError, "out="),
    (lambda: vmap(lambda x: steep.dot(x, x[:2]))(X), RuntimeError, "size|shape"),
    (lambda: vmap(lambda x: x @ steep.ones(3))(X), RuntimeError, "size|shape"),
    (lambda: vmap(lambda x: x.view(3))(X), RuntimeError, "size|shape"),
])  # fmt: skip
def test_what_is_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
    assert steep.add(1.0, X).shape == (3, 4)  # calls go to the operations again


def test_outside_is_not_written_to() -> None:
    held = steep.zeros(4)
    for write in (lambda x: held.copy_(x), lambda x: held.__setitem__(0, x[0]),
                  lambda x: held.__iadd__(x)):  # fmt: skip
        with pytest.raises(RuntimeError, match="not batched"):
            vmap(write)(X)
    assert not held.any()


def test_example_that_got_away() -> None:
    kept: list[Any] = []
    vmap(lambda x: kept.append(x) or x)(X)  # type: ignore[func-returns-value]
    with pytest.raises((RuntimeError, TypeError)):
        steep.add(kept[0], 1)
    with pytest.raises(RuntimeError, match="had ended"):
        vmap(lambda x: x + kept[0])(X)


def test_wrong_arguments_name_the_operation() -> None:
    with pytest.raises(TypeError, match="softmax"):
        vmap(lambda x: x.softmax("rows"))(X)


def test_threads_do_not_meet() -> None:
    inside, done = threading.Event(), threading.Event()
    found: list[Any] = []

    def other() -> None:
        inside.wait(10)
        found.append(steep.rand(2).shape)  # no vmap runs on this thread
        found.append(vmap(lambda x: x.sum())(X).tolist())
        done.set()

    thread = threading.Thread(target=other)
    thread.start()

    def function(x: Any) -> Any:
        inside.set()
        assert done.wait(10)
        return x * 2

    assert vmap(function)(X).tolist() == (X * 2).tolist()
    thread.join()
    assert found == [(2,), X.sum(1).tolist()]
