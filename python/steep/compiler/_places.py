"""Where numbers that change from call to call are kept, and what a replay computes from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from steep._core import (
    any_number,
    call_with_stand_ins,
    exchange_keys,
    same_value,
)
from steep.compiler._cells import Cells
from steep.compiler._explain import one_of
from steep.compiler._given import Entry
from steep.compiler._leaks import tuple_of
from steep.compiler._objects import are_same_objects
from steep.compiler._place import Place
from steep.compiler._result import values_to_make
from steep.compiler._symbolic import OPERATORS, Numbers, is_number, is_symbolic, plain

__all__ = ["StandIns", "evaluator", "without_symbols"]

MOST_STEPS = 4096  # each is a line of generated code that a replay runs in Python
_LIMIT = 2**63  # operations take ints below this


class StandIns:
    """Puts stand-ins in the places of numbers for one recorded call.

    Attributes:
        numbers: what was computed.
        places: where numbers were.
        given: the call's own numbers.
        put: stand-ins that are put into lists, dicts and attributes among the arguments.
        changed: keys under which the function has stored something else there.
        writes: for each place that holds another number at the end, the step that computes it.
        returned: steps that compute numbers in the result.
        lost: what happened to a place that no longer holds a number of the call, or ``''``.
    """

    def __init__(self, places: Sequence[Place], given: Sequence[Any] = ()) -> None:
        self.numbers = Numbers()
        self.places = [*places]
        self.given: list[Any] = [self.numbers.symbol(("given", i), x) for i, x in enumerate(given)]
        self.put: list[Entry] = []
        self.changed: list[str] = []
        self.writes: list[tuple[int, int]] = []
        self._reached: list[int] = []  # the unique numbers of cells
        self.lost = ""
        self.returned: list[int] = []

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call the function with the stand-ins in their places."""
        found = [(place, place.get()) for place in self.places]
        # Another thread may have put a stand-in of its own there.
        found = [(place, value) for place, value in found if is_number(value)]
        self.places = [place for place, _ in found]
        entries = [
            (*place.where, self.numbers.symbol(("place", i), value), value)
            for i, (place, value) in enumerate(found)
        ]
        if not self.numbers.symbols:
            return function(*args)
        left: list[Any] = []
        try:
            return call_with_stand_ins([*entries, *self.put], left, function, args)
        finally:
            count = len(entries)
            for i, (*_, symbol, _) in enumerate(entries[: len(left)]):
                if left[i] is symbol:
                    continue
                if is_symbolic(left[i]) and not self._is_own(left[i]):
                    self.lost = f"another thread writes to {self.places[i].label}"
                elif is_number(plain(left[i])):
                    self.writes.append((i, self.numbers.number_of(left[i])))
                else:
                    label = self.places[i].label
                    self.lost = f"it stores something other than a number in {label}"
            pairs = zip(left[count:], self.put, strict=False)
            self.changed = [str(entry[1]) for now, entry in pairs if now is not entry[2]]
            self.put = []

    def kept(self) -> tuple[list[Any], list[tuple[int, int]], list[int]]:
        """Where numbers are, which are written back, and which are returned."""
        return [place.mark for place in self.places], self.writes, self.returned

    def other_write(self, other: StandIns) -> Place | None:
        """A place that only one of two calls has assigned a number, or each another one."""
        marks, others = self._written(), other._written()
        found = [*(marks.keys() - others.keys()), *(others.keys() - marks.keys())]
        found += [mark for mark in marks.keys() & others.keys() if marks[mark] != others[mark]]
        places = {place.mark: place for place in (*self.places, *other.places)}
        return places[found[0]] if found else None

    def _written(self) -> dict[Any, int]:
        return {self.places[i].mark: node for i, node in self.writes}

    def leave(self, cells: Cells) -> None:
        """Let any number hold in cells that held a stand-in of this call."""
        for i in cells.symbolic():
            value = cells.entry(i)[3]
            freed = self._freed(value)
            if freed is not value:
                number = cells.replace(i, freed)
                if self._holds_given(value):
                    self._reached.append(number)

    def _is_own(self, symbol: Any) -> bool:
        """Whether a stand-in belongs to this call, and not to a recording of another thread."""
        return symbol._numbers is self.numbers

    def _freed(self, value: Any) -> Any:
        if is_symbolic(value):
            return any_number if self._is_own(value) else plain(value)
        if type(value) is tuple and any(map(is_symbolic, value)):
            return tuple(map(self._freed, value))
        return value

    def _holds_given(self, value: Any) -> bool:
        """Whether a cell's value is or holds a stand-in for a number of the arguments."""
        items = [x for x in (value if type(value) is tuple else (value,)) if is_symbolic(x)]
        return any(self._is_own(x) and self.numbers.nodes[x._node][0] == "given" for x in items)

    def reached(self, cells: Cells) -> str:
        """Where numbers of the arguments were also reached in another way, or ``''``.

        Another call may bring other arguments, while that place keeps its own numbers.
        """
        found = cells.index_of(self._reached)
        return "" if found is None else _REACHED.format(cells.describe(found))

    def refusal(self, line_of: Callable[[list[str]], str] = lambda _: "") -> str:
        """Why the numbers cannot be followed, or ``''``; to be asked once what the call has made is
        gone.

        `line_of` gives the line that writes to one of some names, to be appended to a sentence.
        """
        self.given = []
        self._reached = []
        steps = sum(node[0] not in ("place", "given") for node in self.numbers.nodes)
        kept = self.numbers.take_back()
        if steps > MOST_STEPS:
            return _TOO_MANY.format(steps)
        if self.lost or not kept or self.changed:  # a changed argument has a reason of its own
            return self.lost
        name = f" ({kept.name!r})" if kept.name else ""
        where = line_of([kept.name] if kept.name else [])
        return _KEPT.format(f"{one_of(kept.kind)}{name}") + where


_TOO_MANY = (
    "it computes {} numbers from numbers that change between calls, which a replay would not speed "
    "up; compute them outside the function, or with tensors"
)
_KEPT = (
    "it stores a number that changes between calls in {}, where a replay would leave the old "
    "value; return the number and store it outside the function, or store a tensor"
)
_REACHED = (
    "numbers inside an argument change between calls, and the function also reaches them through "
    "{}; pass a copy, or read them in one way only"
)


def without_symbols(value: Any) -> Any:
    """The value with plain numbers for stand-ins, also inside containers that `describe` knows."""
    return _without_symbols(value, {})


def _without_symbols(value: Any, known: dict[int, Any]) -> Any:
    """See `without_symbols`; `known` are the containers that were looked through, by id."""
    if is_symbolic(value):
        return plain(value)
    kind = type(value)
    values = None if issubclass(kind, tuple) else values_to_make(value)
    if values is None and kind is not list and not issubclass(kind, tuple):
        return value
    if id(value) not in known:
        known[id(value)] = value  # because it may contain itself
        if values is not None:
            _clean_dict(values, known)
        elif kind is list:
            for i, item in enumerate(value):
                if (plain_item := _without_symbols(item, known)) is not item:
                    value[i] = plain_item
        else:
            parts = [*tuple.__iter__(value)]
            items = [_without_symbols(part, known) for part in parts]
            if not are_same_objects(items, parts):
                known[id(value)] = tuple_of(value, items)
    return known[id(value)]


def _clean_dict(values: dict[Any, Any], known: dict[int, Any]) -> None:
    for key, item in [*values.items()]:
        if (plain_item := _without_symbols(item, known)) is not item:
            values[key] = plain_item
    keys = [*values]
    news = {id(key): _without_symbols(key, known) for key in keys}
    if not are_same_objects(keys, news.values()):
        exchange_keys(values, news)


_SIGNS = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%"}
_SIGNS |= {"and": "&", "or": "|", "xor": "^", "lshift": "<<", "rshift": ">>"}
_SIGNS |= {"pow": "**", "lt": "<", "le": "<=", "eq": "==", "ne": "!=", "gt": ">", "ge": ">="}


Evaluator = tuple[Callable[[Any], Any], tuple[tuple[Any, Any], ...]]


def evaluator(stand_ins: StandIns, filled: list[int]) -> Evaluator:
    """What a replay computes before it runs, and the places that it writes to afterwards.

    The first is a function of the call's own numbers. It returns the program's number inputs, the
    numbers that places get, and those in the result; ``None`` if the function would not do what was
    recorded. It is generated as source code: one short function for what may be hundreds of steps.
    """
    numbers, places = stand_ins.numbers, stand_ins.places
    fixed = {*numbers.known, *(node for node, _ in numbers.taken)} - {*filled}
    written = [node for _, node in stand_ins.writes]
    names: dict[str, Any] = {"same": same_value}
    lines = ["def evaluate(given):", "  try:"]
    returned = stand_ins.returned
    sources = {i for i, node in enumerate(numbers.nodes) if node[0] in ("place", "given")}
    # The type of a result must be the recorded one, because operations may do something else with
    # another: 2**n is an int or a float, and t**0.5 may be complex.
    typed = sources | numbers.typed | {*filled}
    # Every step is computed, even if its result is not used, because it may fail.
    for node in range(len(numbers.nodes)):
        lines.append(f"    n{node} = {_source(numbers, places, node, names)}")
        value = numbers.values[node]
        if node in typed:
            lines.append(f"    if type(n{node}) is not {type(value).__name__}: return None")
        if node in fixed:
            names[f"v{node}"] = value
            lines.append(f"    if not same(n{node}, v{node}): return None")
    # If an int is too large for operations, the function itself raises the error.
    lines += [f"    if not -{_LIMIT} <= n{node} < {_LIMIT}: return None" for node in filled
              if type(numbers.values[node]) is int]  # fmt: skip
    parts = ("".join(f"n{node}, " for node in nodes) for nodes in (filled, written, returned))
    lines.append(f"    return {', '.join(f'({part})' for part in parts)}")
    # The function itself is then called, and raises it.
    lines += ["  except Exception:", "    return None"]
    exec("\n".join(lines), names)  # only names and numbers generated here
    return names["evaluate"], tuple(places[i].where for i, _ in stand_ins.writes)


def _source(numbers: Numbers, places: Sequence[Place], node: int, names: dict[str, Any]) -> str:
    name, *operands = numbers.nodes[node]
    if name == "given":
        return f"given[{operands[0]}]"
    if name == "place":
        return places[operands[0]].expression(operands[0], names)
    if name == "constant":
        names[f"c{node}"] = operands[0]
        return f"c{node}"
    if name in _SIGNS:
        return f"n{operands[0]} {_SIGNS[name]} n{operands[1]}"
    names[f"f_{name}"] = OPERATORS[name]
    return f"f_{name}({', '.join(f'n{operand}' for operand in operands)})"
