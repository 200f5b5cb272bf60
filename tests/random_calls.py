"""Calls drawn at random: operations of the table as they stand there, and in other shapes.

The shapes of the table are small, and most of them even. Here rows end anywhere: a seed names a
call, its arrays, and so its results, which must not depend on where the arrays lie, on threads, or
on the instruction set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

import steep
from cases import TABLE
from cases.row import FLOATS, Arr, Array, Call, Row, call, materialize, transform
from runner import Recorded, numpy, run

Rng = np.random.Generator
Shape = tuple[int, ...]


class Drawn(NamedTuple):
    name: str
    row: Row
    described: Call
    call: Call

    def results(self, layout: Callable[[Array], Any]) -> list[Array]:
        """What it gives, and its gradients, for operands that lie where `layout` puts them."""
        steep.manual_seed(1)
        found = run(self.name, self.row, self.call, layout)
        dtypes = {a.dtype.kind for a in found}
        if self.row.gradient is not True or dtypes != {"f"}:
            return found
        graph = Recorded(self.name, self.row, self.described, self.call, layout)
        if not graph.leaves or not any(r.requires_grad for r in graph.results):
            return found
        graph.results = [r for r in graph.results if r.requires_grad]
        grads = graph.cotangents(np.random.default_rng(2))
        return found + numpy(graph.gradients([layout(g) for g in grads]))


def side(rng: Rng, most: int) -> int:
    """From 1 to `most`, in every order of magnitude alike."""
    return int(np.exp(rng.uniform(0, np.log(most + 1))))


def shape(rng: Rng, most: int) -> Shape:
    """One to three sides, `most` elements at most."""
    sides: list[int] = []
    for _ in range(rng.integers(1, 4)):
        sides.append(side(rng, max(1, most // int(np.prod(sides)))))
    return tuple(int(s) for s in rng.permutation(sides))


def pick(rng: Rng, names: str) -> str:
    return str(rng.choice(names.split()))


# Each gives an operation and what to call it with.


def from_table(rng: Rng) -> tuple[str, Row, Call]:
    names = [name for name, row in TABLE.items() if row.reference is not None]
    name = str(rng.choice(names))
    row = TABLE[name]
    return name, row, row.calls[rng.integers(len(row.calls))]


def pointwise(rng: Rng) -> tuple[str, Row, Call]:
    name = str(rng.choice([name for name, row in TABLE.items() if row.special]))
    row = TABLE[name]
    whole = shape(rng, 3000)

    def resized(spec: Arr) -> Arr:
        sides = whole[rng.integers(len(whole)) :] if rng.random() < 0.3 else whole
        cut = tuple(1 if rng.random() < 0.1 else n for n in sides)
        return replace(spec, shape=cut)

    return name, row, transform(row.calls[0], Arr, resized)


def reduction(rng: Rng) -> tuple[str, Row, Call]:
    name = pick(rng, "sum mean any all var std logsumexp norm max min amax amin argmax argmin prod")
    of = shape(rng, 9000)
    given: dict[str, Any] = {"dim": int(rng.integers(len(of))), "keepdim": bool(rng.random() < 0.5)}
    if name == "norm":
        given["p"] = float(rng.choice([1, 2, 3]))
    if name in ("var", "std"):
        given["correction"] = 0
    whole = name in ["sum", "mean", "amax", "amin"] and rng.random() < 0.4
    domain = "unit" if name == "prod" else "wide"
    return name, TABLE[name], Call((Arr(of, domain),), {} if whole else given)


def along(rng: Rng) -> tuple[str, Row, Call]:
    name = pick(rng, "softmax log_softmax cumsum")
    of = shape(rng, 9000)
    return name, TABLE[name], call(Arr(of, "spread"), int(rng.integers(len(of))))


def product(rng: Rng) -> tuple[str, Row, Call]:
    m, k, n = side(rng, 300), side(rng, 5000), side(rng, 300)
    left, right = rng.random(2) < 0.5

    def multiply(x: Any, y: Any) -> Any:
        return (x.t() if left else x) @ (y.t() if right else y)

    x, y = (k, m) if left else (m, k), (n, k) if right else (k, n)
    return "matmul", replace(TABLE["matmul"], function=multiply), call(Arr(x), Arr(y))


def layer(rng: Rng) -> tuple[str, Row, Call]:
    m, k, n = side(rng, 200), side(rng, 300), side(rng, 200)
    arrays = (Arr((m, k)), Arr((n, k)), Arr((n,)))
    if rng.random() < 0.5:
        return "linear", TABLE["linear"], call(*arrays)
    return (
        "linear_activation",
        TABLE["linear_activation"],
        call(*arrays, pick(rng, "relu tanh sigmoid")),
    )


def norm(rng: Rng) -> tuple[str, Row, Call]:
    rows, n = side(rng, 400), side(rng, 2000)
    affine = [Arr((n,)) if rng.random() < 0.7 else None for _ in range(2)]
    return "layer_norm", TABLE["layer_norm"], call(Arr((rows, n), "wide"), (n,), *affine)


def loss(rng: Rng) -> tuple[str, Row, Call]:
    rows, n = side(rng, 200), side(rng, 3000)
    reduction = pick(rng, "mean sum none")
    name = pick(rng, "cross_entropy mse_loss l1_loss huber_loss nll_loss")
    if name in ("cross_entropy", "nll_loss"):
        target = Arr((rows,), f"below{n}", "int64")
        given: dict[str, Any] = {"reduction": reduction, "ignore_index": 0}
        return name, TABLE[name], Call((Arr((rows, n), "wide"), target), given)
    pair = (Arr((rows, n)), Arr((rows, n), "wide"))
    return name, TABLE[name], Call(pair, {"reduction": reduction})


def index(rng: Rng) -> tuple[str, Row, Call]:
    name = pick(rng, "index_select gather scatter_add")
    of = shape(rng, 3000)
    dim = int(rng.integers(len(of)))
    count = side(rng, 40)
    if name == "index_select":
        return name, TABLE[name], call(Arr(of), dim, Arr((count,), f"below{of[dim]}", "int64"))
    chosen = Arr((*of[:dim], count, *of[dim + 1 :]), f"below{of[dim]}", "int64")
    more = (Arr(chosen.shape),) if name == "scatter_add" else ()
    return name, TABLE[name], call(Arr(of), dim, chosen, *more)


def cast(rng: Rng) -> tuple[str, Row, Call]:
    to = getattr(steep, pick(rng, "float32 float64 int64 int32 uint8 bool"))
    row = replace(TABLE["clone"], function=lambda x: x.to(to), gradient="a cast alone")
    return "to", row, call(Arr(shape(rng, 3000), "spread"))


def optimiser(rng: Rng) -> tuple[str, Row, Call]:
    shapes = [shape(rng, 3000) for _ in range(rng.integers(1, 5))]
    many = [[Arr(of, domain) for of in shapes] for domain in ("real", "real", "wide", "positive")]
    flags = [bool(flag) for flag in rng.random(3) < 0.5]
    decay = float(rng.choice([0, 0.1]))
    params, grads, moments, squares = many
    name = pick(rng, "sgd_step adam_step adagrad_step rmsprop_step nadam_step")
    steps = [np.array(int(rng.integers(100)), np.float32) for _ in shapes]
    if name == "sgd_step":
        rest = [moments, np.array([0.1, 0.9, 0.2, decay]), *flags]
    elif name == "adam_step":
        most = squares if flags[0] else []
        hyper = np.array([0.1, 0.9, 0.99, 1e-8, decay])
        rest = [moments, squares, most, steps, hyper, *flags[1:]]
    elif name == "adagrad_step":
        rest = [squares, steps, np.array([0.1, 0.01, decay, 1e-8]), flags[0]]
    elif name == "rmsprop_step":
        means = [Arr(of, "distribution") for of in shapes] if flags[1] else []
        hyper = np.array([0.1, 0.9, 1e-8, decay, 0.8 if flags[2] else 0.0])
        rest = [squares, means, moments if flags[2] else [], steps, hyper, flags[0]]
    else:
        products = [np.array(rng.random(), np.float32) for _ in shapes]
        hyper = np.array([0.1, 0.9, 0.99, 1e-8, decay, 0.004])
        rest = [moments, squares, products, steps, hyper, *flags[1:]]
    return name, TABLE[name], call(params, grads, *rest)


def written(rng: Rng) -> tuple[str, Row, Call]:
    """In place: all of an operand, or every other element of its rows."""
    function = pick(rng, "exp tanh sigmoid relu abs sqrt add sub mul div fill copy product")
    gapped = bool(rng.random() < 0.5)

    def write(x: Any, y: Any) -> Any:
        window = x[:, 1::2] if gapped else x
        if function == "product":
            window.copy_(y[:, :1] @ y[:1, : window.shape[1]] + window)
        elif function in ("exp", "tanh", "sigmoid", "relu", "abs", "sqrt"):
            getattr(window, f"{function}_")()
        elif function == "fill":
            window.fill_(2.0)
        else:
            getattr(window, f"{function}_")(y[:, : window.shape[1]])
        return x

    sides = side(rng, 60), side(rng, 200) + 1
    row = replace(TABLE["exp"], function=write, gradient="it writes in place")
    return f"{function}_", row, call(Arr(sides, "wide"), Arr(sides))


def draws(rng: Rng) -> tuple[str, Row, Call]:
    """Masks and numbers of the generators, after the same seed."""
    kinds: list[tuple[str, Callable[[Any], Any]]] = [
        ("dropout", lambda x: steep.nn.functional.dropout(x, 0.3)),
        ("randn", lambda x: steep.randn(x.shape, dtype=x.dtype) + x),
        ("rand", lambda x: steep.rand(x.shape, dtype=x.dtype) + x),
        ("arange", lambda x: steep.arange(x.numel(), dtype=x.dtype) * 0.1 + x.reshape(-1)),
    ]
    name, function = kinds[rng.integers(len(kinds))]
    return name, replace(TABLE["exp"], function=function), call(Arr(shape(rng, 3000)))


KINDS = (
    *(from_table, pointwise, pointwise, reduction, reduction, along, product, product),
    *(layer, norm, loss, index, cast, optimiser, written, draws),
)


def draw(seed: int) -> Drawn:
    rng = np.random.default_rng(seed)
    kind = KINDS[seed % len(KINDS)]
    name, row, described = kind(rng)
    wanted = row.dtypes if kind in (from_table, pointwise, cast) else FLOATS
    dtype = str(rng.choice([d for d in row.dtypes if d in wanted]))
    return Drawn(name, row, described, materialize(described, dtype, f"{seed}"))


# Where operands lie.


def at(offset: int) -> Callable[[Array], Any]:
    """`offset` elements into memory of steep's own that ends with the array."""

    def place(array: Array) -> Any:
        dtype = getattr(steep, array.dtype.name)
        x = steep.empty(offset + array.size, dtype=dtype)[offset:].view(array.shape)
        x.copy_(steep.from_numpy(np.array(array)))
        return x

    return place


def apart(array: Array) -> Any:
    """Every other element of memory that ends with the last one."""
    dtype = getattr(steep, array.dtype.name)
    strides = [2 * int(np.prod(array.shape[i + 1 :])) for i in range(array.ndim)]
    extent = 1 + sum((n - 1) * step for n, step in zip(array.shape, strides, strict=True))
    x = steep.empty(max(extent, 0), dtype=dtype).as_strided(array.shape, strides)
    x.copy_(steep.from_numpy(np.array(array)))
    return x
