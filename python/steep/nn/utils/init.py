"""`skip_init`: modules whose parameters are filled later, from a checkpoint perhaps."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from steep._core import get_rng_state, set_rng_state
from steep.nn.module import Module

__all__ = ["skip_init"]

_M = TypeVar("_M", bound=Module)


def skip_init(module_cls: type[_M], *args: Any, **kwargs: Any) -> _M:
    """Make a module without drawing from the generator: what its parameters hold is not to be used.

    Args:
        module_cls: the module's class, which takes a `device`.
        args, kwargs: its arguments.

    Raises:
        RuntimeError: for what is no class of modules, or takes no `device`.

    Example:
        >>> import steep
        >>> layer = steep.nn.utils.skip_init(steep.nn.Linear, 2, 3)
        >>> layer.load_state_dict(steep.nn.Linear(2, 3).state_dict())
        <All keys matched successfully>
    """
    if not (isinstance(module_cls, type) and issubclass(module_cls, Module)):
        raise RuntimeError(f"skip_init: Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("skip_init: Module must support a 'device' arg to skip initialization")
    state = get_rng_state()
    try:
        return module_cls(*args, **kwargs)
    finally:
        set_rng_state(state)
