"""Where in a model an exception was raised: the layer's path, added to its message."""

from __future__ import annotations

from steep._layers import paths_below
from steep.nn._base import ModuleBase

# Only exceptions whose first argument is prose are rewritten. A KeyError's is the key itself,
# and a caller may look at it.
_PROSE = (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError)


class _Trail:
    """Kept on an exception on its way out: the innermost module and the names leading to it."""

    __slots__ = ("innermost", "last", "message", "names")

    def __init__(self, module: ModuleBase, message: str) -> None:
        self.innermost = describe(module)
        self.last = module
        self.message = message
        self.names: list[str] = []


def describe(module: ModuleBase) -> str:
    """One line for a module: its repr if it has no children, else its class name."""
    return type(module).__name__ if module._modules else repr(module)


def add_path(error: Exception, module: ModuleBase) -> None:
    """Record that `error` has just left `module`; called once per module, inside out."""
    if type(error) not in _PROSE or len(error.args) != 1 or not isinstance(error.args[0], str):
        return
    trail: _Trail | None = error.__dict__.get("_steep_trail")
    # A compiled module stands for its original, under no name of its own.
    original: ModuleBase | None = module._modules.get("_orig_mod")
    if trail is not None and trail.last is original:
        trail.last = module
        return
    if trail is None:
        trail = _Trail(original or module, error.args[0])
        trail.last = module
        error.__dict__["_steep_trail"] = trail
    else:
        trail.names.append(_name_of(trail.last, module))
        trail.last = module
    path = ".".join([type(original or module).__name__, *reversed(trail.names)])
    where = f"{path}: {trail.innermost}" if trail.names else trail.innermost
    error.args = (f"{trail.message} (in {where})",)


def _name_of(child: ModuleBase, parent: ModuleBase) -> str:
    return paths_below(parent).get(id(child)) or f"<unregistered {type(child).__name__}>"
