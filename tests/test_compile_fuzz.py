"""`steep.compile` against the function itself, on random functions.

A function is a list of operations on a pool of tensors: arguments (windows and strided ones, some
sharing memory), parameters, buffers, and what the operations made. It is run as it is and compiled,
from equal states, on fresh values at each call; results, what was written, gradients, who shares
memory with whom, and the random stream must have the same bits. What an operation refuses is left
out, on both sides alike.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from compiling import replays

nn = steep.nn
F = steep.nn.functional

CALLS = 8
BATCH = 40  # functions a test
REFUSALS = (RuntimeError, IndexError, TypeError, ValueError)
FLOATING = (steep.float32, steep.float64)
Pool = list[Any]
# What an operation gets: three tensors of the pool, a number, and the side it runs on.
Operation = Callable[[Any, Any, Any, float, "Side"], Any]


def first_axis(mask: Any) -> Any:
    """Zeros of dtype int64: an index along the first axis that comes from a tensor."""
    return (mask > 0).long() * 0


def sub_gradients(side: Side) -> None:
    for p in side.params:
        if p.grad is not None:
            p.sub_(p.grad * 0.1)


PURE: dict[str, Operation] = {
    "exp": lambda x, y, z, n, s: x.exp(),
    "tanh": lambda x, y, z, n, s: x.tanh(),
    "relu": lambda x, y, z, n, s: F.relu(x),
    "gelu": lambda x, y, z, n, s: F.gelu(x),
    "softmax": lambda x, y, z, n, s: F.softmax(x, -1),
    "cumsum": lambda x, y, z, n, s: x.cumsum(0),
    "add": lambda x, y, z, n, s: x + y,
    "sub": lambda x, y, z, n, s: x - y * n,
    "mul": lambda x, y, z, n, s: x * y,
    "maximum": lambda x, y, z, n, s: steep.maximum(x, y),
    "where": lambda x, y, z, n, s: steep.where(x > y, y, z),
    "less": lambda x, y, z, n, s: x < y,
    "scaled": lambda x, y, z, n, s: n - x * n,
    "clamp": lambda x, y, z, n, s: x.clamp(-1, 1),
    "double": lambda x, y, z, n, s: x.double(),
    "float": lambda x, y, z, n, s: x.float(),
    "long": lambda x, y, z, n, s: x.clamp(-9, 9).long(),
    "bool": lambda x, y, z, n, s: x.bool(),
    "sum": lambda x, y, z, n, s: x.sum(),
    "sum first": lambda x, y, z, n, s: x.sum(0),
    "mean": lambda x, y, z, n, s: x.mean(-1, keepdim=True),
    "max": lambda x, y, z, n, s: list(x.max(-1)),
    "any": lambda x, y, z, n, s: (x > n).any(),
    "std": lambda x, y, z, n, s: x.std(0),
    "logsumexp": lambda x, y, z, n, s: x.logsumexp(-1),
    "matmul": lambda x, y, z, n, s: x @ y.t(),
    "linear": lambda x, y, z, n, s: F.linear(x, s.params[0], s.params[1]),
    "linear relu": lambda x, y, z, n, s: F.relu(F.linear(x, s.params[0], s.params[1])),
    "product tanh": lambda x, y, z, n, s: steep.tanh(x @ s.params[0] + s.params[1]),
    "product leaky": lambda x, y, z, n, s: F.leaky_relu(x @ s.params[0] + s.params[1], 0.1),
    "batched": lambda x, y, z, n, s: x.unsqueeze(0) @ s.params[0].unsqueeze(0),
    "squared error": lambda x, y, z, n, s: F.mse_loss(x, y),
    "cross entropy": lambda x, y, z, n, s: F.cross_entropy(x, steep.arange(len(x)) % x.shape[1]),
    "cat": lambda x, y, z, n, s: steep.cat([x, y]),
    "stack": lambda x, y, z, n, s: steep.stack([x, y], 1),
    "chunk": lambda x, y, z, n, s: list(x.chunk(2, -1)),
    "unbind": lambda x, y, z, n, s: list(x.unbind(0))[:3],
    "index": lambda x, y, z, n, s: x[steep.arange(3) % len(x)],
    "gather": lambda x, y, z, n, s: x.gather(0, first_axis(y)),
    "scatter": lambda x, y, z, n, s: x.scatter_add(0, first_axis(y), y.to(x.dtype)),
    "row": lambda x, y, z, n, s: x[0],
    "rows": lambda x, y, z, n, s: x[1:],
    "columns": lambda x, y, z, n, s: x[..., 1:],
    "every other": lambda x, y, z, n, s: x[::2],
    "transposed": lambda x, y, z, n, s: x.t(),
    "flat": lambda x, y, z, n, s: x.view(-1),
    "expanded": lambda x, y, z, n, s: x.expand(3, *x.shape),
    "detach": lambda x, y, z, n, s: x.detach(),
    "clone": lambda x, y, z, n, s: x.clone(),
    "zeros": lambda x, y, z, n, s: steep.zeros(x.shape, dtype=x.dtype),
    "constant": lambda x, y, z, n, s: steep.tensor([n, 2 * n, 3 * n]),
    "dropout": lambda x, y, z, n, s: F.dropout(x, 0.5),
    "rand": lambda x, y, z, n, s: steep.rand_like(x),
}
WRITING: dict[str, Operation] = {
    "add_": lambda x, y, z, n, s: x.add_(y),
    "mul_": lambda x, y, z, n, s: x.mul_(y),
    "copy_": lambda x, y, z, n, s: x.copy_(y),
    "fill_": lambda x, y, z, n, s: x.fill_(n),
    "tanh_": lambda x, y, z, n, s: x.tanh_(),
    "normal_": lambda x, y, z, n, s: x.normal_(),
    "masked_fill_": lambda x, y, z, n, s: x.masked_fill_(y > 0, n),
    "set row": lambda x, y, z, n, s: x.__setitem__(0, y),
    "set column": lambda x, y, z, n, s: x.__setitem__((..., 0), y),
    "set every other": lambda x, y, z, n, s: x.__setitem__(slice(None, None, 2), y[::2]),
    "shift": lambda x, y, z, n, s: x.__setitem__(slice(1, None), x[:-1]),
    "put": lambda x, y, z, n, s: x.__setitem__(steep.arange(2), y[0]),
}
GRADIENTS: dict[str, Operation] = {
    "backward": lambda x, y, z, n, s: x.sum().backward(),
    "backward again": lambda x, y, z, n, s: x.sum().backward(retain_graph=True),
    "grad": lambda x, y, z, n, s: steep.autograd.grad(x.sum(), s.params[0], retain_graph=True)[0],
    "drop": lambda x, y, z, n, s: setattr(s.params[int(n) % 4], "grad", None),
    "read": lambda x, y, z, n, s: s.params[int(n) % 4].grad * n,
    "scale": lambda x, y, z, n, s: s.params[int(n) % 4].grad.mul_(n),
    "set": lambda x, y, z, n, s: setattr(s.params[0], "grad", s.params[0].detach() * n),
    "descend": lambda x, y, z, n, s: sub_gradients(s),
    "step": lambda x, y, z, n, s: s.optimizer.step(),
    "clip": lambda x, y, z, n, s: nn.utils.clip_grad_norm_(s.params, 1.0),
    "zero": lambda x, y, z, n, s: s.optimizer.zero_grad(set_to_none=n > 0),
}
WRITES = {*WRITING, "drop", "scale", "set", "descend", "step", "clip", "zero"}  # return nothing new
GRADLESS = {"descend", "step"}


class Plan:
    """A random function, and what happens between its calls."""

    def __init__(self, seed: int, *, large: bool) -> None:
        chance = random.Random(seed)
        self.seed = seed
        rows, columns = (
            (300, 200) if large else (chance.choice([1, 2, 5]), chance.choice([1, 3, 8]))
        )
        square = (columns, columns)
        shapes: list[tuple[int, ...]] = [(rows, columns)] * 3
        shapes += [
            (columns,),
            (rows, 1),
            (1, columns),
            (),
            square,
            (0, columns),
            (2, rows, columns),
        ]
        dtypes = [*[steep.float32] * 6, steep.float64, steep.int64, steep.bool, steep.uint8]
        self.params = [square, (columns,), (rows, columns), chance.choice(shapes)]
        self.frozen = [chance.random() < 0.15 for _ in self.params]
        self.buffers = [(chance.choice(shapes), chance.choice(dtypes)) for _ in range(3)]
        layouts = ["plain", "plain", "window", "transposed", "strided", "leaf", "shared"]
        self.args = [
            (chance.choice(shapes), chance.choice(dtypes), chance.choice(layouts))
            for _ in range(chance.choice([1, 2, 3]))
        ]
        self.optimizer = chance.choice(["SGD", "Adam"])
        tables = chance.choices([PURE, WRITING, GRADIENTS], [10, 2, 3], k=chance.choice([4, 9, 20]))
        self.operations = [
            (
                chance.choice(list(table)),
                [chance.randrange(10**6) for _ in range(3)],
                chance.choice([0.5, 2, -1, 3, 1]),
                chance.random() < 0.2,
            )
            for table in tables
        ]
        self.results = [
            (chance.randrange(10**6), chance.choice(["one", "pair", "dict", "view"]))
            for _ in range(chance.choice([0, 1, 2, 3]))
        ]
        acts = ["drop", "zero", "set", "keep", "move", "halve", "freeze", "threads"]
        self.between = [
            [(chance.choice(acts), chance.randrange(4)) for _ in range(2)]
            if chance.random() < 0.25
            else []
            for _ in range(CALLS)
        ]
        self.threads = chance.choice([1, 2, 3])


def values(rng: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    if dtype in FLOATING:
        return steep.tensor(rng.normal(size=shape)).to(dtype)
    return steep.tensor(rng.integers(0, 2 if dtype == steep.bool else 5, size=shape)).to(dtype)


class Side:
    """What a function works on besides its arguments."""

    def __init__(self, plan: Plan) -> None:
        rng = np.random.default_rng(plan.seed)
        self.plan = plan
        self.params = [values(rng, shape, steep.float32) * 0.5 for shape in plan.params]
        for p, frozen in zip(self.params, plan.frozen, strict=True):
            p.requires_grad_(not frozen)
        self.buffers = [values(rng, shape, dtype) for shape, dtype in plan.buffers]
        self.optimizer = getattr(steep.optim, plan.optimizer)(self.params, lr=0.1)
        self.kept: list[Any] = []

    def act(self, what: str, at: int) -> None:
        """What a user may do between two calls."""
        p = self.params[at]
        if what == "drop":
            p.grad = None
        elif what == "set":
            p.grad = steep.full(tuple(p.shape), 0.25)
        elif what == "freeze" and p.is_leaf:
            p.requires_grad_(not p.requires_grad)
        elif what == "threads":
            steep.set_num_threads(1 + at % 3)
        elif what == "halve":
            with steep.no_grad():
                p.mul_(0.5)
        elif p.grad is not None:
            if what == "zero":
                p.grad.zero_()
            else:
                self.kept.append(p.grad)
            if what == "move":
                p.grad = None

    def pick(self, pool: Pool, at: int, name: str) -> Any:
        """A tensor of the pool; for backward one that has a graph."""
        if name.startswith("backward") or name == "grad":
            pool = [x for x in pool if x.requires_grad and not x.is_leaf] or pool
        return pool[at % len(pool)]

    def __call__(self, *args: Any) -> Any:
        pool: Pool = [*args, *self.params, *self.buffers]
        given = len(pool)
        for name, places, number, gradless in self.plan.operations:
            operation = (PURE | WRITING | GRADIENTS)[name]
            chosen = [self.pick(pool, at, name) for at in places]
            try:
                with steep.set_grad_enabled(not (gradless or name in GRADLESS)):
                    made = operation(*chosen, number, self)
            except (*REFUSALS, AttributeError):
                continue
            if name not in WRITES:
                made = made if isinstance(made, list) else [made]
                pool += [x for x in made if x is not None and x.numel() < 10**6]
        return self.results(pool[given:]) if len(pool) > given else ()

    def results(self, made: Pool) -> Any:
        out: list[Any] = []
        for at, kind in self.plan.results:
            x = made[at % len(made)].detach()
            if kind == "pair":
                out.append((x, None, x))
            elif kind == "dict":
                out.append({"x": x, "n": 1})
            else:
                out.append(x.view(-1)[:1] if kind == "view" and x.is_contiguous() else x)
        return out


def arguments(plan: Plan, call: int) -> list[Any]:
    rng = np.random.default_rng((plan.seed, call))
    args: list[Any] = []
    for shape, dtype, layout in plan.args:
        x = values(rng, shape, dtype)
        if layout == "window" and x.dim():
            x = steep.cat([x, x, x])[int(rng.integers(0, 3)) :][: len(x)]
        elif layout == "transposed" and x.dim() == 2:
            x = x.t().contiguous().t()
        elif layout == "strided" and x.dim():
            x = steep.stack([x, x], -1)[..., 0]
        elif layout == "leaf" and dtype in FLOATING:
            leaf = steep.zeros(shape, dtype=dtype, requires_grad=True)
            leaf.detach().copy_(x)
            x = leaf
        elif layout == "shared" and args and args[0].dim():
            x = args[0].detach()[call % 2 :]
        args.append(x)
    return args


def tensors_in(result: Any) -> list[Any]:
    if isinstance(result, steep.Tensor):
        return [result]
    items = result.values() if isinstance(result, dict) else result
    return [
        x
        for item in items
        if isinstance(item, steep.Tensor | list | tuple | dict)
        for x in tensors_in(item)
    ]


def bits(x: Any) -> Any:
    """Dtype, shape and bytes; NaNs count as one, for their sign depends on the operands' order."""
    if x is None:
        return None
    array = x.detach().numpy()
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), np.array(np.nan, array.dtype), array)
    return str(array.dtype), array.shape, array.tobytes()


def traces(side: Side, args: list[Any], results: list[Any]) -> dict[str, Any]:
    """All that a call leaves behind."""
    grads = [x.grad for x in [*side.params, *args] if x.is_leaf]
    groups = {
        "result": results,
        "argument": args,
        "parameter": side.params,
        "buffer": side.buffers,
        "gradient": grads,
        "kept gradient": side.kept,
        "random stream": [steep.get_rng_state()],
    }
    found = {f"{what} {i}": bits(x) for what, group in groups.items() for i, x in enumerate(group)}
    memory = [x.detach().numpy() for x in [*results, *args, *side.params, *side.buffers]]
    for i, x in enumerate(memory):
        for j, y in enumerate(memory[:i]):
            found[f"memory shared by {j} and {i}"] = np.may_share_memory(x, y)
    return found


def check(plan: Plan) -> bool:
    """Run both sides; whether anything was replayed."""
    plain, other = Side(plan), Side(plan)
    compiled = steep.compile(other.__call__)
    held = []
    for call in range(CALLS):
        left: list[dict[str, Any]] = []
        for side, function in ((plain, plain), (other, compiled)):
            steep.set_num_threads(plan.threads)
            for what, at in plan.between[call]:
                side.act(what, at)
            args = arguments(plan, call)
            steep.manual_seed(call)
            results = tensors_in(function(*args))
            left.append(traces(side, args, results))
            held.append(results)
        wrong = {k: v for k, v in left[1].items() if left[0].get(k) != v}
        assert left[0].keys() == left[1].keys(), (plan.seed, call)
        assert not wrong, (plan.seed, call, list(wrong), plan.operations)
    for expected, got in zip(held[::2], held[1::2], strict=True):
        assert [*map(bits, expected)] == [*map(bits, got)], (plan.seed, "a result was overwritten")
    return replays(compiled) > 0


@pytest.fixture(autouse=True)
def _threads_as_before() -> Any:
    threads = steep.get_num_threads()
    yield
    steep.set_num_threads(threads)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("batch", range(10))
def test_random_functions(batch: int) -> None:
    replayed = [check(Plan(batch * BATCH + i, large=False)) for i in range(BATCH)]
    assert sum(replayed) > BATCH * 0.6


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("batch", range(4))
def test_random_functions_on_threads(batch: int) -> None:
    replayed = [check(Plan(10_000 + batch * 5 + i, large=True)) for i in range(5)]
    assert sum(replayed) > 2
