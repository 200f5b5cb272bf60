"""State that is stored nowhere it could be compared, and is queried before each replay.

Each is a property, which a SLOT cell asks of its holder.
"""

from __future__ import annotations

import _thread
import abc

__all__ = ["KEYS", "MRO", "REGISTERED", "TARGET", "THREAD"]

MRO = type.__dict__["__mro__"]  # of a class; changes with the bases of any class in it
KEYS = property(lambda values: tuple(values))  # of a dict
REGISTERED = property(lambda _: abc.get_cache_token())  # changes with every ABC.register
TARGET = property(lambda reference: id(reference()))  # of a weak reference; no object has another's
THREAD = property(lambda _: _thread.get_ident())
