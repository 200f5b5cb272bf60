"""What a traversal does with the instances of a class, remembered where that cannot change."""

from __future__ import annotations

import sys

from steep.compiler._objects import is_immutable, is_of_a_library, module_of
from steep.compiler._ways import Kind, kind_of

__all__ = ["known_kind"]

# Of classes of libraries that last as long as the process. A user's class may get other bases, or
# be of no more use.
_known: dict[type, Kind] = {}


def known_kind(cls: type) -> Kind:
    """As `kind_of`, which takes a while."""
    known = _known.get(cls)
    if known is None:
        known = kind_of(cls)
        if is_of_a_library(cls) and (is_immutable(cls) or _is_lasting(cls)):
            _known[cls] = known
    return known


def _is_lasting(cls: type) -> bool:
    """Whether a class is where its name says."""
    module = sys.modules.get(module_of(cls))
    return module is not None and vars(module).get(cls.__name__) is cls
