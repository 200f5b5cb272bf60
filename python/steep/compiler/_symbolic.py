"""Numbers that change from call to call: what a function computes of them, and what takes them.

A learning rate that is passed as a float, or a count that the function advances itself, is another
number at every call. While such a call is recorded, objects stand in for these numbers. They behave
as numbers do, and note each step of what is computed of them. An operation of steep's that takes
one notes that, too; where Python asks for the number itself, to branch on it, say, that number must
be the same when the recording is replayed.

Before a replay the numbers are computed anew from the same places by the same steps, and the
program is given them (`csrc/program/record/numbers.cpp` has found which operands they are).
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
# Whose methods may return anything, a stand-in as well.
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
    """Whether it is a plain int or float, of no subclass."""
    return type(value) is float or type(value) is int


def plain(value: Any) -> Any:
    """The number that an object stands for; anything else as it is."""
    return value._value if is_symbolic(value) else value


def is_symbolic(value: Any) -> bool:
    """Whether an object stands in for a number: to `isinstance` it is an int or a float."""
    return type(value) is SymbolicFloat or type(value) is SymbolicInt


class Use(NamedTuple):
    """Where an operation has taken a number."""

    operation: str
    parameter: str
    lines: Lines

    def text(self) -> str:
        """Why it cannot be given another number."""
        who = f"{self.operation!r} takes" if self.operation else "an operator takes"
        what = f" as {self.parameter!r}" if self.parameter else ""
        return _FIXED.format(who, what, at_line_of_user(self.lines))


class Numbers:
    """What one recorded call computes of the numbers that change.

    Nothing is noted of what other threads do, nor after the call: for them an object that stands
    for a number is that number.

    Attributes:
        nodes: each step: a place, a constant, or an operator with the steps it works on.
        values: what came of each.
        known: steps whose result Python has asked for, with where that was.
        symbols: all objects that stand for results.
        typed: steps whose type Python has asked for.
        taken: steps whose result an operation has taken, with how many launches came before.
        uses: for each of these which operation, as which parameter, and where; '' for an operator.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.values: list[Any] = []
        self.known: dict[int, Lines] = {}
        self.typed: set[int] = set()
        self.taken: list[tuple[int, int]] = []
        self.uses: list[Use] = []
        self.symbols: list[Any] = []
        self._steps: dict[Any, int] = {}  # what is computed twice is one step
        self._thread = _thread.get_ident()
        self._is_closed = False

    def listens(self) -> bool:
        """Whether what is done here and now belongs to the call."""
        return not self._is_closed and _thread.get_ident() == self._thread

    def symbol(self, node: Node, value: Any) -> Any:
        """An object that stands for the result of a new step."""
        kind = SymbolicFloat if type(value) is float else SymbolicInt
        self.symbols.append(kind(self, self._step(node, value), value))
        return self.symbols[-1]

    def _step(self, node: Node, value: Any, mark: Any = None) -> int:
        """The number of a step; `mark` is the same for all that are the same as it."""
        known = self._steps.setdefault(mark or node, len(self.nodes))
        if known == len(self.nodes):
            self.nodes.append(node)
            self.values.append(value)
        return known

    def take_back(self) -> Kept | None:
        """Put plain numbers wherever a stand-in was left. Returns what had one, if any has."""
        drop_unheld(self.symbols)
        kept = put_back(self.symbols, [symbol._value for symbol in self.symbols])
        self.symbols = []  # not before: an interrupt leaves them to whoever handles it
        self._is_closed = True
        return kept

    def number_of(self, value: Any) -> int:
        """The step that makes an operand."""
        if is_symbolic(value) and value._numbers is self:
            step: int = value._node
            return step
        number = plain(value)
        exact = number if isinstance(number, int) else repr(number)  # -0.0 equals 0.0
        return self._step(("constant", number), number, ("constant", type(number), exact))

    def apply(self, name: str, *operands: Any) -> Any:
        """The result of an operator, which stands in for a number if it is one."""
        if not self.listens():
            return OPERATORS[name](*map(plain, operands))
        try:
            value = OPERATORS[name](*map(plain, operands))
        except Exception:  # for the function to handle, as it would not with other numbers
            for operand in operands:
                self.note(self.number_of(operand))
            raise
        node = (name, *map(self.number_of, operands))
        if is_number(value):
            return self.symbol(node, value)
        self.note(self._step(node, value))
        return value

    def note(self, node: int) -> None:
        """Python asks for a number itself."""
        if node not in self.known:
            self.known[node] = lines_of_callers()

    def floats(self) -> list[float]:
        """All results, as operations would be given them."""
        return [_as_float(value) for value in self.values]

    def where_taken(self) -> str:
        """Where an operation takes the first of them, to end a sentence with."""
        return at_line_of_user(self.uses[0].lines) if self.uses else ""

    def difference(self, other: Numbers) -> str:
        """Where it computes something else than in another recording, or ``''``."""
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
    """Whether an operand is a number that steps can be made of."""
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
            divmod(plain(operands[0]), plain(operands[1]))  # which raises an error of its own
        return tuple([self._numbers.apply(name, *operands) for name in ("floordiv", "mod")])

    return method


def _asked(function: Callable[..., Any]) -> Callable[..., Any]:
    """A method by which Python code asks for the number itself."""
    return lambda self, *args: function(self._known(), *map(_known, args))


def _known(value: Any) -> Any:
    """The number that Python code asks an object for; anything else as it is."""
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
        """The number, for code whose course may depend on it."""
        if self._numbers.listens():
            self._numbers.note(self._node)
        return self._value

    def _taken(self, place: int) -> Any:
        """The number, for an operation that comes after `place` launches."""
        if self._numbers.listens():
            self._numbers.taken.append((self._node, place))
            self._numbers.uses.append(Use("", "", lines_of_callers()))
        return self._value

    def _named(self, operation: str, parameter: str) -> None:
        """Which operation has just taken the number, and as what."""
        uses = self._numbers.uses
        if uses and self._numbers.listens():
            uses[-1] = uses[-1]._replace(operation=operation, parameter=parameter)

    def _through(self, name: str, *operands: Any) -> Any:
        """What a function of `math` makes of it and others; see
        csrc/bindings/programs/followed_math.h.
        """
        if not all(map(_mixes, operands)):
            return NotImplemented
        return self._numbers.apply(f"math_{name}", *operands)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._known(), name)

    def __reduce__(self) -> Any:
        return (type(self._value), (self._known(),))

    def __copy__(self) -> Any:
        return self  # as numbers do

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
    """Stands in for an int: it may also be an index, or the number of something."""

    __slots__ = ()

    __index__ = _asked(int)
    __invert__ = _unary("invert")


for _name in _OF_BITS:
    setattr(SymbolicInt, f"__{_name}__", _operator(_name))
    setattr(SymbolicInt, f"__r{_name}__", _operator(_name, reflected=True))


# As `t.__add__` says it, and whoever looks that up in the number itself.
for _kind in (_Symbolic, SymbolicInt):
    for _name, _method in vars(_kind).items():
        if isinstance(_method, types.FunctionType):
            _method.__name__ = _name

# As errors call them.
SymbolicFloat.__name__, SymbolicInt.__name__ = "float", "int"
set_symbolic_types(SymbolicFloat, SymbolicInt)
