"""`record_function`: a name for a part of a profile."""

from __future__ import annotations

from contextlib import ContextDecorator

from steep._core import profile_range_end, profile_range_start

__all__ = ["record_function"]


class record_function(ContextDecorator):  # noqa: N801  # PyTorch's name
    """Give a name to what runs inside; a context manager, or a decorator of a function.

    The range appears in `profile.by_range` and in the trace. Outside of a profile it does nothing.

    Args:
        name: how the range is called.

    Raises:
        TypeError: if `name` is not a string.

    Example:
        >>> import steep
        >>> from steep.profiler import profile, record_function
        >>> with profile() as prof:
        ...     for _ in range(3):
        ...         with record_function("squares"):
        ...             _ = steep.ones(4) * 2
        >>> prof.by_range()["squares"].calls
        3
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(
                f"record_function: expected the range's name as a str, got {type(name).__name__}"
            )
        self.name = name
        self._start = 0

    def __enter__(self) -> record_function:
        self._start = profile_range_start()
        return self

    def __exit__(self, *exc: object) -> None:
        profile_range_end("range", self.name, self._start)

    def _recreate_cm(self) -> record_function:
        # A decorated function may call itself: each call needs a start of its own.
        return record_function(self.name)
