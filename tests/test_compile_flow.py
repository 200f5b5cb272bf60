"""Numbers that reach the result by way of variables, containers, comprehensions and helpers."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import steep

LOG: list[Any] = []


def loss_of(x: Any) -> Any:
    return x.exp().sum()


# ---- what helpers do ---------------------------------------------------------------------------


def value_of(x: Any) -> Any:
    return loss_of(x).item()


def pair_of(x: Any) -> Any:
    loss = loss_of(x)
    return loss * 2, loss.item()


def metrics_of(x: Any) -> Any:
    return {"loss": value_of(x), "most": x.max().item()}


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def noted(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        result = function(*args)
        LOG.append(result > 3)
        return result

    return wrapper


@contextlib.contextmanager
def scaled(x: Any) -> Iterator[Any]:
    yield x * 2


class Trainer:
    scale = 2.0

    def loss(self, x: Any) -> Any:
        return (loss_of(x) * self.scale).item()

    @staticmethod
    def of_static(x: Any) -> Any:
        return loss_of(x).item()

    @classmethod
    def of_class(cls, x: Any) -> Any:
        return (loss_of(x) * cls.scale).item()

    @property
    def best(self) -> Any:
        return LAST[0].max().item()

    @wrapped
    def decorated(self, x: Any) -> Any:
        return loss_of(x).item()

    @noted
    def kept(self, x: Any) -> Any:
        return loss_of(x).item()

    @steep.no_grad()
    def without_gradient(self, x: Any) -> Any:
        return loss_of(x).item()

    def all(self, x: Any) -> Any:
        return self.loss(x), self.decorated(x), {"d": self.without_gradient(x)}


class Both:
    def __init__(self) -> None:
        self.trainer = Trainer()


TRAINER, BOTH, LAST = Trainer(), Both(), [steep.ones(3)]

REPLAYED = {
    "list": "return [y.item() for y in (x.sum(), x.max())]",
    "dict": "return {k: y.item() for k, y in {'a': x.sum(), 'b': x.max()}.items()}",
    "nested": "return {k: [z.item() for z in y] for k, y in {'a': x, 'b': x * 2}.items()}",
    "floats": "return [float(y) for y in x]",
    "whole": "return int(x.argmax()), [int(y.argmax().item()) for y in (x, -x)]",
    "float of a float": "return float(x.max().item())",
    "log": "log = {}\n log['a'] = x.sum().item()\n log['b'] = x.max().item()\n return log",
    "annotated": "log: dict = {}\n v: float = x.sum().item()\n log['a'] = v\n return log",
    "filled": "log = dict(n=1)\n log.update(a=x.sum().item())\n log.update({'b': x.max().item()})\n"
    " return log",
    "appended": "log = []\n for y in x:\n  log.append(y.item())\n return log",
    "keywords": "return dict(a=x.sum().item(), b=dict(c=1))",
    "variables": "a = x.sum().item()\n b = {'a': a}\n c = [b, a]\n return c",
    "assigned in turn": "a, b = x.sum().item(), x * 2\n return a, b.sum()",
    "unpacked": "log = [y.item() for y in x]\n return [*log, 1], {**{'a': x.sum().item()}}",
    "dropped": "x.sum().item()\n v = x.max().item()\n return x * 2",
    "helper": "return value_of(x)",
    "its value": "v = value_of(x)\n w = metrics_of(x)\n return {'v': v, **w, 'w': w}",
    "one of a pair": "y, v = pair_of(x)\n return {'y': (y * 3).sum(), 'v': v}",
    "dropped by the caller": "value_of(x)\n y, _ = pair_of(x)\n return y + 1",
    "method": "return TRAINER.loss(x), BOTH.trainer.loss(x), BOTH.trainer.all(x)",
    "static and class method": "return Trainer.of_static(x), TRAINER.of_class(x)",
    "decorated": "return TRAINER.decorated(x), TRAINER.without_gradient(x)",
    "inner function": "def inner(y):\n  return y.sum().item()\n return inner(x), inner(x * 2)",
    "lambda": "last = lambda y: y.sum().item()\n return last(x)",
    "in a comprehension": "return [value_of(y) for y in (x, x * 2)]",
    "in a block": "with scaled(x) as y:\n  return y.sum().item()",
    "recursion": "def go(y, n):\n  return go(y * 2, n - 1) if n else y.max().item()\n"
    " return go(x, 3)",
}

USED = {
    "condition of a comprehension": "return [1 for y in x if y.item() > 1]",
    "key of a comprehension": "return {y.item(): 1 for y in (x.sum(),)}",
    "summed": "return sum([y.item() for y in x])",
    "set": "return len({y.item() for y in x})",
    "sorted": "return sorted([y.item() for y in x])",
    "generator": "return list(y.item() for y in x)",
    "int of a float": "return int(x.sum().item())",
    "float of an int": "return float(x.argmax().item())",
    "rounded": "return round(x.sum().item(), 2)",
    "read again": "log = {}\n log['a'] = x.sum().item()\n return log if log['a'] > 3 else {}",
    "added to": "log = {'a': 0.0}\n log['a'] += x.sum().item()\n return log",
    "length": "log = []\n log.append(x.sum().item())\n return log, max(log)",
    "loop": "log = [y.item() for y in x]\n return [v + 1 for v in log]",
    "list outside": "LOG.append(x.sum().item())\n return x * 2",
    "item of a list outside": "LOG[:] = [x.sum().item()]\n return x * 2",
    "list of another": "log = LOG\n log.append(x.sum().item())\n return x * 2",
    "a parameter": "def put(log=LOG):\n  log = log or []\n  log.append(x.sum().item())\n put()",
    "dict of another": "TRAINER.__dict__['v'] = x.sum().item()\n return TRAINER.v > 3",
    "another dict()": "def dict(a):\n  return a + 1\n return dict(a=x.sum().item())",
    "float of an array": "return float(x.sum().numpy())",
    "int of a bool": "return int((x.sum() > 3).item())",
    "another int": "int = round\n return int(x.argmax().item())",
    "helper that is used": "return value_of(x) + 1",
    "pair that is used": "y, v = pair_of(x)\n return y * v",
    "swapped": "v, y = pair_of(x)\n return v.sum() > 3, y.__float__() > 3",
    "key function": "return max([x, x * 0], key=value_of)",
    "lambda as a key": "return sorted([0, 1], key=lambda k: value_of(x * (1 - 2 * k)))",
    "mapped": "return list(map(str, map(value_of, [x])))",
    "partial": "return max([x, x * 0], key=functools.partial(value_of))",
    "property": "LAST[0] = x\n return TRAINER.best * 2",
    "noted by a decorator": "return TRAINER.kept(x)",
    "star": "def inner(*values):\n  return values[0] > 3\n return inner(*[x.sum().item()])",
    "keyword": "def inner(v):\n  return v > 3\n return inner(v=x.sum().item())",
    "default": "v = x.sum().item()\n def inner(v=v):\n  return v > 3\n return inner()",
    "matched": "match x.sum().item():\n  case v:\n   return v > 3",
    "loop variable": "for v in [x.sum().item()]:\n  pass\n return v > 3",
    "exception": "try:\n  raise ValueError(value_of(x))\n except ValueError as error:\n"
    "  return error.args[0] > 3",
    "stored by a helper": "def inner(y):\n  LOG.append(v := y.sum().item())\n  return v\n"
    " return inner(x)",
    "locals": "a = [y.item() for y in x]\n return locals()['a'][0] > 3",
}  # fmt: skip


def function_of(body: str, tmp_path: Any) -> Any:
    """A function from a file, as users' are."""
    path = tmp_path / "bodies.py"
    path.write_text(f"def function(x):\n {body}\n")
    names = {**globals(), "LOG": LOG}
    exec(compile(path.read_text(), str(path), "exec"), names)
    return names["function"]


def inputs() -> list[Any]:
    return [steep.tensor([0.1, 1.0, 0.3]) * i for i in (3, 3, 3, 3, 1, 2, 0, 5, -3, 4)]


@pytest.mark.parametrize("body", REPLAYED)
def test_numbers_that_flow_into_the_result_are_read_anew(body: str, tmp_path: Any) -> None:
    function = function_of(REPLAYED[body], tmp_path)
    compiled = steep.compile(function, fullgraph=True)
    for x in inputs():
        LAST[0] = LAST[0] if body != "property" else x
        assert repr(compiled(x)) == repr(function(x))
    assert compiled.programs()[0].runs >= 5


@pytest.mark.filterwarnings("ignore:compile")
@pytest.mark.parametrize("body", USED)
def test_numbers_that_something_looks_at_keep_a_function_eager(body: str, tmp_path: Any) -> None:
    function = function_of(USED[body], tmp_path)
    compiled = steep.compile(function)
    for x in inputs():
        LOG.clear()
        got = repr(compiled(x)), repr(LOG)
        LOG.clear()
        assert got == (repr(function(x)), repr(LOG))
    assert not compiled.programs()


def test_a_helper_that_is_replaced_is_looked_at_anew() -> None:
    """What it does with the number may have changed."""

    def plain(x: Any) -> Any:
        return x.sum().item()

    def rounding(x: Any) -> Any:
        return round(x.sum().item())

    helper = plain
    compiled = steep.compile(lambda x: {"v": helper(x)})
    for x in inputs():
        assert compiled(x) == {"v": plain(x)}
    assert compiled.programs()[0].runs >= 5
    helper = rounding
    with pytest.warns(UserWarning, match="reads a value into Python"):
        got = [compiled(x) for x in inputs()]
    assert got == [{"v": rounding(x)} for x in inputs()]
