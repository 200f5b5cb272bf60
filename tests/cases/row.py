"""What a row of the table says of an operation, and the arrays that its calls are made with."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from cases.accuracy import Accuracy
    from cases.extreme import Accepted, Extreme
    from cases.fused import Fused
    from cases.layer import Layer

Array = npt.NDArray[Any]
Timed = Callable[[], object]
Builder = Callable[[ModuleType], Timed]  # given steep or torch

FLOATS = ("float32", "float64")
INTEGERS = ("int64", "int32", "uint8")
NUMBERS = (*FLOATS, *INTEGERS)
ALL = (*NUMBERS, "bool")


@dataclass(frozen=True)
class Arr:
    """An array argument.

    Attributes:
        shape: Its shape.
        domain: What values it may hold: a name of `_DOMAINS`, or ``below<n>``.
        dtype: Its dtype; None: the test's.
        fixed: No gradient is asked for, though it may hold floats.
    """

    shape: tuple[int, ...]
    domain: str = "real"
    dtype: str | None = None
    fixed: bool = False


@dataclass(frozen=True)
class Call:
    """The arguments of one call; arrays stand as `Arr`, inside lists and tuples too."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Bad:
    """A call that must be refused: the exception and a part of what it says."""

    call: Call
    error: type[Exception]
    text: str


@dataclass(frozen=True)
class Counts:
    """What the first call of a row, in float32 with every float requiring a gradient, costs."""

    launches: int
    saved: int  # tensors kept for the backward pass
    saved_bytes: int
    backward: int  # launches of the backward pass


@dataclass(frozen=True)
class Row:
    """One operation.

    Attributes:
        calls: What it is called with.
        reference: Its name in ``steep.reference.OPS``, or a NumPy function where that is itself
            the reference. None: the result is not a matter of arithmetic; `reason` says what
            tests it.
        dtypes: The dtypes its calls are made in.
        gradient: True, or the reason why it has none.
        bad: Calls it refuses.
        function: How it is called; None: ``_core.name``, or else the method of that name.
        counts: See `Counts`.
        special: It is elementwise and is also given infinities, NaN and both zeros.
        large: A call big enough for several threads; None: `calls[0]` is all there is.
        bench: What is timed, with steep and with torch: a call, or what makes one. None: the first
            of `calls`, with longer arrays where its other arguments allow that.
        forms: What is timed of the other names that the registry sends to this row, where the
            arguments of `bench` are not theirs.
        fused: The fused kernels beside their formula, for inputs that are large, small and far from
            0; see `cases.fused.Fused`.
        kernels: Those it launches that are this operation and nothing else: there is no composite
            to hold them against, and `calls` are their test. The kernel of a `special` row that has
            its name goes without saying.
        layer: The class of steep.nn that the operation makes; see `cases.layer.Layer`.
        rule_calls: Calls of the reference alone, whose gradient is checked beside that of `calls`:
            those with arguments that only the reference has.
        storage: Why the result depends on how the memory of an operand is laid out.
        lenient: Why it refuses nothing, though it takes more than one argument.
        finite: Why it refuses a NaN, which otherwise goes where the reference says.
        bounded: Settings that the dtype has to hold: numbers beyond float32 are refused by name.
        reduces: What it reduces over, ``dims`` or one ``dim``: it is also given long runs in front,
            behind and between.
        jumps: ``value`` or ``gradient``: it has stairs at whose edges a rounding decides, and the
            fuzzer does not take a step of it for an error.
        accuracy: How near the engine's own function is to wider arithmetic; see
            `cases.accuracy.Accuracy`.
        eager: Why some of its calls are not replayed: a pattern for what `explain()` says.
        extremes: How it is called with infinities, NaN, zeros, subnormals and the largest numbers
            beside PyTorch, by tools/extremes.py; a `special` row with its first call anyway.
        accepted: Differences from PyTorch that are meant there.
        rough: Widens the tolerances by this factor, for `reason`.
        reason: Why `reference` is None, or why `rough` is not 1.
        view: The result may share the input's memory.
    """

    calls: tuple[Call, ...]
    reference: str | Callable[..., Any] | None
    dtypes: tuple[str, ...] = FLOATS
    gradient: bool | str = True
    bad: tuple[Bad, ...] = ()
    function: Callable[..., Any] | None = None
    counts: Counts | None = None
    special: bool = False
    large: Call | None = None
    bench: Call | Builder | None = None
    forms: dict[str, Call] = field(default_factory=dict)
    fused: tuple[Fused, ...] = ()
    kernels: tuple[str, ...] = ()
    layer: Layer | None = None
    rule_calls: tuple[Call, ...] = ()
    storage: str = ""
    lenient: str = ""
    finite: str = ""
    bounded: tuple[str, ...] = ()
    reduces: str = ""
    jumps: str = ""
    accuracy: Accuracy | None = None
    eager: str = ""
    extremes: tuple[Extreme, ...] = ()
    accepted: tuple[Accepted, ...] = ()
    rough: float = 1.0
    reason: str = ""
    view: bool = False


def arr(*shape: int, domain: str = "real", dtype: str | None = None) -> Arr:
    return Arr(shape, domain, dtype)


def call(*args: Any, **kwargs: Any) -> Call:
    return Call(args, kwargs)


def bad(error: type[Exception], text: str, *args: Any, **kwargs: Any) -> Bad:
    return Bad(Call(args, kwargs), error, text)


def real(rng: np.random.Generator, size: int) -> Array:
    """Both signs, no two equal, none near 0: a small step crosses no corner and makes no tie."""
    step = min(0.11, 5 / max(size, 1))
    shift = rng.uniform(0.1, 0.4) * step
    return rng.permutation((np.arange(size) - size // 2 + 0.5) * step + shift)


# Each gives `size` numbers of a domain.
_DOMAINS: dict[str, Callable[[np.random.Generator, int], Array]] = {
    "real": real,
    "positive": lambda rng, n: rng.permutation((np.arange(n) + 1.0) / (n + 1) * 1.8 + 0.2),
    "unit": lambda rng, n: rng.permutation((np.arange(n) + 0.75) / (n + 0.5) * 1.9 - 0.95),
    "beyond": lambda rng, n: real(rng, n) + np.copysign(0.5, rng.normal(size=n)),
    "distribution": lambda rng, n: rng.uniform(0.05, 0.3, n),
    "spread": lambda rng, n: rng.normal(size=n) * 8,
    "wide": lambda rng, n: rng.normal(size=n) * np.exp(rng.normal(size=n) * 2),
    "offset": lambda rng, n: real(rng, n) + 100,
    "ties": lambda rng, n: rng.integers(0, 3, n),
    "signs": lambda rng, n: rng.choice([-1.0, 1.0], n),
    "mask": lambda rng, n: rng.random(n) < 0.5,
    "special": lambda rng, n: np.resize(SPECIAL, n),
}
SPECIAL = np.array(
    [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.5, -3.0, 1e-40, 1e30, -1e30, np.inf, -np.inf, np.nan]
)


def values(spec: Arr, rng: np.random.Generator, dtype: str) -> Array:
    """The array that `spec` describes; ``below<n>`` is a domain of whole numbers from 0 to n-1."""
    kind = np.dtype(spec.dtype or dtype)
    size = int(np.prod(spec.shape, dtype=np.int64))
    if spec.domain.startswith("below"):
        numbers: Array = rng.integers(0, int(spec.domain[5:]), size)
    elif kind.kind == "b":
        numbers = rng.random(size) < 0.5
    elif kind.kind == "f" or spec.domain == "mask":
        numbers = _DOMAINS[spec.domain](rng, size)
    elif spec.domain in ("positive", "beyond", "distribution"):
        numbers = rng.integers(1, 7, size)
    else:
        numbers = rng.integers(0 if kind.kind == "u" else -6, 7, size)
    return numbers.astype(kind).reshape(spec.shape)


def materialize(call: Call, dtype: str, seed: str) -> Call:
    """`call` with arrays of `dtype` in place of their descriptions; the same for the same seed."""
    rng = np.random.default_rng(zlib.crc32(f"{seed} {call}".encode()))
    return transform(call, Arr, lambda spec: values(spec, rng, dtype))


def transform(call: Call, kind: type, function: Callable[[Any], Any]) -> Call:
    """`call` with every argument of type `kind` replaced by ``function(argument)``."""

    def visit(value: Any) -> Any:
        if isinstance(value, kind):
            return function(value)
        if type(value) in (list, tuple):
            return type(value)(visit(v) for v in value)
        return value

    return Call(visit(call.args), {name: visit(value) for name, value in call.kwargs.items()})


def find(call: Call, kind: type | tuple[type, ...]) -> Iterator[Any]:
    """The arguments of type `kind`, in order."""

    def visit(value: Any) -> Iterator[Any]:
        if isinstance(value, kind):
            yield value
        elif type(value) in (list, tuple):
            for v in value:
                yield from visit(v)

    yield from visit(call.args)
    yield from visit(list(call.kwargs.values()))
