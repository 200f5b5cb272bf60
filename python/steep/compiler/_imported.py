"""Types of libraries, if the program has imported these; nothing is imported to find them."""

from __future__ import annotations

import sys
from types import ModuleType

__all__ = ["array_types", "imported", "is_ndarray", "plain_types", "random_types"]


def imported(name: str) -> ModuleType | None:
    """The module, if it has been imported."""
    return sys.modules.get(name)


def array_types() -> tuple[type, ...]:
    """Types whose instances are memory with values in it."""
    found: list[type] = [bytearray, memoryview]
    if (numpy := imported("numpy")) is not None:
        found.append(numpy.ndarray)
    if (array := imported("array")) is not None:
        found.append(array.array)
    return tuple(found)


def is_ndarray(value: object) -> bool:
    """Whether it is a numpy.ndarray itself, not of a subclass."""
    numpy = imported("numpy")
    return numpy is not None and type(value) is numpy.ndarray


def plain_types() -> tuple[type, ...]:
    """NumPy's types whose instances never change."""
    numpy = imported("numpy")
    return () if numpy is None else (numpy.generic, numpy.dtype)


def random_types() -> tuple[type, ...]:
    """Types of random generators."""
    found: list[type] = []
    if (random := imported("random")) is not None:
        found.append(random.Random)
    if (draws := imported("numpy.random")) is not None:
        found += [draws.Generator, draws.RandomState, draws.BitGenerator]
    return tuple(found)
