"""How functions of other libraries find those of steep when they are given its tensors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["__torch_function__"]


def _torch_function(
    cls: type,
    func: Callable[..., Any],
    types: Iterable[type],
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
) -> Any:
    """What PyTorch calls when one of its functions is given a tensor of steep's: steep's function.

    So a function, a loss or a layer without parameters that was written for PyTorch takes either
    library's tensors; one that is given both at once is refused, with PyTorch's `TypeError`. The
    functions of steep do not ask for it: a subclass that overrides it is told of PyTorch's alone.

    Args:
        func: the function that was called.
        types: the classes among its arguments that have this method.
        args, kwargs: its arguments.

    Returns:
        What the function of the same name gives here; `NotImplemented` if there is none.

    Example:
        >>> import steep
        >>> class Loud(steep.Tensor):
        ...     @classmethod
        ...     def __torch_function__(cls, func, types, args=(), kwargs=None):
        ...         return super().__torch_function__(func, types, args, kwargs)
        >>> Loud.__torch_function__(steep.add, (), (steep.ones(1), 1))
        tensor([2.])
    """
    import steep

    given = {} if kwargs is None else kwargs
    homes = (getattr(owner, "__module__", None) or "" for owner in (func, type(func)))
    if any(home.partition(".")[0] == "steep" for home in homes):  # a subclass asks its base
        return func(*args, **given)
    torch: Any = sys.modules["torch"]
    if any(isinstance(x, torch.Tensor) for x in (*_items(args), *_items(given.values()))):
        return NotImplemented
    path = (torch.overrides.resolve_name(func) or "").split(".")[1:]
    if path[:1] == ["functional"]:  # where torch.einsum and its like are written
        path = path[1:]
    own: Any = steep if path else None
    for name in path:
        own = getattr(own, name, None)
    if own is None:
        return NotImplemented
    if path[-1] == "__get__":  # of an attribute
        return getattr(args[0], path[-2])
    given.pop("_stacklevel", None)  # of the functions that PyTorch writes in Python
    return own(*args, **given)


def _items(values: Iterable[Any]) -> Iterable[Any]:
    """The values, and those of lists and tuples among them."""
    for value in values:
        yield value
        if isinstance(value, tuple | list):
            yield from value


__torch_function__: Any = classmethod(_torch_function)
