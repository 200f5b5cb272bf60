"""Operations called with what they cannot use: valid calls spoilt, and calls made of anything."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

import steep
from cases import TABLE
from cases.row import materialize, transform
from fuzzing import hostile, tensors
from fuzzing.judge import Finding, Job, Unchanged, attempt, describe, small, tensors_in, whole
from registry import ENTRIES, METHOD, Entry
from runner import function_of
from steep import _core

# What ends or stops the process when it is asked to, or changes what later calls rest on.
LEFT_OUT = {
    "set_num_threads",
    "set_rank_order",
    "share_everything",
    "profile_start",
    "profile_stop",
    "profile_abandon",
    "follow_sites",
    "unfollow_sites",
    "set_layer",
    "set_phase",
}
BESIDE = sorted(
    name
    for name in dir(_core)
    if callable(getattr(_core, name)) and not name.startswith("__") and name not in LEFT_OUT
)
METHODS = sorted(
    name
    for name in dir(steep.Tensor)
    if name not in ("__class__", "__init_subclass__", "__subclasshook__", "__new__", "__del__")
)


def argument(chance: random.Random, kind: str) -> Any:
    """A value for a parameter of a signature, mostly of its type."""
    if chance.random() < 0.12:
        return hostile.anything(chance, lambda: tensors.tensor(chance))
    makers: dict[str, Callable[[], Any]] = {
        "Tensor": lambda: tensors.tensor(chance),
        "Number": lambda: hostile.number(chance),
        "int": lambda: chance.choice([0, 1, -1, 2, -2, 3, hostile.number(chance)]),
        "float": lambda: chance.choice([0.0, 0.5, 1.0, 2, hostile.number(chance)]),
        "bool": lambda: chance.choice([True, False, hostile.number(chance)]),
        "str": lambda: chance.choice(["mean", "sum", "none", "cpu", "tanh", "floor", "gpu", ""]),
        "Dims": lambda: hostile.sizes(chance),
        "dtype": lambda: chance.choice([steep.float32, steep.float64, steep.int64, steep.bool]),
        "Generator": lambda: steep.Generator().manual_seed(1),
        "Sequence[Tensor]": lambda: [tensors.tensor(chance) for _ in range(chance.randrange(4))],
        "None": lambda: None,
    }
    name = chance.choice(kind.split(" | "))
    return makers.get(name, lambda: hostile.number(chance))()


def from_signature(chance: random.Random, entry: Entry) -> tuple[list[Any], dict[str, Any]]:
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for parameter in entry.parameters:
        if parameter.default and chance.random() < 0.6:
            continue
        value = argument(chance, parameter.annotation)
        if kwargs or parameter.default or chance.random() < 0.1:
            kwargs[parameter.name] = value
        else:
            args.append(value)
    return args, kwargs


def spoil(chance: random.Random, args: list[Any], kwargs: dict[str, Any]) -> None:
    """Changes one thing about a call."""
    kind = chance.random()
    if kind < 0.65 and args:
        args[chance.randrange(len(args))] = hostile.anything(chance, lambda: tensors.tensor(chance))
    elif kind < 0.72 and kwargs:
        kwargs[chance.choice(list(kwargs))] = hostile.anything(
            chance, lambda: tensors.tensor(chance)
        )
    elif kind < 0.8 and kwargs:
        name = chance.choice(list(kwargs))
        kwargs[name + chance.choice(["_", "s", "\ud800", " "])] = kwargs.pop(name)
    elif kind < 0.86:
        name = chance.choice(["out", "dim", "input", "self", "dtype", "generator", "size", "x"])
        kwargs[name] = hostile.anything(chance, lambda: tensors.tensor(chance))
    elif kind < 0.92 and args:
        args.pop(chance.randrange(len(args)))
    else:
        args.append(hostile.anything(chance, lambda: tensors.tensor(chance)))


def spoilt(chance: random.Random) -> tuple[str, Any, list[Any], dict[str, Any]]:
    """A call of the table with one to three changes."""
    name = chance.choice(list(TABLE))
    row = TABLE[name]
    described = chance.choice([*row.calls, *(bad.call for bad in row.bad)])
    call = materialize(described, chance.choice(row.dtypes), name)

    def lay_out(x: Any) -> Any:
        made = chance.choice(tensors.LAYOUTS)(x)
        wants = made.dtype.is_floating_point and chance.random() < 0.4
        return made.detach().requires_grad_() if wants else made

    def suitable(x: Any) -> Any:
        return lay_out(x) if tensors.fits(x) else x

    native = transform(call, np.ndarray, suitable)
    args, kwargs = list(native.args), dict(native.kwargs)
    for key, value in kwargs.items():
        if isinstance(value, np.dtype):
            kwargs[key] = getattr(steep, value.name, value)
    for _ in range(chance.choice([0, 1, 1, 1, 2, 3])):
        spoil(chance, args, kwargs)
    if name in ("getitem", "setitem") and args and isinstance(args[0], dict | np.ndarray):
        args[0] = tensors.tensor(chance)  # what x[i] is for a dict or an array is its own affair
    return name, function_of(name, row), args, kwargs


def drawn(chance: random.Random) -> tuple[str, Any, list[Any], dict[str, Any]]:
    """A call of a registry entry with arguments made for its signature."""
    entry = chance.choice(ENTRIES)
    args, kwargs = from_signature(chance, entry)
    function = getattr(_core, entry.name, None)
    if function is None or (entry.where & METHOD and chance.random() < 0.5):
        function = getattr(steep.Tensor, entry.name, function)
    for _ in range(chance.choice([0, 0, 1])):
        spoil(chance, args, kwargs)
    return entry.name, function, args, kwargs


def beside(chance: random.Random) -> tuple[str, Any, list[Any], dict[str, Any]]:
    """What is not in the registry: functions, methods, attributes and their setters."""
    args = [hostile.anything(chance, lambda: tensors.tensor(chance)) for _ in range(3)]
    args = args[: chance.randrange(4)]
    kind = chance.random()
    if kind < 0.4:
        name = chance.choice(BESIDE)
        return name, getattr(_core, name), args, {}
    x = tensors.tensor(chance)
    name = chance.choice(METHODS)
    if kind < 0.75:
        found, _ = attempt(lambda: getattr(x, name))
        function = found if callable(found) else (lambda *_: found)
        return f"Tensor.{name}", function, args, {}
    value = hostile.anything(chance, lambda: tensors.tensor(chance))
    if kind < 0.97:
        return f"set Tensor.{name}", lambda x, v: setattr(x, name, v), [x, value], {}
    return f"delete Tensor.{name}", lambda x: delattr(x, name), [x], {}


def backward(chance: random.Random, result: Any) -> None:
    """Gradients of whatever came out, twice."""
    found = [r for r in tensors_in(result) if r.requires_grad and small(r) and r.numel()]
    if not found:
        return
    leaf, weights = chance.choice(found), chance.choice([1.0, float("nan"), 1e30])
    total, refusal = attempt(lambda: (leaf * weights).sum())
    if refusal is None:
        _, refusal = attempt(lambda: total.backward(create_graph=chance.random() < 0.3))
    if refusal is None and chance.random() < 0.3:
        attempt(lambda: total.backward())


def job(chance: random.Random, tally: Callable[[str], None]) -> Job:
    """One hostile call; refused, it must have changed nothing."""
    make = chance.choices([spoilt, drawn, beside], [5, 4, 2])[0]
    name, function, args, kwargs = make(chance)
    shown = [describe(a) for a in args] + [f"{k!a}={describe(v)}" for k, v in kwargs.items()]
    compiled = chance.random() < 0.08

    def go() -> None:
        steep.manual_seed(0)
        watched = Unchanged(tensors_in([args, kwargs])) if not meddles(args, kwargs) else None
        called = steep.compile(function) if compiled else function
        for _ in range(4 if compiled else 1):
            result, refusal = attempt(lambda: called(*args, **kwargs))
            if refusal is not None:
                tally("refused")
                if watched:
                    watched.check(refusal)
                return
        tally("accepted")
        try:
            whole(result)
        except AssertionError as error:
            raise Finding(f"a result that does not hold together: {error}") from error
        backward(chance, result)

    return Job(f"{name}({', '.join(shown)}){' compiled' if compiled else ''}", go)


def meddles(args: list[Any], kwargs: dict[str, Any]) -> bool:
    """Whether a hostile object among the arguments may itself change them."""

    def visit(value: Any, depth: int = 0) -> bool:
        if isinstance(value, hostile.Meddler):
            return True
        inside = isinstance(value, list | tuple) and depth < 4
        return inside and any(visit(item, depth + 1) for item in value)

    return any(visit(v) for v in [*args, *kwargs.values()])
