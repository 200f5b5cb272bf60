"""Numbers that change from call to call: what a function computes of them, and what takes them.

A learning rate that is passed as a float, or a count that the function advances itself, is a
different number at every call. While such a call is recorded, objects stand in for these numbers.
They behave like the numbers, and note each step of what is computed from them. An operation of
steep that takes one notes that too. If Python asks for the number itself, for instance to branch on
it, the number must be the same when the recording is replayed.

Before a replay, the numbers are read where they are kept, the same steps are computed anew, and the
program is given the results (`csrc/program/record/numbers.cpp` finds which operands they are).
"""

from __future__ import annotations

import _thread
import math
import operator
import types
from collections.abc import Callable
from typing import Any, NamedTuple

from steep._core import StandIn, drop_unheld, followed_math, same_value, set_symbolic_types
from steep.compiler._code import Lines, at_line_of_user, lines_of_callers
from steep.compiler._leaks import Kept, put_back

__all__ = ["OPERATORS", "Numbers", "is_number", "is_symbolic", "plain"]

_FIXED = (
    "{} a number that changes between calls{}, and derives from it others that a replay cannot "
    "update{}; change it rarely (each value gets a program of its own), or compute the same with "
    "tensors"
)
Node = tuple[Any, ...]  # ("place", i), ("constant", x), or an operator's name and nodes' numbers

_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    name: getattr(operator, name)
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow")
}
_COMPARING: dict[str, Callable[[Any, Any], Any]] = {
    name: getattr(operator, name) for name in ("lt", "le", "eq", "ne", "gt", "ge")
}
_UNARY: dict[str, Callable[[Any], Any]] = {
    name: getattr(operator, name) for name in ("neg", "pos", "abs", "truth")
}
_OF_BITS: dict[str, Callable[[Any, Any], Any]] = {
    "and": operator.and_,
    "or": operator.or_,
    **{name: getattr(operator, name) for name in ("xor", "lshift", "rshift")},
}
# Methods such as __round__ may return anything, so they may return a stand-in.
_ROUNDING: dict[str, Callable[..., Any]] = {
    "round": round,
    **{name: getattr(math, name) for name in ("floor", "ceil", "trunc")},
}
_MATH = {f"math_{name}": getattr(math, name) for name in followed_math}
OPERATORS: dict[str, Callable[..., Any]] = {
    **_BINARY,
    **_COMPARING,
    **_UNARY,
    **_OF_BITS,
    **_ROUNDING,
    **_MATH,
    "invert": operator.invert,
}


def is_number(value: Any) -> bool:
    """Whether it is an int or a float itself, not of a subclass."""
    return type(value) is float or type(value) is int


def plain(value: Any) -> Any:
    """The number that a stand-in stands for; anything else unchanged."""
    return value._value if is_symbolic(value) else value


def is_symbolic(value: Any) -> bool:
    """Whether an object is a stand-in, which `isinstance` takes for an int or a float."""
    return type(value) is SymbolicFloat or type(value) is SymbolicInt


class Use(NamedTuple):
    """Where an operation has taken a number."""

    operation: str
    parameter: str
    lines: Lines

    def text(self) -> str:
        """Why the operation cannot be given another number."""
        who = f"{self.operation!r} takes" if self.operation else "an operator takes"
        what = f" as {self.parameter!r}" if self.parameter else ""
        return _FIXED.format(who, what, at_line_of_user(self.lines))


class Numbers:
    """What one recorded call computes from numbers that change.

    Nothing is noted of what other threads do, nor of what happens after the call: there, a stand-in
    behaves like its number.

    Attributes:
        nodes: the steps: where a number is kept, a constant, or an operator with its operands.
        values: the result of each.
        known: steps whose result Python has asked for, each with the lines where it did.
        symbols: all stand-ins for results.
        typed: steps whose result's type Python has asked for.
        taken: steps whose result an operation has taken, with the number of launches before.
        uses: for each of these the operation, the parameter and the lines; '' for an operator.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.values: list[Any] = []
        self.known: dict[int, Lines] = {}
        self.typed: set[int] = set()
        self.taken: list[tuple[int, int]] = []
        self.uses: list[Use] = []
        self.symbols: list[Any] = []
        self._steps: dict[Any, int] = {}  # a step that is repeated is found again
        self._thread = _thread.get_ident()
        self._is_closed = False

    def listens(self) -> bool:
        """Whether this thread is inside the recorded call."""
        return not self._is_closed and _thread.get_ident() == self._thread

    def symbol(self, node: Node, value: Any) -> Any:
        """A stand-in for the result of a step."""
        kind = SymbolicFloat if type(value) is float else SymbolicInt
        self.symbols.append(kind(self, self._step(node, value), value))
        return self.symbols[-1]

    def _step(self, node: Node, value: Any, identity: Any = None) -> int:
        """The index of a step. Steps with the same `identity` (the node, if not given) are one
        step.
        """
        known = self._steps.setdefault(identity or node, len(self.nodes))
        if known == len(self.nodes):
            self.nodes.append(node)
            self.values.append(value)
        return known

    def take_back(self) -> Kept | None:
        """Put plain numbers wherever stand-ins were left. Returns what held one, if anything."""
        drop_unheld(self.symbols)
        kept = put_back(self.symbols, [symbol._value for symbol in self.symbols])
        self.symbols = []  # only now: if interrupted before, the caller tries again
        self._is_closed = True
        return kept

    def number_of(self, value: Any) -> int:
        """The index of the step that gives an operand."""
        if is_symbolic(value) and value._numbers is self:
            step: int = value._node
            return step
        number = plain(value)
        exact = number if isinstance(number, int) else repr(number)  # -0.0 equals 0.0
        return self._step(("constant", number), number, ("constant", type(number), exact))

    def apply(self, name: str, *operands: Any) -> Any:
        """The result of an operator: a stand-in if it is a number."""
        if not self.listens():
            return OPERATORS[name](*map(plain, operands))
        try:
            value = OPERATORS[name](*map(plain, operands))
        except Exception:  # the function handles it; other numbers would not raise it
            for operand in operands:
                self.note(self.number_of(operand))
            raise
        node = (name, *map(self.number_of, operands))
        if is_number(value):
            return self.symbol(node, value)
        self.note(self._step(node, value))
        return value

    def note(self, node: int) -> None:
        """Note that Python asks for a number itself."""
        if node not in self.known:
            self.known[node] = lines_of_callers()

    def floats(self) -> list[float]:
        """All results as floats, in which form operations take them."""
        return [_as_float(value) for value in self.values]

    def where_taken(self) -> str:
        """Where an operation takes the first of them, to be appended to a sentence."""
        return at_line_of_user(self.uses[0].lines) if self.uses else ""

    def difference(self, other: Numbers) -> str:
        """How it differs from another recording, or ``''``."""
        for node, lines in self.known.items():
            if node < len(other.values) and not same_value(self.values[node], other.values[node]):
                line = at_line_of_user(lines)
                first, second = _shown(other.values[node]), _shown(self.values[node])
                return (
                    f"{first} in one run and {second} in the next, a number whose value Python "
                    f"code depends on{line}; keep it constant, or compute with operators and math"
                )
        if len(self.nodes) != len(other.nodes) or any(
            a[0] != b[0] or (a[1:] != b[1:] if a[0] != "constant" else not same_value(a[1], b[1]))
            for a, b in zip(self.nodes, other.nodes, strict=False)
        ):
            return "other numbers computed from those that change"
        if self.taken != other.taken or self.known.keys() != other.known.keys():
            return "numbers that change used by other operations"
        return ""


def _shown(value: Any) -> str:
    many = type(value) is int and value.bit_length() > 200  # Python may refuse to write them out
    return "an int of many digits" if many else repr(value)


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except (OverflowError, TypeError, ValueError):
        return float("nan")


def _mixes(other: Any) -> bool:
    """Whether an operand is a number that a step can be computed from."""
    return type(other) in (int, float, bool) or is_symbolic(other)


def _operator(name: str, reflected: bool = False) -> Callable[..., Any]:
    def method(self: _Symbolic, other: Any, *modulus: Any) -> Any:
        if modulus:  # of pow
            return pow(self._known(), *map(_known, (other, *modulus)))
        if not (_mixes(other) or type(other) is complex):
            return NotImplemented
        return self._numbers.apply(name, *((other, self) if reflected else (self, other)))

    return method


def _unary(name: str) -> Callable[..., Any]:
    return lambda self: self._numbers.apply(name, self)


def _divmod(reflected: bool = False) -> Callable[..., Any]:
    def method(self: _Symbolic, other: Any) -> Any:
        if not _mixes(other):
            return NotImplemented
        operands = (other, self) if reflected else (self, other)
        if not self._numbers.listens():
            return divmod(plain(operands[0]), plain(operands[1]))
        if not plain(operands[1]):
            for operand in operands:
                self._numbers.note(self._numbers.number_of(operand))
            divmod(plain(operands[0]), plain(operands[1]))  # which raises ZeroDivisionError
        return tuple([self._numbers.apply(name, *operands) for name in ("floordiv", "mod")])

    return method


def _asked(function: Callable[..., Any]) -> Callable[..., Any]:
    """A method by which Python code asks for the number itself."""
    return lambda self, *args: function(self._known(), *map(_known, args))


def _known(value: Any) -> Any:
    """The number, noted as asked for, if it is a stand-in; anything else unchanged."""
    return value._known() if is_symbolic(value) else value


class _Symbolic(StandIn):
    """Stands in for a number while a function is recorded."""

    __slots__ = ("_node", "_numbers", "_value")

    def __init__(self, numbers: Numbers, node: int, value: Any) -> None:
        self._numbers = numbers
        self._node = node
        self._value = value

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        if self._numbers.listens():
            self._numbers.typed.add(self._node)
        return type(self._value)

    def _known(self) -> Any:
        """The number, noted as asked for: what the code does may depend on it."""
        if self._numbers.listens():
            self._numbers.note(self._node)
        return self._value

    def _taken(self, place: int) -> Any:
        """The number, for an operation that comes after so many launches."""
        if self._numbers.listens():
            self._numbers.taken.append((self._node, place))
            self._numbers.uses.append(Use("", "", lines_of_callers()))
        return self._value

    def _named(self, operation: str, parameter: str) -> None:
        """Note which operation has just taken the number, and as which parameter."""
        uses = self._numbers.uses
        if uses and self._numbers.listens():
            uses[-1] = uses[-1]._replace(operation=operation, parameter=parameter)

    def _through(self, name: str, *operands: Any) -> Any:
        """The result of a function of `math`; see csrc/bindings/programs/followed_math.h."""
        if not all(map(_mixes, operands)):
            return NotImplemented
        return self._numbers.apply(f"math_{name}", *operands)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._known(), name)

    def __reduce__(self) -> Any:
        return (type(self._value), (self._known(),))

    def __copy__(self) -> Any:
        return self  # as numbers are

    def __deepcopy__(self, memo: Any) -> Any:
        return self

    def __bool__(self) -> bool:
        return bool(self._numbers.apply("truth", self))

    def __hash__(self) -> int:
        return hash(self._known())

    __repr__ = _asked(repr)
    __str__ = _asked(str)
    __format__ = _asked(format)
    __float__ = _asked(float)
    __int__ = _asked(int)
    __complex__ = _asked(complex)
    __divmod__ = _divmod()
    __rdivmod__ = _divmod(reflected=True)

    def __round__(self, digits: Any = None) -> Any:
        given = (digits,) if _mixes(digits) else ()
        return self._numbers.apply("round", self, *given)


for _name in ("floor", "ceil", "trunc"):
    setattr(_Symbolic, f"__{_name}__", _unary(_name))

for _name in _BINARY:
    setattr(_Symbolic, f"__{_name}__", _operator(_name))
    setattr(_Symbolic, f"__r{_name}__", _operator(_name, reflected=True))
for _name in _COMPARING:
    setattr(_Symbolic, f"__{_name}__", _operator(_name))
for _name in ("neg", "pos", "abs"):
    setattr(_Symbolic, f"__{_name}__", _unary(_name))


class SymbolicFloat(_Symbolic):
    """Stands in for a float."""

    __slots__ = ()


class SymbolicInt(_Symbolic):
    """Stands in for an int, which may also be an index or a count."""

    __slots__ = ()

    __index__ = _asked(int)
    __invert__ = _unary("invert")


for _name in _OF_BITS:
    setattr(SymbolicInt, f"__{_name}__", _operator(_name))
    setattr(SymbolicInt, f"__r{_name}__", _operator(_name, reflected=True))


# So that `t.__add__` has the name that the method of a number has.
for _kind in (_Symbolic, SymbolicInt):
    for _name, _method in vars(_kind).items():
        if isinstance(_method, types.FunctionType):
            _method.__name__ = _name

# The names that error messages show.
SymbolicFloat.__name__, SymbolicInt.__name__ = "float", "int"
set_symbolic_types(SymbolicFloat, SymbolicInt)
