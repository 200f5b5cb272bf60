"""Arguments that nobody should pass, and that must do no harm."""

from __future__ import annotations

import decimal
import fractions
import random
from collections.abc import Callable
from typing import Any

import numpy as np

import steep


class SpiteError(Exception):
    """Raised by a hostile object on purpose."""


GIANTS = [
    *(sign * (1 << power) + shift for power in (31, 32, 62, 63, 64) for sign in (1, -1)
      for shift in (-1, 0, 1)),
    10**40,
    -(10**400),
]  # fmt: skip
FLOATS = [0.0, -0.0, 0.5, -1.5, 1e-320, 1e39, -1e308, float("inf"), -float("inf"), float("nan")]


class Meddler:
    """An item that changes the list it is in, or raises, when somebody looks at it."""

    def __init__(self, chance: random.Random, home: list[Any]) -> None:
        self.home = home
        self.act = chance.choice(["clear", "grow", "swap", "nest", "raise", "other", "steep"])
        self.value = chance.choice([0, 1, 2, -1, 3])

    def meddle(self) -> Any:
        if self.act == "clear":
            self.home.clear()
        elif self.act == "grow" and len(self.home) < 1000:
            self.home.extend([1] * 100)
        elif self.act == "swap":
            self.home[:] = [steep.ones(2) for _ in self.home]
        elif self.act == "nest":
            self.home[:] = [[1, 2]]
        elif self.act == "raise":
            raise SpiteError("on purpose")
        elif self.act == "other":
            return "not a number"
        elif self.act == "steep":
            steep.ones(3, requires_grad=True).exp().sum().backward()
        return self.value


class Index(Meddler):
    def __index__(self) -> Any:
        return self.meddle()


class Float(Meddler):
    def __float__(self) -> Any:
        return self.meddle()


class Sized(Meddler):
    """A sequence whose length is not what its items are."""

    def __len__(self) -> Any:
        self.meddle()
        return max(self.value, 0)

    def __getitem__(self, at: int) -> Any:
        if self.value == 3 or at > 5:
            raise IndexError(at)
        return self.value


class Convertible(Meddler):
    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        found = self.meddle()
        return found if isinstance(found, str) else np.ones(max(found, 0), np.float32)


class Iterable(Meddler):
    def __iter__(self) -> Any:
        yield self.meddle()
        yield self.value


class Truth(Meddler):
    def __bool__(self) -> Any:
        return bool(self.meddle())


MEDDLERS = [Index, Index, Index, Float, Sized, Convertible, Iterable, Truth]


class Grown(steep.Tensor):
    """A subclass of Tensor."""


def meddling(chance: random.Random, items: list[Any] | None = None) -> Any:
    """A list with an item that changes it; now and then a tuple, or the item alone."""
    home: list[Any] = [1, 2, 3][: chance.randrange(4)] if items is None else items
    home.insert(chance.randint(0, len(home)), chance.choice(MEDDLERS)(chance, home))
    kind = chance.random()
    if kind < 0.7:
        return home
    return tuple(home) if kind < 0.85 else chance.choice(MEDDLERS)(chance, home)


def knot() -> list[Any]:
    items: list[Any] = [1]
    items.append(items)
    return items


def nested(depth: int) -> Any:
    items: Any = 1.0
    for _ in range(depth):
        items = [items]
    return items


def odd_array(chance: random.Random) -> Any:
    """A NumPy array that steep has no tensor for, or one with unusual memory."""
    base = np.arange(12).reshape(3, 4)
    locked = base.astype(np.float32)
    locked.flags.writeable = False
    options: list[Callable[[], Any]] = [
        lambda: base.astype(chance.choice(["f2", "c8", "c16", "i1", "i2", "u2", "u4", "u8"])),
        lambda: base.astype(chance.choice([">f4", ">i8", ">f8"])),
        lambda: base.astype(object),
        lambda: np.array(["a", "b"]),
        lambda: np.zeros(3, [("a", "f4"), ("b", "i8")]),
        lambda: base[::-1, ::-2].astype(np.float64)[::-1],
        lambda: np.lib.stride_tricks.as_strided(base.astype(np.float32), (3, 3), (4, 4)),
        lambda: np.frombuffer(bytes(33), np.uint8)[1:].view(np.float32),  # not aligned
        lambda: np.zeros(3, [("a", "u1"), ("b", "f4")])["b"],  # strides of no whole items
        lambda: locked,
        lambda: np.zeros((0, 3, 1), np.int64),
        lambda: np.zeros((1,) * 40, np.float32),
        lambda: np.broadcast_to(np.float32(1), (1 << 40, 3)),
        lambda: np.float32(1.5),
        lambda: np.datetime64("2020-01-01"),
        lambda: np.bool_(True),
        lambda: np.uint64(2**64 - 1),
    ]
    return chance.choice(options)()


def number(chance: random.Random) -> Any:
    """Something that may stand for a number."""
    pools: list[list[Any]] = [
        list(range(-4, 6)),
        GIANTS,
        FLOATS,
        [True, False, 1j, None, "1", b"1"],
        [np.int64(2), np.uint8(255), np.float32("nan"), np.float64(1e300), np.bool_(True)],
        [fractions.Fraction(1, 3), decimal.Decimal("1e400"), np.longdouble(3)],
    ]
    weights = [4, 4, 4, 1, 1, 1]
    if chance.random() < 0.1:
        return chance.choice([Index, Float, Truth])(chance, [])
    return chance.choice(chance.choices(pools, weights)[0])


def sizes(chance: random.Random) -> Any:
    """Something that may stand for dimensions or sizes."""
    kind = chance.random()
    if kind < 0.15:
        return number(chance)
    if kind < 0.3:
        return meddling(chance)
    plain = [chance.choice([0, 1, 2, 3, -1, -2, 4]) for _ in range(chance.randrange(5))]
    if kind < 0.5 and plain:
        plain[chance.randrange(len(plain))] = number(chance)
    if kind < 0.53:
        plain = [1] * chance.choice([20, 64, 65, 1000])
    return chance.choice([list, tuple, steep.Size, np.array, iter])(plain) if plain else plain


def anything(chance: random.Random, tensor: Callable[[], Any]) -> Any:
    """Any value at all; ``tensor()`` makes a tensor."""
    options: list[Callable[[], Any]] = [
        lambda: number(chance),
        lambda: sizes(chance),
        lambda: meddling(chance),
        lambda: odd_array(chance),
        tensor,
        lambda: [tensor() for _ in range(chance.randrange(4))],
        lambda: meddling(chance, [tensor() for _ in range(chance.randrange(1, 4))]),
        lambda: tensor().detach().as_subclass(Grown) if hasattr(steep.Tensor, "as_subclass") else 1,
        lambda: chance.choice(["", "mean", "sum", "\ud800", "x" * 10_000, "none", "cpu", "\0"]),
        lambda: chance.choice([steep.float32, steep.bool, steep.int32, np.float32, int, "float32"]),
        lambda: chance.choice([None, ..., slice(None), slice(0, 10**30), NotImplemented]),
        lambda: chance.choice([{}, {"a": 1}, {1, 2}, object(), type, len, bytearray(b"abc")]),
        lambda: chance.choice([knot, lambda: nested(50), lambda: nested(5000)])(),
        lambda: steep.Generator(),
        lambda: memoryview(np.arange(6, dtype=np.float32)),
        lambda: (i for i in range(3)),
        lambda: range(chance.choice([3, 10**12])),
    ]
    return chance.choice(options)()
