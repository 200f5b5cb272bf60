"""The default generator's functions, where PyTorch code imports them from."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from steep._core import (
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)

__all__ = [
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]


@contextlib.contextmanager
def fork_rng(
    devices: Iterable[Any] | None = None, enabled: bool = True, *_: Any, **__: Any
) -> Iterator[None]:
    """A context after which the default generator goes on as if nothing had been drawn in it.

    Args:
        devices: GPUs whose generators are kept as well; there are none.
        enabled: whether to keep the state. Default: ``True``.

    Example:
        >>> import steep
        >>> _ = steep.manual_seed(0)
        >>> with steep.random.fork_rng():
        ...     first = steep.rand(2)
        >>> steep.rand(2).equal(first)
        True
    """
    state = get_rng_state() if enabled else None
    try:
        yield
    finally:
        if state is not None:
            set_rng_state(state)
