"""What a row of the tables says: a piece of state, how code reads it, and who changes it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Feature"]


@dataclass(frozen=True)
class Feature:
    """A piece of state. All texts are source, in which these stand for something random:

    ``<n>`` a number, ``<t>`` a new tensor of four numbers, ``<N>`` an expression that reads a
    number, ``<F>`` one that reads something true or false, ``<h>`` a tensor of four columns.

    Attributes:
        setup: makes it, once.
        numbers: expressions that give a number.
        flags: expressions that are true or false.
        tensors: expressions that give a tensor which broadcasts with four columns.
        calls: expressions of ``<h>`` that give a tensor of its shape.
        steps: statements that change nothing of Python's.
        effects: statements that change what Python holds.
        between: statements for the time between two calls.
        firsts: what may be passed first.
        results: expressions of `h` and `g` that may be returned.
        names: global variables that its effects assign.
        inner: whether it is made in the function around the compiled one.
    """

    setup: str
    numbers: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    tensors: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    between: tuple[str, ...] = ()
    firsts: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    inner: bool = False
