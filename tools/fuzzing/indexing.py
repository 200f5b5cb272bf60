"""Index expressions: reading and writing, against the reference where both allow them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

import steep
from cases.row import Array
from fuzzing import hostile, tensors
from fuzzing.judge import Finding, Job, Unchanged, attempt, describe, tensors_in
from steep.reference import OPS

GETITEM, SETITEM = OPS["getitem"].forward, OPS["setitem"].forward
GETITEM_RULE: Any = OPS["getitem"].gradient


def bound(chance: random.Random, n: int) -> Any:
    if chance.random() < 0.05:
        return hostile.number(chance)
    return chance.choice([None, 0, 1, 2, -1, -2, n, n + 3, -n - 3])


def part(chance: random.Random, n: int) -> Any:
    """One item of an index, for a dimension of size n."""
    rng = np.random.default_rng(chance.randrange(1 << 30))
    count = chance.choice([0, 1, 2, 3])
    inside = max(n, 1)
    options: list[Callable[[], Any]] = [
        lambda: chance.choice([0, -1, n - 1, n, -n]),
        lambda: slice(bound(chance, n), bound(chance, n), chance.choice([None, 1, 2, 3, n + 1])),
        lambda: slice(None),
        lambda: None,
        lambda: ...,
        lambda: rng.integers(-inside, inside, count),
        lambda: rng.integers(0, inside, (2, count)),
        lambda: rng.random(n) < 0.5,
        lambda: rng.integers(0, inside, count).tolist(),
        lambda: np.int64(rng.integers(0, inside)),
        lambda: chance.random() < 0.5,
        lambda: np.asarray(rng.integers(0, inside)),
    ]
    return chance.choices(options, [4, 5, 3, 1, 1, 2, 1, 1, 1, 0.5, 0.5, 0.5])[0]()


def index(chance: random.Random, shape: tuple[int, ...]) -> tuple[Any, bool]:
    """An index, and whether the reference would mean the same by it."""
    if chance.random() < 0.25:
        made = [hostile.anything(chance, lambda: tensors.tensor(chance)) for _ in shape[:3]]
        made += [part(chance, n) for n in shape[: chance.randrange(3)]]
        if chance.random() < 0.5:
            return hostile.meddling(chance, made), False
        return tuple(made), False
    if shape and chance.random() < 0.1:
        rng = np.random.default_rng(chance.randrange(1 << 30))
        return rng.random(shape[: chance.randint(1, len(shape))]) < 0.5, True
    count = chance.randint(0, len(shape) + (chance.random() < 0.1))
    parts = [part(chance, n) for n in [*shape, 1, 1][:count]]
    if count == 1 and chance.random() < 0.7:
        return parts[0], not isinstance(parts[0], list)
    return tuple(parts), True


def native(chance: random.Random, value: Any) -> Any:
    """Arrays as tensors, in memory of any kind."""
    if isinstance(value, tuple):
        return tuple(native(chance, item) for item in value)
    if isinstance(value, np.ndarray) and tensors.fits(value):
        return chance.choice(tensors.LAYOUTS)(value)
    return value


def assigned(chance: random.Random, shape: tuple[int, ...], dtype: Any) -> Array:
    """A value to be written to a window of `shape`."""
    own = tuple(n if chance.random() < 0.8 else 1 for n in shape)
    own = own[chance.randint(0, len(own)) :] if chance.random() < 0.3 else own
    return np.asarray(np.arange(1, 1 + np.prod(own)).reshape(own)).astype(dtype)


def unordered(at: Any) -> bool:
    """Whether two elements may be written to one place: which comes last is nobody's promise."""
    items = at if isinstance(at, tuple) else (at,)
    return any(isinstance(i, np.ndarray | list) and np.asarray(i).dtype != bool for i in items)


def job(chance: random.Random, tally: Callable[[str], None]) -> Job:
    """Reads x[index], or writes to it."""
    base = tensors.array(chance)
    at, comparable = index(chance, base.shape)
    translated = native(chance, at)
    x = chance.choice(tensors.LAYOUTS)(base)
    writing = chance.random() < 0.4
    odd = chance.random() < 0.15
    value = hostile.anything(chance, lambda: tensors.tensor(chance)) if odd else None
    text = f"{describe(x)}[{describe(at)}]{' = ' + describe(value) if writing else ''}"

    def expected() -> Array | None:
        try:
            with np.errstate(all="ignore"):
                return GETITEM(base, at) if comparable else None
        except Exception:
            return None

    def read(watched: Unchanged) -> None:
        wants = x.dtype.is_floating_point
        leaf = x.detach().requires_grad_() if wants else x
        got, refusal = attempt(lambda: leaf[translated])
        wanted = expected()
        if refusal is not None:
            tally("index refused")
            return watched.check(refusal)
        if wanted is None:
            return tally("index accepted")
        same(got, wanted)
        tally("index equal to the reference")
        if wants and got.requires_grad:
            gradient(leaf, got)
        return None

    def gradient(leaf: Any, got: Any) -> None:
        weights = np.arange(1, 1 + got.numel(), dtype=base.dtype).reshape(tuple(got.shape))
        (found,) = steep.autograd.grad(got, leaf, steep.from_numpy(weights))
        same(found, GETITEM_RULE(weights, base, at)[0].astype(base.dtype))
        tally("index gradient equal to the reference")

    def write(watched: Unchanged) -> None:
        window = expected()
        given = value
        if window is not None and not odd:
            given = assigned(chance, window.shape, base.dtype)
        _, refusal = attempt(lambda: x.__setitem__(translated, native(chance, given)))
        if refusal is not None:
            tally("writing refused")
            return watched.check(refusal)
        if window is None or odd or unordered(at):
            return tally("writing accepted")
        same(x, SETITEM(base, at, given))
        return tally("writing equal to the reference")

    def go() -> None:
        hostiles = not comparable or (writing and odd)
        watched = Unchanged([] if hostiles else tensors_in([x, translated]))
        write(watched) if writing else read(watched)

    return Job(text, go)


def same(got: Any, wanted: Array) -> None:
    try:
        assert tuple(got.shape) == wanted.shape, (
            f"shape {tuple(got.shape)}, reference {wanted.shape}"
        )
        np.testing.assert_array_equal(got.detach().numpy(), wanted)
    except AssertionError as error:
        raise Finding(f"differs from the reference: {error}") from error
