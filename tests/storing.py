"""Runs a program that stores tensors beside its compiled twin, and compares all that each keeps."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable
from typing import Any

import steep
from compiling import nn, reason, replays


class Picture:
    """All that can be reached from some objects, as plain values: bits of tensors and of their
    gradients, containers, attributes, and which tensors are the same object or share memory.
    """

    def __init__(self) -> None:
        self._tensors: dict[int, int] = {}
        self._memory: dict[int, int] = {}
        self._held: list[Any] = []  # so that no other object gets the id of one of them
        self._seen: set[int] = set()

    def of(self, item: Any) -> Any:
        """The picture of one object."""
        if isinstance(item, steep.Tensor):
            return self._tensor(item)
        if isinstance(item, (int, float, str, bytes, type(None), slice)):
            return repr(item)
        if callable(item) and not isinstance(item, steep.nn.Module):
            return "function"
        if id(item) in self._seen:
            return "again"
        if not isinstance(item, tuple):
            self._seen.add(id(item))
        self._held.append(item)
        kind = type(item).__name__
        if isinstance(item, dict):
            return kind, [(self._key(k), self.of(v)) for k, v in item.items()]
        if isinstance(item, (list, tuple, set)) or hasattr(item, "maxlen"):
            return kind, [self.of(part) for part in item]
        slots = [n for c in type(item).__mro__ for n in getattr(c, "__slots__", ())]
        values = {n: getattr(item, n) for n in slots if hasattr(item, n)}
        values |= {k: v for k, v in getattr(item, "__dict__", {}).items() if k[0:9] != "_compiled"}
        return kind, [(name, self.of(values[name])) for name in sorted(values)]

    def _key(self, key: Any) -> Any:
        return self.of(key) if isinstance(key, steep.Tensor) else repr(key)

    def _tensor(self, x: Any) -> Any:
        if id(x) in self._tensors:
            return self._tensors[id(x)]
        self._held.append(x)
        number = self._tensors[id(x)] = len(self._tensors)
        memory = self._memory.setdefault(x.data_ptr(), len(self._memory)) if x.numel() else -1
        bits = x.detach().numpy().tobytes()
        grad = None if not x.is_leaf or x.grad is None else self.of(x.grad)
        return number, memory, x.dtype, x.shape, x.stride(), x.requires_grad, bits, grad


def data(i: int, rows: int = 2) -> Any:
    """The batch of call `i`."""
    return steep.randn(rows, 3, generator=steep.Generator().manual_seed(i))


Between = Callable[[Any, int], None]


def beside(
    make: Callable[[], Any],
    *,
    calls: int = 12,
    between: Between = lambda side, i: None,
    arguments: Callable[[int], tuple[Any, ...]] = lambda i: (data(i),),
    least: int = 5,
) -> Any:
    """Run what `make` makes, and a twin whose `step` is compiled; compare after each call.

    `between` is called with each of the two before a call. At least so many calls must have been
    replayed. Returns the compiled function.
    """
    steep.manual_seed(3)
    plain = make()
    steep.manual_seed(3)
    twin = make()
    compiled = steep.compile(twin.step)
    olds: tuple[list[Any], list[Any]] = ([], [])
    for i in range(calls):
        pictures = []
        for kept, side, step in ((olds[0], plain, plain.step), (olds[1], twin, compiled)):
            between(side, i)
            steep.manual_seed(i)
            given = arguments(i)
            result = step(*given)
            # What the user keeps must not change later.
            kept.append((result, *given, *stored_in(side)))
            pictures.append(Picture().of((result, given, side, kept, steep.get_rng_state())))
        assert pictures[0] == pictures[1], f"call {i}\n{compiled.explain()}"
    assert replays(compiled) >= least, compiled.explain()
    assert least == 0 or not reason(compiled), compiled.explain()
    return compiled


def stored_in(side: Any) -> list[Any]:
    """The tensors among an object's attributes, and in containers there."""
    found, waiting = [], [vars(side)] if hasattr(side, "__dict__") else []
    while waiting:
        item = waiting.pop()
        if isinstance(item, steep.Tensor):
            found.append(item)
        elif isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, (list, tuple)):
            waiting += item
        elif isinstance(item, types.SimpleNamespace) or dataclasses.is_dataclass(item):
            waiting.append(vars(item))
    return found


class Net(nn.Module):
    """A layer, and what `begin` makes."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.begin()

    def begin(self) -> None:
        """Make the state."""

    def params(self) -> list[Any]:
        return list(self.layer.parameters())

    def loss(self, x: Any) -> Any:
        """The loss, after its backward pass."""
        self.layer.zero_grad()
        loss = self.layer(x).square().mean()
        loss.backward()
        return loss.detach()
