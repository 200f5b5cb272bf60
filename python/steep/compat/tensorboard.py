"""`torch.utils.tensorboard`: tensorboardX's writer, which is given arrays in place of tensors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from steep._core import Tensor
from steep._optional import optional

__all__ = ["SummaryWriter"]  # noqa: F822 (made when it is first asked for)


def __getattr__(name: str) -> Any:
    if name == "SummaryWriter":
        return _writer_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@functools.cache
def _writer_class() -> type:
    """A subclass of ``tensorboardX.SummaryWriter``.

    Raises:
        ImportError: without tensorboardX.
    """
    base = optional("tensorboardX", "tensorboard", "torch.utils.tensorboard").SummaryWriter
    adding = {name: _given_arrays(getattr(base, name)) for name in dir(base) if name[:4] == "add_"}
    return type("SummaryWriter", (base,), {"__module__": __name__, **adding})


def _given_arrays(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, called with arrays where it is given tensors: it knows those of PyTorch alone."""

    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return method(self, *_arrays(args), **_arrays(kwargs))

    return call


def _arrays(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().numpy()
    if type(value) in (list, tuple):
        return type(value)(map(_arrays, value))
    if type(value) is dict:
        return {name: _arrays(entry) for name, entry in value.items()}
    return value
