"""What a row says of a class of steep.nn; tests/test_layer_table.py is a loop over them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from cases.row import Array, Bad, Call

Params = dict[str, Array]  # the state dict, as arrays


@dataclass(frozen=True)
class Made:
    """A layer as it is made and called, and how it prints.

    Attributes:
        arguments: What it is made with; arrays stand as `Arr`.
        inputs: What it is called with.
        text: Its repr.
        training: The mode in which it is called.
        drawn: Its result is drawn: it is not compared with the reference.
    """

    arguments: Call
    inputs: tuple[Any, ...]
    text: str
    training: bool = True
    drawn: bool = False


@dataclass(frozen=True)
class Misused:
    """A call that a layer made with `arguments` must refuse."""

    arguments: Call
    inputs: tuple[Any, ...]
    error: type[Exception]
    text: str


def of_class(name: str, m: ModuleType, *args: Any, **kwargs: Any) -> Any:
    return getattr(m.nn, name)(*args, **kwargs)


@dataclass(frozen=True)
class Layer:
    """One class of steep.nn.

    Attributes:
        name: The class.
        made: Layers of it; none: `reason` says what tests it.
        reference: ``reference(params, inputs, *args, **kwargs)``, with what it is made with. None:
            the operation whose row this is, called with the settings of the layer by name.
        bad: Arguments it refuses to be made with.
        misused: Calls it refuses.
        maker: ``maker(m, *args, **kwargs)`` makes one with the library `m`; None: the class.
        bench: What is timed; None: the first of `made`.
        gradient: True, or the reason why there is none to check.
        rough: Widens the tolerances by this factor, for `reason`.
        eager: Why compiled steps run it eagerly; empty where they replay it.
        reason: Why `made` is empty, or why `rough` is not 1.
    """

    name: str
    made: tuple[Made, ...] = ()
    reference: Callable[..., Any] | None = None
    bad: tuple[Bad, ...] = ()
    misused: tuple[Misused, ...] = ()
    maker: Callable[..., Any] | None = None
    bench: Made | None = None
    gradient: bool | str = True
    rough: float = 1.0
    eager: str = ""
    reason: str = ""

    def build(self, m: ModuleType, made: Made, arguments: Call | None = None) -> Any:
        """The layer, made with the library `m`."""
        given = arguments or made.arguments
        if self.maker is not None:
            return self.maker(m, *given.args, **given.kwargs)
        return of_class(self.name, m, *given.args, **given.kwargs)
